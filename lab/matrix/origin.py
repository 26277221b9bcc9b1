"""The commit of the code in this folder, as far as git knows it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What the matrix writes itself makes no other code.
WRITTEN = ("lab/kill_matrix.md", "lab/kill_matrix.svg", "README.md")


@dataclass(frozen=True, slots=True)
class Origin:
    """A commit, and whether files differ from it. The commit is empty if there is no git."""

    commit: str
    clean: bool

    def __str__(self) -> str:
        if not self.commit:
            return "unknown, there is no repository"
        return self.commit if self.clean else f"{self.commit}, with changes that are not committed"


def origin(root: Path = ROOT) -> Origin:
    """Where the code in this folder comes from."""
    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    others = [f":(exclude){path}" for path in WRITTEN]
    return Origin(commit, bool(commit) and not _git(root, "status", "--porcelain", "--", ".", *others))


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
