"""Normalises a reply before it is read: line ends, invisible characters, chat-template tokens, and fences that share a line
with something else. Code keeps its characters."""

from __future__ import annotations

import re

from rewardsearch.propose.base import replace_surrogates

OPEN, CLOSE = "\n<think>\n", "\n</think>\n"

# Invisible characters that editors and web pages leave at a text's start, and what is left there of other encodings' marks.
_INVISIBLE = "\ufeff\ufffd\ufffe\u200b\u200c\u200d\u2060\u200e\u200f"
# Channels that a header opens: those of gpt-oss, of gpt-oss without its tokens, of Gemma, and what Ollama's command line prints.
_CHANNEL = re.compile(
    r"(?P<think><\|channel\|>[ \t]*analysis[^<\n]{0,100}<\|message\|>|<\|channel>thought\n|<\|think\|>"
    r"|\A\s*analysis(?=[A-Z\"'*#])|\A\s*Thinking\.\.\.[ \t]*\n)"
    r"|(?P<say>(?:<\|end\|>)?(?:<\|start\|>assistant[^<\n]{0,50})?"
    r"<\|channel\|>[^<\n]{0,100}(?:<\|constrain\|>[^<\n]{0,20})?<\|message\|>"
    r"|<channel\|>|<\|content\|>|assistant(?:final|commentary)|^\.\.\.done thinking\.)",
    re.MULTILINE,
)
_TOKEN = re.compile(
    r"(?<![\"'])(?:<[|｜](?![\w▁]{0,20}(?i:think|thought|reason))[\w▁]{1,30}[|｜]>(?:assistant\b)?|<end_of_turn>|</s>)"
)
_FENCE_AFTER_PROSE = re.compile(
    r"^(?![ \t>]*`)([^`\n]{1,300})(`{3,}(?:python3?|py|json)[ \t]*)$", re.IGNORECASE | re.MULTILINE
)
_FENCE_AFTER_CODE = re.compile(r"^(?![ \t>]*`)([^`\n]{0,500}[^`\s])(`{3,}[ \t]*)$", re.MULTILINE)
_ARGUMENT = re.compile(r"(<(?:parameter|arg_value)\b[^<>\n]{0,80}>)(?=\S)|(?<=\S)(?=</(?:parameter|arg_value)>)")
_QUOTED = re.compile(r"^[ \t]{0,8}>[ ]?", re.MULTILINE)


def normalised(text: str) -> str:
    """`text` with line ends as \\n, the reasoning of every chat template between <think> and </think>, and each fence and each
    argument of a tool call on a line of its own."""
    # Text in UTF-16 that was read as another encoding has a NUL beside every letter.
    text = replace_surrogates(text).replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    text = _TOKEN.sub("\n", _channels(text.lstrip(_INVISIBLE + " \t\n")))
    text = _FENCE_AFTER_CODE.sub(r"\1\n\2", _FENCE_AFTER_PROSE.sub(r"\1\n\2", text))
    text = _ARGUMENT.sub(lambda found: f"{found.group(1) or ''}\n", text)
    return unquoted(text)


def unquoted(text: str) -> str:
    """`text` without the > before each of its lines, where each has one."""
    is_quoted = text.lstrip()[:1] == ">" and all(_QUOTED.match(line) for line in text.split("\n") if line.strip())
    return _QUOTED.sub("", text) if is_quoted and not text.lstrip().startswith(">>>") else text


def _channels(text: str) -> str:
    is_open = False

    def mark(found: re.Match[str]) -> str:
        nonlocal is_open
        before, is_open = is_open, found["think"] is not None
        if is_open:
            return (CLOSE if before else "") + OPEN
        return CLOSE if before else found.group() if found.group().startswith("assistant") else "\n"

    return _CHANNEL.sub(mark, text)
