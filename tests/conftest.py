"""What all tests share: how Hypothesis looks at time, and a mock."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest
from lightning_mock.background import RunningMock, running

# How long an example takes says something about the machine, and nothing about what is tested.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def mock() -> Iterator[RunningMock]:
    """The mock that the tests of mock, control plane and clients share, in its natural state; they keep to
    callers of their own."""
    with running() as started:
        yield started
