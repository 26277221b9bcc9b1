"""One mock for all real clients, and callers whose quota nobody else has touched."""

import uuid
from collections.abc import Iterator

import pytest
from lightning_mock.background import RunningMock, running


@pytest.fixture(scope="session")
def friendly_mock() -> Iterator[RunningMock]:
    """A mock whose metadata event has choices, for SDK helpers that insist on them."""
    with running(metadata_form="choices") as started:
        yield started


@pytest.fixture
def client_id() -> str:
    """A fresh free-tier identity."""
    return f"ipc-{uuid.uuid4()}"
