"""What tests of asking language models have at hand."""

from __future__ import annotations

import pytest
from asked import KEY, KEY_NAME

from rewardsearch.propose.llm import scheduler


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> None:
    """A key is set, and a request that failed is sent again at once."""
    monkeypatch.setenv(KEY_NAME, KEY)
    monkeypatch.setattr(scheduler, "BACKOFF_S", 0.01)
