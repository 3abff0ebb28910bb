"""Functions of one sample with weights and a parser object, in the manner of an environment package."""

import re
from collections.abc import Callable

RewardFunc = Callable[..., float]


class XMLParser:
    def __init__(self, fields: list[str], answer_field: str = "solution"):
        self.fields = fields
        self.answer_field = answer_field
        self.patterns = {f: re.compile(rf"<{f}>\s*(.*?)\s*</{f}>", re.DOTALL) for f in fields}

    def parse(self, text: str) -> dict[str, str | None]:
        return {f: (m.group(1) if (m := p.search(text)) else None) for f, p in self.patterns.items()}

    def parse_answer(self, completion) -> str | None:
        text = completion if isinstance(completion, str) else completion[-1]["content"]
        return self.parse(text).get(self.answer_field)

    def get_format_reward_func(self) -> RewardFunc:
        def format_reward_func(completion, **kwargs) -> float:
            parsed = self.parse(completion)
            present = [value is not None for value in parsed.values()]
            return sum(present) / len(present)

        return format_reward_func


parser = XMLParser(["thinking", "solution"])


def correct_answer_reward_func(completion, answer, parser, **kwargs) -> float:
    response = parser.parse_answer(completion) or ""
    return 1.0 if response == answer else 0.0


def length_reward_func(completion, *, target=50, **kwargs) -> float:
    return -abs(min(len(completion.split()), 4 * target) - target) / target


class Rubric:
    def __init__(self, funcs: list[RewardFunc] | None = None, weights: list[float] | None = None, **class_objects):
        self.funcs = funcs or []
        self.weights = weights or [1.0] * len(self.funcs)
        self.class_objects = class_objects
        if len(self.funcs) != len(self.weights):
            raise ValueError(f"{len(self.funcs)} functions but {len(self.weights)} weights")

    def score(self, **sample) -> dict[str, float]:
        merged = {**self.class_objects, **sample}
        return {f.__name__: w * f(**merged) for f, w in zip(self.funcs, self.weights, strict=True)}


rubric = Rubric(
    funcs=[correct_answer_reward_func, parser.get_format_reward_func(), length_reward_func],
    weights=[1.0, 0.2, 0.05],
    parser=parser,
)


def reward(prompts, completions, answer, **columns):
    scored = [
        rubric.score(prompt=p, completion=c, answer=a) for p, c, a in zip(prompts, completions, answer, strict=True)
    ]
    return [sum(parts.values()) for parts in scored]
