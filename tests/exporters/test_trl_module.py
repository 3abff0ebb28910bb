import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from rewardsearch.exporters import ExportSelection
from rewardsearch.exporters import export as write
from rewardsearch.records import RewardSpec

RIGHT = '''
"""Whether the gold is in it."""
SCALE = 2.0

def reward(prompts, completions, answer, **columns):
    return [SCALE * float(a in c) for c, a in zip(completions, answer)]
'''
PARTS = """
SCALE = 10

def reward(prompts, completions, answer, **columns):
    return {
        "length": [len(c) / SCALE for c in completions],
        "asked": [float(p in q) for p, q in zip(prompts, columns["question"])],
    }
"""
REWARDS = (
    RewardSpec(id="base:right", name="right", code=RIGHT),
    RewardSpec(id="a1", name="Two parts!", code=PARTS, weight=0.5),
    RewardSpec(id="b2", name="Two parts!", code=RIGHT, weight=0.5),
    RewardSpec(id="c3", name="sum", code=RIGHT, weight=0.25),
)
# What GRPOTrainer of TRL 1.16 passes: prompts, completions, ids, columns, and three things of its own.
CALL = {
    "prompts": ["How many?", "Why?"],
    "completions": ["it is 7", "it is 8"],
    "completion_ids": [[1, 2], [3]],
    "answer": ["7", "7"],
    "question": ["How many?", "What?"],
    "trainer_state": object(),
    "log_extra": print,
    "log_metric": print,
}


def export(to: str, rewards: Sequence[RewardSpec], folder: Path, *, source: str) -> tuple[Path, ...]:
    selection = ExportSelection(source=source, rewards=tuple(rewards), columns=("question",))
    return write(to, selection, folder)


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("rewardsearch_reward", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    return load(export("trl", REWARDS, tmp_path, source="ensemble-top3 of demo")[0])


def test_names_are_distinct_and_shadow_nothing(module: ModuleType) -> None:
    assert [function.__name__ for function in module.REWARD_FUNCS] == [
        "right",
        "two_parts",
        "two_parts_2",
        "reward_sum",
    ]
    assert module.REWARD_WEIGHTS == [1.0, 0.5, 0.5, 0.25]


def test_each_reward_sees_its_own_names_alone(module: ModuleType) -> None:
    assert module.right(**CALL) == [2.0, 0.0]
    assert module.two_parts(**CALL) == [0.7 + 1.0, 0.7]


def test_trl_reward_is_the_weighted_sum(module: ModuleType) -> None:
    assert module.trl_reward(**CALL) == pytest.approx([2 + 0.5 * 1.7 + 0.5 * 2 + 0.25 * 2, 0.5 * 0.7])


def test_chat_messages_count_by_their_last_content(module: ModuleType) -> None:
    chat = {
        **CALL,
        "prompts": [
            [{"role": "system", "content": "s"}, {"role": "user", "content": text}] for text in CALL["prompts"]
        ],  # type: ignore[attr-defined]
        "completions": [[{"role": "assistant", "content": text}] for text in CALL["completions"]],  # type: ignore[attr-defined]
    }
    assert module.trl_reward(**chat) == module.trl_reward(**CALL)
    parts = [
        [{"role": "assistant", "content": [{"type": "text", "text": "it is 7"}]}],
        [{"role": "assistant", "content": None}],
    ]
    assert module.right(**{**CALL, "completions": parts}) == [2.0, 0.0]


def test_prompts_may_be_left_out_and_numbers_are_texts(module: ModuleType) -> None:
    assert module.right(completions=["it is 7"], answer=[7]) == [2.0]


def test_the_gold_column_can_be_another(tmp_path: Path) -> None:
    path = export("trl", REWARDS, tmp_path, source="demo")[0]
    path.write_text(path.read_text().replace('GOLD_COLUMN = "answer"', 'GOLD_COLUMN = "solution"'))
    assert load(path).right(completions=["it is 7"], solution=["7"], answer=["8"]) == [2.0]


def test_a_missing_gold_column_is_an_error(module: ModuleType) -> None:
    with pytest.raises(KeyError, match="no column 'answer'"):
        module.right(prompts=["p"], completions=["c"])


def test_names_that_a_proposer_chose_stay_words(tmp_path: Path) -> None:
    sly = RewardSpec(id='"""', name='x"""\nimport os', code=RIGHT)
    module = load(export("trl", [sly], tmp_path, source='a """ run')[0])
    assert not hasattr(module, "os")


def test_names_of_the_module_itself_are_not_taken(tmp_path: Path) -> None:
    names = ("text", "score", "make_right", "right", "trl_reward", "class", "3d", "é", "REWARD_FUNCS")
    specs = [RewardSpec(id=f"i{i}", name=name, code=RIGHT) for i, name in enumerate(names)]
    module = load(export("trl", specs, tmp_path, source="demo")[0])
    assert len({function.__name__ for function in module.REWARD_FUNCS}) == len(names)
    assert module.trl_reward(**CALL) == [2.0 * len(names), 0.0]


def test_the_readme_shows_a_script_that_parses(tmp_path: Path) -> None:
    _, readme, _ = export("trl", REWARDS, tmp_path, source="ensemble-top3 of demo")
    text = readme.read_text()
    script = text.split("```python\n")[1].split("```")[0]
    compile(script, "script", "exec")
    assert "reward_funcs=REWARD_FUNCS" in script and "reward_weights=REWARD_WEIGHTS" in script
    assert "| `two_parts` | Two parts (a1) | 0.5 |" in text


def test_rewards_that_are_normalised_one_by_one_say_so_and_have_no_sum(tmp_path: Path) -> None:
    selection = ExportSelection(source="ensemble-normalised of demo", rewards=REWARDS, aggregation="normalize_then_sum")
    path, readme, _ = write("trl", selection, tmp_path)
    module = load(path)
    assert len(module.REWARD_FUNCS) == 4 and not hasattr(module, "trl_reward")
    for text in (path.read_text(), readme.read_text()):
        assert 'reward_weights=REWARD_WEIGHTS, multi_objective_aggregation="normalize_then_sum"' in text
        assert "trl_reward" not in text
    assert (
        "--reward_funcs rewardsearch_reward.right rewardsearch_reward.two_parts rewardsearch_reward.two_parts_2 "
        "rewardsearch_reward.reward_sum --reward_weights 1.0 0.5 0.5 0.25 "
        "--multi_objective_aggregation normalize_then_sum"
    ) in readme.read_text()
