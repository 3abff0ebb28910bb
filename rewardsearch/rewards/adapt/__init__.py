"""Turns a reward that was written for another trainer into one of ours, where that is mechanical.

The file's own functions stay as they are. A `reward` behind them calls them with what their trainer would pass. Left out are
the parts of a training script that no reward needs, prints, and logging. Nothing of the file is run here: the result goes through
the static policy, and through validation as any reward does.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rewardsearch.rewards.adapt.conventions import (
    CONTRACT,
    CONVENTIONS,
    OPENRLHF,
    Convention,
    FunctionNode,
    Recognition,
    RewardFunction,
    inner_reward,
    recognise,
)
from rewardsearch.rewards.adapt.edits import Edit, Positions, edited, line_ranges
from rewardsearch.rewards.adapt.lift import lifted
from rewardsearch.rewards.adapt.needed import kept_statements, leave_out
from rewardsearch.rewards.adapt.plain import plain
from rewardsearch.rewards.adapt.quiet import noise
from rewardsearch.rewards.adapt.reading import bound_names
from rewardsearch.rewards.adapt.refusals import faults_of_arguments, faults_of_classes, faults_of_imports
from rewardsearch.rewards.adapt.wrapper import Wrapper, write_wrapper
from rewardsearch.rewards.sandbox import StaticFault, check_static, parse, parse_untrusted
from rewardsearch.rewards.sandbox.static.allowed import MODULES
from rewardsearch.rewards.sandbox.worker.protocol import MAX_COMPONENTS

__all__ = [
    "CONTRACT",
    "CONVENTIONS",
    "Adapted",
    "Convention",
    "NotAdapted",
    "Recognition",
    "adapt",
    "recognise",
    "recognised",
]

MAX_SCRIPT_CHARS = 200_000
MAX_SCRIPT_NODES = 60_000
"""A training script may be longer than the reward in it."""
_MOVED = "reward_of_file"
"""What a file's own `reward` is called where it is not called as ours is."""
_ONE_FUNCTION = ("verl", "verl-batch", "openrlhf")
"""Trainers that call one function of a file, not several."""
_UNKNOWN = StaticFault(
    None,
    "no reward function of a known trainer",
    "write `def reward(prompts, completions, answer, **columns):`, or the arguments of a trainer: "
    + "; ".join(f"{convention.label}: {convention.gives}" for convention in CONVENTIONS),
)


@dataclass(frozen=True)
class Adapted:
    """A reward in our contract. functions: those of the file that it calls. notes: what was done, one line each."""

    code: str
    convention: Convention
    functions: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotAdapted:
    """Why a file could not be adapted: a line and a remedy each. convention: where it was recognised."""

    faults: tuple[StaticFault, ...]
    convention: Convention | None = None
    possible: tuple[str, ...] = ()
    """The functions of the file that can be adapted when they are chosen alone."""


def recognised(code: str) -> Convention | None:
    """The trainer that a file was written for; None where none is recognised or the file cannot be read."""
    try:
        found = recognise(_read(code)[1])
    except StaticFault:
        return None
    return found.convention if found else None


def _read(code: str) -> tuple[str, ast.Module]:
    """The file with its rewards at the top level, and its syntax tree. Raises StaticFault."""
    tree = parse_untrusted(code, MAX_SCRIPT_CHARS, MAX_SCRIPT_NODES)
    code = lifted(code, tree)
    return code, parse(code)


def adapt(code: str, functions: Sequence[str] = ()) -> Adapted | NotAdapted:
    """The reward of a file in our contract.

    functions: which of the file's rewards make it up; by default those that recognise() chooses. A file that is in our contract
    already stays as it is.
    """
    try:
        code, tree = _read(code)
    except StaticFault as refused:
        return NotAdapted((refused.with_traceback(None),))
    found = recognise(tree)
    if found is None:
        inner = inner_reward(tree)
        return NotAdapted((_UNKNOWN if inner is None else _inside_another(inner),))
    if functions:
        known = {function.name: function for function in (*found.chosen, *found.others)}
        if missing := [name for name in functions if name not in known]:
            fault = StaticFault(None, f"no reward function `{missing[0]}`", f"the file has: {', '.join(known)}")
            return NotAdapted((fault,), found.convention)
        weights = dict(zip((function.name for function in found.chosen), found.weights, strict=False))
        chosen = tuple(known[name] for name in dict.fromkeys(functions))
        found = Recognition(chosen, (), tuple(weights.get(each.name, 1.0) for each in chosen) if weights else ())
    if found.convention is CONTRACT and check_static(code) is None and not any(faults_of_arguments(found.chosen)):
        return Adapted(code.rstrip("\n"), CONTRACT, ("reward",))
    names = [function.name for function in found.chosen]
    allowed = 1 if found.convention.key in _ONE_FUNCTION else MAX_COMPONENTS
    if len(names) > allowed:
        named = ", ".join((*names[:3], *(("...",) if len(names) > 3 else ())))
        what = f"{len(names)} functions that {found.convention.label} could call: {named}"
        instead = f"choose {'one' if allowed == 1 else f'at most {allowed}'} with --function NAME"
        return NotAdapted((StaticFault(found.chosen[allowed].node.lineno, what, instead),), found.convention)
    adapted = _adapted(code, found)
    if isinstance(adapted, NotAdapted) and len(names) > 1:
        alone = (each.name for each in found.chosen if isinstance(_adapted(code, Recognition((each,))), Adapted))
        return replace(adapted, possible=tuple(alone))
    return adapted


def _inside_another(function: FunctionNode) -> StaticFault:
    what = f"`{function.name}` stands inside another function"
    instead = "move it to the top level, or return it from a function whose arguments have defaults"
    return StaticFault(function.lineno, what, instead)


def _adapted(code: str, found: Recognition) -> Adapted | NotAdapted:
    names = [function.name for function in found.chosen]
    try:
        draft, done = _simplified(code, names)
        tree = parse(draft)
    except StaticFault as refused:
        what = "this part cannot be taken out mechanically"
        return NotAdapted((StaticFault(refused.line, what, "write one statement a line"),), found.convention)
    functions = _as_in(tree, found.chosen)
    faults = [
        *faults_of_imports(kept_statements(tree, names)),
        *faults_of_arguments(functions),
        *faults_of_classes(functions, tree),
    ]
    if faults:
        return NotAdapted(tuple(sorted(faults, key=lambda fault: fault.line or 0)), found.convention)
    wrapper = Wrapper("", ())
    if found.convention is not CONTRACT:
        taken = _top_names(tree)
        if "reward" in taken:
            draft = _renamed(draft, tree)
            functions = tuple(replace(each, name=_MOVED) if each.name == "reward" else each for each in functions)
        wrapper = write_wrapper(functions, found.weights, taken)
    adapted = _squeezed(code, draft)
    if wrapper.code:
        adapted += f"\n\n\n# Calls the rewards above as {found.convention.label} does.\n{wrapper.code}"
    fault = check_static(adapted)
    if fault is not None:
        return NotAdapted((_at_its_line(fault, draft, wrapper),), found.convention)
    notes = [*done, *wrapper.notes]
    if found.convention is OPENRLHF and (marked := _lines_of_markers(tree)):
        notes.append(f"a query has no special tokens of a chat template here; see {line_ranges(marked)}")
    if found.missing:
        notes.append(f"the file trains with these too, which are not rewards of this file: {', '.join(found.missing)}")
    if found.others:
        notes.append(f"other rewards in the file: {', '.join(function.name for function in found.others)}")
    return Adapted(adapted.rstrip("\n"), found.convention, tuple(names), tuple(notes))


def _lines_of_markers(tree: ast.Module) -> list[int]:
    """The lines with texts that look like special tokens, such as `<|im_start|>`."""
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [text.lineno for text in texts if "<|" in str(text.value) or "[/INST]" in str(text.value)]


def _at_its_line(fault: StaticFault, draft: str, wrapper: Wrapper) -> StaticFault:
    """The fault of the adapted file, at the line of the user's file."""
    if fault.line is None:
        return fault
    placed = check_static(f"{draft}\n{wrapper.code}") or fault
    inside = placed.line is not None and placed.line <= draft.count("\n") + 1
    return placed if inside else StaticFault(None, placed.what, placed.instead)


def _simplified(code: str, names: Sequence[str]) -> tuple[str, list[str]]:
    """The file with only what its rewards need, its lines where they were; and what was done."""
    lines: dict[str, set[int]] = {}
    while True:
        tree, positions = parse(code), Positions(code)
        available = _top_names(tree) - _off_the_list(tree)
        edits: list[Edit] = list(leave_out(tree, names, positions))
        edits = edits or [*plain(tree, positions, available), *noise(tree, positions)]
        after = edited(code, edits)
        if after == code:
            break
        code = after
        for edit in edits:
            if edit.note:
                lines.setdefault(edit.note, set()).update(positions.lines_of(edit))
    notes = [f"{note} ({line_ranges(found)})" for note, found in lines.items()]
    return code, notes


def _as_in(tree: ast.Module, functions: Sequence[RewardFunction]) -> tuple[RewardFunction, ...]:
    """The same functions in another version of the file."""
    nodes = {(node.name, node.lineno): node for node in ast.walk(tree) if isinstance(node, FunctionNode)}
    return tuple(replace(each, node=nodes[each.node.name, each.node.lineno]) for each in functions)


def _top_names(tree: ast.Module) -> set[str]:
    return {name for statement in tree.body for name in bound_names(statement)}


def _off_the_list(tree: ast.Module) -> set[str]:
    """Names of the top level that are imported from elsewhere than the allowed modules."""
    return {
        name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any(
            (node.module if isinstance(node, ast.ImportFrom) else alias.name) not in MODULES for alias in node.names
        )
        for name in bound_names(node)
    }


def _renamed(code: str, tree: ast.Module) -> str:
    """The file with its own top-level `reward` under another name."""
    positions = Positions(code)
    edits: list[Edit] = []
    for node in tree.body:
        if isinstance(node, FunctionNode) and node.name == "reward":
            start = positions.data.index(b"reward", positions.at(node.lineno, node.col_offset + len("def")))
            edits.append(Edit(start, start + len(b"reward"), _MOVED))
        local = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        loads = (inner for inner in ast.walk(node) if isinstance(inner, ast.Name) and inner.id == "reward")
        edits += [positions.replace(inner, _MOVED) for inner in loads if "reward" not in local]
    return edited(code, edits)


def _squeezed(original: str, draft: str) -> str:
    """The draft without the lines that became empty, and with at most two empty lines in a row."""
    before, after = original.split("\n"), draft.split("\n")
    kept = [line for old, line in zip(before, after, strict=True) if line.strip() or not old.strip()]
    text: list[str] = []
    for line in kept:
        if line.strip() or len(text) < 2 or text[-1].strip() or text[-2].strip():
            text.append(line)
    return "\n".join(text).strip("\n")
