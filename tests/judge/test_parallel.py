"""A run on two workers comes to the verdicts of a run on one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.running import running
from tests.judge.commands import Finished, command

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def pytest_run(directory: Path, *more: str, credentials: Mapping[str, str] | None = None) -> Finished:
    directory.mkdir()
    return command(
        *(str(ROOT / "contract_tests"), f"--rootdir={ROOT}", "-q", "-p", "no:cacheprovider"),
        *("--report-dir=reports", *more),
        directory=directory,
        credentials=credentials,
        program="pytest",
        fresh=True,
    )


def without_paths(report: dict[str, Any]) -> dict[str, tuple[str, list[str]]]:
    return {entry["id"]: (entry["verdict"], entry["tests"]) for entry in report["requirements"]}


def test_two_workers_agree_with_one_about_our_own_mock(tmp_path: Path) -> None:
    alone = pytest_run(tmp_path / "alone")
    together = pytest_run(tmp_path / "together", "-n", "2")
    assert (alone.code, together.code) == (0, 0), together.out[-3000:]
    assert without_paths(together.report) == without_paths(alone.report)
    assert alone.documented("pass") == alone.documented("pass") | alone.documented("not_run")
    assert together.report["run"]["units"]["planned"] == alone.report["run"]["units"]["planned"]


def test_two_workers_share_one_budget(tmp_path: Path) -> None:
    with running() as server:
        run = pytest_run(
            tmp_path / "run",
            *("-n", "2", f"--base-url={server.base_url}", "--spend=sample", "--settle=0.5"),
            *("--max-units=imagesDaily=2", "--max-units=videosDaily=1", "--only=media"),
            credentials=server.credentials,
        )
        assert server.charged("imagesDaily") == 2
        assert server.charged("videosDaily") == 1
    assert run.report["run"]["units"]["booked"]["imagesDaily"] == 2
    assert run.code in {0, 3}
    assert not run.documented("fail")
