"""The static rules against state: where a call may leave something for the next one, refused with its line."""

from __future__ import annotations

import pytest

from rewardsearch.rewards.sandbox import check_static

REWARD = "def reward(prompts, completions, answer, **columns):\n    return [0.0] * len(completions)\n"
BOX = "from dataclasses import dataclass, field\nclass Box:\n    n = 0\n@dataclass\nclass S:\n"
HEAP = "import heapq\nfrom bisect import insort as put\nHEAP = []\ndef f(x):\n"


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("class S:\n    n = 0\n    def tick(self):\n        type(self).n += 1\n", 4),
        ("class S:\n    n = 0\n    def tick(self):\n        mine = type(self)\n        mine.n = mine.n + 1\n", 5),
        ("class S:\n    n = 0\n    def tick(self):\n        self.__class__.n += 1\n", 4),
        ("class S:\n    n = 0\n    def tick(self):\n        S.n += 1\n", 4),
        ("class S:\n    n = 0\n    @classmethod\n    def tick(klass):\n        klass.n += 1\n", 5),
        ("class S:\n    seen = []\n    def __call__(self, x):\n        self.seen.append(x)\n", 4),
        ("class S:\n    seen = {}\n    def __call__(self, x):\n        self.seen[x] = 1\n", 4),
        ("class S:\n    seen = []\n    def __call__(self, x):\n        self.seen += [x]\n", 4),
        ("class S:\n    seen = set()\ndef f(x):\n    S().seen.add(x)\n", 4),
        (BOX + "    box: Box = Box()\n    def tick(self):\n        self.box.n += 1\n", 8),
        (BOX + "    box: Box = field(default=Box())\n    def tick(self):\n        self.box.n = 1\n", 8),
        ("import itertools\nclass S:\n    ticks = itertools.count()\n", 3),
        ("def f(x):\n    f.n += 1\nf.n = 0\n", 2),
        ("def mark(f):\n    def g(*a):\n        g.n += 1\n        return f(*a)\n    g.n = 0\n    return g\n", 3),
        ("from collections import Counter\ndef f(x):\n    kind = Counter\n    kind.n = 1\n", 4),
        ("KEPT = {}\ndef f(x):\n    kept = KEPT\n    kept[x] = 1\n", 4),
        ("KEPT = []\ndef f(x):\n    note = KEPT.append\n    note(x)\n", 3),
        (HEAP + "    heapq.heappush(HEAP, x)\n", 5),
        (HEAP + "    put(HEAP, x)\n", 5),
        ("import heapq\nNEXT = heapq.merge([1], [2])\n", 2),
        ("import re\nNEXT = re.compile('a').finditer('aaa')\n", 2),
    ],
)
def test_what_a_call_leaves_for_the_next_is_refused_with_its_line(head: str, line: int) -> None:
    fault = check_static(head + REWARD)
    assert fault is not None and fault.line == line, fault


@pytest.mark.parametrize(
    "head",
    [
        BOX
        + "    kept: list = field(default_factory=lambda: [0])\n    def add(self, x):\n        self.kept.append(x)\n",
        "class S:\n    kept = []\n    def __init__(self, x):\n        self.kept = []\n        self.kept.append(x)\n",
        "class S:\n    @classmethod\n    def of(cls, x):\n        made = cls()\n        made.x = x\n        return made\n",
        "class S:\n    kept = []\nS.kept.append(1)\nS.n = 1\n",
        "class P:\n    n = 0\nclass S:\n    total = P()\n    def f(self, x):\n        self.total += x\n",
        "KEPT = ['a']\ndef f(x):\n    kept = KEPT + [x]\n    kept.append(x)\n    return kept\n",
        "def f(x):\n    def g(y):\n        return y\n    g.weight = 2.0\n    return g(x)\n",
        HEAP + "    mine = [*HEAP, x]\n    heapq.heapify(mine)\n    put(mine, x)\n    return heapq.nlargest(2, HEAP)\n",
    ],
)
def test_what_ends_with_the_call_or_is_built_before_it_is_not_refused(head: str) -> None:
    assert check_static(head + REWARD) is None
