"""Rewards of other trainers: the adapted file pays what the original pays when its trainer calls it."""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

from rewardsearch.config import SandboxConfig
from rewardsearch.records import Batch
from rewardsearch.rewards.adapt import CONTRACT, Adapted, NotAdapted, adapt
from rewardsearch.rewards.sandbox import Sandbox, check_static

HERE = Path(__file__).parent
PUBLIC = HERE / "public"
ANSWERS = tuple(str(7 * i - 20) for i in range(20))
REPLIES = (
    "<answer>{a}</answer>",
    "First, 3 + 4 = 7.\nStep 2: so it is {a}",
    "<answer> 12 </answer> or rather <answer>{a} </answer>",
    "It is \\boxed{{{a}}}",
    "<answer>many</answer>",
    "Question 1? No answer.\n- none\n- at all\nFinally, nothing",
    "{a}",
    "I think it is 1,000",
    "",
    "nothing\n#### {a}",
)
TEXTS = tuple(REPLIES[i % len(REPLIES)].format(a=a) for i, a in enumerate(ANSWERS))
BATCH = Batch(
    prompts=tuple(f"Question {i % 3}?" for i in range(20)),
    completions=TEXTS,
    answer=ANSWERS,
    columns={"level": tuple("hard" if i % 4 else "easy" for i in range(20))},
)
COLUMNS = {name: list(values) for name, values in BATCH.columns.items()}
ASKED = [[{"role": "user", "content": prompt}] for prompt in BATCH.prompts]
SAID = [[{"role": "assistant", "content": text}] for text in TEXTS]
Original = SimpleNamespace
Values = list[float]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxConfig(memory_mb=256), bound=1e6) as box:
        yield box


def trl(of: Original, names: Sequence[str], prompts: Any, completions: Any, **columns: Any) -> list[Values]:
    given = [getattr(of, name)(prompts=prompts, completions=completions, **columns, **COLUMNS) for name in names]
    return [[np.nan if value is None else float(value) for value in values] for values in given]


def weighted(parts: list[Values], weights: Sequence[float]) -> Values:
    """As TRL sums rewards: a reward that does not apply is left out of the sum."""
    return list(np.nansum(np.array(parts).T * np.array(weights), axis=1))


def of_trl_script(of: Original) -> Values:
    names = ("correctness_reward_func", "digits_reward_func")
    return weighted(trl(of, names, ASKED, SAID, answer=list(ANSWERS)), (1.0, 0.5))


def of_open_r1(of: Original) -> Values:
    of.steps_reward = of.get_steps_reward()
    return weighted(trl(of, ("accuracy_reward", "steps_reward"), ASKED, SAID, solution=list(ANSWERS)), (1.0, 1.0))


def of_texts(of: Original) -> Values:
    return trl(of, ("reward",), list(BATCH.prompts), list(TEXTS), ground_truth=list(ANSWERS))[0]


def of_verl(of: Original) -> Values:
    infos = [{"index": i, "split": "train", "level": level} for i, level in enumerate(COLUMNS["level"])]
    rows = zip(TEXTS, ANSWERS, infos, strict=True)
    return [of.compute_score("made/up", text, gold, info)["score"] for text, gold, info in rows]


def of_verl_batch(of: Original) -> Values:
    infos = [{"level": level} for level in COLUMNS["level"]]
    return list(of.compute_score_batch(["made/up"] * 20, list(TEXTS), list(ANSWERS), infos))


def of_ms_swift(of: Original) -> Values:
    made = [of.orms[key]() for key in ("boxed", "short")]
    parts = [reward(list(TEXTS), solution=list(ANSWERS), **COLUMNS) for reward in made]
    return list(np.sum(parts, axis=0))


def of_openrlhf(of: Original) -> Values:
    found = []
    for prompt, text, gold in zip(BATCH.prompts, TEXTS, ANSWERS, strict=True):
        found += list(of.reward_func([prompt + text], [prompt], [gold])["rewards"])
    return [float(value) for value in found]


def of_verifiers(of: Original) -> Values:
    of.load_environment()
    rubric = of.vf.Rubric.call_args.kwargs
    totals = []
    for asked, said, gold in zip(ASKED, SAID, ANSWERS, strict=True):
        state = {"prompt": asked, "completion": said, "answer": gold, "info": {}, "task": "default"}
        everything = {**state, "state": state}
        total = 0.0
        for function, weight in zip(rubric["funcs"], rubric["weights"], strict=True):
            takes = inspect.signature(function).parameters
            value = function(**{name: given for name, given in everything.items() if name in takes})
            total += weight * (asyncio.run(value) if inspect.isawaitable(value) else value)
        totals.append(total)
    return totals


EXAMPLES: dict[str, tuple[str, Callable[[Original], Values]]] = {
    "trl_script": ("trl", of_trl_script),
    "open_r1": ("trl", of_open_r1),
    "texts": ("trl", of_texts),
    "verl_score": ("verl", of_verl),
    "verl_batch": ("verl-batch", of_verl_batch),
    "ms_swift": ("ms-swift", of_ms_swift),
    "openrlhf": ("openrlhf", of_openrlhf),
    "verifiers_env": ("verifiers", of_verifiers),
}


@pytest.fixture
def trainers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for what the originals import: nothing here needs more of a trainer than its names."""
    for name in ("datasets", "trl", "verifiers"):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    torch = ModuleType("torch")
    torch.float32, torch.tensor = np.float32, lambda values, dtype: np.array(values, dtype)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    swift = ModuleType("swift.plugin")
    swift.ORM = type("ORM", (), {"__init__": lambda self, args=None, **kwargs: None})  # type: ignore[attr-defined]
    swift.orms = {}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "swift", ModuleType("swift"))
    monkeypatch.setitem(sys.modules, "swift.plugin", swift)
    monkeypatch.delitem(os.environ, "DEBUG", raising=False)


def adapted(code: str, *functions: str) -> Adapted:
    found = adapt(code, functions)
    assert isinstance(found, Adapted), found
    return found


def refused(code: str, *functions: str) -> NotAdapted:
    found = adapt(code, functions)
    assert isinstance(found, NotAdapted), found
    return found


def test_each_example_has_its_row() -> None:
    assert {path.stem for path in PUBLIC.glob("*.py")} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.usefixtures("trainers")
def test_the_adapted_reward_pays_what_the_original_pays(sandbox: Sandbox, name: str) -> None:
    trainer, call = EXAMPLES[name]
    code = (PUBLIC / f"{name}.py").read_text(encoding="utf-8")
    found = adapted(code)
    assert found.convention.key == trainer
    assert adapted(found.code).code == found.code
    namespace: dict[str, Any] = {"__name__": name}
    exec(compile(code, name, "exec"), namespace)
    expected = call(SimpleNamespace(**namespace))
    assert len(set(expected)) > 2
    assert list(sandbox.call(found.code, BATCH).rewards) == pytest.approx(expected, abs=1e-12)


def test_what_a_file_trains_with_become_named_components(sandbox: Sandbox) -> None:
    code = (PUBLIC / "trl_script.py").read_text(encoding="utf-8")
    found = adapted(code)
    parts = sandbox.call(found.code, BATCH).components
    assert set(parts) == set(found.functions) == {"correctness_reward_func", "digits_reward_func"}
    # The file's weight counts, and None pays nothing.
    assert set(parts["digits_reward_func"]) == {0.125, -0.5, 0.0}
    alone = adapted(code, "unused_reward_func")
    assert sandbox.call(alone.code, BATCH).rewards == (1.0,) * 20
    assert "correctness" not in alone.code


def test_columns_of_the_task_are_part_of_the_contract() -> None:
    for takes, reads in (("level, ", "level"), ("", "columns['level']"), ("label=None, ", "columns['target']")):
        code = f"def reward(prompts, completions, answer, {takes}**columns):\n    return [float(a in {reads}) for a in answer]"
        assert adapted(code).code == code
    code = (
        "def reward(prompts, completions, answer, completion_ids, **kw):\n    return [len(i) for i in completion_ids]\n"
    )
    assert refused(code).faults[0].line == 2


def test_a_file_in_the_contract_loses_what_it_does_not_need() -> None:
    code = "import torch\n\n\ndef reward(prompts, completions, answer, **columns):\n    return [1.0 for _ in answer]\n"
    found = adapted(code)
    assert found.convention is CONTRACT and "torch" not in found.code and found.code.count("def ") == 1
    long = code.replace("import torch\n", "import torch\nprint(torch.ones(3))\n" * 900)
    assert adapted(long).code == found.code


def test_what_is_left_out_is_reported_with_its_lines() -> None:
    code = "import trl\n\nN = {}\n\n\ndef fill(n):\n    n['x'] = 2.0\n\n\nfill(N)\nmodel = trl.load()\n" + TRL
    code += "    return [N['x'] for c in completions]\n\n\ntrl.GRPOTrainer(\n    model,\n"
    code += "    reward_funcs=[score, imported_reward, 'a/model'],\n)\n"
    found = adapted(code)
    assert "fill(N)" in found.code and "model" not in found.code
    assert any("lines 1, 11, 16-19" in note for note in found.notes), found.notes
    assert any("imported_reward, 'a/model'" in note for note in found.notes)


def test_a_reward_of_openrlhf_that_looks_for_special_tokens_is_reported() -> None:
    body = "    return [float(len(q.split({})[-1])) for q in queries]\n"
    for marker, reported in (("'<|im_end|>'", True), ("'\\n'", False)):
        found = adapted("def reward_func(queries, prompts, labels):\n" + body.format(marker))
        assert any("line 2" in note for note in found.notes) == reported


def test_the_users_functions_stay_as_they_are() -> None:
    code = (PUBLIC / "open_r1.py").read_text(encoding="utf-8")
    assert adapted(code).code.startswith(code.rstrip())


def test_a_file_in_the_contract_needs_no_change() -> None:
    for file in (HERE / "ordinary").glob("*.py"):
        code = file.read_text(encoding="utf-8")
        found = adapted(code)
        assert found.convention is CONTRACT, file
        assert found.code == code.rstrip("\n"), file


TRL = "def score(completions, answer, **kwargs):\n"
PAY = "    return [float(a in c) for c, a in zip(completions, answer)]\n"


def test_columns_and_the_gold_answer_go_by_the_names_that_the_file_uses(sandbox: Sandbox) -> None:
    code = "def score(completions, level, **kwargs):\n    return [float(x == 'hard') for x in level]\n"
    assert sum(sandbox.call(adapted(code).code, BATCH).rewards) == 15.0
    for takes, reads in (("solution, ", "solution"), ("", "kwargs['label']"), ("*, targets, ", "targets")):
        code = f"def score(completions, {takes}**kwargs):\n    return [float(x) for x in {reads}]\n"
        assert sandbox.call(adapted(code).code, BATCH).rewards == tuple(map(float, ANSWERS))
    for takes in ("answer=None", "solution=(), level=None"):
        name, total = takes.split("=")[0], "x" if "level" not in takes else "x) * len(level"
        code = f"def score(completions, {takes}):\n    return [float({total}) for x in {name}]\n"
        scale = 20 if "level" in takes else 1
        assert sandbox.call(adapted(code).code, BATCH).rewards == tuple(scale * float(a) for a in ANSWERS)
    # With `answer`, another of these names is a column.
    code = (
        "def score(completions, answer, label, **kwargs):\n    return [float(a in x) for a, x in zip(answer, label)]\n"
    )
    found = adapted(code)
    assert any("label" in note for note in found.notes)
    wide = BATCH.model_copy(update={"columns": {"label": ("-20",) * 20}})
    assert sum(sandbox.call(found.code, wide).rewards) == ANSWERS.count("-20") + ANSWERS.count("0") + ANSWERS.count(
        "20"
    )


def test_a_class_that_is_called_is_a_reward_of_trl_unless_it_is_an_orm(sandbox: Sandbox) -> None:
    body = "    def __init__(self, scale=2.0):\n        self.scale = scale\n\n"
    body += "    def __call__(self, prompts, completions, **kwargs):\n        return [self.scale] * len(completions)\n"
    for base, trainer in (("", "trl"), ("(base.ORM)", "ms-swift")):
        found = adapted(f"import base\n\n\nclass Scaled{base}:\n{body}" if base else f"class Scaled:\n{body}")
        assert found.convention.key == trainer
        assert sandbox.call(found.code, BATCH).rewards == (2.0,) * 20


def test_a_reward_that_takes_texts_too_gets_texts() -> None:
    code = "def score(completions, **kwargs):\n    texts = [{} for c in completions]\n    return [float(len(t)) for t in texts]\n"
    for text in ("c if isinstance(c, str) else c[0]['content']", "c"):
        assert "role" not in adapted(code.format(text)).code
    for text in (
        "c[0]['content'] if isinstance(kwargs, str) else c[0]['content']",
        "c[-1].get('content')",
        "' '.join(m['content'] for m in c)",
    ):
        assert "role" in adapted(code.format(text)).code


@pytest.mark.parametrize(
    ("body", "left_out"),
    [
        ("    print(completions[0])\n", "print"),
        ("    if len(completions) > 3:\n        print(1)\n    else:\n        print(2)\n", "print"),
        ("    for c in completions:\n        print(c)\n", "print"),
        ("    import random\n    if random.random() < 0.1:\n        print(answer)\n", "random.random"),
        ("    with open('log', 'a') as f:\n        f.write(answer[0])\n", "open("),
        ("    path = os.environ['LOG']\n    if path:\n        logger.info(path)\n", "os.environ"),
        ("    try:\n        logger.warning('x')\n    except ValueError:\n        pass\n", "logger"),
        ("    if completions:\n        pass\n    elif answer:\n        print(3)\n", "print"),
    ],
)
def test_prints_and_logs_are_left_out(sandbox: Sandbox, body: str, left_out: str) -> None:
    head = "import logging\nimport os\nlogger = logging.getLogger('x')\n"
    found = adapted(head + TRL + body + PAY)
    assert left_out not in found.code
    assert sandbox.call(found.code, BATCH).rewards[0] == 1.0
    assert any("prints" in note for note in found.notes)


@pytest.mark.parametrize(
    "body",
    [
        "    xs = list(completions)\n    print(xs.pop())\n    return [float(len(xs)) for _ in completions]\n",
        "    print(n := len(completions))\n    return [float(n)] * n\n",
    ],
)
def test_a_print_that_changes_something_stays(body: str) -> None:
    assert "print(" in adapted(TRL + body).code


REFUSED = {
    "import torch\n" + TRL + "    return torch.ones(3)\n": (3, "torch", "lists"),
    "import re\nfrom math_verify import parse\n\n\n" + TRL + "    return [parse(a) for a in answer]\n": (
        *(6, "math_verify", "Fraction"),
    ),
    TRL + "    from openai import OpenAI\n    return [OpenAI(c) for c in completions]\n": (3, "openai", "model"),
    TRL + "    return [float(open(c).read()) for c in completions]\n": (2, "open", "arguments"),
    "import random\n" + TRL + "    return [random.random() for c in completions]\n": (3, "random", "random"),
    "def score(completions, completion_ids, **kwargs):\n    return [len(i) for i in completion_ids]\n": (
        *(2, "completion_ids", "words"),
    ),
    "def score(completions, **kwargs):\n    step = kwargs['trainer_state']\n    return [step]\n": (
        *(2, "trainer_state", "state"),
    ),
    "from datasets import load_dataset\nprint(1)\n\n" + TRL + "    return [eval(c) for c in completions]\n": (
        *(5, "eval", "text"),
    ),
    "async def score(completion, answer):\n    await judge(completion)\n    return 1.0\n": (1, "async", "function"),
    "def score(completion, answer, parser):\n    x = 1\n    return parser.parse(completion)\n": (3, "parser", "re"),
    "from .utils import same\n" + TRL + "    return [same(c) for c in completions]\n": (1, "relative", "file"),
    "class A(ORM):\n    def __init__(self, path):\n        self.path = path\n\n"
    "    def __call__(self, completions, **kwargs):\n        return [1.0] * len(completions)\n": (2, "`A`", "default"),
    "def compute_score_a(solution_str, ground_truth):\n    return 1.0\n\n\n"
    "def compute_score_b(solution_str, ground_truth):\n    return 2.0\n": (5, "verl", "--function"),
    "def compute_score(solution_str, ground_truth):\n    golds = ground_truth['target']\n    return solution_str in golds\n": (
        *(2, "ground_truth", "json"),
    ),
    "def make(n):\n    x = 1\n\n    def score(completions, **kwargs):\n        return [n for _ in completions]\n\n"
    "    return score\n": (*(4, "`score`", "defaults"),),
    "def score(completion, state):\n    x = state['answer']\n    return float(state.get('turn', 0))\n": (
        *(3, "turn", "completion"),
    ),
    "import torch\n\n\ndef reward_func(queries, prompts, labels):\n"
    "    r = torch.tensor([1.0])\n    return {'rewards': r * 2}\n": (5, "torch", "lists"),
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_adapted_is_refused_with_its_line_and_a_remedy(code: str) -> None:
    line, what, instead = REFUSED[code]
    fault = refused(code).faults[0]
    assert (fault.line, what in fault.what, instead in fault.instead) == (line, True, True), fault


def test_rewards_that_need_no_change_are_named_beside_those_that_do() -> None:
    code = "import numpy as np\n" + TRL + "    return list(np.ones(3))\n\n\ndef short(completions, **kwargs):\n"
    code += "    return [float(len(c) < 9) for c in completions]\n"
    assert refused(code).possible == ("short",)
    assert "numpy" not in adapted(code, "short").code
    assert "score, short" in refused(code, "shirt").faults[0].instead


ODD = {
    "empty": "",
    "no function": "x = 1\n",
    "no reward": "def f(a, b):\n    return a\n",
    "not Python": "def reward(:\n",
    "a megabyte": "# x\n" * 250_000,
    "brackets": "x = " + "(" * 5_000 + ")" * 5_000 + "\n",
    "operators": "x = " + "not " * 50_000 + "1\n",
    "blocks": "".join(" " * i + "if x:\n" for i in range(90)) + " " * 90 + "pass\n",
    "additions": TRL + "    return " + " + ".join(["1"] * 3_000) + "\n",
    "a null character": "x = '\0'\n",
    "a lone surrogate": "x = '\udc80'\n",
    "many functions": "".join(f"def f{i}(completions, **kwargs):\n    return g{i}\n" for i in range(800)),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_ends_in_one_line(name: str) -> None:
    found = refused(ODD[name])
    assert len(found.faults) == 1 and len(str(found.faults[0]).splitlines()) == 1


def test_what_is_adapted_passes_the_static_policy() -> None:
    files = [file for folder in ("hostile", "attacks") for file in (HERE.parent / folder).glob("*.py")]
    assert len(files) > 120
    for file in files:
        found = adapt(file.read_text(encoding="utf-8", errors="replace"))
        if isinstance(found, Adapted):
            assert check_static(found.code) is None, file
        else:
            assert found.faults, file
