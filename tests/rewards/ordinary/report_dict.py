"""TypedDict, Literal, Final, TypeAlias, cast and ClassVar, as a typing enthusiast writes them."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final, Literal, TypeAlias, TypedDict, cast

Verdict: TypeAlias = Literal["right", "wrong", "missing"]
Scores: TypeAlias = dict[Verdict, float]

PAY: Final[Scores] = {"right": 1.0, "wrong": -0.2, "missing": -0.5}
NUMBER: Final = re.compile(r"[-+]?\d+(?:\.\d+)?")


class Report(TypedDict, total=False):
    verdict: Verdict
    numbers: list[str]
    closed: bool


class Reader:
    limit: ClassVar[int] = 2_000

    def __init__(self, text: str) -> None:
        self.text: str = text[: self.limit]

    def report(self, gold: str) -> Report:
        inside = re.findall(r"<solution>(.*?)</solution>", self.text, re.DOTALL)
        numbers: list[str] = NUMBER.findall(inside[0]) if inside else []
        verdict: Verdict = "missing"
        if len(numbers) == 1:
            verdict = "right" if numbers[0].lstrip("+") == gold else "wrong"
        return {"verdict": verdict, "numbers": numbers, "closed": bool(inside)}


def pay(report: Report) -> float:
    verdict = cast("Verdict", report["verdict"])
    bonus = 0.1 if report.get("closed", False) else 0.0
    return PAY[verdict] + bonus


def reward(prompts: list[str], completions: list[str], answer: list[str], **columns: Any) -> list[float]:
    return [pay(Reader(c).report(a)) for c, a in zip(completions, answer, strict=True)]
