"""Which trainer a reward file was written for: what each trainer passes to a reward and what it takes back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rewardsearch.records import FIXED_ARGUMENTS
from rewardsearch.rewards.adapt.reading import (
    keys_read,
    makes_messages,
    read_names,
    reads_messages,
    references,
)
from rewardsearch.rewards.definitions import reachable

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Convention:
    """How a trainer calls a reward."""

    key: str
    label: str
    needs: frozenset[str]
    """The arguments by which it is recognised."""
    gives: str
    """What it passes, for the user."""
    one_of: frozenset[str] = frozenset()
    """It takes one of these too, where there are any."""
    per_row: bool = False
    """Called for one completion at a time, not for a list of them."""
    chat: bool | None = None
    """Completions are messages (True) or texts (False). None: the function shows which it expects."""
    base: str = ""
    """The rewards are classes with `__call__` whose base class has this name at its end."""


CONTRACT = Convention(
    "rewardsearch", "rewardsearch", frozenset(FIXED_ARGUMENTS), "prompts, completions, answer, **columns"
)
COMPLETION_OF_VERL = frozenset(("solution_str", "predict_str", "model_output", "response_str"))
"""What rewards of verl call the completion."""
OPENRLHF = Convention(
    "openrlhf", "OpenRLHF", frozenset(("queries", "prompts", "labels")), "queries, prompts, labels", chat=False
)
CONVENTIONS = (
    Convention("ms-swift", "ms-swift", frozenset(("completions",)), "completions, **columns", chat=False, base="ORM"),
    OPENRLHF,
    Convention(
        "verl",
        "verl",
        frozenset(("ground_truth",)),
        "data_source, solution_str, ground_truth, extra_info",
        one_of=COMPLETION_OF_VERL,
        per_row=True,
        chat=False,
    ),
    Convention(
        "verl-batch",
        "verl (batches)",
        frozenset(("solution_strs", "ground_truths")),
        "data_sources, solution_strs, ground_truths, extra_infos",
        chat=False,
    ),
    Convention("trl", "TRL, open-r1 or Unsloth", frozenset(("completions",)), "prompts, completions, **columns"),
    Convention(
        "verifiers",
        "verifiers",
        frozenset(("completion",)),
        "completion, answer, prompt, state, info",
        one_of=frozenset(("answer", "prompt", "state", "info", "task", "parser")),
        per_row=True,
    ),
)
"""One row per trainer. The first that fits a function is its convention."""
GOLD_NAMES = (
    *("answer", "solution", "ground_truth", "ground_truths", "label", "labels", "gold", "target", "targets"),
    *("answers", "reference", "references", "gold_answer", "true_answer", "correct_answer", "expected"),
)
"""What the column with the gold answer is called elsewhere. The first that a file reads is the gold answer."""
_LISTS = {"reward_funcs": "reward_weights", "funcs": "weights"}
"""Arguments that list the rewards of a training script, and those that list their weights."""


@dataclass(frozen=True)
class RewardFunction:
    """One reward of a file. node: the function that is called (of a class `__call__`, of a factory the inner one)."""

    name: str
    convention: Convention
    node: FunctionNode
    made_by_call: bool = False
    """Calling `name` without arguments makes the reward: a class, or a factory with defaults."""
    is_class: bool = False
    """A class with `__call__`."""
    messages: bool = False
    """Expects prompts and completions as chat messages."""

    @property
    def arguments(self) -> list[str]:
        args = self.node.args
        names = [argument.arg for argument in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
        return names[1:] if self.is_class else names

    @property
    def required(self) -> list[str]:
        """The arguments without a default."""
        args = self.node.args
        positional = [argument.arg for argument in (*args.posonlyargs, *args.args)]
        keyword = [arg.arg for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default is None]
        names = [*positional[: len(positional) - len(args.defaults)], *keyword]
        return names[1:] if self.is_class else names

    @property
    def rest(self) -> str | None:
        """The name of its `**kwargs`."""
        return self.node.args.kwarg.arg if self.node.args.kwarg else None


@dataclass(frozen=True)
class Recognition:
    """The rewards of a file. `chosen`: those that make up its reward; `others`: what could be chosen instead."""

    chosen: tuple[RewardFunction, ...]
    others: tuple[RewardFunction, ...] = ()
    weights: tuple[float, ...] = ()
    """One per chosen reward, where the file lists weights; else empty."""
    missing: tuple[str, ...] = ()
    """What the file lists for its trainer beside its own rewards: imported ones, models."""

    @property
    def convention(self) -> Convention:
        return self.chosen[0].convention


def recognise(tree: ast.Module) -> Recognition | None:
    """The rewards of a file and the trainer they were written for, or None where there are none.

    A file that lists its rewards for a trainer (`reward_funcs=[...]`, `vf.Rubric(funcs=[...])`, `orms["x"] = X`) means those;
    else those that no other reward calls.
    """
    listed, weights = listed_rewards(tree)
    reads = references(tree)
    definitions = {node.name: node for node in tree.body if isinstance(node, FunctionNode | ast.ClassDef)}
    chat = {name for name, node in definitions.items() if reads_messages(node)}
    made = {name for name, node in definitions.items() if makes_messages(node)}
    found = []
    for node in tree.body:
        if function := _function(node, listed):
            parts = reachable(reads, function.name)
            needs_chat = function.convention.chat is None and bool(chat & parts) and not made & parts
            found.append(replace(function, messages=needs_chat))
    for function in found:
        if function.name == "reward" and _is_contract(function):
            return Recognition((RewardFunction("reward", CONTRACT, function.node),))
    called = {name for function in found for name in reachable(reads, function.name) if name != function.name}
    chosen = [function for function in found if function.name in listed] or [f for f in found if f.name not in called]
    if not chosen:
        return None
    # One convention at a time, that of the first row of the table.
    first = min(CONVENTIONS.index(function.convention) for function in chosen)
    chosen = [function for function in chosen if function.convention is CONVENTIONS[first]]
    named = [function for function in chosen if function.name in ("compute_score", "reward_func")]
    if chosen[0].convention.key.startswith(("verl", "openrlhf")) and named:
        chosen = named
    others = tuple(function for function in found if function not in chosen)
    scale = tuple(weights.get(function.name, 1.0) for function in chosen)
    known = {function.name for function in found}
    missing = tuple(dict.fromkeys(name for name in listed if name not in known)) if known & set(listed) else ()
    return Recognition(tuple(chosen), others, scale if any(weight != 1.0 for weight in scale) else (), missing)


def _function(node: ast.stmt, listed: list[str]) -> RewardFunction | None:
    """What a statement of the top level defines, where that is a reward."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            if convention := _convention(node, node.name in listed):
                return RewardFunction(node.name, convention, node)
            inner = _made(node)
            if inner is not None and (convention := _convention(inner, False)):
                return RewardFunction(node.name, convention, inner, True)
        case ast.ClassDef(name=name, body=body, bases=bases):
            ours = any(ast.unparse(base).endswith(CONVENTIONS[0].base) for base in bases)
            for method in body:
                if isinstance(method, FunctionNode) and method.name == "__call__":
                    convention = _convention(method, False)
                    if convention is not None and not convention.per_row:
                        return RewardFunction(name, CONVENTIONS[0] if ours else convention, method, True, True)
        case _:
            pass
    return None


def _convention(node: FunctionNode, listed: bool) -> Convention | None:
    """The first that fits. A rubric of verifiers may name a function that takes the state alone, or the completion alone."""
    names = {argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
    for convention in CONVENTIONS:
        if not convention.base and convention.needs <= names and (names & convention.one_of or not convention.one_of):
            return convention
    last = CONVENTIONS[-1]
    return last if listed and names & (last.needs | last.one_of) else None


def inner_reward(tree: ast.Module) -> FunctionNode | None:
    """The first reward that stands inside another function, where recognise() does not find it."""
    inner = (
        part for node in tree.body if isinstance(node, FunctionNode) for part in ast.walk(node) if part is not node
    )
    return next((part for part in inner if isinstance(part, FunctionNode) and _convention(part, False)), None)


def _made(node: FunctionNode) -> FunctionNode | None:
    """The function that a factory returns, where it can be called without arguments."""
    args = node.args
    if len(args.defaults) < len((*args.posonlyargs, *args.args)) or None in args.kw_defaults:
        return None
    inner = {part.name: part for part in node.body if isinstance(part, FunctionNode)}
    for part in node.body:
        if isinstance(part, ast.Return) and isinstance(part.value, ast.Name) and part.value.id in inner:
            return inner[part.value.id]
    return None


def _is_contract(function: RewardFunction) -> bool:
    """Whether `reward` is called as in a search: with texts, and the gold answer as `answer`."""
    if function.convention.key != "trl" or function.made_by_call or function.messages or function.rest is None:
        return False
    read = {name for statement in function.node.body for name in read_names(statement)}
    asked = {*function.arguments, *keys_read(function.node, function.rest)} & {*GOLD_NAMES[1:]}
    return set(FIXED_ARGUMENTS) <= set(function.arguments) and ("answer" in read or not asked)


def listed_rewards(tree: ast.Module) -> tuple[list[str], dict[str, float]]:
    """The names of rewards that the file hands to a trainer, and their weights where those are written out."""
    names: list[str] = []
    weights: dict[str, float] = {}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.keywords]
    given = [{keyword.arg: keyword.value for keyword in call.keywords if keyword.arg} for call in calls]
    for functions, scale in _LISTS.items():
        # TRL takes the weights in another call: the config.
        elsewhere = [each[scale] for each in given if scale in each]
        for each in given:
            found = _names(each.get(functions))
            numbers = _numbers(each.get(scale, elsewhere[0] if len(elsewhere) == 1 else None))
            names += found
            if len(numbers) == len(found):
                weights.update(zip(found, numbers, strict=True))
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            for target in node.targets:
                if (
                    isinstance(target, ast.Subscript)
                    and isinstance(target.value, ast.Name)
                    and target.value.id == "orms"
                ):
                    names.append(node.value.id)
    return names, weights


def _names(value: ast.expr | None) -> list[str]:
    """The entries of a list as names; of `make()` the factory's name, and of another value its text."""
    parts = value.elts if isinstance(value, ast.List | ast.Tuple) else [value] if value is not None else []
    bare = (part.func if isinstance(part, ast.Call) and not part.args and not part.keywords else part for part in parts)
    return [part.id if isinstance(part, ast.Name) else ast.unparse(part) for part in bare]


def _numbers(value: ast.expr | None) -> list[float]:
    return list(_constants(value)) if isinstance(value, ast.List | ast.Tuple) else []


def _constants(value: ast.List | ast.Tuple) -> Iterator[float]:
    for part in value.elts:
        try:
            number = ast.literal_eval(part)
        except (ValueError, TypeError):
            continue
        if isinstance(number, int | float):
            yield float(number)
