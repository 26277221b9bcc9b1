"""A mock for the control client, addresses where there is none, and projects that use the plugin."""

import re
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from lightning_mock.background import RunningMock, running
from lightning_mock.client import Lightning

from tests.support.guard import HANGS
from tests.support.programs import environment


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    """One mock a file; its tests keep to their own users."""
    with running() as started:
        yield started


@pytest.fixture
def client(mock: RunningMock) -> Iterator[Lightning]:
    """A control client whose doings end with the test."""
    with Lightning(mock.base_url) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Played:
    """What a pytest run came to: for example {"passed": 3}, and what it printed."""

    outcomes: dict[str, int]
    output: str


@dataclass(frozen=True, slots=True)
class Project:
    """Somebody's project in a folder of its own, where pytest and python run as commands."""

    folder: Path
    environment: dict[str, str]

    def command(self, *words: str, **environment: str) -> str:
        """What a python command prints, errors included."""
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=HANGS,
            check=False,
        )
        return done.stdout

    def play(self, source: str, *plugins: str, conftest: str = "", **environment: str) -> Played:
        """Run pytest on one file of tests, with these plugins; without any, with all that the environment
        brings, which takes its time."""
        (self.folder / "test_it.py").write_text(textwrap.dedent(source), encoding="utf-8")
        (self.folder / "conftest.py").write_text(textwrap.dedent(conftest), encoding="utf-8")
        options = [word for plugin in ("no:cacheprovider", *plugins) for word in ("-p", plugin)]
        if plugins:
            environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        output = self.command("-m", "pytest", *options, **environment)
        summary = output.rstrip().rpartition("\n")[2]
        outcomes = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|error)", summary)}
        return Played(outcomes, output)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project; its pytest.ini keeps pytest from looking for one further up."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return Project(tmp_path, environment())


@pytest.fixture
def free_address() -> str:
    """An address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def web_server() -> Iterator[str]:
    """The address of a server that is no Lightning mock."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Page(BaseHTTPRequestHandler):
    """A 404 in HTML."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Keep the terminal clean."""
