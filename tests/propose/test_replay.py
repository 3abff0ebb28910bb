"""Repeating a recorded run: the same leaderboard without a server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, reward_code, rewarded, said
from fakes import make_run
from played import SMALL, Quiet, Trainer

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.files.resources import resource
from rewardsearch.loop import search
from rewardsearch.propose import load_proposer
from rewardsearch.propose.recording import RECORDING, recorded_in
from rewardsearch.run.state import RunState
from rewardsearch.session.preflight import check


def config(proposer: str, rounds: int = 2, **propose: Any) -> Config:
    return parse_config(
        {
            **SMALL,
            "rounds": rounds,
            "candidates": 3,
            "finalize": {"ensembles": ["top2"], "random_k": 2},
            "propose": {"proposer": proposer, **propose},
        },
        "test",
    )


def told(state: RunState) -> list[dict[str, Any]]:
    """The leaderboard and what is said of each candidate, apart from wall clock."""
    return [row.model_dump(exclude={"seconds"}) for row in state.rankings[-1].rows]


@pytest.fixture
def recorded(tmp_path: Path, server: ChatServer, trainer: Trainer) -> RunState:
    """A run of two rounds with a reply that holds nothing, a rejected reward and its repair."""

    def respond(n: int, body: dict[str, Any]) -> Any:
        if n == 1:
            return said("I would rather not.")
        return rewarded(2000.0 if n == 2 else float(n + 1))  # out of bounds: the contract refuses it

    server.respond = respond
    served = {"model": "served", "base_url": server.url, "replies": 1, "in_flight": 1}
    return search(config("llm", llm=served), tmp_path / "recorded", Quiet())


def test_a_recorded_run_replays_to_the_same_leaderboard_without_a_server_and_stays_as_it_is(
    tmp_path: Path, recorded: RunState, server: ChatServer, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, before = len(server.bodies), (recorded.folder / "journal.jsonl").read_bytes()
    assert {c.operator for c in recorded.candidates.values()} >= {"fresh", "mutate", "repair"}
    monkeypatch.setattr("http.client.HTTPConnection", None)
    state = search(config("replay", replay=str(recorded.folder)), tmp_path / "again", Quiet())
    assert told(state) == told(recorded)
    assert state.final == recorded.final
    assert state.candidates == recorded.candidates
    assert state.refusals == recorded.refusals
    assert len(server.bodies) == asked
    assert state.usage.requests == 0
    assert (recorded.folder / "journal.jsonl").read_bytes() == before


def test_the_recorded_candidates_meet_other_conditions(tmp_path: Path, recorded: RunState, trainer: Trainer) -> None:
    other = config("replay", rounds=1, replay=str(recorded.folder)).model_copy(update={"seed": 7})
    state = search(other, tmp_path / "other", Quiet())
    first = [c.id for c in recorded.candidates.values() if c.round == 1]
    assert list(state.candidates) == first
    assert state.results[first[0]].seed == 7


def test_more_rounds_than_were_recorded_are_the_users_mistake(tmp_path: Path, write_reward: Any) -> None:
    run = make_run(tmp_path / "run", [write_reward("always", "0.5")])
    with pytest.raises(UserError, match=r"has proposals of 1 rounds, the config wants 2; set rounds to 1 at most"):
        check(config("replay", replay=str(run)))


@pytest.mark.parametrize(
    "name, rounds, repairs", [("arithmetic-seed7", [4, 4, 4], 0), ("arithmetic-seed3", [4, 4, 4], 1)]
)
def test_a_carried_recording_proposes_its_rewards_round_by_round(name: str, rounds: list[int], repairs: int) -> None:
    recorded = recorded_in(resource("candidates") / "recorded" / name)
    firsts = [recorded.proposals[n, 0].candidates for n in (1, 2, 3)]
    assert [len(each) for each in firsts] == rounds
    assert len(recorded.proposals) - recorded.rounds == repairs
    known = {c.id for proposal in recorded.proposals.values() for c in proposal.candidates}
    assert {
        parent for proposal in recorded.proposals.values() for c in proposal.candidates for parent in c.parents
    } <= known


def test_a_recording_is_searched_as_a_run_is_and_says_so(tmp_path: Path, trainer: Trainer) -> None:
    folder = tmp_path / "recorded"
    folder.mkdir()
    for name, value in {"one": 1.0, "two": 2.0, "refused": 2000.0, "mended": 3.0}.items():
        (folder / f"{name}.py").write_text(reward_code(value), encoding="utf-8")
    repair = "{file: mended.py, operator: repair, parents: [refused]}"
    entries = (
        f"[{{file: one.py, rationale: because}}, {{file: refused.py}}, {repair}], [{{file: two.py, parents: [one]}}]"
    )
    (folder / RECORDING).write_text(f"about: four rewards\nrounds: [{entries}]\n", encoding="utf-8")
    replayed = config("replay", replay=str(folder))
    assert "four rewards" in load_proposer(replayed).describe()
    state = search(replayed, tmp_path / "run", Quiet())
    assert [(c.name, c.round, c.operator) for c in state.candidates.values()] == [
        ("one", 1, "fresh"),
        ("refused", 1, "fresh"),
        ("mended", 1, "repair"),
        ("two", 2, "fresh"),
    ]
    one, _, _, two = state.candidates.values()
    assert (one.rationale, two.parents) == ("because", (one.id,))


@pytest.mark.parametrize(
    "text, named",
    [
        ("about: x\nrounds: [[{file: gone.py}]]", "gone.py"),
        ("about: x\nrounds: [[{file: a.py, parents: [b]}]]", "has the parent b"),
        ("about: x\nrounds: [[{name: a}]]", "rounds.0.0.file"),
        ("about: x\nrounds: [[{file: a.py}], [{file: a.py}]]", "name each reward once"),
        ("rounds: []", "about"),
        ("about: x\nrounds: []", "no proposals"),
        ("about: x\nrounds: [[{file: a.py}]]", "set rounds to 1"),
        ("about: [", "recording.yaml"),
    ],
)
def test_a_recording_that_cannot_be_repeated_is_the_users_mistake(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "a.py").write_text(reward_code(1.0), encoding="utf-8")
    (tmp_path / RECORDING).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=re.escape(named)):
        check(config("replay", replay=str(tmp_path)))
