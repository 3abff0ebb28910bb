"""Changes of source text that keep every line where it is, so that a refusal names the line of the user's file."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """Replaces the bytes from `start` to `end`. `note`: what to say about it, for the lines it stands on."""

    start: int
    end: int
    text: str = ""
    note: str = ""


class Positions:
    """Where syntax nodes stand in a text, in bytes."""

    def __init__(self, code: str) -> None:
        self.data = code.encode()
        self._lines = [0, *(i + 1 for i, byte in enumerate(self.data) if byte == 10)]

    def at(self, line: int, column: int) -> int:
        return self._lines[line - 1] + column

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Start and end of a node; of a function or class with its decorators."""
        first = min([node, *getattr(node, "decorator_list", [])], key=lambda part: (part.lineno, part.col_offset))
        column = first.col_offset - (1 if first is not node else 0)  # the @ of a decorator
        return self.at(first.lineno, column), self.at(node.end_lineno or 0, node.end_col_offset or 0)  # type: ignore[attr-defined]

    def source(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self.data[start:end].decode()

    def replace(self, node: ast.AST, text: str, note: str = "") -> Edit:
        return Edit(*self.span(node), text, note)

    def stands_alone(self, node: ast.AST) -> bool:
        """Whether no other statement shares a line with this one."""
        start, end = self.span(node)
        before = self.data[self.data.rfind(b"\n", 0, start) + 1 : start]
        after = self.data[end : self.end_of_line(end)].strip()
        return not before.strip() and (not after or after.startswith(b"#"))

    def with_comments(self, start: int) -> int:
        """The start of the comment lines right above a position, unless the file begins with them (a licence)."""
        line = self.line_of(start)
        first = line
        while first > 1 and self.data[self._lines[first - 2] : self._lines[first - 1]].startswith(b"#"):
            first -= 1
        return start if first == 1 else self._lines[first - 1]

    def end_of_line(self, position: int) -> int:
        found = self.data.find(b"\n", position)
        return found if found >= 0 else len(self.data)

    def lines_of(self, edit: Edit) -> range:
        return range(self.line_of(edit.start), self.line_of(edit.end) + 1)

    def line_of(self, position: int) -> int:
        return self.data.count(b"\n", 0, position) + 1


def edited(code: str, edits: Iterable[Edit]) -> str:
    """`code` with these changes. Of edits inside one another the outer is made. The number of lines stays: what is lost follows
    the new text, which must end a statement or stand in brackets there."""
    data, last = code.encode(), 0
    parts: list[bytes] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, -edit.end)):
        if edit.start < last:
            continue
        lost = data.count(b"\n", edit.start, edit.end) - edit.text.count("\n")
        parts += [data[last : edit.start], edit.text.encode() + b"\n" * lost]
        last = edit.end
    return b"".join((*parts, data[last:])).decode()


def line_ranges(lines: Iterable[int]) -> str:
    """Such as `line 3` or `lines 3, 5-9`."""
    parts: list[list[int]] = []
    for line in sorted(set(lines)):
        if parts and line == parts[-1][-1] + 1:
            parts[-1].append(line)
        else:
            parts.append([line])
    texts = [str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts]
    return f"line{'s' if len(parts) > 1 or len(parts[0]) > 1 else ''} {', '.join(texts)}"
