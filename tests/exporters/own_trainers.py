"""Runs the code with which a trainer itself loads and calls a custom reward, from the unpacked files of its package.

    python own_trainers.py TARGET PACKAGE MODULE < rows.json > totals.json

PACKAGE is the folder that has the trainer's package in it, MODULE the exported module. Rows have prompt, completion, answer and
further columns. The trainer's own files run as they are. What they import beside them and is not installed is stood in for by
empty modules, since it serves GPUs, clusters or servers. verifiers must be installed, and nothing is stood in for.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.abc
import importlib.machinery
import json
import sys
import types
from pathlib import Path
from typing import Any

END = "<|im_end|>"


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives an empty module for the named ones and what is below them, where nothing else has them."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if any(name == each or name.startswith(f"{each}.") for each in self.names):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return StandIn(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        module.__path__ = []


class StandIn(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__init__": lambda self, *given, **named: None})


def stand_in(*names: str, first: bool = False) -> None:
    """first: also where the name exists."""
    sys.meta_path.insert(0 if first else len(sys.meta_path), StandIns(*names))


def bare(package: Path, *names: str) -> None:
    """Packages whose `__init__` does not run, so that single files of them can be imported."""
    for name in names:
        module = types.ModuleType(name)
        module.__path__ = [str(package.joinpath(*name.split(".")))]
        sys.modules[name] = module


class Letters:
    """A tokeniser with one token for each letter, and one for the end."""

    pad_token_id = 0

    def __call__(self, text: str, **options: Any) -> dict[str, Any]:
        import torch

        return {"input_ids": torch.tensor([self.encode(text)])}

    def encode(self, text: str) -> list[int]:
        return [2 + ord(letter) for letter in text]

    def decode(self, ids: Any, skip_special_tokens: bool = True) -> str:
        texts = [chr(int(i) - 2) if i >= 2 else "" if skip_special_tokens else END for i in ids if i >= 1]
        return "".join(texts)


class Settings(dict):  # type: ignore[type-arg]
    """A config with keys as attributes, as omegaconf has them."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def columns_of(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("prompt", "completion", "answer")}


def verl(package: Path, path: Path, rows: list[dict[str, Any]], manager: str = "naive") -> list[float]:
    """get_custom_reward_fn, and run_single of a reward manager."""
    import torch

    bare(package, "verl", "verl.utils", "verl.experimental", "verl.experimental.reward_loop")
    bare(package, "verl.experimental.reward_loop.reward_manager")
    sys.modules["verl"].DataProto = type("DataProto", (), {})  # type: ignore[attr-defined]
    stand_in("omegaconf", "ray")
    stand_in("verl.utils.ray_utils", first=True)
    sys.modules["verl.utils.ray_utils"] = loop = types.ModuleType("verl.utils.ray_utils")
    loop.get_event_loop = asyncio.get_event_loop  # type: ignore[attr-defined]
    managers = sys.modules["verl.experimental.reward_loop.reward_manager"]
    registry = importlib.import_module("verl.experimental.reward_loop.reward_manager.registry")
    managers.register, managers.get_reward_manager_cls = registry.register, registry.get_reward_manager_cls  # type: ignore[attr-defined]
    importlib.import_module(f"verl.experimental.reward_loop.reward_manager.{manager}")
    reward = importlib.import_module("verl.trainer.ppo.reward")
    named = Settings(path=str(path), name="compute_score", reward_kwargs={})
    config = Settings(
        reward=Settings(custom_reward_function=named, reward_manager=Settings(source="register", name=manager)),
        trainer=Settings(experiment_name="demo"),
    )
    letters = Letters()

    class Data:
        """The part of a DataProto that a reward manager reads: one sample."""

        def __init__(self, row: dict[str, Any]) -> None:
            prompt, response = letters.encode(row["prompt"]), [*letters.encode(row["completion"]), 1]
            padded = response + [0] * 5
            mask = [1] * (len(prompt) + len(response)) + [0] * 5
            self.batch = {"responses": torch.tensor(padded), "attention_mask": torch.tensor(mask)}
            extra = {"prompt": row["prompt"], **columns_of(row)}
            truth = {"ground_truth": row["answer"]}
            self.non_tensor_batch = {"data_source": "demo", "reward_model": truth, "extra_info": extra}

        def __getitem__(self, place: Any) -> Data:
            return self

    async def run() -> list[float]:
        made = reward.load_reward_manager(config, letters)
        found = [await made.run_single(Data(row)) for row in rows]
        assert len({tuple(each["reward_extra_info"]) for each in found}) == 1
        return [each["reward_score"] for each in found]

    return asyncio.run(run())


def openrlhf(package: Path, path: Path, rows: list[dict[str, Any]]) -> list[float]:
    """SingleTurnAgentExecutor, from the prompt to the reward, with an engine that says the completion."""
    bare(package, "openrlhf", "openrlhf.utils")
    stand_in("aiohttp")
    executor = importlib.import_module("openrlhf.utils.agent").SingleTurnAgentExecutor(str(path))
    letters = Letters()

    async def paid(row: dict[str, Any]) -> float:
        prompt = f"<|im_start|>user\n{row['prompt']}{END}\n<|im_start|>assistant\n"
        label = json.dumps({"answer": row["answer"], "prompt": row["prompt"], **columns_of(row)})
        said = types.SimpleNamespace(
            token_ids=[*letters.encode(row["completion"]), 1], finish_reason="stop", logprobs=None
        )

        class Engine:
            async def generate(self, *given: Any, **options: Any) -> Any:
                return types.SimpleNamespace(outputs=[said])

        sampling = types.SimpleNamespace(max_tokens=50_000, logprobs=None)
        output = await executor.execute(prompt, label, sampling, 100_000, letters, Engine())
        assert output["reward"] is not None, "no reward: the error is in the log"
        assert all(isinstance(value, float) for value in output["extra_logs"].values())
        return float(output["reward"])

    async def run() -> list[float]:
        return [await paid(row) for row in rows]

    return asyncio.run(run())


def ms_swift(package: Path, path: Path, rows: list[dict[str, Any]]) -> list[float]:
    """import_external_file, the registry `orms`, and compute_rewards_per_func; the weighted sum in float64."""
    import torch

    bare(package, "swift", "swift.dataset", "swift.dataset.preprocessor")
    stand_in("modelscope", "json_repair", "dacite")
    stand_in("swift.infer_engine", "swift.template", "swift.utils.logger", first=True)
    import logging

    importlib.import_module("swift.utils.logger").get_logger = lambda *given: logging.getLogger("swift")  # type: ignore[attr-defined]
    core = importlib.import_module("swift.dataset.preprocessor.core")
    sys.modules["swift.dataset"].RowPreprocessor = core.RowPreprocessor  # type: ignore[attr-defined]
    importlib.import_module("swift.utils.utils").import_external_file(str(path))
    orms = importlib.import_module("swift.rewards").orms
    algorithm = importlib.import_module("swift.rl_core.grpo_algorithm")
    sample = importlib.import_module("swift.rl_core.data").GRPOSample
    samples = [
        sample(
            messages=[{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["completion"]}],
            extra={"answer": row["answer"], **columns_of(row)},
        )
        for row in rows
    ]
    keys = [key for key in orms if key.startswith("rewardsearch_")]
    functions = [orms[key](args=None) for key in (*keys, "rewardsearch")]
    # The trainer's tensor has 32 bits, so what it was given is kept beside it.
    given: list[list[float]] = []

    def kept(function: Any) -> Any:
        def call(completions: Any, **columns: Any) -> Any:
            given.append(function(completions, **columns))
            return given[-1]

        return call

    table = algorithm.compute_rewards_per_func(
        samples, [kept(each) for each in functions], None, device=torch.device("cpu"), trainer_state=None
    )
    assert table.shape == (len(rows), len(functions)) and bool(torch.isfinite(table).all())
    assert torch.allclose(table[:, -1].double(), torch.tensor(given[-1], dtype=torch.float64), atol=1e-5)
    return given[-1]


def verifiers(package: Path, path: Path, rows: list[dict[str, Any]]) -> list[float]:
    """A task of verifiers 0.4 whose config names the function, its own Trace, and Task.score."""
    import verifiers.v1 as vf
    from verifiers.v1.configs.task import RewardFunctionConfig

    columns = dict.fromkeys(columns_of(rows[0]), str)
    data_type = type("Data", (vf.TaskData,), {"__annotations__": {"answer": str, **columns}, "__module__": __name__})
    config = vf.TaskConfig(rewards={"rewardsearch": RewardFunctionConfig(fn=f"{path}:rewardsearch")})

    async def paid(row: dict[str, Any]) -> float:
        task = vf.Task(data_type(prompt=row["prompt"], answer=row["answer"], **columns_of(row)), config)
        nodes = [
            vf.MessageNode(message=vf.UserMessage(content=row["prompt"])),
            vf.MessageNode(message=vf.AssistantMessage(content=row["completion"]), parent=0, sampled=True),
        ]
        agent = vf.AgentInfo(config=vf.AgentConfig())
        trace = vf.Trace(task=vf.TraceTask(type="Task", data=task.data), agent=agent, nodes=nodes)
        await task.score(trace)
        return float(trace.reward)

    async def run() -> list[float]:
        return [await paid(row) for row in rows]

    return asyncio.run(run())


def rubric(package: Path, path: Path, rows: list[dict[str, Any]]) -> list[float]:
    """vf.Rubric of verifiers 0.3 with REWARD_FUNCS and REWARD_WEIGHTS, and its score_rollout on messages."""
    import verifiers as vf
    from verifiers.legacy.types import AssistantMessage, UserMessage

    sys.path.insert(0, str(path.parent))
    module = importlib.import_module(path.stem)
    made = vf.Rubric(funcs=module.REWARD_FUNCS, weights=module.REWARD_WEIGHTS)

    async def paid(row: dict[str, Any]) -> float:
        state = vf.State(input={}, answer=row["answer"], task="demo", info=columns_of(row), timing=None)
        state["prompt"] = [UserMessage(content=row["prompt"])]
        state["completion"] = [AssistantMessage(content=row["completion"])]
        await made.score_rollout(state)
        return float(state["reward"])

    async def run() -> list[float]:
        return [await paid(row) for row in rows]

    return asyncio.run(run())


def slime(package: Path, path: Path, rows: list[dict[str, Any]]) -> list[float]:
    """async_rm and batched_async_rm with --custom-rm-path, on its own Sample."""
    bare(package, "slime", "slime.utils", "slime.rollout")
    stand_in("pylatexenc", "aiohttp", "httpx", "ray", "sympy")
    hub = importlib.import_module("slime.rollout.rm_hub")
    sample = importlib.import_module("slime.utils.types").Sample
    sys.path.insert(0, str(path.parent))
    args = types.SimpleNamespace(custom_rm_path=f"{path.stem}.rewardsearch", rm_type=None)
    samples = [
        sample(
            prompt=f"<|im_start|>user\n{row['prompt']}{END}\n<|im_start|>assistant\n",
            response=row["completion"] + END,
            label=row["answer"],
            metadata={"prompt": row["prompt"], **columns_of(row)},
        )
        for row in rows
    ]

    async def run() -> list[float]:
        single = [await hub.async_rm(args, each) for each in samples]
        assert await hub.batched_async_rm(args, samples) == single
        return single

    return asyncio.run(run())


def easyr1(package: Path, path: Path, rows: list[dict[str, Any]]) -> list[float]:
    """AutoRewardManager.compute_reward on responses of one token for each letter."""
    import torch

    bare(package, "verl", "verl.workers", "verl.workers.reward", "verl.utils")
    stand_in("codetiming")
    stand_in("verl.protocol", first=True)
    manager = importlib.import_module("verl.workers.reward.function").AutoRewardManager
    config = importlib.import_module("verl.workers.reward.config").RewardConfig(reward_function=f"{path}:compute_score")
    config.post_init()
    letters = Letters()
    made = manager(config, letters)
    responses = [[*letters.encode(row["completion"]), 1] for row in rows]
    width = max(map(len, responses))

    class Data:
        batch = {
            "responses": torch.tensor([each + [0] * (width - len(each)) for each in responses]),
            "response_mask": torch.tensor([[1] * len(each) + [0] * (width - len(each)) for each in responses]),
        }
        non_tensor_batch = {
            "ground_truth": [{"answer": row["answer"], "prompt": row["prompt"], **columns_of(row)} for row in rows]
        }

        def __len__(self) -> int:
            return len(rows)

    tensor, metrics = made.compute_reward(Data())
    assert torch.allclose(tensor.sum(-1).double(), torch.tensor(metrics["overall"], dtype=torch.float64), atol=1e-5)
    return list(metrics["overall"])


RUNS = {
    "verl": verl,
    "verl-gdpo": lambda *given: verl(*given, manager="gdpo"),
    "openrlhf": openrlhf,
    "ms-swift": ms_swift,
    "verifiers": verifiers,
    "verifiers-0.3": rubric,
    "slime": slime,
    "easyr1": easyr1,
}

if __name__ == "__main__":
    target, package, module = sys.argv[1:]
    sys.path.pop(0)
    if not target.startswith("verifiers"):
        sys.path.insert(0, package)
    out, sys.stdout = sys.stdout, sys.stderr
    json.dump(RUNS[target](Path(package), Path(module), json.load(sys.stdin)), out)
