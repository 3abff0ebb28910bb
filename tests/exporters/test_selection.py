import ast
from pathlib import Path

import pytest
from fakes import GOOD, LEVEL, REFUSED, make_run

from rewardsearch.config import Config, SftConfig, TaskConfig
from rewardsearch.errors import UserError
from rewardsearch.exporters import load_exporter, select_rewards
from rewardsearch.records import BASELINE, POLICY, FinalRow
from rewardsearch.run.journal import Journal, read_run
from rewardsearch.run.state import RunState
from rewardsearch.session.requests import current_ranking

ALWAYS = "def reward(prompts, completions, answer, **columns):\n    return [0.5 for c in completions]\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("selection")
    (place / "always.py").write_text(ALWAYS, encoding="utf-8")
    return make_run(place / "run", [place / "always.py"])


@pytest.fixture
def state(folder: Path) -> RunState:
    return read_run(folder)


def test_what_finalize_chose_is_what_is_exported(state: RunState) -> None:
    selection = select_rewards(state, state.rankings[-1])
    assert selection.source == "ensemble-top3 of run"
    assert [(spec.name, spec.weight) for spec in selection.rewards] == [
        ("always", 1),
        ("worked-steps", 0.5),
        ("level-headed", 0.5),
    ]


def test_before_finalize_it_is_the_best_candidate(state: RunState) -> None:
    state.final = None
    selection = select_rewards(state, state.rankings[-1])
    assert "worked-steps" in selection.source
    assert [(spec.id, spec.weight) for spec in selection.rewards] == [("base:always", 1), (GOOD.id, 1)]


def test_top_k_weighs_as_an_ensemble(state: RunState) -> None:
    rewards = select_rewards(state, state.rankings[-1], top=2).rewards
    assert [(spec.id, spec.weight) for spec in rewards[1:]] == [(GOOD.id, 0.5), (LEVEL.id, 0.5)]


def test_any_arm_can_be_exported(state: RunState) -> None:
    assert [spec.name for spec in select_rewards(state, state.rankings[-1], arm=BASELINE).rewards] == ["always"]
    assert select_rewards(state, state.rankings[-1], arm=LEVEL.id).rewards[1].weight == 1


def test_mistakes_are_user_errors(state: RunState) -> None:
    with pytest.raises(UserError, match=r"--top: got 3, .* 2 "):
        select_rewards(state, state.rankings[-1], top=3)
    with pytest.raises(UserError, match="--top and --ensemble"):
        select_rewards(state, state.rankings[-1], top=1, arm=BASELINE)
    with pytest.raises(UserError, match="ensemble-top9"):
        select_rewards(state, state.rankings[-1], arm="ensemble-top9")


def test_an_arm_is_exported_with_its_aggregation(state: RunState) -> None:
    assert select_rewards(state, state.rankings[-1]).aggregation == "sum_then_normalize"
    arm = state.arms["ensemble-top3"].model_copy(update={"aggregation": "normalize_then_sum"})
    state.arms = {"ensemble-normalised": arm}
    selection = select_rewards(state, state.rankings[-1], arm="ensemble-normalised")
    assert (selection.aggregation, selection.rewards) == ("normalize_then_sum", arm.rewards)


def test_columns_and_the_fine_tuned_policy_go_with_the_rewards(state: RunState) -> None:
    assert select_rewards(state, state.rankings[-1]).columns == ()
    assert select_rewards(state, state.rankings[-1]).sft_adapter is None
    code = GOOD.code.replace("text in completions", "text in columns['resume']")
    state.candidates = {**state.candidates, GOOD.id: GOOD.model_copy(update={"code": code})}
    task = TaskConfig(name="resume")
    state.config = state.config.model_copy(update={"task": task, "sft": SftConfig(enabled=True)})
    selection = select_rewards(state, state.rankings[-1], arm=GOOD.id)
    assert (selection.columns, selection.sft_adapter) == (("resume",), "run/sft/adapter")
    readme = load_exporter("trl").files(selection)["README.md"]
    assert "`resume`" in readme and f"`{selection.sft_adapter}`" in readme


def test_a_run_without_a_screened_candidate_says_so(tmp_path: Path, small_config: Config) -> None:
    with Journal.open(tmp_path / "new", small_config, ()):
        pass
    state = read_run(tmp_path / "new")
    with pytest.raises(UserError, match="--ensemble"):
        select_rewards(state, current_ranking(state))


@pytest.mark.parametrize(("arm", "named"), [(POLICY, "no reward"), ("keyword", "no reward"), (REFUSED.id, "static")])
def test_what_trains_on_no_reward_or_was_rejected_cannot_be_selected(state: RunState, arm: str, named: str) -> None:
    assert state.final is not None
    rule = FinalRow(id="keyword", kind="heuristic", status="done")
    state.final = state.final.model_copy(update={"rows": (*state.final.rows, rule)})
    with pytest.raises(UserError, match=named) as raised:
        select_rewards(state, state.rankings[-1], arm=arm)
    assert len(raised.value.mistakes) == 1


def test_the_verdict_goes_with_the_rewards(state: RunState) -> None:
    selection = select_rewards(state, state.rankings[-1])
    assert (
        selection.arm == "ensemble-top3"
        and "0.900" in selection.test_findings[0]
        and "not established" in selection.test_findings[1].lower()
    )
    files = load_exporter("trl").files(selection)
    docstring = ast.get_docstring(ast.parse(files["rewardsearch_reward.py"]))
    assert docstring
    assert "Not established: ensemble-top3 scores F1 +0.050 [-0.010, +0.110]" in " ".join(docstring.split())
    assert "F1 +0.050" in files["README.md"]
    level = select_rewards(state, state.rankings[-1], arm=LEVEL.id)
    assert "not read" in level.test_findings[0] and len(level.test_findings) == 1
    state.final = None
    assert "no score" in select_rewards(state, state.rankings[-1]).test_findings[0]
