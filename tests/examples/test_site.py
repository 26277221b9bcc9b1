"""The documentation builds without a warning, asks no other host for anything, and its blocks work.

Every block is run. What cannot be run here is parsed, and says why it is not run.
"""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from lightning_mock.background import RunningMock, running
from lightning_mock.client import Lightning, User

from tests.support.guard import HANGS

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(page, *block) for page in PAGES for block in BLOCK.findall(page.read_text(encoding="utf-8"))]
DEFAULT_URL = "http://127.0.0.1:8787"
THEIR_SERVER = "http://127.0.0.1:8000"
MODULES = {
    "lightning-mock": "lightning_mock",
    "lightning-proxy": "lightning_verify.proxy.command",
    "lightning-spec": "lightning_spec",
    "lightning-verify": "lightning_verify",
}
NOT_RUN = {
    r"^pip install": "tests/packaging installs",
    r"--store": "needs Redis, and is what tests/storage does",
    r"^lightning-(mock|proxy)": "goes on until somebody ends it",
    r"--live": "asks the live host",
    r"--credentials": "tests/storage judges several processes",
}
# What a command that succeeds exits with, where that is not 0.
EXIT_CODES = {"lightning-spec diff 2026-05-15 2026-06-19": 1}  # The later revision breaks callers.
# Goes on from a page's words about a client that is called `lightning`.
REPLIES = "lightning.reply("


def blocks(language: str) -> list[str]:
    return [text for _, name, text in BLOCKS if name == language]


def reason(line: str) -> str:
    """Why a line is not run; empty where it is."""
    return next((words for pattern, words in NOT_RUN.items() if re.search(pattern, line)), "")


LINES = [line for text in blocks("sh") for line in text.splitlines()]


@pytest.mark.parametrize("line", [line for line in LINES if not reason(line)])
def test_a_command_succeeds_as_printed(line: str, mock: RunningMock, tmp_path: Path) -> None:
    line_here = line.replace(DEFAULT_URL, mock.base_url).replace(THEIR_SERVER, mock.base_url)
    program, *arguments = shlex.split(line_here)
    words = (
        ["curl", "--fail-with-body", "-sS"] if program == "curl" else [sys.executable, "-m", MODULES[program]]
    )
    done = subprocess.run(
        [*words, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == EXIT_CODES.get(line, 0), done.stdout + done.stderr
    assert done.returncode == 0 or not done.stderr


def test_an_exit_code_is_that_of_a_line_of_the_docs() -> None:
    assert EXIT_CODES.keys() <= set(LINES)


@cache
def told_by(program: str) -> str:
    command = [sys.executable, "-m", MODULES[program], "--help"]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=True).stdout


@pytest.mark.parametrize("line", [line for line in LINES if reason(line) and line.startswith("lightning-")])
def test_a_command_that_is_not_run_here_has_its_options(line: str) -> None:
    program, *arguments = shlex.split(line)
    options = {argument.partition("=")[0] for argument in arguments if argument.startswith("--")}
    assert {option for option in options if option not in told_by(program)} == set(), reason(line)


@pytest.mark.parametrize("program", [text for text in blocks("python") if not text.startswith(REPLIES)])
def test_a_program_runs_as_printed(program: str, mock: RunningMock, tmp_path: Path) -> None:
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            name = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            if find_spec(str(name).partition(".")[0]) is None:
                pytest.skip(f"needs {name}; `python -m tests.clients.table` runs the same calls")
    file = tmp_path / "program.py"
    file.write_text(program.replace(DEFAULT_URL, mock.base_url), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, file], cwd=tmp_path, capture_output=True, text=True, timeout=HANGS, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Hello" in done.stdout


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
@pytest.mark.parametrize("program", blocks("js"))
def test_a_program_for_node_is_one(program: str, tmp_path: Path) -> None:
    """tests/clients runs the one for `openai`; the AI SDK is installed for the table of clients alone."""
    file = tmp_path / "program.mjs"
    file.write_text(program, encoding="utf-8")
    done = subprocess.run(["node", "--check", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def has_its_replies(lightning: Lightning, user: User) -> None:
    body = {"messages": [{"role": "user", "content": "How is the weather?"}]}
    url = lightning.base_url
    said = requests.post(
        f"{url}/gen/chat/completions", json=body, headers=user.headers(), timeout=HANGS
    ).json()
    assert said["choices"][0]["message"]["content"] == "It will rain."
    assert requests.get(f"{url}/v1/me", headers=user.headers(), timeout=HANGS).json() == {"credits": 12}


def test_scripted_replies_answer_as_printed(mock: RunningMock) -> None:
    [lines] = [text for text in blocks("python") if text.startswith(REPLIES)]
    with Lightning(mock.base_url) as lightning:
        user = lightning.user()
        exec(lines, {"lightning": lightning, "user": user})
        has_its_replies(lightning, user)


def test_a_file_of_replies_answers_as_printed(tmp_path: Path) -> None:
    [lines] = [text for text in blocks("yaml") if text.startswith("- match:")]
    file = tmp_path / "replies.yaml"
    file.write_text(lines, encoding="utf-8")
    with running(replies=file) as scripted, Lightning(scripted.base_url) as lightning:
        has_its_replies(lightning, lightning.user())


def test_a_file_of_plans_is_served_as_printed(tmp_path: Path) -> None:
    [lines] = [text for text in blocks("yaml") if text.startswith("default:")]
    file = tmp_path / "plans.yaml"
    file.write_text(lines, encoding="utf-8")
    with running(plans=file) as mock:
        served = requests.get(f"{mock.base_url}/tiers", timeout=HANGS).text
        assert list(mock.plans) == ["free", "team"]
    assert "https://shop.example/team" in served


def test_a_workflow_gives_the_action_what_it_takes() -> None:
    """No runner is here; tests/packaging runs the shell lines of the action itself."""
    [text] = [text for text in blocks("yaml") if text.startswith("jobs:")]
    steps = yaml.safe_load(text)["jobs"]["contract"]["steps"]
    (given,) = [step["with"] for step in steps if step["uses"].startswith("OWNER/REPOSITORY@")]
    action: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    assert given.keys() <= action["inputs"].keys()


def test_there_is_no_block_of_another_kind() -> None:
    """`text` is what a program prints."""
    assert {language for _, language, _ in BLOCKS} <= {"sh", "python", "js", "yaml", "text"}
    assert sum(text.startswith(("- match:", "jobs:", "default:")) for text in blocks("yaml")) == len(
        blocks("yaml")
    )


@pytest.mark.skipif(find_spec("material") is None, reason="needs the extra `docs`")
def test_the_site_builds_strictly_and_asks_nobody(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=HANGS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|img|iframe)[^>]*src=\"?(?:https?:)?//", text) == []
        assert re.findall(r"<link[^>]*stylesheet[^>]*href=\"?(?:https?:)?//", text) == []
    # Made from docstrings.
    assert "Sign up a user on a plan" in (tmp_path / "reference/python/index.html").read_text("utf-8")
