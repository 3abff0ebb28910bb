"""Proposes rewards by asking language models: evidence in, better rewards out.

plan draws the moves, prompt writes them down, asking sends them; manual leaves the sending to a person. Keys are held in
memory alone.
"""

from __future__ import annotations

from rewardsearch.propose.llm.manual import ManualProposer
from rewardsearch.propose.llm.openai import LLMProposer

__all__ = ["LLMProposer", "ManualProposer"]
