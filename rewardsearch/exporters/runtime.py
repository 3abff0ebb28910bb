"""What an exported module does with its rewards. The text of this file goes into the module, so it uses the standard library."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rewardsearch.records.messages import message_text

LOG = logging.getLogger("rewardsearch_reward")
LIMIT = 1e30
"""A reward beyond this is not paid: trainers hold rewards in 32 bits, where 1e39 is infinite."""


class Reward(NamedTuple):
    """One reward function and what a call of it needs."""

    function: Callable[..., Any]
    weight: float
    components: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    prompt: bool = False
    whole_batch: bool = False


class Ensemble:
    """Named rewards with weights. All values are finite, and what a policy wrote never raises.

    gold_column: the name of the gold answer in the trainer's data, for messages. read_gold: the gold answer as the
    rewards see it; raises ValueError for a value that they cannot read.
    """

    def __init__(self, gold_column: str, read_gold: Callable[[Any], str], rewards: Mapping[str, Reward]) -> None:
        self.gold_column, self.read_gold, self.rewards = gold_column, read_gold, rewards
        self.reported: set[str] = set()

    def score(
        self,
        completions: Sequence[Any],
        golds: Sequence[Any],
        prompts: Sequence[Any] | None = None,
        columns: Mapping[str, Any] | None = None,
        only: Sequence[str] | None = None,
    ) -> dict[str, list[float]]:
        """Values of each completion: `total`, each reward by its name, and its components as `reward/component`.

        `total` is the weighted sum of the rewards. only: names of rewards; the others are left out.
        Raises KeyError for a column that is missing. Raises ValueError the first time that a gold answer cannot be read;
        later calls pay 0.0 for it.
        """
        given = columns or {}
        rewards = {name: self.rewards[name] for name in only or self.rewards}
        size = len(completions)
        texts = [message_text(completion) for completion in completions]
        asked = [message_text(prompt) for prompt in prompts] if prompts is not None else [""] * size
        passed: dict[str, list[Any]] = {}
        for name, reward in rewards.items():
            if reward.prompt and prompts is None:
                raise KeyError(f"the reward {name} reads the prompt, which the data lack: add it to them")
            for column in reward.columns:
                if not is_column(given.get(column), size):
                    raise KeyError(
                        f"the reward {name} reads the column {column!r}, which the data lack: add it to them"
                    )
                passed[column] = ["" if value is None else str(value) for value in given[column]]
            for column in reward.numbers:
                if not is_column(given.get(column), size):
                    raise KeyError(f"the reward {name} reads the measured column {column!r}: measure it (README.md)")
                passed[column] = [float(value) for value in given[column]]
        read = self.read_golds(golds)
        kept = [i for i, gold in enumerate(read) if gold is not None]
        arguments: dict[str, list[Any]] = {"prompts": asked, "completions": texts, "answer": list(read), **passed}
        batch = {name: [values[i] for i in kept] for name, values in arguments.items()}
        scores = {"total": [0.0] * size}
        for name, reward in rewards.items():
            for key, values in self.values(name, reward, batch).items():
                scores[key] = [0.0] * size
                for i, value in zip(kept, values, strict=True):
                    scores[key][i] = value
            for i, value in enumerate(scores[name]):
                scores["total"][i] += reward.weight * value
        return scores

    def score_one(
        self,
        completion: Any,
        gold: Any,
        prompt: Any = None,
        columns: Mapping[str, Any] | None = None,
        only: Sequence[str] | None = None,
    ) -> dict[str, float]:
        """The values of one completion, as `score` gives them."""
        given = {name: [value] for name, value in (columns or {}).items()}
        scores = self.score([completion], [gold], None if prompt is None else [prompt], given, only)
        return {name: values[0] for name, values in scores.items()}

    def read_golds(self, golds: Sequence[Any]) -> list[str | None]:
        """The gold answers as the rewards see them; None for those that cannot be read and were reported before."""
        read: list[str | None] = []
        errors: list[ValueError] = []
        for gold in golds:
            try:
                read.append(self.read_gold(gold))
            except ValueError as error:
                read.append(None)
                if repr(gold) not in self.reported:
                    self.reported.add(repr(gold))
                    errors.append(error)
        if errors:
            raise ValueError(f"the column {self.gold_column!r}: {errors[0]}; correct or remove such rows")
        return read

    def values(self, name: str, reward: Reward, batch: Mapping[str, list[Any]]) -> dict[str, list[float]]:
        """The reward and its components. A completion on which the function fails is paid 0.0."""
        size = len(batch["completions"])
        keys = [name, *(f"{name}/{component}" for component in reward.components)]
        if size == 0:
            return {key: [] for key in keys}
        try:
            parts = called(reward, batch)
        except Exception as error:
            self.warn_once(name, f"{type(error).__name__}: {error}")
            if reward.whole_batch or size == 1:
                return {key: [0.0] * size for key in keys}
            rows = [
                self.values(name, reward, {key: values[i : i + 1] for key, values in batch.items()})
                for i in range(size)
            ]
            return {key: [row[key][0] for row in rows] for key in keys}
        totals = [sum(row) for row in zip(*parts.values(), strict=True)]
        found = {f"{name}/{component}": parts.get(component, [0.0] * size) for component in reward.components}
        found = {name: totals, **found}
        for i in range(size):
            if not all(abs(values[i]) <= LIMIT for values in found.values()):
                self.warn_once(name, f"the value {totals[i]}")
                for values in found.values():
                    values[i] = 0.0
        return {key: found[key] for key in keys}

    def warn_once(self, name: str, problem: str) -> None:
        """A warning in the log, the first time for each reward."""
        if f"reward {name}" not in self.reported:
            self.reported.add(f"reward {name}")
            LOG.warning(
                "the reward %s failed on a completion (%.200s); such completions get 0.0 from it", name, problem
            )


def called(reward: Reward, batch: Mapping[str, list[Any]]) -> dict[str, list[float]]:
    """What the function gives, by component; a function without components gives one without a name."""
    size = len(batch["completions"])
    given = reward.function(**batch)
    parts = given if isinstance(given, dict) else {"": given}
    found = {str(component): [float(value) for value in values] for component, values in parts.items()}
    if not found or any(len(values) != size for values in found.values()):
        raise ValueError(f"not one value for each of {size} completions")
    return found


def is_column(values: Any, size: int) -> bool:
    """Whether an argument of the trainer is a column of the data: a list with one value for each completion."""
    return isinstance(values, (list, tuple)) and len(values) == size
