"""What the flags of a run mean, each in a sentence."""

from __future__ import annotations

from collections.abc import Iterable

from rewardsearch.records.flags import FLAGS

NON_FINITE = " non-finite steps"
_UNKNOWN = "Named by validation or training; `rewardsearch show RUN ID` has its figures."


def meaning(flag: str) -> str:
    """What a flag means."""
    if flag.endswith(NON_FINITE):
        return "Steps whose gradient was not finite; they left the weights unchanged."
    return next((text.meaning for kind, text in FLAGS.items() if flag.startswith(kind)), _UNKNOWN)


def explained(flags: Iterable[tuple[str, str]]) -> list[tuple[str, str, list[str]]]:
    """Each flag once, with its meaning and the names that it stands at. flags: pairs of a flag and a name."""
    at: dict[str, list[str]] = {}
    for flag, name in flags:
        names = at.setdefault(flag, [])
        if name not in names:
            names.append(name)
    return [(flag, meaning(flag), names) for flag, names in sorted(at.items())]
