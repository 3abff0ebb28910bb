"""Prompts and completions as trainers and files write them, with the text of each; and values that are neither."""

from __future__ import annotations

from typing import Any


def said(*contents: object) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": content} for content in contents]


TEXT = "<thinking> 2+2 </thinking> <solution> 4 </solution>"
MESSAGES: list[tuple[Any, str]] = [
    (TEXT, TEXT),
    ("", ""),
    ([], ""),
    (said(TEXT), TEXT),
    (said("first", TEXT), TEXT),
    (said(TEXT)[0], TEXT),
    ({"content": TEXT}, TEXT),
    (said([{"type": "text", "text": TEXT}]), TEXT),
    (said([{"type": "text", "text": TEXT[:20]}, {"type": "text", "text": TEXT[20:]}]), TEXT),
    (said([{"type": "image", "image": "a.png"}, {"type": "text", "text": TEXT}])[0], TEXT),
    (said([{"type": "text", "text": None}, {"type": "text", "text": TEXT, "image": None}]), TEXT),
    (said([TEXT[:5], TEXT[5:]]), TEXT),
    (said([]), ""),
    (said(None), ""),
    ([{"role": "assistant", "tool_calls": []}], ""),
    (said([{"type": "text", "text": None}]), ""),
]
NO_MESSAGES: list[Any] = [
    7,
    float("nan"),
    True,
    {},
    {"text": TEXT},
    [TEXT],
    ["first", TEXT],
    [[TEXT]],
    [{"type": "text", "text": TEXT}],
    said(7),
    said([7]),
    said([{"type": "text", "text": 7}]),
]
