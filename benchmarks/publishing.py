"""How a benchmark tells its progress, and what it does with its report."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

Say = Callable[[str], None]


def say(text: str) -> None:
    """Tell progress, beside what is printed."""
    print(text, end="", file=sys.stderr, flush=True)


def publish(make: Callable[[Say], str], file: Path | None) -> None:
    """Make a report, say how long it took, print it, and write it into `file` where there is one."""
    began = time.perf_counter()
    text = make(say)
    say(f"{time.perf_counter() - began:.0f} s\n")
    print(text)
    if file is not None:
        file.write_text(text, encoding="utf-8")
