"""Mends code that a web page, a word processor or a missing escape damaged; only where that turns it into Python."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable

from rewardsearch.propose.parse.source import Source
from rewardsearch.rewards.identity import MAX_CODE_CHARS

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


def mended(source: Source, code: str) -> str:
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
