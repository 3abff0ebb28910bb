"""What depends on each key of the config: the artifacts whose fingerprint has it, or the search alone.

A field says it once, as in `steps: Annotated[int, Affects("training")]`. Where it does not, the `affects` of its section holds,
else that of the field that the section stands in. A key that affects nothing may change between two sessions on a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel

Effect = Literal["training", "bank", "sft", "search"]
"""The result of a training run, the rollout bank, the supervised fine-tuning; `search`: what is proposed, accepted, promoted and
ranked, but none of the three."""


@dataclass(frozen=True, init=False)
class Affects:
    """What depends on a key; nothing where no effect is named."""

    effects: frozenset[Effect]

    def __init__(self, *effects: Effect) -> None:
        object.__setattr__(self, "effects", frozenset(effects))


@lru_cache
def effects_of(section: type[BaseModel]) -> dict[str, frozenset[Effect]]:
    """The effects of every key under `section`, by the key with its dots. Raises TypeError for a field that declares none."""
    return dict(_effects(section, "", _default(section)))


def _effects(
    section: type[BaseModel], prefix: str, inherited: Affects | None
) -> Iterator[tuple[str, frozenset[Effect]]]:
    for name, field in section.model_fields.items():
        own = next((each for each in field.metadata if isinstance(each, Affects)), None)
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _effects(inner, f"{prefix}{name}.", own or _default(inner) or inherited)
        elif (found := own or inherited) is None:
            raise TypeError(f"{prefix}{name}: declare what it affects, as in Annotated[..., Affects(...)]")
        else:
            yield prefix + name, found.effects


def _default(section: type[BaseModel]) -> Affects | None:
    found: Affects | None = getattr(section, "affects", None)
    return found


def flat(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested data by keys with dots; lists stay whole."""
    out: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            out.update(flat(value, f"{prefix}{key}."))
        else:
            out[prefix + key] = value
    return out
