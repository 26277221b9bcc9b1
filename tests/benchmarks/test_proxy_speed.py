"""The benchmark of the proxy runs and says what it found; how fast anything is, is not a test's matter."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.scenarios import SCENARIOS
from tests.support.guard import HANGS

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_a_quick_run_prints_a_row_for_each_scenario() -> None:
    command = [sys.executable, "-m", "benchmarks.proxy_speed", "--quick"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=HANGS)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == [scenario.name for scenario in SCENARIOS]
    for _, direct, proxied, added, goal in rows:
        assert float(direct) > 0
        assert float(proxied) > 0
        assert re.fullmatch(r"\*\*-?\d+\.\d\d\*\* \(-?\d+\.\d\d to -?\d+\.\d\d\)", added)
        assert float(goal) > 0
