"""What breaks one statement keeps no other from being looked at, and takes no other's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.running import running
from tests.judge.commands import command

pytestmark = pytest.mark.slow

AT_A_LIMIT = ("RATE-1", "RATE-2", "RATE-4", "RATE-5", "RATE-7", "USE-1", "USE-4")


@pytest.mark.parametrize(
    ("fault", "only", "broken"),
    [
        ("audioWeekly-limit-plus-one", AT_A_LIMIT, "RATE-4"),
        ("audioWeekly-limit-minus-one", AT_A_LIMIT, "RATE-4"),
        ("tool-choice-ignored", ("AUTH-1", "AUTH-2", "ID-4", "CHAT-9", "CHAT-11"), "CHAT-9"),
    ],
)
def test_all_else_is_decided(fault: str, only: tuple[str, ...], broken: str, tmp_path: Path) -> None:
    with running(fault=fault) as server:
        run = command(
            *(f"--base-url={server.base_url}", "--spend=sample", "--settle=1", "--report-dir=reports"),
            *(f"--only={name}" for name in only),
            directory=tmp_path,
            credentials=server.credentials,
        )
    assert run.verdicts == {**dict.fromkeys(only, "pass"), broken: "fail"}
