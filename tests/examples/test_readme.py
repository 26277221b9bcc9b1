"""Every code block of the README is run, or is a command that is known to be run elsewhere."""

from __future__ import annotations

import re
import shlex
import sys
import textwrap
from pathlib import Path

import pytest
from lightning_mock.background import RunningMock

from tests.support.programs import run

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
DEFAULT_URL = "http://127.0.0.1:8787"

# The installs are what .ci/run and the packaging tests do; a mock that is started is ended by nobody here.
RUN_ELSEWHERE = re.compile(r"pip install|^lightning-mock")

# Stands in for the reader's own program.
MY_APP = """\
import json
import urllib.error
import urllib.request


class my_app:
    def __init__(self, base_url, token):
        self._base_url, self._token = base_url, token

    def make_picture(self):
        request = urllib.request.Request(
            f"{self._base_url}/gen/image",
            json.dumps({"prompt": "A lighthouse"}).encode(),
            {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.headers["Content-Type"]
        except urllib.error.HTTPError as error:
            return "Come back tomorrow" if error.code == 429 else f"{error.code}"


"""


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


@pytest.mark.parametrize("program", [text for text in blocks("python") if "def test_" not in text])
def test_a_program_runs_as_printed(program: str, mock: RunningMock, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(program.replace(DEFAULT_URL, mock.base_url), encoding="utf-8")
    done = run(sys.executable, "program.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Hello" in done.stdout


@pytest.mark.parametrize("tests", [text for text in blocks("python") if "def test_" in text])
def test_a_test_passes_as_printed(tests: str, tmp_path: Path) -> None:
    (tmp_path / "test_app.py").write_text(MY_APP + tests, encoding="utf-8")
    done = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.parametrize(
    "command",
    [line for text in blocks("sh") for line in text.splitlines() if not RUN_ELSEWHERE.search(line)],
)
def test_a_command_succeeds_as_printed(command: str, mock: RunningMock, tmp_path: Path) -> None:
    words = shlex.split(command.replace(DEFAULT_URL, mock.base_url), comments=True)
    assert words[0] == "curl", textwrap.shorten(command, 60)
    done = run(*words, "--fail-with-body", "--silent", "--show-error", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_option_that_the_readme_names_exists() -> None:
    helps = "".join(
        run(sys.executable, "-m", module, "--help", folder=ROOT).stdout
        for module in (
            "lightning_mock",
            "lightning_verify",
            "lightning_verify.proxy.command",
            "lab.matrix",
            "benchmarks.mock_speed",
        )
    )
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))
    # pytest's own.
    assert {option for option in named if option not in helps} <= {"--dist"}
