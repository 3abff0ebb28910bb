"""What a text is as Python: its syntax tree, the names it lacks, whether it is a whole reward; and repairs of damaged code.

Nothing is ever run. The work on one reply is bounded: after a number of characters, every further text counts as not Python.
"""

from __future__ import annotations

import ast
import builtins
import html
import re
import symtable
import sys
import textwrap
import warnings
from collections.abc import Callable
from typing import NamedTuple

from rewardsearch.propose.base import replace_surrogates
from rewardsearch.propose.parse.text import unquoted
from rewardsearch.records import FIXED_ARGUMENTS
from rewardsearch.rewards.identity import MAX_CODE_CHARS

MAX_READ_CHARS = 300_000
MAX_RATIONALE_CHARS = 600
DEFINES_REWARD = re.compile(r"^def reward[ \t]*\(", re.MULTILINE)
_BUILTINS = frozenset(dir(builtins))


class Mistake(NamedTuple):
    """Where a text stops being Python, in lines from 1 (0: nowhere in particular), and what Python says of it."""

    line: int
    message: str


class Source:
    """Reads Python for one reply."""

    def __init__(self) -> None:
        self._left = MAX_READ_CHARS
        self._read: dict[str, ast.Module | Mistake] = {}

    def read(self, code: str) -> ast.Module | Mistake:
        """The syntax tree of `code`, or why there is none."""
        if code not in self._read:
            self._read[code] = self._parsed(code)
        return self._read[code]

    def tree(self, code: str) -> ast.Module | None:
        found = self.read(code)
        return found if isinstance(found, ast.Module) else None

    def rewards(self, code: str) -> list[ast.FunctionDef]:
        """The top-level functions of the name `reward`."""
        tree = self.tree(code)
        body = tree.body if tree else []
        return [node for node in body if isinstance(node, ast.FunctionDef) and node.name == "reward"]

    def missing(self, code: str) -> frozenset[str]:
        """The names that `code` uses and nothing defines; none when it is no Python."""
        if self.tree(code) is None or not self._may_read(code):
            return frozenset()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                top = symtable.symtable(code, "reward.py", "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return frozenset()
        bound = {each.get_name() for each in top.get_symbols() if each.is_assigned() or each.is_imported()}
        used: set[str] = set()
        tables = [top]
        while tables:
            table = tables.pop()
            tables.extend(table.get_children())
            for symbol in table.get_symbols():
                if symbol.is_global() and symbol.is_assigned():
                    bound.add(symbol.get_name())
                if symbol.is_referenced() and (symbol.is_global() or table is top):
                    used.add(symbol.get_name())
        return frozenset(used - bound - _BUILTINS)

    def defined(self, code: str) -> frozenset[str]:
        """The top-level names of `code` that other code may need."""
        tree = self.tree(code)
        names: set[str] = set()
        for node in tree.body if tree else ():
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names.update(each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name))
        return frozenset(names - {"reward"})

    def _may_read(self, code: str) -> bool:
        if len(code) > MAX_CODE_CHARS or len(code) > self._left:
            return False
        self._left -= len(code)
        return True

    def _parsed(self, code: str) -> ast.Module | Mistake:
        if not self._may_read(code):
            return Mistake(0, "too long")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(code)
        except SyntaxError as error:
            self._left -= len(code)  # Python reads it a second time, for a better message.
            return Mistake(error.lineno or 0, error.msg)
        except (ValueError, RecursionError, MemoryError) as error:
            return Mistake(0, type(error).__name__)


def takes_contract(function: ast.FunctionDef) -> bool:
    """Whether it takes the fixed arguments by keyword, and any further column."""
    arguments = function.args
    by_keyword = {argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)}
    return by_keyword.issuperset(FIXED_ARGUMENTS) and arguments.kwarg is not None and not arguments.posonlyargs


def signature(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """A function as it is called, without types and defaults: `score(text, **columns)`."""
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    names += [f"*{arguments.vararg.arg}"] if arguments.vararg else []
    names += [argument.arg for argument in arguments.kwonlyargs]
    names += [f"**{arguments.kwarg.arg}"] if arguments.kwarg else []
    return short(replace_surrogates(f"{function.name}({', '.join(names)})"), 100)


def is_complete(source: Source, code: str) -> bool:
    """Whether a reward is more than a fragment, a stub or an example: it looks at completions, gives something, leaves nothing
    out and lacks no name."""
    tree, rewards = source.tree(code), source.rewards(code)
    if tree is None or not rewards or not _gives(rewards[-1]) or _lacks_a_name(source, code):
        return False
    types = {id(n) for each in ast.walk(tree) if isinstance(each, ast.Subscript) for n in ast.walk(each.slice)}
    left_out = any(isinstance(n, ast.Constant) and n.value is ... and id(n) not in types for n in ast.walk(tree))
    return not left_out and any(isinstance(n, ast.Name) and n.id == "completions" for n in ast.walk(rewards[-1]))


def is_cut_short(source: Source, code: str) -> bool:
    """Whether Python whose end nothing marks may have lost its end: the last function gives nothing, or a name is missing."""
    tree = source.tree(code)
    if tree is None or not tree.body:
        return True
    last = tree.body[-1]
    return (isinstance(last, ast.FunctionDef) and not _gives(last)) or _lacks_a_name(source, code)


def _lacks_a_name(source: Source, code: str) -> bool:
    # A module that is used without its import was forgotten at the top, not lost at the end.
    return any(name not in sys.stdlib_module_names for name in source.missing(code))


def _gives(function: ast.FunctionDef) -> bool:
    """Whether the last statement of a function gives a value."""
    last: ast.stmt = function.body[-1]
    while isinstance(last, ast.If | ast.With | ast.Try):
        body = last.orelse if isinstance(last, ast.If) else last.body
        if isinstance(last, ast.Try):
            body = last.orelse or last.body
        if not body:
            return False
        last = body[-1]
    return isinstance(last, ast.Raise | ast.Match) or (isinstance(last, ast.Return) and last.value is not None)


_SPACES = re.compile("[\u00a0\u2007\u202f\u2002-\u2006\u2008-\u200a\u3000]")
_INVISIBLE = re.compile("[\ufeff\u200b\u200c\u200d\u2060\u200e\u200f\u00ad]")
_SMART = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "‘": "'", "’": "'", "‚": "'", "′": "'", "″": '"'})
_REPAIRS: tuple[Callable[[str], str], ...] = (
    unquoted,
    lambda code: _SPACES.sub(" ", _INVISIBLE.sub("", code)),
    textwrap.dedent,
    html.unescape,
    lambda code: code.translate(_SMART),
)
_MAX_REJOINED = 20


def repair_code(source: Source, code: str) -> str:
    """`code` as it was meant: unchanged when it is Python, or when no repair makes it Python."""
    if len(code) > MAX_CODE_CHARS or source.tree(code) is not None:
        return code
    now = code
    for repair in _REPAIRS:
        changed = repair(now)
        if changed != now and source.tree(changed) is not None:
            return changed
        now = changed
    return _rejoined(source, code)


def _rejoined(source: Source, code: str) -> str:
    r"""`code` with the strings whole again that were broken by a \n that JSON had unescaped, where that makes it Python."""
    now = code
    for _ in range(_MAX_REJOINED):
        found = source.read(now)
        if not isinstance(found, Mistake):
            return now
        lines = now.split("\n")
        if "unterminated string literal" not in found.message or not 0 < found.line < len(lines):
            return code
        lines[found.line - 1 : found.line + 1] = [lines[found.line - 1] + "\\n" + lines[found.line]]
        now = "\n".join(lines)
    return code


def short(text: str, limit: int) -> str:
    """`text` on one line, cut to `limit` characters."""
    return " ".join(text[: 10 * limit].split())[:limit]
