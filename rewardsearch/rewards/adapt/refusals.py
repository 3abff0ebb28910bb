"""What of a trainer's reward has no counterpart in a search: the line of each, and what to write instead."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from rewardsearch.rewards.adapt.conventions import RewardFunction
from rewardsearch.rewards.adapt.reading import keys_read
from rewardsearch.rewards.sandbox import StaticFault
from rewardsearch.rewards.sandbox.static.allowed import MODULES

_MATH = "compare texts with `re`, or numbers with `fractions.Fraction`"
_CALLS = "a reward calls no model, server or program; decide from the text alone"
_READS = "a reward reads nothing but its arguments; write the value into the file as a constant"
_TOKENS = "tokens are not available; count words or characters of the text"
_WRITE_OUT = "write out in this file what is used of it"
_MODULES: dict[str, str] = {
    **dict.fromkeys(("math_verify", "latex2sympy2", "latex2sympy2_extended", "sympy", "pylatexenc"), _MATH),
    **dict.fromkeys(("openai", "anthropic", "litellm", "requests", "httpx", "aiohttp", "urllib", "socket"), _CALLS),
    **dict.fromkeys(("subprocess", "multiprocessing", "e2b_code_interpreter", "asyncio", "threading"), _CALLS),
    **dict.fromkeys(
        ("random", "secrets", "uuid"), "the same completion gets the same reward; leave the random part out"
    ),
    **dict.fromkeys(("os", "sys", "io", "pathlib", "pickle", "shutil", "tempfile", "csv", "yaml", "datasets"), _READS),
    **dict.fromkeys(("time", "datetime"), "a reward does not depend on the clock; leave that part out"),
    **dict.fromkeys(("transformers", "tiktoken", "tokenizers"), _TOKENS),
    **dict.fromkeys(("numpy", "torch", "scipy", "pandas"), "compute with lists of floats, `math` and `statistics`"),
    **dict.fromkeys(("Levenshtein", "rapidfuzz", "fuzzywuzzy", "rouge", "nltk"), "use difflib.SequenceMatcher"),
    "regex": "use `re`",
    "ast": "use json.loads, float or `re`",
}
"""What to write in place of a module, by its name."""
UNAVAILABLE: dict[str, str] = {
    **dict.fromkeys(("completion_ids", "prompt_ids", "completions_ids", "tokenizer", "response_token_ids"), _TOKENS),
    **dict.fromkeys(
        ("trainer_state", "environments"), "a reward does not know the trainer's state; leave that part out"
    ),
    **dict.fromkeys(("parser",), "read the answer with `re`, such as re.search('<answer>(.*?)</answer>', text)"),
    **dict.fromkeys(("judge", "client", "reward_router_address", "reward_model_tokenizer"), _CALLS),
}
"""Arguments that a search does not have, with what to write instead."""
STATE = ("prompt", "completion", "answer", "info", "task")
"""What a state of verifiers has in a search: one turn, without tools."""


def faults_of_imports(statements: Sequence[ast.stmt]) -> Iterator[StaticFault]:
    """One fault per module off the list that these statements import, at its first use."""
    met: set[str] = set()
    for node in (inner for statement in statements for inner in ast.walk(statement)):
        if isinstance(node, ast.Import):
            found = [(alias.name, alias.asname or alias.name.partition(".")[0]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found = [(node.module or "", alias.asname or alias.name) for alias in node.names[:1]]
        elif isinstance(node, ast.ImportFrom):
            yield StaticFault(node.lineno, "a relative import: a reward is one file", _WRITE_OUT)
            continue
        else:
            continue
        for module, name in found:
            if module in MODULES or module in met:
                continue
            met.add(module)
            names = {alias.asname or alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else {name}
            line = _first_use(statements, names) or node.lineno
            what = f"`{module}` (imported at line {node.lineno}) is not available to a reward"
            yield StaticFault(line, what, _MODULES.get(module.partition(".")[0], _WRITE_OUT))


def _first_use(statements: Sequence[ast.stmt], names: set[str]) -> int | None:
    lines = [
        inner.lineno
        for statement in statements
        for inner in ast.walk(statement)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load) and inner.id in names
    ]
    return min(lines, default=None)


def faults_of_arguments(functions: Sequence[RewardFunction]) -> Iterator[StaticFault]:
    """One fault per argument that a function reads and a search does not have."""
    for function in functions:
        keys = keys_read(function.node, function.rest) if function.rest else {}
        for name, instead in UNAVAILABLE.items():
            uses = [
                inner
                for inner in ast.walk(function.node)
                if isinstance(inner, ast.Name) and inner.id == name and isinstance(inner.ctx, ast.Load)
            ]
            lines = [use.lineno for use in uses] if name in function.arguments else []
            if name in keys:
                lines.append(keys[name].lineno)
            if lines:
                yield StaticFault(min(lines), f"`{name}` is not available to a reward", instead)
        if function.convention.per_row:
            yield from _faults_of_row(function)


def _faults_of_row(function: RewardFunction) -> Iterator[StaticFault]:
    """Keys that are read of a gold answer, which is a text here, and of a state, which has what STATE names."""
    for name in ("ground_truth", "answer"):
        for key, place in list(keys_read(function.node, name).items())[:1]:
            what = f'`{name}["{key}"]` is read, and `{name}` is the gold answer as a text'
            yield StaticFault(place, what, f"write `{name}`, or parse it with json.loads first")
    for key, place in keys_read(function.node, "state").items():
        if key not in STATE:
            what = f'`state["{key}"]` is not available to a reward'
            yield StaticFault(place, what, f"use only these of the state: {', '.join(STATE)}")


def faults_of_classes(functions: Sequence[RewardFunction], tree: ast.Module) -> Iterator[StaticFault]:
    """One fault per class that cannot be made without arguments."""
    names = {function.name for function in functions if function.is_class}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in names:
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    args = method.args
                    free = len(args.posonlyargs) + len(args.args) - 1 - len(args.defaults)
                    if free > 0 or None in args.kw_defaults:
                        what = f"`{node.name}` takes arguments when it is made"
                        yield StaticFault(method.lineno, what, "give each argument of `__init__` a default")
