import ast
from pathlib import Path

import pytest
from fakes import GOOD, LEVEL, REFUSED, make_run

from rewardsearch.config import Config, SftConfig, TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.exporters import choose_rewards
from rewardsearch.exporters.trl import trl_module, trl_readme
from rewardsearch.records import BASELINE, POLICY, FinalRow
from rewardsearch.run.journal import Journal, read_run
from rewardsearch.run.state import RunState
from rewardsearch.session.requests import current_ranking


@pytest.fixture
def state(tmp_path: Path, write_reward) -> RunState:  # type: ignore[no-untyped-def]
    return read_run(make_run(tmp_path / "run", [write_reward("always", "0.5")]))


def test_what_finalize_chose_is_what_is_exported(state: RunState) -> None:
    choice = choose_rewards(state, state.rankings[-1])
    assert choice.source == "ensemble-top3 of run"
    assert [(spec.name, spec.weight) for spec in choice.rewards] == [
        ("always", 1),
        ("worked-steps", 0.5),
        ("level-headed", 0.5),
    ]


def test_before_finalize_it_is_the_best_candidate(state: RunState) -> None:
    state.final = None
    choice = choose_rewards(state, state.rankings[-1])
    assert "worked-steps" in choice.source
    assert [(spec.id, spec.weight) for spec in choice.rewards] == [("base:always", 1), (GOOD.id, 1)]


def test_top_k_weighs_as_an_ensemble(state: RunState) -> None:
    rewards = choose_rewards(state, state.rankings[-1], top=2).rewards
    assert [(spec.id, spec.weight) for spec in rewards[1:]] == [(GOOD.id, 0.5), (LEVEL.id, 0.5)]


def test_any_arm_can_be_exported(state: RunState) -> None:
    assert [spec.name for spec in choose_rewards(state, state.rankings[-1], arm=BASELINE).rewards] == ["always"]
    assert choose_rewards(state, state.rankings[-1], arm=LEVEL.id).rewards[1].weight == 1


def test_the_users_mistakes_are_told(state: RunState) -> None:
    with pytest.raises(UserError, match="2 screened candidates"):
        choose_rewards(state, state.rankings[-1], top=3)
    with pytest.raises(UserError, match="one of them"):
        choose_rewards(state, state.rankings[-1], top=1, arm=BASELINE)
    with pytest.raises(UserError, match="no arm"):
        choose_rewards(state, state.rankings[-1], arm="ensemble-top9")


def test_an_arm_is_exported_with_its_aggregation(state: RunState) -> None:
    assert choose_rewards(state, state.rankings[-1]).aggregation == "sum_then_normalize"
    arm = state.arms["ensemble-top3"].model_copy(update={"aggregation": "normalize_then_sum"})
    state.arms = {"ensemble-normalised": arm}
    choice = choose_rewards(state, state.rankings[-1], arm="ensemble-normalised")
    assert (choice.aggregation, choice.rewards) == ("normalize_then_sum", arm.rewards)


def test_it_is_told_what_the_rewards_read_and_what_policy_they_were_found_for(state: RunState) -> None:
    assert (choose_rewards(state, state.rankings[-1]).columns, choose_rewards(state, state.rankings[-1]).tuned) == (
        (),
        None,
    )
    code = GOOD.code.replace("text in completions", "text in columns['resume']")
    state.candidates = {**state.candidates, GOOD.id: GOOD.model_copy(update={"code": code})}
    task = TaskConfig(name="resume")
    state.config = state.config.model_copy(update={"task": task, "sft": SftConfig(enabled=True)})
    choice = choose_rewards(state, state.rankings[-1], arm=GOOD.id)
    assert (choice.columns, choice.tuned) == (("resume",), str(state.folder / "sft" / "adapter"))
    readme = trl_readme(choice, "m")
    assert "The rewards read the column `resume` as well." in readme and f"`{choice.tuned}`" in readme


def test_a_run_without_a_screened_candidate_says_so(tmp_path: Path, small_config: Config) -> None:
    with Journal.open(tmp_path / "new", small_config, ()):
        pass
    state = read_run(tmp_path / "new")
    with pytest.raises(UserError, match="has no screened candidate to export yet; let the search go on"):
        choose_rewards(state, current_ranking(state))


@pytest.mark.parametrize(("arm", "named"), [(POLICY, "no reward"), ("keyword", "no reward"), (REFUSED.id, "static")])
def test_what_trains_on_no_reward_or_was_rejected_is_no_choice(state: RunState, arm: str, named: str) -> None:
    assert state.final is not None
    rule = FinalRow(id="keyword", kind="rule", status="done")
    state.final = state.final.model_copy(update={"rows": (*state.final.rows, rule)})
    with pytest.raises(UserError, match=named) as raised:
        choose_rewards(state, state.rankings[-1], arm=arm)
    assert len(raised.value.mistakes) == 1


def test_the_verdict_goes_with_the_rewards(state: RunState) -> None:
    choice = choose_rewards(state, state.rankings[-1])
    assert choice.arm == "ensemble-top3" and "0.900" in choice.said[0] and "not established" in choice.said[1].lower()
    docstring = ast.get_docstring(ast.parse(trl_module(choice)))
    assert docstring
    assert "Not established: ensemble-top3 scores F1 +0.050 [-0.010, +0.110]" in " ".join(docstring.split())
    assert "F1 +0.050" in trl_readme(choice, "m")
    level = choose_rewards(state, state.rankings[-1], arm=LEVEL.id)
    assert "not read for these rewards" in level.said[0] and len(level.said) == 1
    state.final = None
    assert "no score" in choose_rewards(state, state.rankings[-1]).said[0]
