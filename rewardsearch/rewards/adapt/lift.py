"""Puts the rewards that a function defines inside itself at the top level, as `load_environment` of verifiers does."""

from __future__ import annotations

import ast

from rewardsearch.rewards.adapt.conventions import FunctionNode, listed_rewards
from rewardsearch.rewards.adapt.edits import Edit, Positions, edited
from rewardsearch.rewards.adapt.reading import bound_names
from rewardsearch.rewards.sandbox import StaticFault, parse
from rewardsearch.rewards.sandbox.static.scopes import own_nodes


def lifted(code: str, tree: ast.Module) -> str:
    """The file with the body of such a function in its place, each line where it was. Its arguments get their defaults.

    A file without one, or where names would clash, stays as it is.
    """
    listed = set(listed_rewards(tree)[0])
    for function in tree.body if listed else ():
        if isinstance(function, FunctionNode):
            inside = {name for part in function.body for name in bound_names(part)}
            if not listed & inside or function.body[0].lineno == function.lineno:
                continue
            outside = {name for part in tree.body if part is not function for name in bound_names(part)}
            if not inside & outside:
                try:
                    return _in_place(code, function)
                except StaticFault:
                    break
    return code


def _in_place(code: str, function: FunctionNode) -> str:
    """Raises StaticFault where the result is not Python, as with a `yield` in the function."""
    positions = Positions(code)
    returns = [node for node in own_nodes(function.body) if isinstance(node, ast.Return)]
    code = edited(code, [positions.replace(node, "pass") for node in returns])
    positions = Positions(code)
    args = function.args
    pairs = [
        *zip([*args.posonlyargs, *args.args][::-1], args.defaults[::-1], strict=False),
        *((arg, default) for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default),
    ]
    head = "; ".join(f"{arg.arg} = {ast.unparse(default)}" for arg, default in pairs)
    first = function.body[0]
    begin = min(part.lineno for part in (first, *getattr(first, "decorator_list", ())))
    edits = [Edit(positions.span(function)[0], positions.at(begin, 0) - 1, head)]
    # Inside a text of several lines the indent is part of the text.
    texts = (n for part in function.body for n in ast.walk(part) if isinstance(n, ast.Constant | ast.JoinedStr))
    within = {line for text in texts for line in range(text.lineno + 1, (text.end_lineno or 0) + 1)}
    for line in range(begin, (function.end_lineno or 0) + 1):
        start = positions.at(line, 0)
        if line not in within and not positions.data[start : start + first.col_offset].strip():
            edits.append(Edit(start, min(start + first.col_offset, positions.end_of_line(start))))
    code = edited(code, edits)
    parse(code)
    return code
