"""The benchmark of many streams, identities and processes runs; what it finds is not a test's matter."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.mock_speed import row
from benchmarks.scale import Cost, plan
from tests.support.guard import HANGS

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.redis
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_a_quick_run_prints_every_table() -> None:
    command = [sys.executable, "-m", "benchmarks.scale", "--quick"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=HANGS)
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1].strip() for line in done.stdout.splitlines() if line.startswith("| ")]
    for name in ("as fast as they are read", "100/s", "1", "100", "of the mock"):
        assert name in rows
    assert rows.count("chat, JSON") == 2
    assert re.search(r"\d+ bytes in Redis", done.stdout)


def test_the_plan_is_what_the_costs_come_to() -> None:
    lines = plan(Cost(mock=0.0001, redis=0.00002, commands=7.0), identity_bytes=100.0)
    assert row("of the mock", "10") in lines
    assert row("of Redis, each a node of a cluster", "2.0") in lines
    assert row("chats a second that one Redis node carries", "50,000") in lines
    assert "37 GiB" in lines[-1]
