"""Functional style: map, filter, reduce, partial, compose, lambdas, sorted with keys, any and all."""

import re
from functools import partial, reduce


def compose(*functions):
    return reduce(lambda f, g: lambda x: g(f(x)), functions, lambda x: x)


def tagged(tag, text):
    return next(iter(re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)), "")


solution = partial(tagged, "solution")
thinking = partial(tagged, "thinking")
clean = compose(str.strip, str.lower, lambda s: s.replace(",", ""), lambda s: s.lstrip("$"))
only_digits = compose(lambda s: filter(str.isdigit, s), "".join)
longest = partial(max, key=len, default="")

RULES = {
    "nonempty": lambda c, a: 0.1 * bool(solution(c).strip()),
    "right": lambda c, a: 1.0 * (clean(solution(c)) == clean(a) != ""),
    "digits": lambda c, a: 0.2 * (only_digits(solution(c)[:40]) == only_digits(a)),
    "no_long_words": lambda c, a: -0.1 * (len(longest(thinking(c).split())) > 30),
    "tidy": lambda c, a: 0.1 * all(map(str.isprintable, c.replace("\n", ""))) * any(map(str.isalpha, c)),
}


def reward(prompts, completions, answer, **columns):
    score = {name: list(map(rule, completions, answer)) for name, rule in sorted(RULES.items(), key=lambda kv: kv[0])}
    return {name: [*map(float, values)] for name, values in score.items()}
