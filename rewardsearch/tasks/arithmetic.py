"""Generated word problems of one to three steps, and the outcome of a completion on them.

Three families of text (possession, comparison, purchase) over small whole numbers. A problem belongs to one split by the
hash of its text, so no problem of `val` or `test` is ever seen in `train`, nor in the pre-training of the embedded policy.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rewardsearch.config import TaskConfig
from rewardsearch.records import Row
from rewardsearch.tasks.base import Split, refuse_data_keys
from rewardsearch.tasks.equal import Digits, equality_of
from rewardsearch.tasks.judged import JudgedTask
from rewardsearch.tasks.labelled import Worked

NAMES = ("Anna", "Ben", "Carla", "David", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jack", "Kofi", "Lena")
OBJECTS = ("apples", "marbles", "stickers", "coins", "books", "cards", "shells", "pencils")
FAMILIES = ("possession", "comparison", "purchase")


@dataclass(frozen=True)
class Problem:
    """One word problem: its text, the calculations that solve it in order, and the number they end in."""

    family: str
    question: str
    steps: tuple[tuple[int, str, int, int], ...]

    @property
    def answer(self) -> int:
        return self.steps[-1][3]


def _apply(a: int, op: str, b: int) -> tuple[int, str, int, int]:
    return (a, op, b, {"+": a + b, "-": a - b, "*": a * b, "/": a // b}[op])


def _change(rng: random.Random, name: str, value: int) -> tuple[str, tuple[int, str, int, int]]:
    """One event that changes how many `name` has, in words, with the calculation it asks for."""
    op = rng.choice("++--*")
    if op == "*" and value <= 25:
        k = rng.randint(2, 5)
        text = rng.choice((f"Then {name} wins {{}} times that number in total.", f"Now {name} has {{}} times as many."))
        return text.format(k), _apply(value, "*", k)
    if op == "-" and value > 6:
        b = rng.randint(2, min(value - 2, 15))
        verb = rng.choice(("loses", "sells", "gives away"))
        return f"{name} {verb} {b}.", _apply(value, "-", b)
    b = rng.randint(2, 15)
    verb = rng.choice(("finds", "buys", "gets"))
    return f"{name} {verb} {b} more.", _apply(value, "+", b)


def _possession(rng: random.Random) -> Problem:
    name, thing = rng.choice(NAMES), rng.choice(OBJECTS)
    value = rng.randint(4, 30)
    text, steps = [f"{name} has {value} {thing}."], []
    for _ in range(rng.choice((1, 1, 2, 2, 3))):
        sentence, step = _change(rng, name, value)
        text.append(sentence)
        steps.append(step)
        value = step[3]
    text.append(f"How many {thing} does {name} have?")
    return Problem("possession", " ".join(text), tuple(steps))


def _comparison(rng: random.Random) -> Problem:
    name, other = rng.sample(NAMES, 2)
    thing = rng.choice(OBJECTS)
    value = rng.randint(6, 25)
    kind = rng.choice(("more", "fewer", "times"))
    if kind == "times":
        k = rng.randint(2, 4)
        relation, step = f"{other} has {k} times as many.", _apply(value, "*", k)
    elif kind == "more":
        b = rng.randint(2, 15)
        relation, step = f"{other} has {b} more.", _apply(value, "+", b)
    else:
        b = rng.randint(2, min(value - 3, 15))
        relation, step = f"{other} has {b} fewer.", _apply(value, "-", b)
    steps = [step]
    question = f"How many {thing} does {other} have?"
    if rng.random() < 0.75:
        steps.append(_apply(value, "+", step[3]))
        question = f"How many {thing} do they have together?"
    return Problem("comparison", f"{name} has {value} {thing}. {relation} {question}", tuple(steps))


def _purchase(rng: random.Random) -> Problem:
    name, thing = rng.choice(NAMES), rng.choice(OBJECTS)
    count, price = rng.randint(2, 9), rng.randint(2, 10)
    cost = _apply(count, "*", price)
    text, steps = [f"{name} buys {count} {thing} for {price} dollars each."], [cost]
    total = cost[3]
    if rng.random() < 0.5:
        fee = rng.randint(2, 12)
        text.append(f"The bag costs {fee} dollars.")
        steps.append(_apply(total, "+", fee))
        total = steps[-1][3]
    if rng.random() < 0.5:
        paid = total + rng.randint(2, 15)
        text.append(f"{name} pays {paid} dollars. How many dollars does {name} get back?")
        steps.append(_apply(paid, "-", total))
    else:
        text.append(f"How many dollars does {name} pay?")
    return Problem("purchase", " ".join(text), tuple(steps))


_MAKERS: tuple[Callable[[random.Random], Problem], ...] = (_possession, _comparison, _purchase)


def split_of(question: str) -> str:
    """The split a problem belongs to, from its text alone: 10 % `test`, 10 % `val`, 80 % `train`."""
    bucket = hashlib.sha256(question.encode()).digest()[0] % 10
    return {0: "test", 1: "val"}.get(bucket, "train")


def generate(split: str, seed: int) -> Iterator[Problem]:
    """Distinct problems of one split, without end, in an order that `seed` fixes."""
    rng = random.Random(f"arithmetic {split} {seed}")
    seen: set[str] = set()
    for _ in itertools.count():
        problem = rng.choice(_MAKERS)(rng)
        if problem.question not in seen and split_of(problem.question) == split:
            seen.add(problem.question)
            yield problem


def prompt_of(question: str) -> str:
    """The text the policy continues."""
    return question + "\n"


def working(problem: Problem) -> str:
    """The calculations as the policy writes them: `12 + 5 = 17. 17 * 3 = 51.`"""
    return " ".join(f"{a} {op} {b} = {c}." for a, op, b, c in problem.steps)


DESCRIPTION = """\
Word problems of one to three steps over whole numbers, such as:
  Anna has 12 apples. Anna buys 5 more. Now Anna has 3 times as many. How many apples does Anna have?
The policy is asked to answer in the form {form}.
Its completions are short (at most about 40 words), in lower-case plain text, calculations written as `12 + 5 = 17.`;
it may answer at once, step by step, in the form or outside it.
{counts}"""


class ArithmeticTask(JudgedTask):
    """Generated word problems; see the module's docstring for the splits."""

    name = "arithmetic"
    columns = ("question",)

    def __init__(self, config: TaskConfig) -> None:
        refuse_data_keys(config, ("form", "equal"))
        super().__init__(config, equality_of(config, Digits()))
        self.description = DESCRIPTION.format(form=self.form, counts=self.answers.counts)

    def _problems(self, split: Split, n: int) -> list[Problem]:
        return list(itertools.islice(generate(split, self._config.seed), n))

    def rows(self, split: Split) -> list[Row]:
        return [self._row(split, i, problem) for i, problem in enumerate(self._problems(split, self._sizes[split]))]

    def _row(self, split: Split, i: int, problem: Problem) -> Row:
        return Row(
            id=f"{split}-{i}",
            prompt=prompt_of(problem.question),
            answer=str(problem.answer),
            columns={"question": problem.question},
        )

    def worked(self) -> list[Worked]:
        return self.worked_examples(self._sizes["train"])

    def worked_examples(self, n: int) -> list[Worked]:
        problems = enumerate(self._problems("train", n))
        return [Worked(self._row("train", i, each), (working(each),), working(each)) for i, each in problems]
