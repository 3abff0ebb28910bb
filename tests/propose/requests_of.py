"""Requests to proposers, the feedback that later rounds carry, and a ledger in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rewardsearch.config import BudgetConfig, Config, TaskConfig
from rewardsearch.propose import ProposalRequest
from rewardsearch.records import Candidate
from rewardsearch.records.feedback import Feedback, Parent
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.run.budget import Budget
from rewardsearch.run.events import EVENT, AnyEvent
from rewardsearch.run.ledger import Ledger
from rewardsearch.run.state import RunState
from rewardsearch.tasks import load_task

MakeRequest = Callable[..., ProposalRequest]
BASE = tuple((spec.name, spec.code) for spec in load_base_rewards(Config().train.base_rewards))
BRIEF = load_task(TaskConfig()).description
FEEDBACK_TEXT = "# What 1 round has shown\n\nThe baseline's F1 is 0.750.\n"


def make_request(folder: Path) -> MakeRequest:
    def make(**fields: object) -> ProposalRequest:
        values: dict[str, object] = {
            "round": 1,
            "count": 2,
            "seed": 0,
            "task": "arithmetic",
            "description": BRIEF,
            "base_rewards": BASE,
            "folder": folder,
        }
        return ProposalRequest.model_validate(values | fields)

    return make


def parent_of(code: str, gain: float, name: str = "parent") -> Parent:
    """A screened candidate with this gain over a baseline of F1 0.75."""
    f1 = 0.75 + gain
    found = Candidate(id=candidate_id(code), name=name, code=code, rationale=f"why {name}", round=1)
    return Parent(candidate=found, f1=f1, f1_ci=(f1 - 0.02, f1 + 0.02), gain=gain)


def feedback_of(*parents: Parent, round: int = 1) -> Feedback:
    return Feedback(round=round, text=FEEDBACK_TEXT, parents=parents)


class MemoryLedger(Ledger):
    """A ledger whose journal is the list `events`; `said` is what the user was told at once."""

    def __init__(self, budget: BudgetConfig, folder: Path, events: Iterable[dict[str, Any]]) -> None:
        self.events: list[dict[str, Any]] = []
        self.said: list[str] = []
        state = RunState(folder, Config(budget=budget))
        super().__init__(state.account, self.append, Budget(budget, state), self.said.append)
        for event in events:
            self._fold(event)

    def append(self, event: AnyEvent) -> None:
        """Keeps an event as a journal's line would hold it, and folds it into the account."""
        self._fold(json.loads(json.dumps(event.line())))

    def _fold(self, line: dict[str, Any]) -> None:
        self.events.append(line)
        self.account.apply(EVENT.validate_python(line))

    def told(self, event: str) -> list[dict[str, Any]]:
        """The events of one kind, in their order."""
        return [each for each in self.events if each["event"] == event]


def ledger_of(
    budget: BudgetConfig | None = None, folder: Path = Path(), events: Iterable[dict[str, Any]] = ()
) -> MemoryLedger:
    """A ledger that holds requests against `budget`, and heeds the STOP file in `folder`.

    events: what another session's ledger kept, for a session that carries on.
    """
    return MemoryLedger(BudgetConfig() if budget is None else budget, folder, events)
