"""Wheel and sdist, each installed as somebody would who has nothing else of the project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.guard import HANGS

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.11", "3.12", "3.13")
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"

pytestmark = pytest.mark.slow


def build(source: Path, target: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=HANGS)
    (found,) = folder.glob({"wheel": "*.whl", "sdist": "*.tar.gz"}[target])
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


def interpreter(version: str) -> str | None:
    """A Python of this version that starts: this one, one of pyenv's, or one on the path."""
    if version == RUNNING:
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [str(path) for path in sorted(pyenv.glob(f"versions/{version}.*/bin/python"))]
    return found[-1] if found else shutil.which(f"python{version}")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("version", PYTHONS)
def test_every_command_of_the_wheel_runs_outside_the_repository(version: str, wheel: Path) -> None:
    if version != RUNNING and not os.environ.get("LIGHTNING_EVERY_PYTHON"):
        pytest.skip("one Python suffices between releases; LIGHTNING_EVERY_PYTHON=1 takes each")
    python = interpreter(version)
    if python is None:
        pytest.skip(f"needs Python {version}")
    done = subprocess.run(
        ["bash", str(ROOT / ".ci" / "try"), python, str(wheel)],
        cwd=wheel.parent,
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"every command runs on Python {version}." in done.stdout


def test_the_sdist_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """So that what holds for the wheel holds for who installs from source."""
    with tarfile.open(build(ROOT, "sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    again = build(source, "wheel", tmp_path / "wheel")
    contents = [
        {entry.filename: entry.CRC for entry in zipfile.ZipFile(path).infolist()} for path in (wheel, again)
    ]
    assert contents[0] == contents[1]
