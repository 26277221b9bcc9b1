"""Installs a folder of JavaScript with its packages from npm, for the tests that run it.

LIGHTNING_NODE_MODULES names a `node_modules` directory to use instead of installing one.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL_SECONDS = 110


def install(sources: Path, workplace: Path) -> Path:
    """Copy the files of `sources` to `workplace` and install what their package.json asks for. Skips the
    test where there is no node."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    for file in sources.iterdir():
        if file.is_file():
            shutil.copy(file, workplace / file.name)
    ready_made = os.environ.get("LIGHTNING_NODE_MODULES")
    if ready_made:
        (workplace / "node_modules").symlink_to(Path(ready_made).resolve(), target_is_directory=True)
        return workplace
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, and LIGHTNING_NODE_MODULES does not name a node_modules directory")
    command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    subprocess.run(command, cwd=workplace, check=True, capture_output=True, timeout=INSTALL_SECONDS)
    return workplace
