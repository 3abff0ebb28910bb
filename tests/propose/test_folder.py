"""The proposer that takes hand-written files."""

from __future__ import annotations

from pathlib import Path

import pytest
from chat_server import reward_code
from requests_of import FEEDBACK_TEXT, MakeRequest, feedback_of, ledger_of

from rewardsearch.config import Config, ProposeConfig
from rewardsearch.files.resources import resource
from rewardsearch.propose import ProposalRequest, load_proposer, propose
from rewardsearch.records import Candidate, Proposal, Verdict
from rewardsearch.rewards.identity import candidate_id


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three rewards, written in another order than that of their names, and files that are none."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, value in (("c_last", 3.0), ("a_first", 1.0), ("b_middle", 2.0)):
        (folder / f"{name}.py").write_text(reward_code(value), encoding="utf-8")
    (folder / "notes.md").write_text("no reward")
    (folder / "folder.py").mkdir()
    return folder


def take(request: ProposalRequest, folder: Path | None) -> Proposal:
    config = Config(propose=ProposeConfig(proposer="folder", folder=str(folder) if folder else None))
    ledger = ledger_of()
    proposal = propose(request, load_proposer(config), ledger)
    assert ledger.events == []
    return proposal


def test_files_are_taken_in_the_order_of_their_names(request_of: MakeRequest, folder: Path) -> None:
    proposal = take(request_of(count=2), folder)
    assert [c.name for c in proposal.candidates] == ["a_first", "b_middle"]
    assert [c.code for c in proposal.candidates] == [reward_code(1.0), reward_code(2.0)]
    assert proposal.outcomes == ()


def test_a_candidate_says_where_it_comes_from(request_of: MakeRequest, folder: Path) -> None:
    (found,) = take(request_of(count=1, round=3), folder).candidates
    assert (found.operator, found.rationale, found.round) == ("folder", "Pays the gold number.", 3)
    assert found.id == candidate_id(reward_code(1.0))


def test_the_next_round_takes_the_next_files(request_of: MakeRequest, folder: Path) -> None:
    seen = tuple(c.id for c in take(request_of(count=2), folder).candidates)
    later = take(request_of(count=2, round=2, seen=seen), folder)
    assert [c.name for c in later.candidates] == ["c_last"]


def test_none_are_proposed_when_all_were(request_of: MakeRequest, folder: Path) -> None:
    seen = tuple(c.id for c in take(request_of(count=9), folder).candidates)
    assert len(seen) == 3
    later = take(request_of(count=2, round=2, seen=seen), folder)
    assert later == Proposal(candidates=())


def test_a_copy_of_a_reward_is_passed_over(request_of: MakeRequest, folder: Path) -> None:
    (folder / "a_first_again.py").write_text("# the same\n" + reward_code(1.0), encoding="utf-8")
    proposal = take(request_of(count=2), folder)
    assert [c.name for c in proposal.candidates] == ["a_first", "b_middle"]
    assert proposal.refusals == ()


def test_rejected_files_are_not_repaired(request_of: MakeRequest, folder: Path) -> None:
    code = reward_code(1.0)
    found = Candidate(id=candidate_id(code), name="a_first", code=code)
    verdict = Verdict(candidate=found.id, accepted=False, stage="static", reason="line 1: no")
    assert take(request_of(repairs=((found, verdict),)), folder).candidates == ()


def test_a_file_that_does_not_parse_is_left_to_validation(request_of: MakeRequest, folder: Path) -> None:
    (folder / "a_broken.py").write_text("def reward(:\n", encoding="utf-8")
    (found,) = take(request_of(count=1), folder).candidates
    assert (found.name, found.code, found.rationale) == ("a_broken", "def reward(:\n", "")


def test_half_a_character_in_a_docstring_does_not_stop_the_round(request_of: MakeRequest, folder: Path) -> None:
    (folder / "a_first.py").write_text(reward_code(1.0).replace("Pays", r"\ud83d Pays"), encoding="utf-8")
    (found,) = take(request_of(count=1), folder).candidates
    assert found.rationale == "? Pays the gold number."


def test_prompt_md_says_what_was_taken_and_what_was_told(request_of: MakeRequest, folder: Path) -> None:
    request = request_of(count=2, round=2, feedback=feedback_of())
    take(request, folder)
    written = (request.folder / "prompt.md").read_text(encoding="utf-8")
    assert written.startswith(f"# Round 2: 3 hand-written rewards in {folder}\n\nTaken: a_first, b_middle.\n")
    assert FEEDBACK_TEXT in written


@pytest.mark.parametrize("task", ["arithmetic", "gsm8k"])
def test_without_a_folder_the_tasks_own_are_taken(request_of: MakeRequest, task: str) -> None:
    files = sorted((resource("candidates") / task).glob("*.py"))
    proposal = take(request_of(count=100, task=task), None)
    assert [c.name for c in proposal.candidates] == [file.stem for file in files]
    assert all(c.rationale for c in proposal.candidates)
