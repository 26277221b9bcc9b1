"""Programs that fake their own time, and a mock in the same process that it must not reach."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import freezegun
import pytest
import requests
import time_machine
from lightning_mock.background import RunningMock, running
from lightning_mock.client import Lightning

from tests.support.guard import HANGS

from .conftest import CHAT

FAKES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "freezegun": lambda: freezegun.freeze_time("1999-12-31T23:59:59Z"),
    "freezegun, ticking": lambda: freezegun.freeze_time("2099-01-01", tick=True),
    "time-machine": lambda: time_machine.travel("1999-12-31T23:59:59Z", tick=False),
    "time-machine, ticking": lambda: time_machine.travel("2099-01-01"),
}
SLACK = 60.0


@pytest.fixture
def own() -> Iterator[RunningMock]:
    with running() as mock:
        yield mock


@pytest.fixture(params=FAKES)
def faked(request: Any) -> Callable[[], AbstractContextManager[Any]]:
    return FAKES[request.param]


def now(client: Lightning) -> float:
    return client.clock().epoch


def test_a_control_call_under_a_fake_moves_the_clock_by_what_it_says(own: RunningMock, faked: Any) -> None:
    client = Lightning(own.base_url)
    before = time.time()
    with faked():
        client.advance(hours=1)
        assert abs(now(client) - before - 3600) < SLACK
    assert abs(now(client) - before - 3600) < SLACK


def test_a_whole_test_under_a_fake_leaves_the_next_one_in_the_present(own: RunningMock, faked: Any) -> None:
    before, client = time.time(), Lightning(own.base_url)
    with faked():
        test = client.fresh()
        user = test.user()
        test.advance(days=3)
        user.exhaust("imagesDaily")
        assert requests.get(own.base_url + "/usage", headers=user.headers(), timeout=HANGS).status_code == 200
    # A fixture ends its client when the test, and the fake with it, is over.
    test.__exit__(None, None, None)
    assert abs(now(client) - before) < SLACK
    with faked(), client.fresh() as test:
        test.advance(days=3)
    assert abs(now(client) - before) < SLACK


def test_a_fake_loses_no_counts(own: RunningMock, faked: Any) -> None:
    client = Lightning(own.base_url)
    guest = client.guest()

    def used() -> int:
        return guest.usage()["cloudChatDaily"].used

    def chat() -> None:
        url = own.base_url + "/gen/chat/completions"
        assert requests.post(url, json=CHAT, headers=guest.headers(), timeout=HANGS).status_code == 200

    chat()
    with faked():
        chat()
        assert used() == 2
    chat()
    assert used() == 3


def test_delays_are_real_under_a_fake(own: RunningMock, faked: Any) -> None:
    client = Lightning(own.base_url)
    client.fault("latency", "getStatus", seconds=0.05, times=1)
    with faked():
        assert requests.get(own.base_url + "/status", timeout=HANGS).status_code == 200
        entry = client.wait_for(operation="getStatus", timeout=60)[-1]
        with pytest.raises(TimeoutError):
            client.wait_for(operation="listTiers", timeout=0.05)
    assert 50 <= entry.milliseconds < 60_000


def test_a_mock_that_is_started_under_a_fake_lives_in_the_present(faked: Any) -> None:
    before = time.time()
    with faked(), running() as mock:
        assert abs(mock.state.clock.now() - before) < SLACK
        assert requests.get(mock.base_url + "/status", timeout=HANGS).status_code == 200


@pytest.mark.parametrize("library", ["freezegun", "time_machine"])
def test_a_mock_that_is_first_imported_under_a_fake_lives_in_the_present(library: str) -> None:
    fake = {
        "freezegun": "import freezegun; fake = freezegun.freeze_time('1999-12-31')",
        "time_machine": "import time_machine; fake = time_machine.travel('1999-12-31', tick=False)",
    }[library]
    program = f"""
{fake}
with fake:
    from lightning_mock.real_time import stopwatch, wall_time
    first = wall_time()
print(first)
print(wall_time() - first, stopwatch() >= 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, then = done.stdout.splitlines()
    assert abs(float(first) - time.time()) < 60
    assert 0 <= float(then.split()[0]) < SLACK
