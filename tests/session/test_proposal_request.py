"""The request of a round, from the state of a run folder."""

from pathlib import Path

import pytest
from fakes import ARMS, BAD, GOOD, LEVEL, REFUSED, book_training, candidate, make_run, screened
from user_data import COLUMNS, hires, write_csv

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.files.templates import render
from rewardsearch.records import BASELINE, POLICY, Proposal, Request, Verdict
from rewardsearch.records.feedback import Feedback
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.run.events import Planned, Proposed, Validated
from rewardsearch.run.journal import Journal, read_run
from rewardsearch.session.requests import build_request, current_feedback, current_ranking, first_request, rejected
from rewardsearch.tasks import load_task

BASE = load_base_rewards(Config().train.base_rewards)


@pytest.fixture
def run(tmp_path: Path, small_config: Config) -> Path:
    """A run folder with nothing done yet."""
    with Journal.open(tmp_path / "run", small_config, BASE):
        pass
    return tmp_path / "run"


@pytest.fixture
def one_round(tmp_path: Path, write_reward) -> Path:  # type: ignore[no-untyped-def]
    """A run folder of one finished round."""
    return make_run(tmp_path / "run", [write_reward("length", "len(c)")])


def screen(run: Path, config: Config, *arms: str) -> None:
    """Puts screens of these arms, from fakes.ARMS, into the journal."""
    with Journal.open(run, config, BASE) as journal:
        for arm in arms:
            book_training(journal, f"candidates/{arm}/training/full-0", screened(arm, ARMS[arm]))


def asked(run: Path, round: int, attempt: int = 0):  # type: ignore[no-untyped-def]
    state = read_run(run)
    return build_request(state, state.config, load_task(state.config.task), round, attempt)


def test_a_round_is_asked_in_its_own_folder_and_a_repair_in_one_below_it(one_round: Path) -> None:
    assert asked(one_round, 2).folder == one_round / "rounds" / "02"
    assert asked(one_round, 1, attempt=1).folder == one_round / "rounds" / "01" / "repair-1"


def test_a_round_asks_for_the_configured_number_of_candidates(one_round: Path) -> None:
    request = asked(one_round, 2)
    assert (request.round, request.attempt, request.count) == (2, 0, read_run(one_round).config.candidates)
    assert request.repairs == ()


def test_a_repair_asks_for_one_candidate_for_each_that_was_rejected_with_its_verdict(one_round: Path) -> None:
    request = asked(one_round, 1, attempt=1)
    assert (request.round, request.attempt, request.count) == (1, 1, 1)
    assert [candidate for candidate, _ in request.repairs] == [REFUSED]
    assert request.repairs[0][1].reason == "line 3: `open` is not available"


def test_a_second_repair_mends_what_the_first_one_left(one_round: Path) -> None:
    worse, fine = candidate("worse", "8.0"), candidate("fine", "9.0")
    state = read_run(one_round)
    with Journal.open(one_round, state.config, state.base) as journal:
        journal.append(Proposed(round=1, attempt=1, proposal=Proposal(candidates=(worse, fine))))
        for verdict in (
            Verdict(candidate=worse.id, accepted=False, stage="bank", reason="no"),
            Verdict(candidate=fine.id, accepted=True),
        ):
            journal.append(Validated(verdict=verdict))
    assert [candidate for candidate, _ in asked(one_round, 1, attempt=2).repairs] == [worse]
    assert [candidate for candidate, _ in rejected(read_run(one_round), 1, 0)] == [REFUSED]
    assert rejected(read_run(one_round), 7, 0) == ()


def test_candidates_that_are_not_judged_yet_are_not_repaired(run: Path, small_config: Config) -> None:
    with Journal.open(run, small_config, BASE) as journal:
        journal.append(Proposed(round=1, attempt=0, proposal=Proposal(candidates=(GOOD,))))
    assert rejected(read_run(run), 1, 0) == ()


def test_the_examples_are_one_completion_of_each_kind_on_one_training_row(one_round: Path) -> None:
    examples = asked(one_round, 2).examples
    assert sorted(example.kind for example in examples) == ["correct", "unparsed", "wrong"]
    assert len({example.row.id for example in examples}) == 1
    task = load_task(read_run(one_round).config.task)
    assert examples[0].row in task.rows("train")
    assert [task.outcome(each.row, each.completion).kind for each in examples] == [each.kind for each in examples]


def test_the_task_is_told_with_the_code_of_the_base_rewards(one_round: Path) -> None:
    request, state = asked(one_round, 2), read_run(one_round)
    assert (request.task, request.description) == ("arithmetic", load_task(state.config.task).description)
    assert request.base_rewards == tuple((spec.name, spec.code) for spec in state.base)
    assert [name for name, _ in request.base_rewards] == ["length"]


def test_a_later_round_is_told_what_the_round_before_has_shown_as_it_was_written_then(one_round: Path) -> None:
    # What the machine failed on in round 1 is trained again after it, and changes what would be told now.
    state = read_run(one_round)
    with Journal.open(one_round, state.config, state.base) as journal:
        book_training(journal, f"candidates/{BAD.id}/training/full-0", screened(BAD.id, "c" * 20))
    state = read_run(one_round)
    assert current_feedback(state, current_ranking(state), 1, load_task(state.config.task)) != state.feedbacks[1]
    assert asked(one_round, 2).feedback == state.feedbacks[1]
    assert state.feedbacks[1].round == 1
    assert [parent.candidate for parent in state.feedbacks[1].parents] == [GOOD, LEVEL]


def test_the_feedback_of_a_read_run_is_the_one_that_was_journalled(one_round: Path) -> None:
    state = read_run(one_round)
    assert current_ranking(state) == state.rankings[0]
    assert current_feedback(state, current_ranking(state), 1, load_task(state.config.task)) == state.feedbacks[1]
    assert state.feedbacks[1].payoffs[0].usage.requests == 4


@pytest.mark.parametrize("proposer", ["grammar", "llm", "manual", "folder", "replay"])
def test_feedback_is_withheld_from_those_who_would_use_it(one_round: Path, proposer: str) -> None:
    state = read_run(one_round)
    propose = state.config.propose.model_copy(update={"feedback": False, "proposer": proposer})
    config, task = state.config.model_copy(update={"propose": propose}), load_task(state.config.task)
    later, again = (build_request(state, config, task, *key) for key in ((2, 0), (1, 1)))
    withheld = proposer not in ("folder", "replay")
    assert (later.feedback is None, again.feedback is None) == (withheld, withheld)
    assert len(again.repairs) == (0 if withheld else 1) and again.count == 1
    assert set(later.seen) == set(state.candidates)


def test_what_was_proposed_before_is_told_as_seen(one_round: Path) -> None:
    assert set(asked(one_round, 2).seen) == set(read_run(one_round).candidates)
    assert len(asked(one_round, 2).seen) == 4


def test_before_anything_is_trained_the_first_round_is_told_nothing(run: Path) -> None:
    request = asked(run, 1)
    assert request.feedback is None
    assert (request.seen, request.plan, request.count) == ((), (), 2)


def test_the_first_round_is_told_of_the_references_once_they_are_screened(run: Path, small_config: Config) -> None:
    screen(run, small_config, POLICY, BASELINE)
    feedback = asked(run, 1).feedback
    assert feedback is not None and feedback.round == 0
    assert feedback.policy is not None and feedback.policy.row.f1 == pytest.approx(2 / 3)
    assert feedback.baseline is not None and feedback.baseline.row.f1 == 0.75
    assert feedback.baseline.training is not None and len(feedback.baseline.disagreements) == 1
    assert (feedback.evidence, feedback.parents, feedback.lessons, feedback.rounds_without_improvement) == (
        (),
        (),
        (),
        0,
    )


def test_the_prompt_of_a_first_round_shows_the_baselines_training(run: Path, small_config: Config) -> None:
    screen(run, small_config, POLICY, BASELINE)
    shown = render("_shown.j2", feedback=asked(run, 1).feedback, cut=())
    assert "# The base rewards alone" in shown and "# What the rounds so far have shown" not in shown
    assert "F1 0.750" in shown and "yet paid more than the correct ones" in shown


def test_what_was_planned_is_asked(run: Path, small_config: Config) -> None:
    plan = (
        Request(index=1, operator="fresh", model="m"),
        Request(index=2, operator="mutate", model="n", parents=(GOOD.id,)),
    )
    with Journal.open(run, small_config, BASE) as journal:
        journal.append(Planned(round=1, attempt=0, requests=tuple(plan)))
    assert asked(run, 1).plan == plan
    assert asked(run, 2).plan == asked(run, 1, attempt=1).plan == ()


def test_a_run_has_its_own_name_among_all_others_and_keeps_it(tmp_path: Path, small_config: Config) -> None:
    with Journal.open(tmp_path / "a", small_config, BASE), Journal.open(tmp_path / "b", small_config, BASE):
        pass
    first, other = asked(tmp_path / "a", 1).run, asked(tmp_path / "b", 1).run
    assert first != other and first.startswith("a ")
    screen(tmp_path / "a", small_config, POLICY, BASELINE)
    assert asked(tmp_path / "a", 1).run == first


def test_the_first_request_of_a_config_is_that_of_a_run_before_anything_is_known(
    run: Path, small_config: Config
) -> None:
    known, unknown = asked(run, 1), first_request(small_config)
    assert unknown.examples == () and unknown.feedback is None
    same = {"run": known.run, "folder": known.folder, "examples": known.examples}
    assert unknown.model_copy(update=same) == known
    assert first_request(small_config, examples=True).examples == known.examples


def test_a_base_reward_that_is_not_there_is_the_users_mistake(small_config: Config) -> None:
    screen_config = small_config.train.model_copy(update={"base_rewards": ("nowhere",)})
    with pytest.raises(UserError, match="no base reward nowhere"):
        first_request(small_config.model_copy(update={"train": screen_config}))


def test_without_a_score_of_the_baseline_there_is_no_feedback(run: Path, small_config: Config) -> None:
    screen(run, small_config, POLICY)
    state = read_run(run)
    with pytest.raises(ValueError, match="the baseline has no score"):
        current_feedback(state, current_ranking(state), 0, load_task(state.config.task))


def test_feedback_is_stored_whole(one_round: Path) -> None:
    feedback = read_run(one_round).feedbacks[1]
    assert Feedback.model_validate_json(feedback.model_dump_json()) == feedback


def test_texts_of_ones_own_rows_stay_here_unless_they_are_to_be_shown(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "hires.csv", hires())
    data = {"task": {"name": "resume", "data": file, "columns": COLUMNS}}
    kept = first_request(parse_config(data, "hires"), examples=True)
    assert (kept.examples, kept.columns) == ((), ("resume", "job", "source"))
    data["task"]["show_rows"] = True
    assert first_request(parse_config(data, "hires"), examples=True).examples


def test_feedback_has_completions_of_rows_only_where_rows_are_shown(one_round: Path) -> None:
    state = read_run(one_round)
    ranking = current_ranking(state)
    assert any(
        each.disagreements for each in current_feedback(state, ranking, 1, load_task(state.config.task)).evidence
    )
    kept = state.config.task.model_copy(update={"show_rows": False})
    state.config = state.config.model_copy(update={"task": kept})
    assert not any(
        each.disagreements for each in current_feedback(state, ranking, 1, load_task(state.config.task)).evidence
    )
