from collections.abc import Callable
from pathlib import Path

import pytest
from played import SMALL, Quiet, Trainer
from searched import BASE, Played, Searched, judged, right, settings, setup

from rewardsearch.config import load_config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.finalize import load_references, plan
from rewardsearch.finalize.arms import choose_arms
from rewardsearch.loop import search
from rewardsearch.records import BASELINE, Candidate, FinalArm, Stage, Verdict
from rewardsearch.run.jobs import final_job
from rewardsearch.session.preflight import check

WriteReward = Callable[[str, str], Path]


def reference(*references: tuple[Candidate, Verdict]) -> FinalArm:
    """The first reference's arm."""
    found = choose_arms(Searched().add("a", right(12)).pool, BASE, setup(), references)
    return next(arm for arm in found.arms if arm.kind == "reference")


def test_a_reference_trains_as_a_candidate_does_beside_the_base_rewards() -> None:
    arm = reference(judged("gentle"))
    assert (arm.id, arm.steps, arm.flags, arm.how) == ("reference-gentle", 40, (), "written by hand")
    assert [(spec.name, spec.weight) for spec in arm.rewards] == [("format_exact", 1), ("answer", 1), ("gentle", 1)]
    job = final_job(arm, 3)
    assert (job.folder, job.seed, job.rewards) == ("final/reference-gentle/full-3", 3, arm.rewards)


def test_what_a_reward_pays_for_is_a_flag_and_no_reason_to_leave_it_out() -> None:
    arm = reference(judged("harsh", "bank", "one answer for all earns more", ["bank:collapse"]))
    assert arm.flags == ("refused:bank", "bank:collapse")
    assert arm.how.endswith("as a candidate it would be refused (bank: one answer for all earns more)")
    assert reference(judged("odd", "behaviour")).flags == ("refused:behaviour",)


def test_a_reference_that_the_search_found_as_well_has_a_row_of_its_own() -> None:
    searched = Searched().add("a", right(12))
    found = searched.pool.candidates[searched.id("a")]
    twin = (found, Verdict(candidate=found.id, accepted=True))
    arms = choose_arms(searched.pool, BASE, setup(ensembles=[], controls=[]), [twin])
    assert [arm.kind for arm in arms.arms] == ["baseline", "single", "reference", "policy"] and arms.same == {}


@pytest.mark.parametrize("stage", ["static", "sandbox", "contract"])
def test_a_reference_that_cannot_be_called_is_the_users_mistake(stage: Stage) -> None:
    with pytest.raises(UserError, match=rf"finalize\.references: b cannot be trained on \({stage}\): line 3"):
        reference(judged("a"), judged("b", stage, "line 3"))


def test_a_reference_is_trained_with_every_seed_shows_its_flags_and_is_never_recommended() -> None:
    searched = Searched().add("a", right(12))
    played = Played(searched, {("reference-gentle", seed): 20 for seed in (1, 2)}, {("reference-gentle", 1): 30})
    played.flags = {("reference-gentle", 2): ["watch:collapse"]}
    played.further = {"references": [judged("gentle", flags=["bank:collapse"])]}
    report = played.finalize(ensembles=[], controls=[], seeds=2)
    row = next(row for row in report.rows if row.kind == "reference")
    assert [key for key in played.trained if key[0] == row.id] == [(row.id, 1), (row.id, 2)]
    assert row.flags == ("bank:collapse", "watch:collapse") and row.val_f1 == 1
    assert report.chosen == searched.id("a")
    assert played.said[0] == "finalize: 4 arms x 2 seeds: 4 training runs, 160 steps"


def test_the_plan_counts_references() -> None:
    asked = setup(ensembles=[], controls=[], finalists=0, seeds=2, references=["a.py", "b.py"])
    assert plan(asked).text == "4 arms x 2 seeds: 4 training runs, 160 steps"


def test_references_are_found_beside_the_config(tmp_path: Path, write_reward: WriteReward) -> None:
    path = write_reward("gentle", "1.0")
    file = path.parent / "c.yaml"
    file.write_text("finalize: {references: [gentle.py]}\n", encoding="utf-8")
    (found,) = load_references(load_config(file).finalize)
    assert (found.name, found.code) == ("gentle", path.read_text(encoding="utf-8"))
    assert load_references(load_config(file, ["finalize.enabled=false"]).finalize) == ()


def test_every_mistake_in_the_references_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for path in (tmp_path / "gentle.py", tmp_path / "more" / "gentle.py"):
        path.write_text("reward = 1\n", encoding="utf-8")
    (tmp_path / "latin.py").write_bytes(b"# \xe9\n")
    names = ["gentle.py", "more/gentle.py", "latin.py", "missing.py"]
    with pytest.raises(UserError) as error:
        load_references(settings(references=[str(tmp_path / name) for name in names]).finalize)
    twice, latin, missing = error.value.mistakes
    assert "gentle" in twice
    assert "latin.py: not UTF-8 text" in latin
    assert missing.startswith("finalize.references: file not found:") and "missing.py" in missing


def test_a_reference_that_the_static_policy_refuses_is_told_before_the_search(write_reward: WriteReward) -> None:
    path = write_reward("reader", "float(len(open('x').read()))")
    asked = parse_config({**SMALL, "finalize": {"references": [str(path)]}}, "test")
    with pytest.raises(UserError, match=r"finalize\.references: reader cannot be trained on \(static\)"):
        check(asked)


def test_a_search_holds_what_it_found_against_the_references(
    tmp_path: Path, write_reward: WriteReward, trainer: Trainer
) -> None:
    path = write_reward("constant", "1.0")
    finalize = {"ensembles": [], "controls": [], "references": [str(path)]}
    state = search(parse_config({**SMALL, "finalize": finalize}, "test"), tmp_path / "run", Quiet())
    assert state.final is not None and "reference-constant" in trainer.trained
    row = next(row for row in state.final.rows if row.kind == "reference")
    assert row.flags[0] == "refused:behaviour" and "refused (behaviour: " in row.how
    assert [spec.name for spec in state.members(row.id)][-1] == "constant"
    assert state.members(row.id)[:-1] == state.members(BASELINE)


def test_mistakes_name_the_key_of_a_reference_that_is_trained_alone(tmp_path: Path) -> None:
    clash = tmp_path / "bare.py"
    clash.write_text("", encoding="utf-8")
    names = [str(tmp_path / "missing.py"), str(clash)]
    with pytest.raises(UserError) as raised:
        load_references(settings(references_alone=names, methods=["bare"]).finalize)
    assert len(raised.value.mistakes) == 2
    assert all(mistake.startswith("finalize.references_alone: ") for mistake in raised.value.mistakes)
