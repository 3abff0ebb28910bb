"""What tests of the proposers have at hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from requests_of import MakeRequest, make_request


@pytest.fixture
def request_of(tmp_path: Path) -> MakeRequest:
    """Makes a request of round 1 for two arithmetic rewards, in tmp_path/round; fields as given."""
    return make_request(tmp_path / "round")
