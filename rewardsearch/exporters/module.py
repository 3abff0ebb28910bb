"""The text of an exported module: the same for all targets, up to the functions that the trainer calls."""

from __future__ import annotations

import ast
import builtins
import inspect
import keyword
import re
import textwrap
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from types import ModuleType

from rewardsearch.errors import UserError
from rewardsearch.exporters import runtime, trainer_values
from rewardsearch.exporters.code_reads import columns_read, reads_prompt
from rewardsearch.exporters.formatting import format_python
from rewardsearch.exporters.golds import MODULES, gold_code, gold_format, gold_modules
from rewardsearch.exporters.isolate import as_factory
from rewardsearch.exporters.records import ExportSelection
from rewardsearch.records import RewardSpec, messages
from rewardsearch.rewards.sandbox import batch_dependent

MODULE = "rewardsearch_reward"
LICENCE = (
    "Licence: MIT for the code around the rewards (Copyright rewardsearch contributors). The code of the rewards is the "
    "output of your search."
)
_RESERVED = frozenset(("reward", "rewards", "score", "total", "overall", "acc"))
"""Names that trainers use beside those of rewards."""

_HEAD = '''\
"""Rewards for {trainer}: {source}, exported by rewardsearch {version}.

{summary}

{rewards}
{findings}
{gold}

{licence}
"""
{imports}
GOLD_COLUMN = {column!r}
"""The name of the gold answer in the data."""
'''
_ENSEMBLE = """\
REWARDS = {{
{rewards}
}}
ENSEMBLE = Ensemble(GOLD_COLUMN, read_gold, REWARDS)
"""


def build_module(
    selection: ExportSelection,
    names: Sequence[str],
    *,
    trainer: str,
    summary: str,
    calling: str,
    uses: Sequence[str] = (),
    gold: str = "answer",
) -> str:
    """The source of the module, formatted.

    names: of the rewards, as `function_names` gives them. trainer: its name. summary: how it calls the module, for the
    docstring. calling: the source of the functions that it calls; they use ENSEMBLE. uses: names of `trainer_values` that
    `calling` uses. gold: what the trainer calls the gold answer. Raises UserError for code that cannot be exported.
    """
    rewards = selection.rewards
    made = [as_factory(f"_make_{name}", spec.name, spec.code) for name, spec in zip(names, rewards, strict=True)]
    shared = (*gold_modules(selection), messages, runtime)
    body = [
        *(source_of(module) for module in shared[:-2]),
        gold_code(selection),
        *(source_of(module) for module in shared[-2:]),
        source_of(trainer_values, uses),
        calling,
    ]
    lines = [_reward_line(selection, name, spec) for name, spec in zip(names, rewards, strict=True)]
    text = "\n\n".join(
        [
            _HEAD.format(
                trainer=trainer,
                column=gold,
                source=plain(selection.source),
                version=version("rewardsearch"),
                summary=summary.strip(),
                rewards="\n".join(f"- {label(spec)}, weight {spec.weight!r}" for spec in rewards),
                findings=findings(selection),
                gold=_in_docstring(_filled(gold_format(selection))),
                licence=_filled(LICENCE),
                imports=_imports((*shared, trainer_values), "\n".join(body), any(future for _, future in made)),
            ),
            *(factory for factory, _ in made),
            *body[:-1],
            _ENSEMBLE.format(rewards="\n".join(lines)),
            calling,
        ]
    )
    try:
        compile(text, f"{MODULE}.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise UserError(
            f"{selection.source} cannot be exported: a reward does not stand inside a function ({error.msg})"
        ) from None
    return format_python(text)


def function_names(rewards: Sequence[RewardSpec], calling: str = "") -> list[str]:
    """A distinct Python name for each reward, after its own, and none that an exported module has."""
    taken = {*_RESERVED, *defined(calling), "read_gold"}
    for module in (*MODULES, messages, runtime, trainer_values):
        taken |= defined(inspect.getsource(module))
    found: list[str] = []
    for spec in rewards:
        name = re.sub(r"[^a-zA-Z0-9]+", "_", spec.name).strip("_").lower() or "reward"
        if name[0].isdigit() or keyword.iskeyword(name) or hasattr(builtins, name) or name in taken:
            name = f"reward_{name}"
        number, stem = 2, name
        while name in found:
            name, number = f"{stem}_{number}", number + 1
        found.append(name)
    return found


def defined(text: str) -> set[str]:
    """The names that a module's text binds at its top level, imports included."""
    names: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((each.asname or each.name).partition(".")[0] for each in node.names)
        else:
            names.update(each.id for each in ast.walk(node) if isinstance(each, ast.Name))
    return names


def source_of(module: ModuleType, names: Collection[str] | None = None) -> str:
    """The definitions of a module of the package, without its docstring and imports. names: only these."""
    return definitions(inspect.getsource(module), names)


def definitions(text: str, names: Collection[str] | None = None) -> str:
    """The same of a module's text."""
    lines, parts, kept = text.split("\n"), [], False
    for node in ast.parse(text).body[1:]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        described = isinstance(node, ast.Expr)
        if not described:
            bound = {node.name} if isinstance(node, ast.FunctionDef | ast.ClassDef) else defined(ast.unparse(node))
            kept = names is None or bool(bound.intersection(names))
        if kept:
            gap = "" if described else "\n"
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
            parts.append(gap + "\n".join(lines[first - 1 : node.end_lineno]))
    return "\n".join(parts)


def _imports(modules: Sequence[ModuleType], text: str, future: bool) -> str:
    """The imports of the standard library that `text` needs, of those of the modules that it comes from."""
    used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    plain_imports: set[str] = set()
    named: dict[str, set[str]] = {}
    for module in modules:
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.Import):
                plain_imports.update(each.name for each in node.names if each.name in used)
            elif (
                isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] not in _NOT_EXPORTED
            ):
                named.setdefault(node.module, set()).update(each.name for each in node.names if each.name in used)
    lines = [f"import {name}" for name in sorted(plain_imports)]
    lines += [f"from {name} import {', '.join(sorted(found))}" for name, found in sorted(named.items()) if found]
    return "\n".join([*(["from __future__ import annotations", ""] if future else []), *lines, ""])


_NOT_EXPORTED = ("__future__", "rewardsearch")


def _reward_line(selection: ExportSelection, name: str, spec: RewardSpec) -> str:
    facts: Mapping[str, object] = {
        "components": selection.components.get(spec.id, ()),
        "columns": columns_read(spec.code, selection.columns),
        "numbers": columns_read(spec.code, selection.measured),
        "prompt": reads_prompt(spec.code),
        "whole_batch": batch_dependent(spec.code),
    }
    said = "".join(f", {key}={value!r}" for key, value in facts.items() if value)
    return f"    {name!r}: Reward(_make_{name}(), {spec.weight!r}{said}),"


def label(spec: RewardSpec) -> str:
    """Name and id of a reward, safe in a docstring and a table."""
    return plain(f"{spec.name} ({spec.id})")


def findings(selection: ExportSelection) -> str:
    """What the test of the search says about the rewards, as a paragraph after an empty line."""
    text = re.sub(r"[^A-Za-z0-9 .,:;()+=/_\[\]<>%-]+", " ", " ".join(selection.test_findings))
    # An interval stays on one line.
    held = re.sub(r"(\[\S+,) (\S+\])", "\\1\0\\2", text)
    return f"\n{_filled(held)}\n".replace("\0", " ") if text else ""


def plain(text: str) -> str:
    """Text that is safe inside a docstring or a table, whatever a proposer called its reward."""
    return " ".join(re.sub(r"[^A-Za-z0-9 .,:;()+=/_-]+", " ", text).split())


def _filled(text: str) -> str:
    return textwrap.fill(text, 88, break_on_hyphens=False, break_long_words=False)


def _in_docstring(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
