"""What counts as the same answer: numbers in every way that they are written, texts, classes, mathematics."""

from __future__ import annotations

import sys
import threading
from fractions import Fraction
from typing import Any

import pytest
from number_texts import NUMBER_TEXTS

from rewardsearch.errors import UserError
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.tasks.equal import Choice, Math, Number, Text

NUMBER = Number()
MORE: dict[str, Fraction | None] = {
    "1/2": Fraction(1, 2),
    "-1/2": Fraction(-1, 2),
    "\u22121/2": Fraction(-1, 2),
    "- 3 / 4": Fraction(-3, 4),
    "1/3": Fraction(1, 3),
    "4/2": Fraction(2),
    "1 1/2": Fraction(3, 2),
    "-1 1/2": Fraction(-3, 2),
    "\u00bd": Fraction(1, 2),
    "1\u00bd": Fraction(3, 2),
    "1\u20442": Fraction(1, 2),
    "\\frac{1}{2}": Fraction(1, 2),
    "\\dfrac{3}{4}": Fraction(3, 4),
    "-\\frac{1}{2}": Fraction(-1, 2),
    "2\\frac{1}{2}": Fraction(5, 2),
    "$\\frac{1}{2}$": Fraction(1, 2),
    "25%": Fraction(25),
    "25 %": Fraction(25),
    "25\\%": Fraction(25),
    "12.5 percent": Fraction(25, 2),
    "-3%": Fraction(-3),
    "$17$": Fraction(17),
    "\\(17\\)": Fraction(17),
    "\\$1,200": Fraction(1200),
    "1{,}000": Fraction(1000),
    "1.5 x 10^3": Fraction(1500),
    "1.5\\times 10^{3}": Fraction(1500),
    "2 \u00d7 10**-2": Fraction(1, 50),
    "3 \\cdot 10^2": Fraction(300),
    "\u00a5500": Fraction(500),
    "500 \u20b9": Fraction(500),
    "**47**": Fraction(47),
    "`1,200`": Fraction(1200),
    "$\\text{47}$": Fraction(47),
    "\\mathbf{1/2}": Fraction(1, 2),
    "47\u200b": Fraction(47),
    "47 \\text{ cm}": Fraction(47),
    "$47\\text{km/h}$": Fraction(47),
    "\\frac{1}{2} \\mathrm{m}": Fraction(1, 2),
    "90^\\circ": Fraction(90),
    "90^{\\circ}": Fraction(90),
    "2 \\text{ million}": None,
    "3 \\text{ dozen}": None,
    "47 \\text{ or less}": None,
    "47 \\text{ or } 48": None,
    "47 dollars": None,
    "3,5": None,
    "**4**7": None,
    "**47*": None,
    "2*3": None,
    "1/0": None,
    "1/2/3": None,
    "3/4 cup": None,
    "x/2": None,
    "\\frac{1}{x}": None,
    "\\frac12": None,
    "25%%": None,
    "% 25": None,
    "1.5 x 10": None,
    "10^3": None,
    "$1$2$": None,
    "1/" + "9" * 400: None,
}
"""Beyond those of numbers.py; `25%` is 25."""


@pytest.mark.parametrize("text", [*NUMBER_TEXTS, *MORE], ids=ascii)
def test_a_text_is_a_number_or_none(text: str) -> None:
    known = NUMBER_TEXTS.get(text)
    value = MORE[text] if text in MORE else None if known is None else Fraction(known)
    read = NUMBER.read(text)
    assert (None if read is None else Fraction(read)) == value
    if value is not None and max(abs(value.numerator), value.denominator) < 10**20:
        assert NUMBER.same(read, NUMBER.read(f"{value.numerator}/{value.denominator}"))
        assert not NUMBER.same(read, NUMBER.read(f"{value.numerator + value.denominator}/{value.denominator}"))
        NUMBER.shown(read).encode()


@pytest.mark.parametrize(
    ("cell", "gold"),
    [("so\n#### 1/4", "0.25"), ("25%", "25"), (0.5, "0.5"), ("\\frac{3}{4}", "0.75"), ("-1 1/2", "-1.5"), (7, "7")],
)
def test_a_gold_number_is_written_in_one_way(cell: object, gold: str) -> None:
    assert NUMBER.gold(cell) == gold


@pytest.mark.parametrize("cell", ["1/3", "two", True, None, "#### x", float("nan")])
def test_what_is_no_gold_number_is_refused(cell: object) -> None:
    with pytest.raises(ValueError):
        NUMBER.gold(cell)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Paris", " paris. ", True),
        ('"New  York"', "new york", True),
        ("**Zoë**", "zoe\u0308", True),
        ("well-known", "well\u2013known", True),
        ('{"a": [1, 2]}', '{"a": [1, 2]}', True),
        ("5\u00b2", "52", False),
        ("1,000", "1000", False),
        ("a b", "ab", False),
    ],
)
def test_texts_are_the_same_without_case_space_quotes_and_full_stop(one: str, other: str, same: bool) -> None:
    text = Text()
    assert text.same(text.read(one), text.read(other)) == same


def test_a_class_is_read_by_its_name_and_its_gold_by_what_the_data_write() -> None:
    choice = Choice(("yes", "very likely", "no"), {"yes": ("1", "Y"), "no": ("0",), "very likely": ("2",)})
    assert [choice.read(text) for text in ("Yes.", "'very  likely'", "no", "maybe", "1", "yes no")] == [
        *("yes", "very likely", "no", None, None, None)
    ]
    assert [choice.gold(cell) for cell in ("y", 1, "0", " 2 ")] == ["yes", "yes", "no", "very likely"]
    with pytest.raises(ValueError, match="allowed: 1, y, 2, 0"):
        choice.gold("yes!")


def test_mathematics_is_compared_by_its_value() -> None:
    pytest.importorskip("math_verify", reason="math-verify is an extra: pip install 'rewardsearch[math]'")
    math = Math()
    for one, other, same in (
        ("\\frac{1}{2}", "0.5", True),
        ("x^2+2x+1", "$(x+1)^2$", True),
        ("2\\sqrt{2}", "\\sqrt{8}", True),
        ("\\text{yes}", "\\text{Yes}", True),
        ("3", "4", False),
        ("9^{9^{9^{9}}}", "4", False),
        ("2^{99999999}", "4", False),
    ):
        assert math.same(math.read(other), math.read(one)) == same, (one, other)
    (answer,) = load_base_rewards(("answer",), (math.code,))
    reward: dict[str, Any] = {}
    exec(answer.code, reward)
    for text, gold, right in (("\\frac{1}{2}", "0.5", True), ("\\left(1, 2\\right)", "(1,2)", True), ("x", "y", False)):
        (paid,) = reward["reward"](["?"], [f"<solution>{text}</solution>"], [gold])
        assert (paid == 3.0) == right, text


def test_mathematics_keeps_its_time_limit_outside_the_main_thread() -> None:
    pytest.importorskip("math_verify", reason="math-verify is an extra: pip install 'rewardsearch[math]'")
    math, found = Math(), list[bool]()
    thread = threading.Thread(target=lambda: found.extend((math.same("1+x", "x+1"), math.same("9^{999}^{999}", "1"))))
    thread.start()
    thread.join(60)
    assert found == [True, False]


def test_without_math_verify_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "math_verify", None)
    with pytest.raises(UserError, match=r"pip install 'rewardsearch\[math\]'"):
        Math()
