"""The benchmark of the mock runs and says what it found; how fast anything is, is not a test's matter."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.guard import HANGS

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_a_quick_run_prints_a_row_for_each_scenario_and_each_number_of_identities() -> None:
    command = [sys.executable, "-m", "benchmarks.mock_speed", "--quick"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=HANGS)
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("| ")]
    named = {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in rows}
    for name in ("`GET /usage` with an API key", "chat, JSON", "chat, stream of 64 chunks", "cached image"):
        floor, mock, ratio, *_ = named[name]
        assert re.fullmatch(r"[\d,]+", floor)
        assert re.fullmatch(r"[\d,]+ (requests|streams)/s", mock)
        assert re.fullmatch(r"\*\*\d+\.\d\d\*\* \(.+\)", ratio)
    for name in ("floor", "mock"):
        assert re.fullmatch(r"\d+\.\d\d s", named[name][0])
    assert {"1", "100"} <= set(named)
    assert "bytes" in done.stdout
