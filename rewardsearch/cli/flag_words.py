"""Flags in words, as tables for people have them; docs/validation.md explains each."""

from __future__ import annotations

from collections.abc import Sequence

WORDS = {
    "bank:dead": "pays all alike",
    "bank:inverted": "pays wrong more",
    "bank:no-signal": "no signal",
    "bank:form": "pays form alone",
    "bank:length": "pays length",
    "bank:penalty": "pays silence",
    "bank:collapse": "pays one class",
    "watch:hacking": "reward hacking",
    "watch:length": "length drifted",
    "watch:collapse": "one answer",
    "watch:class_avoidance": "avoids a class",
    "watch:entropy": "stopped varying",
    "watch:dead": "no gradient",
    "watch:clipped": "cut off",
    "watch:forgetting": "forgot",
    "leak:answer": "leaks answers",
    "constant:probes": "constant",
    "sensitive:trailing-space": "space matters",
}
_KINDS = {"exploit": "pays", "trigger": "trick:", "refused": "refused:", "mixed": "mixed:"}
"""What stands before the names of flags that share a kind."""


def flag_words(flags: Sequence[str], shown: int = 2) -> str:
    """Such as "pays empty, tags +4; reward hacking". shown: names of one kind that are spelled out."""
    phrases: list[str] = []
    names: dict[str, list[str]] = {}
    for flag in flags:
        kind, _, name = flag.partition(":")
        if flag not in WORDS and kind in _KINDS and name:
            names.setdefault(kind, []).append(name)
        else:
            phrases.append(WORDS.get(flag, flag))
    for kind, found in names.items():
        more = f" +{len(found) - shown}" if len(found) > shown else ""
        phrases.append(f"{_KINDS[kind]} {', '.join(found[:shown])}{more}")
    return "; ".join(phrases)
