"""Each trainer's way to load and call a reward, written after its source (docs/export.md names the versions)."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from rewardsearch.records import Batch

START, END = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"


def loaded(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def imported(path: Path) -> ModuleType:
    """The module from the folder on the import path, as slime and TRL's command line have it."""
    sys.path.insert(0, str(path.parent))
    sys.modules.pop(path.stem, None)
    try:
        return importlib.import_module(path.stem)
    finally:
        sys.path.remove(str(path.parent))
        sys.modules.pop(path.stem, None)


LOADERS: dict[str, Callable[[Path], ModuleType]] = {
    "trl": imported,
    "verl": lambda path: loaded(path, f"custom_module_{hash(path)}"),
    "openrlhf": lambda path: loaded(path, "reward_func"),
    "ms-swift": lambda path: loaded(path, f"_swift_external_{hashlib.sha256(str(path).encode()).hexdigest()}"),
    "verifiers": lambda path: loaded(path, "rewardsearch_reward"),
    "slime": imported,
    "easyr1": lambda path: loaded(path, "custom_reward_fn"),
}
"""How each trainer loads the file."""


def rows_of(batch: Batch) -> list[dict[str, str]]:
    """The rows of the trainer's data, with the completion of each."""
    return [
        {
            "prompt": batch.prompts[i],
            "completion": batch.completions[i],
            "answer": batch.answer[i],
            **{name: values[i] for name, values in batch.columns.items()},
        }
        for i in range(len(batch))
    ]


def trl(module: ModuleType, batch: Batch) -> list[float]:
    """GRPOTrainer._calculate_rewards: by keyword, chat messages, and what is no column."""
    call: dict[str, Any] = {
        "prompts": [[{"role": "user", "content": prompt}] for prompt in batch.prompts],
        "completions": [[{"role": "assistant", "content": text}] for text in batch.completions],
        "completion_ids": [[1, 2]] * len(batch),
        "answer": list(batch.answer),
        **{name: list(values) for name, values in batch.columns.items()},
    }
    call.update(trainer_state=object(), log_extra=lambda *given: None, log_metric=lambda *given: None)
    values = [function(**call) for function in module.REWARD_FUNCS]
    return [sum(w * v for w, v in zip(module.REWARD_WEIGHTS, row, strict=True)) for row in zip(*values, strict=True)]


def verl(module: ModuleType, batch: Batch) -> list[float]:
    """get_custom_reward_fn and NaiveRewardManager.run_single: by keyword, one sample; all keys the same for all samples."""
    function = partial(module.compute_score)
    found = [
        function(
            data_source="demo",
            solution_str=row["completion"],
            ground_truth=row["answer"],
            extra_info={**row, "num_turns": None, "rollout_reward_scores": {}},
        )
        for row in rows_of(batch)
    ]
    assert len({tuple(each) for each in found}) == 1
    return [each["score"] for each in found]


def openrlhf(module: ModuleType, batch: Batch) -> list[float]:
    """SingleTurnAgentExecutor: by position, lists of one, the query with template and special tokens, an error is logged."""
    paid = []
    for row in rows_of(batch):
        prompt = START + row["prompt"] + END
        label = {name: value for name, value in row.items() if name != "completion"}
        found = asyncio.run(
            asyncio.to_thread(module.reward_func, [prompt + row["completion"] + "<|im_end|>"], [prompt], [label])
        )
        assert all(isinstance(value, float) for value in found["extra_logs"].values())
        assert found["scores"] == found["rewards"]
        paid.append(found["rewards"])
    return paid


def ms_swift(module: ModuleType, batch: Batch) -> list[float]:
    """import_external_file, orms[name](args=...), and compute_rewards_per_func: texts and columns, no prompts."""
    rows = rows_of(batch)
    columns: dict[str, Any] = {
        key: [row[key] for row in rows] for key in rows[0] if key not in ("prompt", "completion")
    }
    columns["messages"] = [
        [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["completion"]}]
        for row in rows
    ]
    completions = [messages[-1]["content"] for messages in columns["messages"]]
    given = {key: made(args=None)(completions, trainer_state=None, **columns) for key, made in module.orms.items()}
    weighed = [
        [reward.weight * value for value in given[f"rewardsearch_{name}"]] for name, reward in module.REWARDS.items()
    ]
    totals = [sum(row) for row in zip(*weighed, strict=True)]
    if "rewardsearch" in given:
        assert all(abs(a - b) < 1e-9 for a, b in zip(given["rewardsearch"], totals, strict=True))
    return totals


class Fields:
    """A model of pydantic as far as a reward of verifiers looks at it."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields

    def __iter__(self) -> Any:
        return iter(self.fields.items())

    def model_dump(self) -> dict[str, Any]:
        return self.fields


@dataclass
class Trace:
    assistant_messages: list[Fields]


def verifiers(module: ModuleType, batch: Batch) -> list[float]:
    """Task.score: plugged_fn, awaited with the arguments that the signature names, one reward for each key."""

    async def score(row: Mapping[str, str]) -> float:
        data = {name: value for name, value in row.items() if name != "completion"}
        data["prompt"] = [Fields(role="user", content=row["prompt"])]  # type: ignore[assignment]
        trace = Trace([Fields(role="assistant", content=row["completion"])])
        (found,) = await asyncio.gather(module.rewardsearch(task=Fields(**data), trace=trace))
        said = [Fields(role="assistant", content=row["completion"])]
        rubric = [f(completion=said, answer=row["answer"], prompt=row["prompt"], info=row) for f in module.REWARD_FUNCS]
        assert abs(sum(w * v for w, v in zip(module.REWARD_WEIGHTS, rubric, strict=True)) - sum(found.values())) < 1e-9
        return float(sum(found.values()))

    return [asyncio.run(score(row)) for row in rows_of(batch)]


@dataclass
class Sample:
    prompt: str
    response: str
    label: str
    metadata: dict[str, Any] = field(default_factory=dict)


def slime(module: ModuleType, batch: Batch) -> list[float]:
    """async_rm: load_function imports `module.function`, awaited with args and one sample, or a group of them."""
    samples = [
        Sample(START + row["prompt"] + END, row["completion"] + "<|im_end|>", row["answer"], dict(row))
        for row in rows_of(batch)
    ]
    single = [asyncio.run(module.rewardsearch(None, sample)) for sample in samples]
    assert asyncio.run(module.rewardsearch(None, samples)) == single
    return single


def easyr1(module: ModuleType, batch: Batch) -> list[float]:
    """AutoRewardManager.compute_reward_batch: a list of dicts, and what the rewards read beside them in the ground truth."""
    assert module.REWARD_TYPE == "batch"
    inputs = [
        {
            "response": row["completion"],
            "response_length": len(row["completion"]),
            "ground_truth": {name: value for name, value in row.items() if name != "completion"},
        }
        for row in rows_of(batch)
    ]
    found = module.compute_score(inputs)
    assert len({tuple(each) for each in found}) == 1
    return [each["overall"] for each in found]


CALLERS: dict[str, Callable[[ModuleType, Batch], list[float]]] = {
    "trl": trl,
    "verl": verl,
    "openrlhf": openrlhf,
    "ms-swift": ms_swift,
    "verifiers": verifiers,
    "slime": slime,
    "easyr1": easyr1,
}
"""How each trainer calls it: the weighted sum of the rewards of each completion of a batch."""
