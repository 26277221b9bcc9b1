"""A mock for what is printed: some of it uses up everybody's limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lightning_mock.background import RunningMock, running


@pytest.fixture
def mock() -> Iterator[RunningMock]:
    """One for each."""
    with running() as started:
        yield started
