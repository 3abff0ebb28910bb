"""Writes the `reward` that calls a file's own functions with what their trainer would pass."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from rewardsearch.rewards.adapt.conventions import COMPLETION_OF_VERL, GOLD_NAMES, RewardFunction
from rewardsearch.rewards.adapt.reading import keys_read, read_names
from rewardsearch.rewards.adapt.refusals import STATE, UNAVAILABLE

_LONG, _END = 90, "\n"
_TEXTS = ("prompts", "completions")
_LOGS = frozenset(("log_metric", "log_extra"))
"""Functions of TRL for logging. Here they do nothing."""
_LOCALS = {
    "asked": '[[{"role": "user", "content": text}] for text in prompts]',
    "replies": '[[{"role": "assistant", "content": text}] for text in completions]',
    "rows": "[{name: values[i] for name, values in columns.items()} for i in range(len(completions))]",
}
"""Values that `reward` makes once, where a function needs them."""
_HELPERS = {
    "score_of": '(value):\n    return value["score"] if isinstance(value, dict) else value\n',
    "rewards_of": '(value):\n    return value["rewards"] if isinstance(value, dict) else value\n',
    "numbers": "(values{weight}):\n    return [0.0 if value is None else {times}float(value) for value in values]\n",
}


@dataclass(frozen=True)
class Wrapper:
    """The text of `reward` and of what it needs, and what to say about it."""

    code: str
    notes: tuple[str, ...]


def write_wrapper(functions: Sequence[RewardFunction], weights: Sequence[float], taken: Collection[str]) -> Wrapper:
    """`reward` over these functions, as named components where there are several.

    weights: one per function, or none. taken: the names of the file, which the new ones avoid.
    """
    writer = _Writer(functions, weights, taken)
    return Wrapper(writer.code(), tuple(writer.notes()))


def columns_read(functions: Sequence[RewardFunction]) -> list[str]:
    """The columns of the data set that rewards of TRL or ms-swift read, the gold answer among them."""
    found: dict[str, None] = {}
    for function in (each for each in functions if _takes_columns(each)):
        read = {name for statement in function.node.body for name in read_names(statement)}
        found.update(dict.fromkeys(name for name in function.arguments if name in read))
        found.update(dict.fromkeys(keys_read(function.node, function.rest) if function.rest else ()))
    return [name for name in found if name not in _TEXTS]


def _takes_columns(function: RewardFunction) -> bool:
    return function.convention.key in ("trl", "ms-swift")


def _call(function: str, arguments: Sequence[str], indent: str) -> str:
    """A call, on several lines where it is long."""
    short = f"{function}({', '.join(arguments)})"
    if len(short) <= _LONG:
        return short
    return f"{function}(\n{''.join(f'{indent}    {each},{_END}' for each in arguments)}{indent})"


class _Writer:
    def __init__(self, functions: Sequence[RewardFunction], weights: Sequence[float], taken: Collection[str]) -> None:
        self._functions = functions
        self._weights = list(weights) or [1.0] * len(functions)
        self._taken = set(taken) | {"prompts", "completions", "answer", "columns", "reward", "name", "values", "i"}
        self._used: dict[str, str] = {}
        self._columns = columns_read(functions)
        self._gold = next((name for name in GOLD_NAMES if name in self._columns), None)

    def code(self) -> str:
        pairs = list(zip(self._functions, self._weights, strict=True))
        if len(pairs) == 1:
            returned = f"    return {self._component(*pairs[0], ' ' * 4)}\n"
        else:
            entries = (f'        "{each.name}": {self._component(each, weight, " " * 8)},\n' for each, weight in pairs)
            returned = f"    return {{\n{''.join(entries)}    }}\n"
        head = "def reward(prompts, completions, answer, **columns):\n"
        return f"{''.join(self._helpers())}{head}{''.join(self._setup())}{returned}"

    def notes(self) -> Iterator[str]:
        if self._gold not in (None, "answer"):
            yield f"`{self._gold}` is the gold answer"
        columns = {name: None for name in self._columns if name not in (self._gold, *_LOGS, *UNAVAILABLE)}
        for function in self._functions:
            for name in ("extra_info", "info") if function.convention.per_row else ():
                columns |= dict.fromkeys(keys_read(function.node, name))
            if "data_source" in read_names(function.node):
                yield '`data_source` is the column of this name, or "" where the task has none'
        if columns:
            yield f"columns of the task that it reads, as texts: {', '.join(columns)}"
        if any(weight != 1.0 for weight in self._weights):
            yield "each component has its weight from the file"

    def _component(self, function: RewardFunction, weight: float, indent: str) -> str:
        """The expression of one number per completion."""
        make = f"{function.name}()" if function.made_by_call else function.name
        key = function.convention.key
        scale = "" if weight == 1.0 else f", {weight!r}"
        if function.convention.per_row:
            arguments, loop = self._row_arguments(make, function)
            each = _call(make, arguments, f"{indent}    ")
            each = f"{self._name('score_of')}({each})" if key == "verl" else each
            body = f"\n{indent}    {each}\n{indent}    {loop}\n{indent}"
            return f"{self._name('numbers')}({f'({body})' if scale else body}{scale})"
        called = _call(make, self._batch_arguments(function), indent)
        if key == "openrlhf":
            called = f"{self._name('rewards_of')}({called})"
        elif key == "verl-batch":
            called = f"map({self._name('score_of')}, {called})"
        return f"{self._name('numbers')}({called}{scale})"

    def _row_arguments(self, make: str, function: RewardFunction) -> tuple[list[str], str]:
        """The arguments for one completion, and the loop over all of them."""
        prompt, completion, gold, row = map(self._free, ("prompt", "completion", "gold", "row"))
        state = zip(STATE, (prompt, completion, gold, row, '"default"'), strict=True)
        passed = {
            "data_source": f'{row}.get("data_source", "")',
            **dict.fromkeys((*COMPLETION_OF_VERL, "completion"), completion),
            **dict.fromkeys(("ground_truth", "answer"), gold),
            **dict.fromkeys(("extra_info", "info"), row),
            "prompt": prompt,
            "task": '"default"',
            "state": "{" + ", ".join(f'"{key}": {value}' for key, value in state) + "}",
        }
        arguments = self._named(function, passed)
        read = read_names(ast.parse(f"{make}({', '.join(arguments)})"))
        sources = {prompt: "prompts", completion: "completions", gold: "answer", row: ""}
        if function.messages:
            sources |= dict.fromkeys((prompt, completion), "")
        lists = {prompt: "asked", completion: "replies", row: "rows"}
        used = {name: source or self._name(lists[name]) for name, source in sources.items() if name in read}
        names, values = ", ".join(used), ", ".join(used.values())
        loop = f"for {names} in zip({values})" if len(used) > 1 else f"for {names} in {values}"
        return arguments, loop

    def _batch_arguments(self, function: RewardFunction) -> list[str]:
        if function.convention.key == "openrlhf":
            return ["[prompt + text for prompt, text in zip(prompts, completions)]", "prompts", "answer"]
        if function.convention.key == "verl-batch":
            rows = self._name("rows") if {"data_sources", "extra_infos"} & set(function.arguments) else ""
            passed = {
                "data_sources": f'[row.get("data_source", "") for row in {rows}]',
                "solution_strs": "completions",
                "ground_truths": "answer",
                "extra_infos": rows,
            }
            return self._named(function, passed)
        return self._columns_of(function)

    def _named(self, function: RewardFunction, passed: dict[str, str]) -> list[str]:
        names = [name for name in function.arguments if name in passed or name in function.required]
        return [f"{name}={passed.get(name, 'None')}" for name in names]

    def _columns_of(self, function: RewardFunction) -> list[str]:
        """Arguments of TRL and ms-swift: prompts, completions, and the columns by name."""
        found = []
        for name, chat in zip(_TEXTS, ("asked", "replies"), strict=True):
            if name in function.arguments or (function.rest and function.convention.key == "trl"):
                found.append(f"{name}={self._name(chat) if function.messages else name}")
        if function.rest:
            return [*found, f"**{self._name('given')}"]
        optional = []
        for name in function.arguments:
            if name in function.required or name in ("answer", self._gold):
                found += [f'{name}={self._name("given")}["{name}"]'] if name not in _TEXTS else []
            elif name in self._columns:
                optional.append(name)
        if optional:
            given = self._name("given")
            found.append(f"**{{name: {given}[name] for name in {tuple(optional)!r} if name in {given}}}")
        return found

    def _name(self, key: str) -> str:
        """The name of a helper or local, which is then written too."""
        return self._used.setdefault(key, self._free(key))

    def _free(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        return name

    def _helpers(self) -> Iterator[str]:
        weighted = any(weight != 1.0 for weight in self._weights)
        for key, text in _HELPERS.items():
            if key in self._used:
                text = text.replace("{weight}", ", weight=1.0" * weighted).replace("{times}", "weight * " * weighted)
                yield f"def {self._used[key]}{text}\n\n"

    def _setup(self) -> Iterator[str]:
        for key, value in _LOCALS.items():
            if key in self._used:
                yield f"    {self._used[key]} = {value}\n"
        if "given" in self._used:
            gold = f'"{self._gold}": answer' if self._gold else ""
            entries = {name: "lambda *given, **named: None" for name in self._columns if name in _LOGS}
            for function in self._functions:
                for name in function.arguments if _takes_columns(function) else ():
                    if name == "answer" != self._gold:
                        entries[name] = "answer"
                    elif name in function.required and name not in (*_TEXTS, self._gold):
                        entries.setdefault(name, "None" if name in UNAVAILABLE else f'columns["{name}"]')
            listed = [
                *(f'"{name}": {value}' for name, value in entries.items()),
                "**columns",
                *([gold] if gold else []),
            ]
            yield f"    {self._used['given']} = {{{', '.join(listed)}}}\n"
