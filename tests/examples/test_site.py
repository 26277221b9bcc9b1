"""The documentation builds without a warning, asks no other host for anything, and its commands work."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from lightning_mock.background import RunningMock, running

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / f"{name}.md" for name in ("index", "offline", "gate", "live", "verdicts", "adding")]
BLOCKS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = [
    line
    for page in PAGES
    for block in BLOCKS.findall(page.read_text(encoding="utf-8"))
    for line in block.splitlines()
]
# Installs, mocks that nobody would end here, and the live host.
RUN_ELSEWHERE = re.compile(r"^pip install|^lightning-mock|--live")
MODULES = {"lightning-spec": "lightning_spec", "lightning-verify": "lightning_verify"}


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running() as started:
        yield started


@pytest.mark.parametrize("line", [line for line in COMMANDS if not RUN_ELSEWHERE.search(line)])
def test_a_command_succeeds_as_printed(line: str, mock: RunningMock, tmp_path: Path) -> None:
    program, *arguments = shlex.split(line.replace("http://127.0.0.1:8787", mock.base_url))
    words = (
        ["curl", "--fail-with-body", "-sS"] if program == "curl" else [sys.executable, "-m", MODULES[program]]
    )
    done = subprocess.run(
        [*words, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(find_spec("material") is None, reason="needs the extra `docs`")
def test_the_site_builds_strictly_and_asks_nobody(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|img|iframe)[^>]*src=\"?(?:https?:)?//", text) == []
        assert re.findall(r"<link[^>]*stylesheet[^>]*href=\"?(?:https?:)?//", text) == []
