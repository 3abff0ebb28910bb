"""Flags in words, as tables for people have them."""

from __future__ import annotations

from collections.abc import Sequence


def flag_words(flags: Sequence[str], shown: int = 2) -> str:
    """Such as "pays empty, tags +4; reward hacking". shown: names of one kind that are spelled out."""
    from rewardsearch.records.flags import FLAGS

    phrases: list[str] = []
    names: dict[str, list[str]] = {}
    for flag in flags:
        kind, colon, name = flag.partition(":")
        if flag not in FLAGS and kind + colon in FLAGS and name:
            names.setdefault(kind + colon, []).append(name)
        else:
            phrases.append(FLAGS[flag].words if flag in FLAGS else flag)
    for kind, found in names.items():
        more = f" +{len(found) - shown}" if len(found) > shown else ""
        phrases.append(f"{FLAGS[kind].words} {', '.join(found[:shown])}{more}")
    return "; ".join(phrases)
