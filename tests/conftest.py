"""The mock that the tests of mock, control plane and clients share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lightning_mock.background import RunningMock, running


@pytest.fixture(scope="session")
def mock() -> Iterator[RunningMock]:
    """A mock in its natural state; its tests keep to callers of their own."""
    with running() as started:
        yield started
