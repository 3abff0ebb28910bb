"""Random search (propose.feedback: false): what is proposed follows from nothing that the search has shown."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, rewarded
from played import SMALL, Quiet, Trainer, answered
from rich.console import Console

from rewardsearch.cli.leaderboard_table import print_leaderboard
from rewardsearch.config import Config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.loop import search
from rewardsearch.records import BASELINE, Candidate, RankedRow, Ranking, TrainingJob
from rewardsearch.run.journal import read_run
from rewardsearch.run.state import RunState


def config(rounds: int = 2, candidates: int = 4, margin: float = 0.0, **propose: Any) -> Config:
    data = {
        **SMALL,
        "rounds": rounds,
        "candidates": candidates,
        "propose": {"feedback": False, **propose},
        "validation": {"margin": margin},
    }
    return parse_config(data, "test")


def lead(candidate: Candidate) -> str:
    """The kind that a fresh idea is about, as its rationale begins: `Tries KIND beside ...`."""
    return candidate.rationale.split()[1].strip(".")


def first_asked(state: RunState) -> list[str]:
    """The leads of what each round proposed, without what replaced a rejected one."""
    return [lead(c) for (_, attempt), p in sorted(state.proposals.items()) if not attempt for c in p.candidates]


def test_a_random_search_proposes_the_same_whatever_the_scores(tmp_path: Path, trainer: Trainer) -> None:
    def reversed_scores(job: TrainingJob) -> tuple[Any, ...]:
        return answered(20 - sum(outcome.kind == "correct" for outcome in played(job)))

    played = trainer.play
    random, guided = (
        list(search(config(candidates=2, feedback=each), tmp_path / str(each), Quiet()).candidates)
        for each in (False, True)
    )
    trainer.play = reversed_scores
    assert list(search(config(candidates=2), tmp_path / "reversed", Quiet()).candidates) == random
    # The grammar's first round is the same in both.
    assert guided[:2] == random[:2] and not set(guided[2:]) & set(random[2:])


def test_a_random_search_draws_on_through_the_families_and_replaces_what_was_rejected(
    tmp_path: Path, trainer: Trainer
) -> None:
    # Rewards of style alone are below this margin.
    state = search(config(rounds=3, margin=1.5), tmp_path, Quiet())
    assert {(c.operator, c.parents) for c in state.candidates.values()} == {("fresh", ())}
    leads = first_asked(state)
    assert len(leads) == len(set(leads)) == 12
    rejected = [id for id, verdict in state.verdicts.items() if not verdict.accepted]
    replaced = [c for (_, attempt), p in state.proposals.items() if attempt for c in p.candidates]
    assert rejected and len(replaced) == sum(c.id in rejected for c in state.candidates.values() if c not in replaced)
    assert len({c.name for c in state.candidates.values()}) == len(state.candidates)
    for number in (1, 2, 3):
        folder = tmp_path / "rounds" / f"{number:02d}"
        told, asked = (folder / "feedback.md").read_text(), (folder / "prompt.md").read_text()
        assert "F1" in told and "F1" not in asked and "gain" not in asked


@pytest.mark.parametrize("feedback", [False, True])
def test_the_leaderboard_says_whether_feedback_was_withheld(feedback: bool) -> None:
    row = RankedRow(rank=1, id=BASELINE, name=BASELINE, round=0, operator="none", status="trained", f1=0.5)
    out = io.StringIO()
    ranking = Ranking(task="arithmetic", split="val", n=20, rows=(row,), feedback=feedback)
    print_leaderboard(ranking, Console(file=out, width=100))
    assert ("feedback withheld" in out.getvalue()) is not feedback


def test_feedback_cannot_be_withheld_from_half_a_search(tmp_path: Path, trainer: Trainer) -> None:
    search(config(rounds=1, candidates=1), tmp_path, Quiet())
    state = read_run(tmp_path)
    assert not state.config.propose.feedback and not state.rankings[-1].feedback
    with pytest.raises(UserError, match=r"propose\.feedback"):
        search(config(candidates=1, feedback=True), tmp_path, Quiet())


def test_a_language_model_sees_no_result_no_reward_and_no_refusal(
    tmp_path: Path, trainer: Trainer, server: ChatServer
) -> None:
    # Out of bounds: the contract refuses the second reply.
    server.respond = lambda n, body: rewarded(2000.0 if n == 1 else float(n + 1))
    openai = {"model": "served", "base_url": server.url, "in_flight": 1}
    state = search(config(rounds=2, candidates=2, proposer="llm", llm=openai), tmp_path, Quiet())
    prompts = [body["messages"][-1]["content"] for body in server.bodies]
    assert len(prompts) == 5 and {c.operator for c in state.candidates.values()} == {"fresh"}
    for prompt in prompts:
        assert "baseline" not in prompt and "refused by" not in prompt
        assert not any(c.code.strip() in prompt or c.name in prompt for c in state.candidates.values())
    # The second round's requests start from the third and fourth side, not from the first again.
    assert len({prompts[i].partition("start yours from this side:")[2] for i in (0, 1, 3, 4)}) == 4
    assert ["No reward beside the base rewards" in prompt for prompt in prompts] == [True] * 3 + [False] * 2


@pytest.mark.parametrize("feedback", [False, True])
def test_a_recorded_random_search_replays_to_the_same_candidates(
    tmp_path: Path, trainer: Trainer, feedback: bool
) -> None:
    recorded = search(config(rounds=1, margin=1.5), tmp_path / "recorded", Quiet())
    assert (1, 1) in recorded.proposals
    replayed = config(rounds=1, margin=1.5, proposer="replay", replay=str(recorded.folder), feedback=feedback)
    assert search(replayed, tmp_path / "again", Quiet()).candidates == recorded.candidates
