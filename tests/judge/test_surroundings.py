"""What the user's directory and environment hold for other tests does not touch `lightning-verify`."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.running import running
from tests.judge.commands import command
from tests.support.guard import HANGS

ROOT = Path(__file__).parents[2]
BREAKING = "raise RuntimeError('this is not for the judge')\n"
FILES = {
    "pytest.ini": "[pytest]\naddopts = --no-such-option\npython_files = nothing.py\n",
    "pyproject.toml": "[tool.pytest.ini_options]\naddopts = ['--no-such-option']\n",
    "tox.ini": "[pytest]\naddopts = --no-such-option\n",
    "conftest.py": BREAKING,
    "schemathesis.toml": "nonsense = [\n",
    "their_plugin.py": BREAKING,
    "test_theirs.py": "def test_theirs():\n    assert False\n",
}
VARIABLES = {
    "PYTEST_ADDOPTS": "--no-such-option",
    "PYTEST_PLUGINS": "their_plugin",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_BASE_URL": "http://127.0.0.1:9",
    "HYPOTHESIS_STORAGE_DIRECTORY": "theirs",
    "SCHEMATHESIS_HOOKS": "their_plugin",
    "CI": "true",
}


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with running() as server:
        yield f"--base-url={server.base_url}"


def judged(host: str, directory: Path, environment: dict[str, str]) -> None:
    """A run that generates cases, draws examples and reads the schema leaves the directory as it found it."""
    before = {path: path.read_bytes() for path in directory.iterdir()}
    run = command(
        host, "--only=ANA-1", "--only=OBS-18", "--only=TIER-1", directory=directory, credentials=environment
    )
    assert run.code == 0, run.out + run.error
    assert {path: path.read_bytes() for path in directory.iterdir()} == before


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_theirs_changes_nothing(host: str, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILES[name])
    judged(host, tmp_path, {})


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_of_theirs_changes_nothing(host: str, tmp_path: Path, name: str) -> None:
    judged(host, tmp_path, {name: VARIABLES[name], "PYTHONPATH": str(tmp_path)})


def test_their_variables_are_still_there_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    from lightning_verify.command import own_surroundings

    monkeypatch.setenv("PYTEST_ADDOPTS", "-x")
    with own_surroundings():
        assert "PYTEST_ADDOPTS" not in os.environ
    assert os.environ["PYTEST_ADDOPTS"] == "-x"


def test_the_contract_tests_do_without_the_plugins_of_our_own_tests(tmp_path: Path) -> None:
    """`pip install -e '.[verify]'` brings neither pytest-timeout nor pytest-xdist."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "contract_tests", "-q", "--only=TIER-1", "-p", "no:cacheprovider",
         "-p", "no:timeout", "-p", "no:xdist"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=HANGS,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("problem", [BrokenPipeError(32, "Broken pipe"), SystemError("AST constructor")])
def test_what_ends_the_judge_itself_is_no_verdict(problem: Exception, tmp_path: Path) -> None:
    failing = f"import pytest\n\ndef fail(*a, **k):\n    raise {problem!r}\n\npytest.main = fail\n"
    script = f"{failing}from lightning_verify.command import main\nraise SystemExit(main(['--live']))\n"
    ended = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
        cwd=tmp_path,
    )
    assert (ended.returncode, "Traceback" in ended.stderr) == (3, False)
    assert "the judge itself failed" in ended.stderr


@pytest.mark.parametrize("where", ["> /dev/full", "| head -1"])
def test_a_run_whose_output_is_lost_ends_with_its_reports_and_its_verdict(where: str, tmp_path: Path) -> None:
    with running() as host:
        judge = (
            f"{sys.executable} -m lightning_verify --base-url={host.base_url} --report-dir=r --only=status"
        )
        ended = subprocess.run(
            ["bash", "-c", f"{judge} {where}; exit ${{PIPESTATUS[0]}}"],
            capture_output=True, text=True, timeout=HANGS, check=False, cwd=tmp_path,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "the output was lost (" in ended.stderr
    assert json.loads((tmp_path / "r/report.json").read_text())["run"]["exit_code"] == 0


def test_a_terminal_that_is_closed_ends_the_run_with_its_reports(tmp_path: Path) -> None:
    with running() as host:
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(tmp_path)
            judge = ["-m", "lightning_verify", f"--base-url={host.base_url}", "--report-dir=r", "--rate=5"]
            os.execv(sys.executable, [sys.executable, *judge])
        told = b""
        while b"time: about" not in told:
            told += os.read(terminal, 1024)
        os.close(terminal)
        ended = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert ended == 128 + signal.SIGHUP
    assert json.loads((tmp_path / "r/report.json").read_text())["run"]["interrupted"] == "SIGHUP"
    assert [file.name for file in tmp_path.iterdir()] == ["r"]
