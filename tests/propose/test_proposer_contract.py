"""The contract of proposers: the built-in ones that work offline, and one in a file outside the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chat_server import reward_code
from outside.proposer import LengthPenalties
from played import SMALL, Quiet, Trainer

from rewardsearch.config import BudgetConfig, ProposeConfig, load_config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.loop import search
from rewardsearch.propose import PROPOSERS, Proposer, load_proposer
from rewardsearch.propose.folder import FolderProposer
from rewardsearch.propose.grammar import GrammarProposer
from rewardsearch.propose.replay import ReplayProposer
from rewardsearch.session.preflight import check
from rewardsearch.session.requests import first_request
from rewardsearch.testing.proposer import ProposerSuite

OUTSIDE = Path(__file__).parents[1] / "outside" / "proposer.py"


class TestGrammar(ProposerSuite):
    def proposer(self, folder: Path) -> Proposer:
        return GrammarProposer(ProposeConfig(), BudgetConfig())


class TestFolder(ProposerSuite):
    def proposer(self, folder: Path) -> Proposer:
        for n in range(8):
            (folder / f"reward_{n}.py").write_text(reward_code(float(n)), encoding="utf-8")
        return FolderProposer(ProposeConfig(folder=str(folder)), BudgetConfig())


class TestReplay(ProposerSuite):
    def proposer(self, folder: Path) -> Proposer:
        return ReplayProposer(ProposeConfig(replay="candidates/recorded/arithmetic-seed7"), BudgetConfig())


class TestOutside(ProposerSuite):
    def proposer(self, folder: Path) -> Proposer:
        return LengthPenalties(ProposeConfig(options={"weights": [0.5 * n for n in range(12)]}), BudgetConfig())


def config(proposer: str, **propose: Any) -> Any:
    return parse_config({**SMALL, "rounds": 2, "propose": {"proposer": proposer, **propose}}, "test")


def test_a_proposer_from_a_file_runs_a_whole_search(tmp_path: Path, trainer: Trainer) -> None:
    settings = config(f"{OUTSIDE}:LengthPenalties", options={"weights": [0.25, 0.5, 1.0, 2.0]})
    assert check(settings) == ()
    state = search(settings, tmp_path, Quiet())
    assert [(c.round, c.name) for c in state.candidates.values()] == [
        (1, "penalty_0_25"),
        (1, "penalty_0_5"),
        (2, "penalty_1_0"),
        (2, "penalty_2_0"),
    ]
    assert {row.name for row in state.rankings[-1].rows} >= {c.name for c in state.candidates.values()}


def test_a_file_beside_the_config_is_found(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OUTSIDE.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "c.yaml").write_text("propose: {proposer: mine.py:LengthPenalties}\n", encoding="utf-8")
    assert load_config(tmp_path / "c.yaml").propose.proposer == f"{tmp_path / 'mine.py'}:LengthPenalties"


@pytest.mark.parametrize("name", ["openai", "nowhere:X", f"{OUTSIDE}:CODE", f"{OUTSIDE}:Nobody", "json:loads"])
def test_what_is_no_proposer_is_the_users_mistake(name: str) -> None:
    with pytest.raises(UserError, match=r"propose\.proposer"):
        load_proposer(config(name))


def test_the_names_that_are_allowed_are_told() -> None:
    with pytest.raises(UserError) as error:
        load_proposer(config("magic"))
    assert all(name in str(error.value) for name in (*PROPOSERS, "package.module:Name"))


def test_a_mistake_in_the_options_is_found_before_the_search() -> None:
    settings = config(f"{OUTSIDE}:LengthPenalties")
    with pytest.raises(UserError, match=r"propose\.options\.weights"):
        load_proposer(settings).check(first_request(settings))


GREEDY = """
from rewardsearch import Draft, Proposer, Proposal, admit

class Greedy(Proposer):
    def propose(self, request, ledger):
        code = "def reward(prompts, completions, answer, **columns):\\n    return [%d.0] * len(completions)\\n"
        found = [admit(request, [Draft(name="n", code=code % n)]).candidates[0] for n in VALUES]
        return Proposal(candidates=found)
"""


@pytest.mark.parametrize("values", [[1, 2, 3], [1, 1]])
def test_too_many_candidates_and_equal_ones_are_refused(tmp_path: Path, trainer: Trainer, values: list[int]) -> None:
    file = tmp_path / "greedy.py"
    file.write_text(f"VALUES = {values}\n{GREEDY}", encoding="utf-8")
    with pytest.raises(UserError, match="Greedy"):
        search(config(f"{file}:Greedy"), tmp_path / "run", Quiet())
