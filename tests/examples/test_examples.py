"""The examples run as their headers say, against a mock of their own."""

import re
import sys
from pathlib import Path

import pytest
from lightning_mock.background import RunningMock

from tests.support import node
from tests.support.programs import run

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = [
    EXAMPLES / "chat_stream.py",
    EXAMPLES / "limit_reached.py",
    EXAMPLES / "node-chat" / "chat.test.js",
    EXAMPLES / "client_app" / "test_postcards.py",
    EXAMPLES / "curl.sh",
]


def test_a_chat_is_streamed(mock: RunningMock) -> None:
    example = EXAMPLES / "chat_stream.py"
    done = run(
        sys.executable, example, "Name three rivers.", folder=EXAMPLES, LIGHTNING_BASE_URL=mock.base_url
    )
    assert done.returncode == 0, done.stderr
    assert "Name three rivers" in done.stdout
    assert re.fullmatch(r"\[.+\]\n", done.stderr)


def test_a_chat_with_a_bad_key_ends_with_the_reason(mock: RunningMock) -> None:
    key = mock.credentials["LIGHTNING_REVOKED_API_KEY"]
    example = EXAMPLES / "chat_stream.py"
    done = run(
        sys.executable, example, folder=EXAMPLES, LIGHTNING_BASE_URL=mock.base_url, LIGHTNING_API_KEY=key
    )
    assert done.returncode == 1
    assert "401" in done.stderr
    assert "revoked" in done.stderr


@pytest.mark.parametrize("shared", [True, False], ids=["a mock that runs", "a mock of its own"])
def test_the_limit_is_reached_and_gone_tomorrow(mock: RunningMock, shared: bool) -> None:
    environment = {"LIGHTNING_BASE_URL": mock.base_url} if shared else {}
    done = run(sys.executable, EXAMPLES / "limit_reached.py", folder=EXAMPLES, **environment)
    assert done.returncode == 0, done.stderr
    today, later, tomorrow = done.stdout.splitlines()
    assert "image/jpeg" in today
    assert "LIMIT REACHED" in later
    assert "image/jpeg" in tomorrow


@pytest.mark.node
def test_the_node_suite_passes(mock: RunningMock, tmp_path: Path) -> None:
    workplace = node.install(EXAMPLES / "node-chat", tmp_path)
    done = run("npm", "test", folder=workplace, LIGHTNING_BASE_URL=mock.base_url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"# pass 5\n# fail 0|pass 5\n.*fail 0", done.stdout), done.stdout


@pytest.mark.parametrize("shared", [True, False], ids=["a mock that runs", "a mock of its own"])
def test_the_application_s_suite_passes(mock: RunningMock, shared: bool) -> None:
    environment = {"LIGHTNING_MOCK_URL": mock.base_url} if shared else {}
    pytest_alone = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    done = run(*pytest_alone, folder=EXAMPLES / "client_app", **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE)


def test_the_application_makes_a_postcard(mock: RunningMock, tmp_path: Path) -> None:
    example = EXAMPLES / "client_app" / "postcards.py"
    key = mock.plans["light"].api_key
    environment = {"LIGHTNING_BASE_URL": mock.base_url, "LIGHTNING_API_KEY": key}
    done = run(sys.executable, example, "a quiet harbour", folder=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert "quiet harbour" in done.stdout
    assert (tmp_path / "postcard.jpg").read_bytes().startswith(b"\xff\xd8")


def test_the_shell_script_meets_the_limit_and_tomorrow(mock: RunningMock) -> None:
    done = run("sh", EXAMPLES / "curl.sh", folder=EXAMPLES, LIGHTNING_BASE_URL=mock.base_url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"-> (\d+)", done.stdout) == ["200", "429", "200"]
    assert "data: [DONE]" in done.stdout
    assert '"plan_key":"light"' in done.stdout.replace(" ", "")


def test_every_example_says_in_one_line_how_to_run_it() -> None:
    for program in PROGRAMS:
        lines = program.read_text(encoding="utf-8").splitlines()[:10]
        assert len([line for line in lines if re.match(r"(# |// )?Run:  \S", line)]) == 1, program.name


def test_no_example_names_a_host_but_this_machine_and_the_api() -> None:
    allowed = {"127.0.0.1", "sharktide-lightning.hf.space"}
    for file in EXAMPLES.rglob("*"):
        if file.is_file() and file.suffix in (".py", ".js", ".sh", ".json", ".ini", ".md"):
            assert set(re.findall(r"https?://([\w.-]+)", file.read_text(encoding="utf-8"))) <= allowed, (
                file.name
            )
