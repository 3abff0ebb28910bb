"""Rewards for tests of validation: a sound one that tests add their tricks to, and the verdicts on many at once."""

from __future__ import annotations

from collections.abc import Iterable

from rewardsearch.config import TaskConfig, parse_config
from rewardsearch.records import Candidate, Verdict
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.tasks.arithmetic import ArithmeticTask
from rewardsearch.tasks.base import Task
from rewardsearch.validation import validate

TASK = ArithmeticTask(TaskConfig())
HEAD = "def reward(prompts, completions, answer, **columns):\n"
# Right when the solution is the answer and nothing else: no exploit pays.
SOUND = """import re
TAG = re.compile(r"<solution>\\s*(-?[\\d,.]+)\\s*</solution>")

def right(completion, answer):
    found = TAG.findall(completion)
    return 1.0 if len(found) == 1 and found[0].replace(",", "") == answer.replace(",", "") else 0.0

"""


def paying(expression: str, more: str = "", head: str = "") -> str:
    """A reward that pays `expression` over c, a, p and right(c, a); `more` are helpers, `head` goes first."""
    rows = "for c, a, p in zip(completions, answer, prompts)"
    return f"{head}{SOUND}{more}{HEAD}    return [float({expression}) {rows}]\n"


def candidate(code: str, name: str = "x") -> Candidate:
    return Candidate(id=candidate_id(code), name=name, code=code)


def verdicts_of(codes: Iterable[str], task: Task = TASK, **config: dict[str, object]) -> dict[str, Verdict]:
    """The verdict on each code, all validated side by side without a bank."""
    codes = list(codes)
    # The deadline leaves room for a busy machine.
    settings = {"sandbox": {"call_s": 20.0}} | config
    verdicts = validate([candidate(code) for code in codes], task, parse_config(settings, "test"))
    return dict(zip(codes, verdicts, strict=True))
