"""A report as a test reads it: its tables by cell, its elements, and what it would load."""

from __future__ import annotations

import json
from collections import Counter
from html.parser import HTMLParser
from typing import Any

_VOID = {"meta", "link", "input", "br", "hr", "img", "wbr"}
_LOADS = ("src", "href", "action", "data", "poster", "srcset", "formaction")


class Page(HTMLParser):
    """cells: text by class of the table, id of the row and key. facts: the first text of each name in a list of facts.
    phases: the time of each phase. tags: how often each element occurs. links: what elements refer to. handlers: attributes
    that would run a script. unclosed: elements that end in the wrong order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.facts: dict[str, str] = {}
        self.phases: dict[str, str] = {}
        self.cells: dict[tuple[str, str, str], str] = {}
        self.tags: Counter[str] = Counter()
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.unclosed: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self._json = self._fact = ""
        self._open: list[tuple[str, dict[str, str]]] = []
        self.feed(html)
        self.unclosed += [tag for tag, _ in self._open]

    @property
    def data(self) -> Any:
        return json.loads(self._json)

    def row(self, table: str, id: str) -> dict[str, str]:
        return {key: text for (of, row, key), text in self.cells.items() if (of, row) == (table, id)}

    def rows(self, table: str) -> list[str]:
        return list(dict.fromkeys(row for of, row, _ in self.cells if of == table))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags[tag] += 1
        self.links += [value for name, value in found.items() if name in _LOADS]
        self.handlers += [name for name in found if name.startswith("on")]
        if "id" in found:
            self.ids.append(found["id"])
        if tag not in _VOID:
            self._open.append((tag, found))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            self._open.pop()
        else:
            self.unclosed.append(tag)

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._open]
        if "script" in tags:
            if self._open[-1][1].get("id") == "data":
                self._json += data
            return
        if "style" not in tags:
            self.text += data
        if tags and tags[-1] == "dt":
            self._fact = data
        elif tags and tags[-1] == "dd":
            self.facts.setdefault(self._fact, data)
        elif self._open and "data-phase" in self._open[-1][1]:
            self.phases[self._open[-1][1]["data-phase"]] = data
        table = next((found.get("class", "") for tag, found in self._open if tag == "table"), None)
        row = next((found for tag, found in reversed(self._open) if tag == "tr"), {})
        within = reversed(self._open)
        cell = next((found for tag, found in within if tag in ("td", "small") or "data-key" in found), None)
        if table is None or cell is None:
            return
        key = (
            cell.get("data-key")
            or cell.get("data-kind")
            or "/".join(filter(None, (cell.get("data-a"), cell.get("data-b"))))
        )
        if key:
            place = (table, row.get("data-id") or row.get("data-round") or "", key)
            self.cells[place] = self.cells.get(place, "") + data
