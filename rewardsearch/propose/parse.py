"""Finds reward functions in what a language model replied: fenced blocks, JSON, bare code; with prose around or cut off."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator

from rewardsearch.propose.base import docstring_of, whole
from rewardsearch.records import MAX_CODE_CHARS, Record

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([A-Za-z0-9_+-]*)[^\n]*$", re.MULTILINE)
_CLOSING = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*$", re.MULTILINE)
# What a model thinks aloud comes first; a server may have taken its opening tag. A tag further down belongs to the code.
_THOUGHT = re.compile(r"\A(?:\s*<think>.*?</think>|.*?^</think>[ \t]*$)", re.DOTALL | re.MULTILINE)
_REWARD = re.compile(r"^def reward\s*\(", re.MULTILINE)
_CODE_START = re.compile(r'^(?:import |from \w[\w.]* import |def |[A-Z_]+ = |"""|#)', re.MULTILINE)
_MARKUP = r"[ \t>*_#-]*"
_NAME = re.compile(rf"^{_MARKUP}(?:reward )?name{_MARKUP}[:=]{_MARKUP}(.+?){_MARKUP}$", re.MULTILINE | re.IGNORECASE)
_WHY = re.compile(
    rf"^{_MARKUP}(?:rationale|hypothesis|reasoning|why){_MARKUP}[:=]{_MARKUP}(.+?)(?=\n\s*\n|\Z)",
    re.MULTILINE | re.IGNORECASE | re.DOTALL,
)
_PYTHON = frozenset(("", "python", "py", "python3"))
MAX_RATIONALE_CHARS = 600


class Found(Record):
    """One reward in a reply; `name` and `rationale` are empty when the reply gives none."""

    name: str
    rationale: str
    code: str


class NoCode(Exception):
    """A reply without a reward; the message says why, in words for the proposer."""


def parse_reply(text: str) -> list[Found]:
    """The rewards of a reply, in its order; whether their code is allowed is validation's to say.

    Raises NoCode when there is none.
    """
    spoken = _THOUGHT.sub("", text).replace("\r\n", "\n")
    if not spoken.strip():
        raise NoCode("the reply is empty")
    if spoken.lstrip().startswith("<think>"):
        raise NoCode("the reply was cut off while thinking, before any code")
    found = list(_from_json(spoken)) or _from_blocks(spoken) or list(_bare(spoken))
    if not found:
        if _CLOSING.search(spoken) or _FENCE.search(spoken):
            raise NoCode("no code block of the reply defines reward(prompts, completions, answer, **columns)")
        raise NoCode("the reply has no code block")
    return found


def _from_json(text: str) -> Iterator[Found]:
    """The whole reply, or its one JSON block, as an object with "code", or a list of such objects."""
    for body in (text, *(block.body for block in _blocks(text) if block.language == "json")):
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            inner = next((value[key] for key in ("candidates", "rewards") if isinstance(value.get(key), list)), [value])
        else:
            inner = value if isinstance(value, list) else []
        for item in inner:
            if isinstance(item, dict) and isinstance(item.get("code"), str):
                code = _unfenced(whole(item["code"]))
                why = next((item[key] for key in ("rationale", "hypothesis") if isinstance(item.get(key), str)), "")
                name = whole(item["name"]) if isinstance(item.get("name"), str) else ""
                yield Found(name=name, rationale=whole(why[:MAX_RATIONALE_CHARS]) or _docstring(code), code=code)


def _unfenced(code: str) -> str:
    """The code of a JSON value, which some models fence a second time."""
    blocks = _blocks(code)
    return blocks[0].body if blocks and blocks[0].language in _PYTHON else code.strip() + "\n"


def _from_blocks(text: str) -> list[Found]:
    """Fenced Python blocks that define `reward`, each with what is said before it."""
    out: list[Found] = []
    end, cut = 0, False
    for block in _blocks(text):
        before, end = text[end : block.start], block.end
        if block.language not in _PYTHON or not _REWARD.search(block.body):
            cut = cut or not block.closed
        elif not block.closed and _tree(block.body) is None:
            cut = True
        else:
            out.append(_found(before, block.body))
    if cut and not out:
        raise NoCode("the reply was cut off inside the code")
    return out


def _bare(text: str) -> Iterator[Found]:
    """Code without a fence: from the first line that looks like code, without the prose that may follow."""
    if not _REWARD.search(text):
        return
    start = _CODE_START.search(text)
    while start is not None:
        lines = text[start.start() :].splitlines()
        while lines:
            code = "\n".join(lines) + "\n"
            if _REWARD.search(code) is None:
                break
            if _tree(code) is not None:
                yield _found(text[: start.start()], code)
                return
            # Drops the last paragraph: prose after the code.
            lines = _without_last_paragraph(lines)
        start = _CODE_START.search(text, start.end())


def _without_last_paragraph(lines: list[str]) -> list[str]:
    blanks = [place for place, line in enumerate(lines) if not line.strip()]
    while blanks and blanks[-1] == len(lines) - 1:
        lines, blanks = lines[:-1], blanks[:-1]
    return lines[: blanks[-1]] if blanks else []


def _found(before: str, code: str) -> Found:
    names, whys = _NAME.findall(before), _WHY.findall(before)
    why = " ".join(whys[-1].split()) if whys else ""
    return Found(
        name=names[-1].strip("`\"' ") if names else "",
        rationale=why[:MAX_RATIONALE_CHARS] or _docstring(code),
        code=code,
    )


class _Block(Record):
    language: str
    body: str
    start: int
    end: int
    closed: bool


def _blocks(text: str) -> list[_Block]:
    """Fenced blocks; one that is never closed runs to the end."""
    out: list[_Block] = []
    opening = _FENCE.search(text)
    while opening is not None:
        mark = opening.group(1)
        closing = next((m for m in _CLOSING.finditer(text, opening.end()) if m.group(1).startswith(mark)), None)
        stop, end = (closing.start(), closing.end()) if closing else (len(text), len(text))
        body = text[opening.end() : stop].strip("\n") + "\n"
        out.append(
            _Block(
                language=opening.group(2).lower(), body=body, start=opening.start(), end=end, closed=closing is not None
            )
        )
        opening = _FENCE.search(text, end)
    return out


def _tree(code: str) -> ast.Module | None:
    if len(code) > MAX_CODE_CHARS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _docstring(code: str) -> str:
    return " ".join(docstring_of(code).split())[:MAX_RATIONALE_CHARS]
