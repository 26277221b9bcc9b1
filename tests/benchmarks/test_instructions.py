"""Counting instructions works where valgrind is installed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.guard import HANGS

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("callgrind_control") is None, reason="valgrind is not installed")
def test_a_quick_run_prints_a_ratio_for_each_scenario() -> None:
    command = [sys.executable, "-m", "benchmarks.instructions", "--quick"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=HANGS)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"\*\*\d+\.\d\d\*\*", done.stdout)) == 4
