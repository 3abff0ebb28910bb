"""The static policy: what it refuses, with the line and the remedy, and what it must let pass."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rewardsearch.files.resources import PACKAGE
from rewardsearch.rewards.sandbox import batch_dependent, check_static
from rewardsearch.rewards.sandbox.static.allowed import MODULES

ORDINARY = sorted((Path(__file__).parent / "ordinary").glob("*.py"))
HEAD = "def reward(prompts, completions, answer, **columns):\n"
PLAIN = HEAD + "    return [0.0] * len(completions)\n"


def body(line: str) -> str:
    return f"{HEAD}    {line}\n    return [0.0] * len(completions)\n"


@pytest.mark.parametrize("file", ORDINARY, ids=lambda file: file.stem)
def test_ordinary_rewards_pass(file: Path) -> None:
    assert check_static(file.read_text(encoding="utf-8")) is None


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "from json import codecs",
        "import json.tool",
        "from . import x",
        "from re import *",
        "import math; math.isfinite = len",
        "import statistics; statistics.sys",
        "import statistics as s; s.sys",
        "x = open('f')",
        "x = eval",
        "x = getattr(answer, 'x')",
        "x = hash('a')",
        "x = ().__class__",
        "x = answer._private",
        "x = (y for y in ()).gi_frame",
        "x = type('X', (), {})",
        "x = '{0.__class__}'.format(1)",
        "x = '{0[0]}'.format(answer)",
        "x = '{:{0.real}}'.format(1)",
        "x = prompts[0].format(1)",
        "x = str.format",
        "x = '{a}'.format_map({})",
        "x = f'{answer.__class__}'",
        "match answer:\n        case list(__class__=x):\n            pass",
        "match answer:\n        case list(gi_frame=x):\n            pass",
        "x = answer._convert_",
        "import re; m = re; m.enum",
        "import statistics; f = lambda statistics: 0; statistics.sys",
        "f = lambda eval: 0; x = eval('1')",
        "import collections.abc; collections.abc.sys",
        "def f(super): return super().__init__",
        "x = 1\n\ndef open(): pass",
        "x = 1\n\ntry:\n    pass\nexcept ValueError as vars:\n    pass",
        "class A:\n        if x: eval = 1\n        del eval",
        "x = [(lambda: (statistics := 1)) for y in answer]; import statistics; statistics.sys",
        "import statistics\n    class A:\n        if answer: statistics = 1\n        x = statistics.sys",
        "x = 1\n    def f():\n        nonlocal x\n        import statistics as x",
        "class A:\n        import statistics",
        "T = type; x = T('X', (), {})",
        "x = list(map(type, answer))",
        "import json; json.JSONDecoder.decode = len",
        "import typing; typing.Counter[0] = 1",
        "from collections.abc import Sized; Sized.register(int)",
        "class A:\n        gi_frame = 1",
        "class M(type): pass",
        "from collections import Counter; Counter.most_common = None",
        "class H:\n        __match_args__ = ('__dict__',)",
        "class H:\n        __slots__ = ('__dict__',)",
        "LATER[0] += 1\n\nLATER = [0]",
        "later.n = 1\n\ndef later():\n    pass",
        "LATER.append(1)\n\nLATER = []",
        "from decimal import getcontext; getcontext().prec += 1",
        "box().append(1)\n\nimport functools\n@functools.lru_cache(None)\ndef box():\n    return []",
        "box()[0] += 1\n\nfrom functools import cache\n@cache\ndef box():\n    return [0]",
        "x = next(LATER[0])\n\nLATER = [1]",
        "x = 1\n\nclass K:\n    n = 0\n\ndef f():\n    K.n += 1",
        "".join(f"{'    ' * i}try:\n{'    ' * i}    pass\n{'    ' * i}finally:\n" for i in range(1, 5)).lstrip()
        + " " * 20
        + "pass",
        "class A:\n        def _convert_(self): return self._convert_",
        "x = reward.__name__.__class__",
        "x = answer.__class__.__base__.__name__",
        "reward.__name__ = 'x'",
        "def f():\n        n = 0\n        def tick():\n            nonlocal n\n            n += 1\n        return tick\n"
        "    x = 1\n\ndef made():\n    n = 0\n    def tick():\n        nonlocal n\n        n += 1\n    return tick\n\n"
        "def through():\n    return made()\n\nT = through()\n\ndef more():\n    pass",
        "try:\n        pass\n    except* ValueError:\n        pass",
        "global X",
        "async def f(): pass",
        "x = 1\n\ndef f(x=[]): x.append(1)",
        "x = 1\n\ndef f(*, x=([0],)): x[0][0] += 1",
        "class A(metaclass=type): pass",
        "class A:\n        def __init_subclass__(cls): pass",
        "class A:\n        __add__ = len",
        "ｘ = 1",
        "x = undefined_name",
        "x = __name__",
    ],
)
def test_a_route_out_of_the_sandbox_is_refused(line: str) -> None:
    fault = check_static(body(line))
    assert fault is not None
    assert fault.line is not None
    assert fault.line >= 2
    assert fault.instead


@pytest.mark.parametrize(
    "line",
    [
        "x = '{:.2f} {0} {name}'.format(1.0, name=2) if False else ''",
        "x = '%s' % answer[0]",
        "x = f'{len(answer):>{4}}'",
        "import collections.abc as abc; x = abc.Sequence",
        "x = type(answer)",
        "x = [y for y in answer if (z := y)]",
        "match answer:\n        case [first, *rest]:\n            x = first, rest",
        "x = '\\d ≈ é 🙂'",
        "x = '" + "-" * 200 + "'  # " + "(" * 200,
        "x = '''" + "[\n" * 150 + "'''",
        "string = 'A'; x = string.lower()",
        "x = len.__name__ + answer.__class__.__name__",
        "def f(words=['a', 'b'], weights={'a': 1}): return len(words) + weights['a']",
        "seen = []\n    seen.append(1); seen[0] += 1",
        "def f(text, compile_it=lambda t: t): return compile_it(text)",
        "from decimal import getcontext; getcontext().prec = 28",
        "def box(): return []\n    box().append(1)",
        "def f(words=['a'], seen=set()):\n        words = list(words); words.append('b'); seen.add(1); return words",
        "x = isinstance(answer, (type, str)) and type(answer) is list",
        "id = 1; vars = 2; input = 3; hash = 4; x = id + vars + input + hash",
        "class S:\n        def __init__(self): self.n = 0\n        def add(self, k): self.n += k\n    s = S(); s.add(1)",
        "match answer:\n        case list() | tuple():\n            x = 1\n        case str(real=x):\n            pass",
        "class A:\n        __slots__ = ('_x',)\n        def __init__(self): self._x = 1\n        def _get(self): return self._x\n"
        "    x = A()._get()",
        "class A:\n        def __add__(self, other): return self\n        __radd__ = __add__",
        "def f():\n        n = 0\n        def tick():\n            nonlocal n\n            n += 1\n        tick()",
        "from typing import TypedDict\n    class A(TypedDict, total=False):\n        x: int",
    ],
)
def test_ordinary_code_is_not_refused(line: str) -> None:
    assert check_static(body(line)) is None


@pytest.mark.parametrize(
    "head",
    [
        "TEXT = 'abc'\nN = TEXT.count('a')\n",
        "def count(words):\n    return len(words)\n\nN = count('abc')\n",
        "WORDS = []\nfor w in 'abc':\n    WORDS.append(w)\n",
        "def f(x):\n    return x\n\nf.weight = 2.0\n",
        "words = ['a']\n\ndef f(words):\n    words.append('b')\n    return words\n",
        "INDEX = dict(enumerate('ab'))\n",
        "import dataclasses\n\n@dataclasses.dataclass\nclass Row:\n    id: int = 0\n    license: str = ''\n",
        "def f():\n    def g():\n        x = yield\n        yield x\n    it = g()\n    next(it)\n    return it.send(1)\n",
        "__all__ = ['reward']\n__version__ = '1'\n",
    ],
)
def test_ordinary_code_at_the_top_level_is_not_refused(head: str) -> None:
    assert check_static(head + PLAIN) is None


def test_a_parameter_named_like_an_imported_module_is_not_taken_for_it() -> None:
    assert check_static("import string\n\ndef f(string):\n    return string.lower()\n\n" + PLAIN) is None


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("x = 1\n", "there is no top-level function `reward`"),
        (PLAIN + PLAIN, "`reward` is defined twice"),
        ("def reward(completions, answer, **columns):\n    return []\n", "`reward` does not take prompts by keyword"),
        ("def reward(prompts, completions, answer):\n    return []\n", "`reward` does not take **columns"),
        (
            "def reward(prompts, completions, answer, /, **columns):\n    return []\n",
            "`reward` does not take prompts, completions, answer by keyword",
        ),
        (PLAIN + "reward = None\n", "`reward` is bound to something else"),
        (PLAIN + "reward: object = None\n", "`reward` is bound to something else"),
        (PLAIN + "for reward in (len,):\n    pass\n", "`reward` is bound to something else"),
        (PLAIN + "if True:\n    def reward(**k):\n        return []\n", "`reward` is bound to something else"),
        (PLAIN + "from statistics import mean as reward\n", "`reward` is bound to something else"),
        (
            "def gen():\n    yield 1\n\nG = (gen(), 1)\n" + PLAIN,
            "an iterator at module level keeps state between calls",
        ),
        ("import functools\n@functools.cache\n" + PLAIN, "`reward` has a decorator"),
        (
            "import itertools\nTICK = itertools.count()\n" + PLAIN,
            "an iterator at module level keeps state between calls",
        ),
        ("def reward(:\n", "the file is not valid Python"),
        ("# \0\n" + PLAIN, "the character U+0000 is not allowed"),
        ("# \rimport os\n" + PLAIN, "the character U+000D is not allowed"),
        ("# \u202e\n" + PLAIN, "the character U+202E is not allowed"),
        ("#" * 20_001, "the file has 20001 characters"),
        ("x = " + "[" * 150 + "]" * 150 + "\n" + PLAIN, "brackets are nested more than 100 deep"),
        ("x = " + "-" * 5000 + "1\n" + PLAIN, "an expression is nested too deep"),
        ("x = " + "+".join("1" * 200) + "\n" + PLAIN, "the code is nested more than 120 levels deep"),
        ("x = f'!' " + "[" * 150 + "]" * 150 + " 'x'\n" + PLAIN, "brackets are nested more than 100 deep"),
        ("x = f'{" + "-" * 5000 + "1}'\n" + PLAIN, "an expression is nested too deep"),
        ("x = [" + "1," * 7000 + "]\n" + PLAIN, "the file has more than 6000 syntax nodes"),
    ],
)
def test_the_file_as_a_whole_is_checked(code: str, what: str) -> None:
    fault = check_static(code)
    assert fault is not None
    assert fault.what == what


def test_a_refusal_names_the_line_and_what_to_write_instead() -> None:
    fault = check_static("import re\nimport numpy\n" + PLAIN)
    assert fault is not None and fault.line == 2
    assert "`numpy`" in fault.what and set(MODULES) - {"__future__"} == set(re.findall(r"[\w.]+", fault.instead)) - {
        "allowed"
    }


@pytest.mark.parametrize(
    ("file", "before"), [("README.md", "It may import from"), ("prompts/system.j2", "Allowed imports:")]
)
def test_the_modules_that_people_and_models_are_told_are_those_that_are_allowed(file: str, before: str) -> None:
    _, _, listed = (PACKAGE.parent / file).read_text(encoding="utf-8").partition(before)
    names = re.findall(r"\w+", listed.partition(".")[0])
    assert set(names) == {name for name in MODULES if "." not in name} - {"__future__"}


def test_the_first_faulty_line_is_the_one_named() -> None:
    fault = check_static(HEAD + "    x = open('f')\n    y = eval('1')\n    return []\n")
    assert fault is not None
    assert fault.line == 2


def test_a_file_can_say_that_it_compares_within_the_batch() -> None:
    assert batch_dependent("BATCH_DEPENDENT = True\n" + PLAIN)
    assert batch_dependent("BATCH_DEPENDENT: bool = True\n" + PLAIN)
    assert not batch_dependent("BATCH_DEPENDENT = False\n" + PLAIN)
    assert not batch_dependent(PLAIN)
