"""Every target pays what the search paid, refuses what its trainer cannot take, and brings tests that pass where it lands."""

from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
from pathlib import Path

import pytest
from callers import CALLERS, LOADERS, Sample
from fakes import make_run
from searched_rewards import SIZE, ensemble

from rewardsearch.errors import UserError
from rewardsearch.exporters import EXPORTERS, ExportSelection, export, select_rewards
from rewardsearch.records import Batch, RewardSpec
from rewardsearch.rewards.sandbox import Sandbox
from rewardsearch.run.journal import read_run

WHOLE_BATCHES = {"trl", "ms-swift", "easyr1"}
NORMALISES_EACH = {"trl", "verl", "ms-swift"}
HEAD = "def reward(prompts, completions, answer, **columns):\n"
RELATIVE = """
BATCH_DEPENDENT = True

def reward(prompts, completions, answer, **columns):
    longest = max(map(len, completions))
    return [len(c) / longest if longest else 0.0 for c in completions]
"""


@pytest.mark.parametrize("to", EXPORTERS)
def test_an_export_pays_what_the_search_paid(tmp_path: Path, rows: Batch, paid: list[float], to: str) -> None:
    selection = ExportSelection(source="demo", rewards=ensemble(), numeric=True, columns=tuple(rows.columns))
    module = LOADERS[to](export(to, selection, tmp_path)[0])
    given = CALLERS[to](module, rows)
    assert len(given) == SIZE and len({round(value, 6) for value in paid}) > 50
    assert max(abs(a - b) for a, b in zip(given, paid, strict=True)) <= 1e-9


def test_every_module_imports_with_the_standard_library_alone(tmp_path: Path) -> None:
    selection = ExportSelection(source="demo", rewards=ensemble(), columns=("question",))
    paths = [export(to, selection, tmp_path / to)[0] for to in EXPORTERS]
    code = "import runpy, sys\nfor path in sys.argv[1:]:\n    runpy.run_path(path)\n"
    subprocess.run([sys.executable, "-I", "-S", "-c", code, *paths], check=True)


@pytest.mark.parametrize("to", EXPORTERS)
def test_a_batch_dependent_reward_goes_to_trainers_that_pass_batches(
    tmp_path: Path, rows: Batch, sandbox: Sandbox, to: str
) -> None:
    selection = ExportSelection(source="demo", rewards=(RewardSpec(id="r1", name="relative", code=RELATIVE),))
    if to not in WHOLE_BATCHES:
        with pytest.raises(UserError, match=r"relative .* BATCH_DEPENDENT"):
            export(to, selection, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        return
    module = LOADERS[to](export(to, selection, tmp_path)[0])
    assert CALLERS[to](module, rows) == pytest.approx(sandbox.call(RELATIVE, rows).rewards, abs=1e-9)


@pytest.mark.parametrize("to", EXPORTERS)
def test_rewards_that_are_normalised_one_by_one_go_to_trainers_that_do_this(tmp_path: Path, to: str) -> None:
    selection = ExportSelection(
        source="demo", rewards=ensemble(), aggregation="normalize_then_sum", columns=("question",)
    )
    if to not in NORMALISES_EACH:
        with pytest.raises(UserError, match="normalised"):
            export(to, selection, tmp_path)
        return
    readme = export(to, selection, tmp_path)[1].read_text()
    assert {"trl": "normalize_then_sum", "verl": "gdpo_reward_weights=[1.0", "ms-swift": "--scale_rewards gdpo"}[
        to
    ] in readme


@pytest.mark.parametrize("to", EXPORTERS)
def test_the_tests_that_go_with_an_export_pass_and_fail_with_another_reward(tmp_path: Path, to: str) -> None:
    (tmp_path / "base.py").write_text(
        '"""Right answers."""\n\n\ndef reward(prompts, completions, answer, **columns):\n'
        '    return {"right": [float(a in c) for c, a in zip(completions, answer)]}\n'
    )
    state = read_run(make_run(tmp_path / "run", [tmp_path / "base.py"]))
    selection = select_rewards(state, state.rankings[-1])
    assert len(selection.examples) > 4 and selection.components[selection.rewards[0].id] == ("right",)
    module, _, tests = export(to, selection, tmp_path / "out")
    assert run_tests(tests) == 3
    module.write_text(module.read_text().replace("float(a in c)", "float(a in c) + 0.1"))
    with pytest.raises(AssertionError):
        run_tests(tests)


def run_tests(path: Path) -> int:
    """Calls the tests of a file, and gives their number."""
    spec = importlib.util.spec_from_file_location("landed", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    for test in tests:
        test()
    return len(tests)


def test_components_have_names_in_the_trainers_logs(tmp_path: Path, rows: Batch) -> None:
    spec = ensemble()[-1]
    selection = ExportSelection(
        source="demo", rewards=(spec,), columns=tuple(rows.columns), components={"all": ("asked", "overlap")}
    )
    logged: dict[str, float] = {}
    module = LOADERS["trl"](export("trl", selection, tmp_path / "trl")[0])
    columns = {name: list(values) for name, values in rows.columns.items()}
    module.trl_reward(
        prompts=list(rows.prompts),
        completions=list(rows.completions),
        answer=list(rows.answer),
        log_metric=logged.__setitem__,
        **columns,
    )
    assert set(logged) == {"rewards/reads_all/asked/mean", "rewards/reads_all/overlap/mean"}
    score = LOADERS["verl"](export("verl", selection, tmp_path / "verl")[0]).compute_score
    found = score("demo", "How many", "7", {"prompt": "How many ?", "question": "many"})
    assert found == {"score": 2.25, "reads_all": 2.25, "reads_all/asked": 0.25, "reads_all/overlap": 2.0}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e39])
def test_a_value_that_a_trainer_cannot_hold_is_not_paid(tmp_path: Path, value: float) -> None:
    code = f"{HEAD}    return [float('{value}') if c else 1.0 for c in completions]\n"
    selection = ExportSelection(source="demo", rewards=(RewardSpec(id="x", name="x", code=code),))
    module = LOADERS["trl"](export("trl", selection, tmp_path)[0])
    assert module.trl_reward(completions=["c", ""], answer=["1", "1"]) == [0.0, 1.0]


@pytest.mark.parametrize(
    ("to", "missing"),
    [*((to, "question") for to in ("verl", "easyr1", "slime", "openrlhf")), ("verl", "prompt"), ("easyr1", "prompt")],
)
def test_a_column_that_a_reward_reads_and_the_data_lack_is_an_error(tmp_path: Path, to: str, missing: str) -> None:
    selection = ExportSelection(source="demo", rewards=ensemble()[-1:], columns=("question",))
    module = LOADERS[to](export(to, selection, tmp_path)[0])
    row = {"prompt": "Why?", "question": "Why?"}
    del row[missing]
    label, sample = {"answer": "7", **row}, Sample("p", "c", "7", row)
    calls = {
        "verl": lambda: module.compute_score("demo", "c", "7", row),
        "easyr1": lambda: module.compute_score([{"response": "c", "ground_truth": label}]),
        "slime": lambda: module.scores_of(sample),
        "openrlhf": lambda: module.reward_func(["pc"], ["p"], [label]),
    }
    with pytest.raises(KeyError, match=missing):
        calls[to]()


def test_openrlhf_finds_the_completion_after_a_prompt_that_was_cut(tmp_path: Path) -> None:
    right = f"{HEAD}    return [float(c == a) for c, a in zip(completions, answer)]\n"
    selection = ExportSelection(source="demo", rewards=(RewardSpec(id="x", name="x", code=right),))
    module = LOADERS["openrlhf"](export("openrlhf", selection, tmp_path)[0])
    prompt = "<|im_start|>user\nHow many apples are there in all?<|im_end|>\n<|im_start|>assistant\n"
    for query in (prompt + "7", prompt + "7<|im_end|>", prompt[20:] + "7</s><pad><pad>"):
        assert module.reward_func([query], [prompt], ['{"answer": "7"}'])["rewards"] == 1.0
