"""Programs that a test runs as a reader would, with nothing of the test's own run around them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support.guard import HANGS


def environment() -> dict[str, str]:
    """This process' environment without what pytest and the project read from it."""
    ours = ("lightning_", "pytest_")
    return {name: value for name, value in os.environ.items() if not name.lower().startswith(ours)}


def run(*command: str | Path, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """What a command in a folder came to; `more` is what its environment has beside."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment() | more,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
