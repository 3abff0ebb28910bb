"""The contract of a proposer.

class TestMine(ProposerSuite):
    def proposer(self, folder):
        return MyProposer(ProposeConfig(options={...}), BudgetConfig())
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import pytest

from rewardsearch.config import BudgetConfig, Config, TaskConfig
from rewardsearch.propose import ProposalRequest, Proposer, propose
from rewardsearch.records import FIXED_ARGUMENTS, Candidate, Proposal, Verdict
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.run.budget import Budget
from rewardsearch.run.ledger import Ledger
from rewardsearch.run.state import RunState
from rewardsearch.tasks import load_task


class ProposerSuite(ABC):
    """Tests for pytest. A subclass gives the proposer; `folder` is an empty folder of the test, for files that it needs."""

    rounds: ClassVar[int] = 3
    """How many rounds the proposer is asked for."""
    is_deterministic: ClassVar[bool] = True
    """Whether the same request gives the same candidates."""

    @abstractmethod
    def proposer(self, folder: Path) -> Proposer:
        """A new proposer, ready for `check` and `propose`."""

    def request(self, folder: Path, **fields: object) -> ProposalRequest:
        """A request of a first round of the arithmetic task."""
        task, config = load_task(TaskConfig()), Config()
        values = {
            "round": 1,
            "rounds": self.rounds,
            "count": 2,
            "seed": 0,
            "task": task.name,
            "description": task.description,
            "base_rewards": tuple(
                (spec.name, spec.code) for spec in load_base_rewards(config.train.base_rewards, task.reward_code)
            ),
            "folder": folder,
        }
        return ProposalRequest.model_validate(values | fields)

    def ledger(self, folder: Path) -> Ledger:
        """A ledger without limits, for proposers that pay for nothing."""
        state = RunState(folder, Config())
        return Ledger(state.account, lambda event: None, Budget(BudgetConfig(), state), lambda line: None)

    def propose(self, folder: Path, request: ProposalRequest, proposer: Proposer | None = None) -> Proposal:
        """What the proposer gives, as a search asks for it: planned first, then proposed."""
        proposer = proposer or self.proposer(folder)
        plan = request.plan or proposer.plan(request)
        return propose(request.model_copy(update={"plan": plan}), proposer, self.ledger(folder))

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path

    def test_the_first_request_passes_the_check(self, folder: Path) -> None:
        self.proposer(folder).check(self.request(folder))

    @pytest.mark.parametrize("count", [1, 2, 4])
    def test_there_are_candidates_and_no_more_than_asked_for(self, folder: Path, count: int) -> None:
        assert 1 <= len(self.propose(folder, self.request(folder, count=count)).candidates) <= count

    def test_candidates_of_later_rounds_are_new(self, folder: Path) -> None:
        seen: list[str] = []
        for number in range(1, self.rounds + 1):
            found = self.propose(folder, self.request(folder, round=number, seen=tuple(seen))).candidates
            assert all(candidate.round == number for candidate in found)
            seen += [candidate.id for candidate in found]
        assert len(seen) == len({*seen})

    def test_every_candidate_is_python_that_defines_reward(self, folder: Path) -> None:
        for candidate in self.propose(folder, self.request(folder)).candidates:
            assert candidate.id == candidate_id(candidate.code) and candidate.name
            functions = [node for node in ast.parse(candidate.code).body if isinstance(node, ast.FunctionDef)]
            (reward,) = [function for function in functions if function.name == "reward"]
            assert {argument.arg for argument in reward.args.args} >= {*FIXED_ARGUMENTS} and reward.args.kwarg

    def test_the_same_request_gives_the_same_candidates(self, folder: Path) -> None:
        if self.is_deterministic:
            first, second = (self.propose(folder, self.request(folder)) for _ in range(2))
            assert first.candidates == second.candidates

    def test_the_request_is_not_changed(self, folder: Path) -> None:
        request = self.request(folder)
        before = request.model_dump()
        self.propose(folder, request)
        assert request.model_dump() == before

    def test_a_repair_is_of_a_rejected_candidate_and_never_the_same_code(self, folder: Path) -> None:
        first = self.propose(folder, self.request(folder)).candidates
        repairs = tuple((candidate, _rejection(candidate)) for candidate in first)
        seen = tuple(candidate.id for candidate in first)
        request = self.request(folder, attempt=1, count=len(first), repairs=repairs, seen=seen)
        for candidate in self.propose(folder, request).candidates:
            assert candidate.id not in seen and candidate.round == 1
            assert candidate.operator != "repair" or {*candidate.parents} <= {*seen}

    def test_the_plan_is_the_same_when_a_search_resumes(self, folder: Path) -> None:
        request = self.request(folder)
        plan = self.proposer(folder).plan(request)
        assert plan == self.proposer(folder).plan(request)
        assert [each.index for each in plan] == list(range(1, len(plan) + 1))


def _rejection(candidate: Candidate) -> Verdict:
    return Verdict(candidate=candidate.id, accepted=False, stage="contract", reason="the reward exceeds 100")
