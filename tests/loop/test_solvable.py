"""A search whose policy and baseline answer next to nothing right stops before anything is paid for. Training is played."""

from pathlib import Path

import pytest
from fakes import screened
from played import Quiet, Trainer, answered
from test_search import FINAL, config, events

from rewardsearch.config import parse_config
from rewardsearch.errors import NothingAccepted, UserError
from rewardsearch.loop import finalize_run, search
from rewardsearch.records import BASELINE, DIVERGED, POLICY
from rewardsearch.run.journal import read_run
from rewardsearch.train.solvable import nothing_to_rank, required_right


@pytest.mark.parametrize(("questions", "needed"), [(1, 1), (8, 1), (11, 2), (40, 4), (50, 5), (1319, 5)])
def test_how_many_right_answers_are_needed(questions: int, needed: int) -> None:
    assert required_right(questions, parse_config({}, "c")) == needed
    assert required_right(questions, parse_config({"rank": {"min_correct": 0}}, "c")) == 0


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        (0, [0, 0], ("rank.min_correct", "sft.enabled", "policy.model")),
        (4, [3, 4], ("rank.min_correct", "sft.enabled", "policy.model")),
        (9, [0, 0], ("rank.min_correct", "train.learning_rate", "train.base_rewards")),
        # It learns the form from the base rewards.
        (0, [0, 5], None),
        (5, [0, 1], None),
    ],
)
def test_what_can_be_ranked(before: int, after: list[int], keys: tuple[str, ...] | None) -> None:
    def right(n: int) -> str:
        return "c" * n + "u" * (100 - n)

    baselines = [screened(BASELINE, right(n)) for n in after]
    reason = nothing_to_rank(screened(POLICY, right(before)), baselines, parse_config({}, "c"))
    assert (reason is None) if keys is None else all(key in (reason or "") for key in keys)
    tuned = parse_config({"sft": {"enabled": True}}, "c")
    assert (
        before or keys is None or "sft.steps" in (nothing_to_rank(screened(POLICY, right(0)), baselines, tuned) or "")
    )


def test_a_policy_that_solves_nothing_stops_the_search_until_the_setting_is_changed(
    tmp_path: Path, trainer: Trainer
) -> None:
    trainer.play = lambda job: answered(0)
    settings = {"train": {"baseline_seeds": 3}, "race": {"enabled": True}}
    for _ in range(2):
        with pytest.raises(NothingAccepted, match=r"of 20 questions of val .*rank\.min_correct"):
            search(config(**settings), tmp_path, Quiet())
    with pytest.raises(UserError, match="no finished round"):
        finalize_run(config(**settings), tmp_path, Quiet())
    # The baseline with one seed tells enough.
    assert [(job.id, job.seed) for job in trainer.jobs] == [(POLICY, 0), *[(BASELINE, 0)] * 3]
    state = read_run(tmp_path)
    assert (state.proposals, state.test_opened) == ({}, [])
    ends = [event for event in events(tmp_path) if event["event"] == "ended"]
    assert [end["status"] for end in ends] == ["stopped"] * 3 and "rank.min_correct" in ends[0]["reason"]
    # It goes on without the check, to where the test would be opened for nothing.
    state = search(config(**settings, rank={"resamples": 100, "min_correct": 0}), tmp_path, Quiet())
    assert (state.status, state.reason, len(state.test_opened)) == ("finished", None, 1)


def test_the_test_is_not_opened_for_candidates_that_answer_nothing_right(tmp_path: Path, trainer: Trainer) -> None:
    trainer.play = lambda job: answered(9 if job.id in (POLICY, BASELINE) else 0)
    for go in (search, finalize_run):
        with pytest.raises(NothingAccepted, match=r"0 of 20 questions.*rank\.min_correct"):
            go(config(finalize=FINAL), tmp_path, Quiet())
    state = read_run(tmp_path)
    assert (state.rounds_done, state.test_opened) == (1, []) and "ensemble-top2" not in trainer.trained


@pytest.mark.parametrize("failing", [0, 1])
def test_a_baseline_that_diverges_stops_the_search_with_the_learning_rate(
    tmp_path: Path, trainer: Trainer, failing: int
) -> None:
    trainer.reason, trainer.flags = "diverged at step 3: so", (DIVERGED,)
    trainer.after_run = lambda id: trainer.ends.update({BASELINE: "failed"} if len(trainer.trained) > failing else {})
    for _ in range(2):
        with pytest.raises(UserError, match=r"baseline.*diverged at step 3.*train\.learning_rate \(got 0\.001\)"):
            search(config(train={"baseline_seeds": 2}), tmp_path, Quiet())
    assert read_run(tmp_path).proposals == {}
    assert trainer.trained.count(BASELINE) == 1 + failing


def test_a_policy_that_cannot_answer_at_all_is_replaced_by_the_user(tmp_path: Path, trainer: Trainer) -> None:
    trainer.ends, trainer.reason = {POLICY: "failed"}, "the policy's logits are not finite"
    with pytest.raises(UserError, match=r"not finite; take another policy\.model or policy\.dtype"):
        search(config(), tmp_path, Quiet())
