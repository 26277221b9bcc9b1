"""What a report says about where and from what its figures come."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime

from benchmarks.processes import ROOT, cores


def made(*versions: str) -> str:
    """The day, the commit, Python with further `versions`, and the machine."""
    what = ", ".join((f"Python {platform.python_version()}", *versions))
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {what}, {machine}"


def commit() -> str:
    """The commit of the code in this folder, `unknown` where git does not know it."""
    asked = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(asked, check=False, cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def pinned(how: str) -> str:
    """`how` servers and load share the cores, or that no core is pinned."""
    return how if cores().server else "no core pinned"
