"""The static policy: what of a candidate's code is refused before any of it runs, read off the syntax tree.

It covers: modules and names off the allow-list, every attribute or format string that leads to the interpreter's
insides, names that are bound nowhere, state kept between calls, look-alike identifiers, and code too large or nested
to handle safely. It does not cover what only running shows: loops, memory, values. The worker's limits and kernel
layers do.
"""

from __future__ import annotations

import ast
import io
import re
import threading
import tokenize
import warnings
from collections.abc import Iterator

from rewardsearch.records import FIXED_ARGUMENTS
from rewardsearch.rewards.identity import MAX_CODE_CHARS
from rewardsearch.rewards.sandbox.static.allowed import HIDDEN
from rewardsearch.rewards.sandbox.static.names import (
    askers,
    bindings,
    idioms,
    inside_functions,
    module_level_names,
    own_attributes,
)
from rewardsearch.rewards.sandbox.static.refusal import Scope, StaticFault
from rewardsearch.rewards.sandbox.static.rules import RULES
from rewardsearch.rewards.sandbox.static.scopes import meaning_of, own_nodes
from rewardsearch.rewards.sandbox.static.state import cached_functions, shared_attributes, stateful_nonlocals

SIGNATURE = (
    "write `def reward(prompts, completions, answer, **columns):` at the top level, once: it gets lists with one entry "
    "a completion, and returns a list of one number each"
)
"""What to write where `reward` is missing or is written otherwise than it is called."""
MAX_NODES = 6_000
MAX_DEPTH = 120
MAX_BRACKETS = 100
MAX_FINALLY = 3
"""The compiler writes the body of a `finally` out for each way into it: nested ones grow by powers."""
_UNARY_RUN = re.compile(r"(?:[-+~(\[{]\s*){100}|(?:\bnot\s+){100}|(?:\blambda\s*:\s*){50}")
# A string that does not end goes to the end of its line or file, so that nothing is looked at twice.
_STRINGS = re.compile(
    r"""#[^\n]*|(?:(?<!\w)([A-Za-z]{1,2}))?"""
    r"""(?:'{3}(?:[^\\]|\\.)*?(?:'{3}|\Z)|"{3}(?:[^\\]|\\.)*?(?:"{3}|\Z)|'(?:[^'\\\n]|\\.)*'?|"(?:[^"\\\n]|\\.)*"?)""",
    re.DOTALL,
)
# Control characters, a carriage return alone (it ends a line and a comment), surrogates, and the marks that make text
# read in another order than it runs (CVE-2021-42574).
_ODD_CHARS = re.compile(
    "\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\u061c\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
_warnings_lock = threading.Lock()


def check_static(code: str) -> StaticFault | None:
    """The first fault of `code` in the order of its lines, or None when all of it is allowed. Never runs any of it."""
    try:
        tree = parse_untrusted(code)
        _check_letters(code)
        _check_finally(tree)
        scope = Scope(
            meaning=meaning_of(tree, HIDDEN),
            own=own_attributes(tree),
            cached=cached_functions(tree),
            idioms=idioms(tree),
            askers=askers(tree),
            stateful=stateful_nonlocals(tree, module_level_names(tree)),
            inside=inside_functions(tree),
            shared=shared_attributes(tree),
            owners=frozenset(id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)),
        )
        faults = sorted(_tree_faults(tree, scope), key=lambda fault: fault.line or 0)
        if faults:
            raise faults[0]
        _check_reward(tree)
    except StaticFault as fault:
        return fault.with_traceback(None)
    return None


def batch_dependent(code: str) -> bool:
    """Whether the file says `BATCH_DEPENDENT = True` at its top level. `code` must have passed check_static."""
    for node in parse(code).body:
        match node:
            case ast.Assign(targets=targets, value=ast.Constant(value=True)):
                pass
            case ast.AnnAssign(target=target, value=ast.Constant(value=True)):
                targets = [target]
            case _:
                continue
        if any(isinstance(target, ast.Name) and target.id == "BATCH_DEPENDENT" for target in targets):
            return True
    return False


def parse_untrusted(code: str, max_chars: int = MAX_CODE_CHARS, max_nodes: int = MAX_NODES) -> ast.Module:
    """The syntax tree of `code`, of bounded size and depth. Raises StaticFault."""
    _check_text(code, max_chars)
    tree = parse(code)
    _check_size(tree, max_nodes)
    return tree


def _check_text(code: str, max_chars: int) -> None:
    """Size and characters, before the parser sees the text: it can be attacked with size and nesting."""
    if len(code) > max_chars:
        raise StaticFault(None, f"the file has {len(code)} characters", f"at most {max_chars} are allowed")
    odd = _ODD_CHARS.search(code)
    if odd is not None:
        what = f"the character U+{ord(odd.group()):04X} is not allowed"
        raise StaticFault(_line_at(code, odd.start()), what, "write it as an escape in a string")
    bare = _STRINGS.sub(_blank, code)
    depth = 0
    for bracket in re.finditer(r"[()\[\]{}]", bare):
        depth += 1 if bracket.group() in "([{" else -1
        if depth > MAX_BRACKETS:
            what = f"brackets are nested more than {MAX_BRACKETS} deep"
            raise StaticFault(_line_at(bare, bracket.start()), what, "split the expression")
    run = _UNARY_RUN.search(bare)
    if run is not None:
        raise StaticFault(_line_at(bare, run.start()), "an expression is nested too deep", "split the expression")


def _blank(found: re.Match[str]) -> str:
    """A comment or string without its text, which is no nesting; an f-string as it is, since there is code in it."""
    return found.group() if "f" in (found.group(1) or "").lower() else "\n" * found.group().count("\n")


def _line_at(code: str, position: int) -> int:
    return code.count("\n", 0, position) + 1


def _check_letters(code: str) -> None:
    """Identifiers as written are ASCII: the parser folds look-alike letters, so the tree no longer shows them."""
    if code.isascii():
        return
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, SyntaxError):
        raise StaticFault(None, "the file cannot be read token by token", "write plain Python") from None
    for token in tokens:
        if token.type == tokenize.NAME and not token.string.isascii():
            raise StaticFault(
                token.start[0], "an identifier has letters outside ASCII", "use plain letters, digits and _"
            )


def parse(code: str) -> ast.Module:
    """The syntax tree of `code`, without a word on the proposer's style. Raises StaticFault where it is not Python."""
    try:
        # Warnings about escapes in strings are the proposer's style, not ours to show; the filters are global, so one
        # at a time.
        with _warnings_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except SyntaxError as error:
        raise StaticFault(error.lineno, "the file is not valid Python", "write one complete Python file") from None
    except (ValueError, RecursionError, MemoryError):
        raise StaticFault(None, "the file cannot be parsed", "write one complete, plainly nested Python file") from None


def _check_size(tree: ast.Module, max_nodes: int) -> None:
    nodes = 0
    level: list[ast.AST] = [tree]
    depth = 0
    while level:
        nodes += len(level)
        depth += 1
        if nodes > max_nodes:
            raise StaticFault(None, f"the file has more than {max_nodes} syntax nodes", "write a shorter reward")
        if depth > MAX_DEPTH:
            raise StaticFault(
                level[0],
                f"the code is nested more than {MAX_DEPTH} levels deep",
                "split the expression or the elif chain",
            )
        level = [child for node in level for child in ast.iter_child_nodes(node)]


def _check_finally(tree: ast.Module) -> None:
    pending: list[tuple[ast.AST, int]] = [(tree, 0)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_FINALLY:
            raise StaticFault(node, f"`finally` is nested more than {MAX_FINALLY} deep", "write a plainer function")
        last = node.finalbody if isinstance(node, ast.Try) else []
        pending += [(child, depth) for child in ast.iter_child_nodes(node) if child not in last]
        pending += [(child, depth + 1) for child in last]


def _tree_faults(tree: ast.Module, scope: Scope) -> Iterator[StaticFault]:
    for node in ast.walk(tree):
        for rule in RULES:
            try:
                rule(node, scope)
            except StaticFault as fault:
                yield fault


def _check_reward(tree: ast.Module) -> None:
    """Exactly one top-level `def reward` that takes the fixed arguments by keyword, and any further column."""
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "reward"]
    if not found:
        raise StaticFault(None, "there is no top-level function `reward`", SIGNATURE)
    if len(found) > 1:
        raise StaticFault(found[1], "`reward` is defined twice", SIGNATURE)
    for node in own_nodes(tree.body):
        aliases = node.names if isinstance(node, ast.Import | ast.ImportFrom) else []
        bound = [*bindings(node), *(alias.asname or alias.name for alias in aliases)]
        if "reward" in bound and node is not found[0]:
            raise StaticFault(node, "`reward` is bound to something else", SIGNATURE)
    function = found[0]
    if function.decorator_list:
        raise StaticFault(function, "`reward` has a decorator", "leave the decorator off")
    arguments = function.args
    by_keyword = {argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)}
    missing = [name for name in FIXED_ARGUMENTS if name not in by_keyword]
    if missing:
        raise StaticFault(function, f"`reward` does not take {', '.join(missing)} by keyword", SIGNATURE)
    if arguments.kwarg is None:
        raise StaticFault(function, "`reward` does not take **columns", SIGNATURE)
    if arguments.posonlyargs:
        raise StaticFault(function, "`reward` has positional-only arguments", SIGNATURE)
