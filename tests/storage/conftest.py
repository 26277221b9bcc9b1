"""A Redis of one's own, and mocks that share it. Everything here is skipped where there is none."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from lightning_mock.background import RunningMock, running

from tests.control.conftest import Control, controlled, own, shared, user
from tests.support.guard import HANGS

REDIS = shutil.which("redis-server")
_numbers = count(1)


class RedisServer:
    """One redis-server that remembers every write across its own death."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        assert REDIS is not None
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self._folder,
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.process = subprocess.Popen([REDIS, *words], stdout=subprocess.DEVNULL)
        end = time.monotonic() + HANGS
        while time.monotonic() < end:
            if self._answers():
                return
            time.sleep(0.01)
        raise AssertionError("redis-server does not start")

    def _answers(self) -> bool:
        """Whether it has read its file: before that it listens already, and refuses every command."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), HANGS) as probe:
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith(b"+PONG")
        return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def hang(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One for everybody: leave it as it is."""
    if REDIS is None:
        pytest.skip("redis-server is not installed")
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """One to be stopped."""
    if REDIS is None:
        pytest.skip("redis-server is not installed")
    server = RedisServer(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def prefix() -> str:
    """The name of a mock that nobody else uses."""
    return f"test-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def process(redis_server: RedisServer, prefix: str) -> Callable[..., Any]:
    """Start one more process of the mock: a context manager that gives its control."""
    return partial(controlled, store=redis_server.url, store_prefix=prefix)


@pytest.fixture
def two(process: Callable[..., Any]) -> Iterator[tuple[Control, Control]]:
    """The control planes of two processes of one mock."""
    with process() as (_, one), process() as (_, other):
        yield one, other


# What tests of tests/control ask for, over Redis.
__all__ = ["own", "shared", "user"]


@pytest.fixture
def start(redis_server: RedisServer) -> Callable[..., Any]:
    def started(**settings: Any) -> Any:
        store_prefix = f"own-{os.getpid()}-{next(_numbers)}"
        return controlled(**{"store": redis_server.url, "store_prefix": store_prefix, **settings})

    return started


@pytest.fixture(scope="session")
def mock(redis_server: RedisServer) -> Iterator[RunningMock]:
    prefix = f"shared-{os.getpid()}-{next(_numbers)}"
    with running(store=redis_server.url, store_prefix=prefix) as started:
        yield started
