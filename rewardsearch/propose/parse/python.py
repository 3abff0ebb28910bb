"""What a text is as Python: its syntax tree, the names it lacks, whether it is a whole reward; and repairs of damaged code.

Nothing is ever run. The work on one reply is bounded: after a number of characters, every further text counts as not Python.
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import sys
import textwrap
import warnings
from collections.abc import Callable
from typing import NamedTuple

from rewardsearch.propose.base import replace_surrogates
from rewardsearch.records import FIXED_ARGUMENTS
from rewardsearch.rewards.identity import MAX_CODE_CHARS

MAX_READ_CHARS = 200_000
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
        self._defined: dict[str, frozenset[str]] = {}

    def read(self, code: str) -> ast.Module | Mistake:
        """The syntax tree of `code`, or why there is none."""
        if code not in self._read:
            self._read[code] = self._parsed(code)
        return self._read[code]

    def tree(self, code: str) -> ast.Module | None:
        found = self.read(code)
        return found if isinstance(found, ast.Module) else None

    def is_whole(self, code: str) -> bool:
        """Whether `code`, which may be indented as a whole, is Python with a reward."""
        if len(code) > MAX_CODE_CHARS:
            return False
        tree = self.tree(textwrap.dedent(code))
        return tree is not None and bool(rewards_in(tree))

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
        if code not in self._defined:
            tree = self.tree(code)
            self._defined[code] = _top_level_names(tree) if tree else frozenset()
        return self._defined[code]

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


def _top_level_names(tree: ast.Module) -> frozenset[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name))
    return frozenset(names - {"reward"})


def rewards_in(tree: ast.Module) -> list[ast.FunctionDef]:
    """The top-level functions of the name `reward`."""
    return [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "reward"]


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


def docstring(tree: ast.Module | None) -> str:
    """The docstring of a reward file on one line; empty when it has none."""
    return short(replace_surrogates(ast.get_docstring(tree) or ""), MAX_RATIONALE_CHARS) if tree else ""


def without(code: str, nodes: list[ast.FunctionDef]) -> str:
    """`code` without the lines of some of its top-level functions."""
    lines = code.split("\n")
    for node in reversed(nodes):
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        end = node.end_lineno or first
        while end < len(lines) and not lines[end].strip():
            end += 1
        del lines[first - 1 : end]
    return "\n".join(lines).strip("\n") + "\n"


def is_complete(source: Source, code: str) -> bool:
    """Whether a reward is more than a fragment, a stub or an example: it looks at completions, gives something, leaves nothing
    out and lacks no name."""
    tree = source.tree(code)
    rewards = rewards_in(tree) if tree else []
    if tree is None or not rewards or not _gives(rewards[-1]) or any(not _is_module(n) for n in source.missing(code)):
        return False
    types = {id(n) for each in ast.walk(tree) if isinstance(each, ast.Subscript) for n in ast.walk(each.slice)}
    left_out = any(isinstance(n, ast.Constant) and n.value is ... and id(n) not in types for n in ast.walk(tree))
    return not left_out and any(isinstance(n, ast.Name) and n.id == "completions" for n in ast.walk(rewards[-1]))


def is_cut_short(source: Source, code: str) -> bool:
    """Whether Python whose end nothing marks may have lost its end: the last function gives nothing, or a name is missing."""
    tree = source.tree(code)
    if tree is None or not tree.body:
        return True
    last: ast.AST = tree.body[-1]
    if isinstance(last, ast.FunctionDef) and not _gives(last):
        return True
    # A module that is used without its import was forgotten at the top, not lost at the end.
    return any(not _is_module(name) for name in source.missing(code))


def _is_module(name: str) -> bool:
    return name in sys.stdlib_module_names


def _gives(function: ast.FunctionDef) -> bool:
    """Whether the last statement of a function gives a value, or changes one where a helper gives none anywhere."""
    gives = any(isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) and node.value for node in ast.walk(function))
    if not gives:
        return function.name != "reward" and _changes(function.body[-1])
    last: ast.stmt = function.body[-1]
    while isinstance(last, ast.If | ast.With | ast.Try):
        if isinstance(last, ast.If) and not last.orelse:
            return False
        if isinstance(last, ast.Try):
            last = (last.orelse or last.body)[-1]
        else:
            last = (last.orelse if isinstance(last, ast.If) else last.body)[-1]
    if isinstance(last, ast.Return):
        return last.value is not None
    yields = any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(function))
    return yields or isinstance(last, ast.Raise | ast.Match)


def _changes(last: ast.stmt) -> bool:
    while isinstance(last, ast.If | ast.With | ast.For | ast.While):
        last = last.body[-1]
    if isinstance(last, ast.Assign | ast.AugAssign):
        targets = last.targets if isinstance(last, ast.Assign) else [last.target]
        return not all(isinstance(target, ast.Name) for target in targets)
    return isinstance(last, ast.Raise) or (isinstance(last, ast.Expr) and isinstance(last.value, ast.Call))


_INVISIBLE = re.compile("[\ufeff\u200b\u200c\u200d\u2060\u200e\u200f\u00ad]")
_SPACES = re.compile("[\u00a0\u2007\u202f\u2002-\u2006\u2008-\u200a\u3000]")
_ENTITIES = {
    "&lt;": "<",
    "&gt;": ">",
    "&amp;": "&",
    "&quot;": '"',
    "&#39;": "'",
    "&#x27;": "'",
    "&apos;": "'",
    "&#34;": '"',
    "&#60;": "<",
    "&#62;": ">",
    "&nbsp;": " ",
}
_ENTITY = re.compile("|".join(map(re.escape, _ENTITIES)))
_ESCAPED_PAIR = re.compile(r"&lt;([a-z_]{1,30})&gt;.*?&lt;(?:\\?/)\1&gt;", re.DOTALL)
_ENTITY_NAMES = frozenset(("lt", "gt", "amp", "quot", "apos", "nbsp"))
_SMART = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "‘": "'", "’": "'", "‚": "'", "′": "'", "″": '"'})
_PROMPTS = re.compile(r"^[ \t]{0,20}(?:>>>|\.\.\.)(?: |$)", re.MULTILINE)
_MAX_REJOINED = 20


def repair_code(source: Source, code: str) -> str:
    """`code` as it was meant: unchanged when it is Python, or when no mending makes it Python."""
    if len(code) > MAX_CODE_CHARS:
        return code
    if source.tree(code) is not None:
        return _unescaped_where_sure(source, code)
    now = code
    for mend in _MENDS:
        changed = mend(now)
        if changed != now and source.tree(changed) is not None:
            return _unescaped_where_sure(source, changed)
        now = changed
    for start in dict.fromkeys((code, now)):
        joined = _rejoined(source, start)
        if joined is not None:
            return joined
    return code


def _unescaped_where_sure(source: Source, code: str) -> str:
    """Python in which every < and > is an HTML entity, though it means tags or comparisons; in doubt, as it is."""
    if "&lt;" not in code or "<" in code or ">" in code or "unescape" in code or "import html" in code:
        return code
    if not _ESCAPED_PAIR.search(code) and not (source.missing(code) & _ENTITY_NAMES):
        return code
    plain = _unescaped(code)
    return plain if source.tree(plain) is not None else code


def _dedented(code: str) -> str:
    return textwrap.dedent(code.expandtabs(4)) if code[:1] in (" ", "\t") else code


def _unescaped(code: str) -> str:
    return _ENTITY.sub(lambda found: _ENTITIES[found.group()], code)


def _without_prompts(code: str) -> str:
    """Without the prompts of an interactive session."""
    return _PROMPTS.sub("", code) if ">>>" in code else code


_MENDS: tuple[Callable[[str], str], ...] = (
    lambda code: _INVISIBLE.sub("", code),
    lambda code: _SPACES.sub(" ", code),
    lambda code: textwrap.dedent(code),
    _dedented,
    _unescaped,
    _without_prompts,
    lambda code: code.translate(_SMART),
)


def _rejoined(source: Source, code: str) -> str | None:
    r"""Python whose strings were broken by a \n that JSON had unescaped; None when that is not its mistake."""
    for _ in range(_MAX_REJOINED):
        found = source.read(code)
        if not isinstance(found, tuple):
            return code
        lines = code.split("\n")
        if "unterminated string literal" not in found.message or not 0 < found.line < len(lines):
            return None
        lines[found.line - 1 : found.line + 1] = [lines[found.line - 1] + "\\n" + lines[found.line]]
        code = "\n".join(lines)
    return None


def short(text: str, limit: int) -> str:
    """`text` on one line, cut to `limit` characters."""
    return " ".join(text[: 10 * limit].split())[:limit]
