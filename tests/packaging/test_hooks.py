"""The pre-commit hooks, run as pre-commit would in a repository whose spec folder changes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from lightning_spec.loader import OPENAPI_FILE, REQUIREMENTS_FILE

ROOT = Path(__file__).parents[2]
HOOKS = {
    hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
}


def git(folder: Path, *arguments: str) -> None:
    names = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "spec").mkdir()
    for file in (OPENAPI_FILE, REQUIREMENTS_FILE):
        (tmp_path / "spec" / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "spec")
    git(tmp_path, "commit", "-q", "-m", "The spec")
    return tmp_path


def run(hook: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(HOOKS[hook]["entry"])
    assert program == "lightning-spec"
    return subprocess.run(
        [sys.executable, "-m", "lightning_spec", *arguments],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )


def change(folder: Path, old: str, new: str) -> None:
    file = folder / "spec" / OPENAPI_FILE.name
    text = file.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_spec_folder_with_one_limit_lowered_fails_the_gate(repository: Path) -> None:
    assert run("lightning-spec-diff", repository).returncode == 0
    change(repository, "cloudChatDaily: 50, imagesDaily: 10", "cloudChatDaily: 50, imagesDaily: 9")
    done = run("lightning-spec-diff", repository)
    assert done.returncode == 1
    assert "breaking plan-limit-lowered spec/openapi.yaml:" in done.stdout
    assert "plan free, imagesDaily: new expects 9 units, old 10 units" in done.stdout


def test_a_spec_folder_with_a_raised_limit_passes_the_gate(repository: Path) -> None:
    change(repository, "cloudChatDaily: 50, imagesDaily: 10", "cloudChatDaily: 50, imagesDaily: 11")
    assert run("lightning-spec-diff", repository).returncode == 0


def test_a_spec_folder_that_is_not_in_order_fails_the_gate(repository: Path) -> None:
    assert run("lightning-spec-lint", repository).returncode == 0
    change(repository, "operationId: getUsage", "operationId: readUsage")
    assert run("lightning-spec-lint", repository).returncode == 1
