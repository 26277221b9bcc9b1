"""The verdict on a host is the same when a proxy stands before it, whatever that does to the answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.running import Handle, running
from tests.judge.commands import Finished, command
from tests.support.proxies import PROXIES, standing_before

AREAS = ("chat", "failures", "media")


def judged(base_url: str, host: Handle, directory: Path) -> Finished:
    directory.mkdir()
    return command(
        *(f"--base-url={base_url}", "--spend=sample", "--report-dir=reports", "--settle=2"),
        *(f"--only={area}" for area in AREAS),
        directory=directory,
        credentials=host.credentials,
    )


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The verdicts on the host itself."""
    with running() as host:
        return judged(host.base_url, host, tmp_path_factory.mktemp("without") / "run").verdicts


@pytest.mark.proxies
@pytest.mark.slow
@pytest.mark.parametrize("name", PROXIES)
def test_the_verdict_is_the_same(name: str, without: dict[str, str], tmp_path: Path) -> None:
    with running() as host, standing_before(host.base_url, name, tmp_path) as base_url:
        run = judged(base_url, host, tmp_path / "run")
    assert run.verdicts == without, run.out


@pytest.mark.proxies
def test_a_proxy_whose_host_is_gone_accuses_nobody(tmp_path: Path) -> None:
    with standing_before("http://127.0.0.1:1", "nginx as it comes", tmp_path) as base_url:
        directory = tmp_path / "run"
        directory.mkdir()
        options = (f"--base-url={base_url}", "--report-dir=reports", "--wake=0", "--only=status")
        run = command(*options, directory=directory)
    assert run.code == 3
    assert set(run.verdicts.values()) <= {"inconclusive", "not_run"}
