"""The module `rewardsearch_measures.py` of an export: what a training needs besides, where rewards read measured columns."""

from __future__ import annotations

import textwrap
from pathlib import Path

from rewardsearch.exporters.formatting import format_python
from rewardsearch.exporters.module import LICENCE, definitions, source_of
from rewardsearch.records import messages
from rewardsearch.tasks.contrast import columns
from rewardsearch.tasks.contrast.meanings import MEANINGS
from rewardsearch.tasks.forms import rationale

MEASURES = "rewardsearch_measures"
KNOWN = frozenset(MEANINGS)
"""The measured columns that the module has."""
_HEAD = '''\
"""Measured columns for the rewards in rewardsearch_reward.py: the policy in training embeds texts, and rewards get numbers.

    measures = Measures(negatives={negatives})
    trainer = GRPOTrainer(..., reward_funcs=measures.rewards(REWARD_FUNCS))
    measures.attach(trainer)
    trainer.train()

It needs torch and transformers.

{licence}
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Embeddings, one a line, each of length 1."""
'''
_COLUMNS = ("Floats", "TEMPERATURE", "Step", "columns", "_largest", "_means", "_nearest_of_rows", "_log_share")


def measures_module(negatives: int) -> str:
    """The source of the module, formatted. negatives: hard negatives of a row that counted in the search."""
    # Its text is read, not imported: it imports torch.
    runtime = Path(__file__).with_name("measures_runtime.py").read_text(encoding="utf-8")
    parts = (
        _HEAD.format(negatives=negatives, licence=textwrap.fill(LICENCE, 88)),
        source_of(messages, ("message_text",)),
        source_of(rationale, ("MARKS", "solution")),
        source_of(columns, _COLUMNS),
        definitions(runtime),
    )
    return format_python("\n\n".join(parts))
