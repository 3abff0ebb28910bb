"""Which modules of a model LoRA is put on, and what to say where there are none of the name that the config gives."""

from __future__ import annotations

import re
from typing import Any

ALL = "all-linear"


def target_mistake(model: Any, key: str, targets: str | list[str]) -> str | None:
    """What is wrong with `targets`, the value of `key`; None where each of them is in `model`. A text is a regular expression for
    whole names, as PEFT reads it; a list has the ends of names."""
    if targets == ALL:
        return None
    names = [name for name, _ in model.named_modules()]
    if isinstance(targets, str):
        lost = [] if any(re.fullmatch(targets, name) for name in names) else [targets]
    else:
        lost = [each for each in targets if not any(f".{name}".endswith(f".{each}") for name in names)]
    if lost or not targets:
        found = ", ".join(linear_names(model))
        return (
            f"{key}: the policy has no module {', '.join(lost) or 'without a name'}; set {ALL}, or a list of: {found}"
        )
    if "lm_head" in targets:
        return f"{key}: got lm_head, which TRL cannot train an adapter on; take it out"
    return None


def linear_names(model: Any) -> list[str]:
    """The last parts of the names of the model's linear layers, without its head, in the model's order."""
    head = model.get_output_embeddings()
    # GPT-2 calls its linear layers Conv1D.
    linear = (
        name
        for name, module in model.named_modules()
        if type(module).__name__ in ("Linear", "Conv1D") and module is not head
    )
    return list(dict.fromkeys(name.rpartition(".")[2] for name in linear))
