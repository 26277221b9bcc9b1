"""docs/verify/terminal.md: what the judge prints in four runs, written by `python -m` this module."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from lab.running import running
from lab.server.lab import Call, Lab, Reply
from tests.judge.commands import command
from tests.support.guard import HANGS

PAGE = Path(__file__).parents[2] / "docs" / "verify" / "terminal.md"
ADDRESS = "http://127.0.0.1:8000"
ONLY = ("--only=catalogue", "--only=status")
# The interrupted run hangs after so many requests.
_LAST_ANSWERED = 8
FAULTS = ("tiers-filter-off", "status-drop-latest")
_HEAD = """\
# What the judge prints

The verdict comes first, then what led to it, then the bill. These are real runs against a small server, each
for a part of the requirements. `python -m tests.judge.terminal_page` wrote this page, and a test holds it to
what the judge prints.
"""


def shown() -> Iterator[tuple[str, str, str]]:
    """Title, words and output of each run."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "runs"
        directory.mkdir()
        with running() as server:
            green = command(f"--base-url={server.base_url}", *ONLY, directory=directory)
        yield "A server that keeps its promises", "Exit code 0.", green.out
        with running(fault=FAULTS) as server:
            broken = command(f"--base-url={server.base_url}", *ONLY, directory=directory)
        yield "A server that breaks two of them", "Exit code 1.", broken.out
        yield (
            "Interrupted with Ctrl-C",
            "Exit code 130; a report that was asked for is written.",
            _interrupted(),
        )
        gone = command(f"--base-url={ADDRESS.replace('8000', '9')}", *ONLY, directory=directory)
        yield "Nobody there", "Exit code 3.", gone.out.replace(":9", ":8000")


def _interrupted() -> str:
    asked, over = list[str](), threading.Event()

    def count(_: Lab, call: Call, reply: Reply) -> Reply:
        asked.append(call.operation.id)
        if len(asked) == _LAST_ANSWERED + 1:
            over.wait(HANGS)
        return reply

    with running(prepare=lambda lab: lab.changes.append(count)) as server:
        process = subprocess.Popen(
            # One after the other, so that it is always the same test that hangs.
            [sys.executable, "-m", "lightning_verify", f"--base-url={server.base_url}", "--jobs=1", *ONLY],
            stdout=subprocess.PIPE,
            text=True,
        )
        while len(asked) <= _LAST_ANSWERED and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=HANGS)
        over.set()
    return printed


def page() -> str:
    """The page as the judge of today makes it, without pytest's last line: with each new check it counts
    one more that such a run leaves out."""
    parts = [_HEAD]
    for title, words, output in shown():
        lasting = output.strip().rpartition("\n")[0]
        printed = re.sub(r"http://127\.0\.0\.1:\d+", ADDRESS, lasting).strip()
        printed = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8000", printed)
        parts.append(f"## {title}\n\n{words}\n\n```text\n{printed}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
