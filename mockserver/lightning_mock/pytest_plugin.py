"""Fixtures for test-suites of programs that talk to Lightning.

Law: pytest loads this file in every project of an environment where the mock is installed, so it adds no
option, marker or hook, and imports nothing heavy until a fixture is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lightning_mock.client import Lightning, User

URL_VARIABLE = "LIGHTNING_MOCK_URL"
TOKEN_VARIABLE = "LIGHTNING_MOCK_CONTROL_TOKEN"
_SHOWN_EXCHANGES = 20


@pytest.fixture(scope="session")
def lightning_mock_settings() -> Mapping[str, Any]:
    """The settings of the mock that is started. Override it in a conftest.py to give others, for example
    `{"token_rate": 30}`."""
    return {}


@pytest.fixture(scope="session")
def lightning_mock(lightning_mock_settings: Mapping[str, Any]) -> Iterator[Lightning]:
    """One mock for the session, on a free port, with its control client; or the running one that
    LIGHTNING_MOCK_URL names. For fixtures that live longer than a test; tests want `lightning`."""
    from lightning_mock.client import Lightning

    url = os.environ.get(URL_VARIABLE)
    if url:
        running_mock = Lightning(url, os.environ.get(TOKEN_VARIABLE), shared=True)
        # Fails here rather than in the first test when nothing answers there.
        running_mock.clock()
        yield running_mock
        return
    from lightning_mock.background import running  # The server: aiohttp and all.

    with running(**lightning_mock_settings) as mock:
        yield Lightning(mock.base_url, lightning_mock_settings.get("control_token"))


@pytest.fixture
def lightning(lightning_mock: Lightning, request: pytest.FixtureRequest) -> Iterator[Lightning]:
    """The control client of one test. Its users, faults, limits and clock moves end with the test. When
    the test fails, its report shows the exchanges that the mock had meanwhile, each with the reason of its
    answer."""
    last = lightning_mock.journal(limit=1)
    with lightning_mock.fresh() as client:
        yield client
        seen = client.journal(since=last[0].id if last else None, limit=_SHOWN_EXCHANGES)
    if seen:
        # pytest prints what is reported in this phase beneath a failed test, and nowhere else.
        request.node.add_report_section("teardown", "lightning mock", "\n".join(map(str, seen)))


@pytest.fixture
def lightning_user(lightning: Lightning) -> User:
    """A user of the light plan that no other test knows."""
    return lightning.user("light")
