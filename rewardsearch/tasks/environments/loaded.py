"""An environment of the package verifiers in the process that serves it (see served/): its rows, and its rubric's scores.

It imports nothing of this package. `start` says in a sentence why an environment cannot be used.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import sys
from pathlib import Path
from typing import Any

_OWN = ("get_prompt_messages",)
"""Methods of a MultiTurnEnv with which an environment changes prompts while it runs."""
_env: Any = None
_loop = asyncio.new_event_loop()
_function: str | None = None


def start(settings: dict[str, Any]) -> str:
    """Loads the environment. Returns why it cannot be used, as the rest of the sentence `the environment ...`; else ""."""
    global _env, _function
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    try:
        import verifiers as vf

        vf.SingleTurnEnv  # noqa: B018
    except (ImportError, AttributeError) as error:
        return f"needs `SingleTurnEnv` of verifiers 0.3, which is not there ({error}); pip install 'rewardsearch[verifiers]'"
    _listen()
    name = settings["environment"]
    if name.endswith(".py"):
        sys.path.insert(0, str(Path(name).parent))
    module_name = Path(name).stem if name.endswith(".py") else name.rpartition("/")[2].replace("-", "_")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        return f"cannot be imported ({_said(error)}); install its package, or give the path of its Python file"
    if not hasattr(module, "load_environment"):
        return "has no function `load_environment`; tasksets of verifiers.v1 cannot be used"
    try:
        env = module.load_environment(**settings["arguments"])
    except Exception as error:
        what = "asks for a model server" if "api_key" in str(error).lower() else "cannot be loaded"
        return f"{what} ({_said(error)}); see task.arguments, or choose another"
    if refusal := _refusal(vf, env) or _no_rubric(vf, env.rubric, settings["function"]):
        return refusal
    _env, _function = env, settings["function"]
    return ""


class _Errors(logging.Handler):
    """Keeps the first error. A rubric logs an exception of a reward function, whose score is then 0."""

    first = ""

    def emit(self, record: logging.LogRecord) -> None:
        _Errors.first = _Errors.first or " ".join(record.getMessage().split())[:200]


def _listen() -> None:
    logger = logging.getLogger("verifiers")
    logger.handlers, logger.propagate = [_Errors(logging.ERROR)], False
    logger.setLevel(logging.ERROR)


def first_error() -> str:
    """The first error that the rubric logged; empty where it logged none."""
    return _Errors.first


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _refusal(vf: Any, env: Any) -> str:
    """Why an environment is none of one turn on this machine; empty for one that is."""
    kinds = {each.__name__ for each in type(env).__mro__}
    if not isinstance(env, vf.Environment):
        return f"is {type(env).__name__}, no Environment of verifiers"
    if "EnvGroup" in kinds:
        return "is a group of environments; name one of them"
    if any("Sandbox" in kind or kind == "CliAgentEnv" for kind in kinds):
        return (
            f"runs in a container ({type(env).__name__}); only environments of one turn without a container can be used"
        )
    if env.tool_defs or "ToolEnv" in kinds:
        return f"gives the model tools ({type(env).__name__}); only environments of one turn without tools can be used"
    own = [name for name in _OWN if getattr(type(env), name) is not getattr(vf.MultiTurnEnv, name)]
    if not isinstance(env, vf.SingleTurnEnv) or env.max_turns != 1 or own:
        return f"has several turns ({type(env).__name__}); only a SingleTurnEnv can be used"
    return ""


def _no_rubric(vf: Any, rubric: Any, function: str | None) -> str:
    """Why a rubric cannot judge; empty where it can."""
    rubrics = rubric.rubrics if isinstance(rubric, vf.RubricGroup) else [rubric]
    if any(isinstance(each, vf.JudgeRubric) or "judge" in each.class_objects for each in rubrics):
        return "asks a model to judge (JudgeRubric), which needs a server; only rubrics of functions can be used"
    if rubric.has_group_rewards:
        return (
            "compares the completions of a group with each other; only rubrics that score them one by one can be used"
        )
    weights = dict(zip(rubric._get_reward_func_names(), rubric._get_reward_weights(), strict=True))
    if function is not None and function not in weights:
        return f"has no reward function {function!r} (task.reward_function); it has: {', '.join(weights)}"
    if not any(weights.values()):
        return "has a rubric without reward functions"
    return ""


def rows(part: str) -> list[dict[str, Any]]:
    """The rows of `dataset` or `eval_dataset`; none where the environment has no such."""
    found = _env.build_dataset() if part == "dataset" else _env.build_eval_dataset()
    return [] if found is None else [_row(row) for row in found]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """A row without the fields that only other rows have, which Arrow fills with null."""
    if isinstance(row.get("prompt"), list):
        row["prompt"] = [{key: value for key, value in each.items() if value is not None} for each in row["prompt"]]
    return row


def score(row: dict[str, Any], completion: str) -> float:
    """The rubric's score of a completion, or that of the named reward function."""
    return _loop.run_until_complete(_score(row, completion))


async def _score(row: dict[str, Any], completion: str) -> float:
    import verifiers as vf

    # A client that nothing is asked of.
    state = await _env.init_state(row, vf.OpenAIChatCompletionsClient(object()), "policy")
    state = await _env.setup_state(state) or state
    said = [vf.AssistantMessage(content=completion)]
    state["trajectory"] = [
        {
            "prompt": state["prompt"],
            "completion": said,
            "response": None,
            "tokens": None,
            "reward": None,
            "advantage": None,
            "is_truncated": False,
            "trajectory_id": state["trajectory_id"],
            "extras": {},
        }
    ]
    state["completion"], state["is_completed"] = said, True
    await _env.rubric.score_rollout(state)
    return float(state["reward"] if _function is None else state["metrics"][_function])
