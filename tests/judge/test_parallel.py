"""Several tests at once, and several workers, come to the verdicts of one after the other."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from lightning_verify.requests.callers import anonymous
from lightning_verify.requests.credentials import API_KEY, FREE_JWT, JWT
from lightning_verify.run.marks import judges, looks_back, may_use, needs, uses_up_accounts
from lightning_verify.run.scheduler import critical_paths, predecessors
from lightning_verify.target import Spend
from starlette.types import ASGIApp, Receive, Scope, Send

from lab.running import running
from lab.server.lab import Lab
from tests.judge.commands import Finished, command
from tests.judge.tools import judge_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# What the accounts pay, what callers share and what is refused: here tests would notice each other.
AREAS = ("--only=identity", "--only=account", "--only=catalogue", "--only=SFX-3", "--only=RATE-2")


CONTRACT = ROOT / "contract_tests"


def pytest_run(
    directory: Path, *more: str, credentials: Mapping[str, str], contract: Path = CONTRACT
) -> Finished:
    directory.mkdir()
    return command(
        *(str(contract), f"--rootdir={ROOT}", "-q", "-p", "no:cacheprovider"),
        *("--report-dir=reports", *more),
        directory=directory,
        credentials=credentials,
        program="pytest",
    )


def verdicts(run: Finished) -> dict[str, tuple[str, list[str]]]:
    return {entry["id"]: (entry["verdict"], entry["tests"]) for entry in run.report["requirements"]}


def test_verdicts_do_not_depend_on_how_many_run_at_once(tmp_path: Path) -> None:
    runs, requests = [], []
    for jobs in ("1", "16"):
        directory = tmp_path / jobs
        directory.mkdir()
        with running() as server:
            run = command(
                *(f"--base-url={server.base_url}", "--spend=sample", f"--jobs={jobs}", *AREAS),
                "--report-dir=reports",
                directory=directory,
                credentials=server.credentials,
            )
            runs.append((run.code, verdicts(run), server.charged()))
            requests.append(len(server.requests))
    assert runs[0] == runs[1]
    assert runs[0][0] == 0
    # Counters that take their time are read once more.
    assert requests[1] == pytest.approx(requests[0], rel=0.02)


def test_workers_agree_with_one_process_and_share_one_budget(tmp_path: Path) -> None:
    options = ("--spend=sample", "--settle=0.5", "--max-units=imagesDaily=2", "--max-units=videosDaily=1")
    runs = []
    for name, workers in (("alone", ()), ("together", ("-n", "2"))):
        with running() as server:
            run = pytest_run(
                tmp_path / name,
                *(*workers, f"--base-url={server.base_url}", *options, "--only=media", "--only=assets"),
                credentials=server.credentials,
            )
            assert server.charged("imagesDaily") == 2
            assert server.charged("videosDaily") == 1
        assert run.report["run"]["units"]["booked"]["imagesDaily"] == 2
        runs.append((run.code, verdicts(run)))
    assert runs[0] == runs[1]


def test_a_worker_that_has_the_whole_contract_runs_other_tests_as_well(tmp_path: Path) -> None:
    others = tmp_path / "test_others.py"
    others.write_text("import pytest\n@pytest.mark.parametrize('n', range(40))\ndef test_other(n): pass\n")
    with running() as server:
        # Chosen by its file: who chooses by requirement leaves tests of others out.
        run = pytest_run(
            tmp_path / "run",
            *(str(others), "-n", "2", f"--base-url={server.base_url}"),
            credentials=server.credentials,
            contract=CONTRACT / "lightning_verify/checks/test_catalogue.py",
        )
    assert run.code == 0, run.out[-2000:] + run.error
    assert "INTERNALERROR" not in run.out
    assert int(re.findall(r"(\d+) passed", run.out)[-1]) > 40
    assert max(map(int, re.findall(r"\[ *(\d+)%\]", run.out))) == 100


class _Check:
    """A contract test, as far as its order depends on it."""

    def __init__(self, *marks: pytest.MarkDecorator) -> None:
        self.marks = [decorator.mark for decorator in marks]

    def iter_markers(self, name: str) -> list[pytest.Mark]:
        return [mark for mark in self.marks if mark.name == name]

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        return next(iter(self.iter_markers(name)), None)


def test_those_that_spend_from_one_account_wait_and_who_uses_it_up_is_last() -> None:
    paid = judges("RATE-1", units={"imagesDaily": 1}, spend=Spend.SAMPLE)
    checks = [
        _Check(judges("STAT-1", spend=Spend.SAMPLE)),
        _Check(paid, needs(JWT)),
        _Check(paid, needs(FREE_JWT)),
        _Check(paid, needs(API_KEY)),
        _Check(paid, needs(FREE_JWT), uses_up_accounts),
        _Check(paid, needs(JWT, API_KEY), uses_up_accounts),
    ]
    # The paid account's token and key spend from the same units.
    assert [*predecessors(cast("list[pytest.Item]", checks))] == [
        set(),
        set(),
        set(),
        {1},
        {0, 2},
        {0, 1, 3},
    ]


def test_those_that_an_account_is_only_refused_in_run_together_between_those_that_spend() -> None:
    paid = _Check(judges("RATE-1", units={"imagesDaily": 1}), needs(JWT))
    refused = _Check(judges("FAIL-1", spend=Spend.SAMPLE), needs(API_KEY))
    checks = [paid, refused, refused, paid, refused]
    assert [*predecessors(cast("list[pytest.Item]", checks))] == [set(), {0}, {0}, {0, 1, 2}, {3}]


def test_who_uses_an_account_up_waits_for_those_that_may_use_it() -> None:
    checks = [
        _Check(judges("FAIL-1", spend=Spend.SAMPLE), needs(JWT), may_use(FREE_JWT)),
        _Check(judges("FAIL-1", spend=Spend.SAMPLE), needs(JWT)),
        _Check(judges("RATE-4", units={"imagesDaily": 1}), needs(FREE_JWT), uses_up_accounts),
    ]
    assert [*predecessors(cast("list[pytest.Item]", checks))][2] == {0}


def test_who_looks_back_waits_for_all_before_and_nobody_for_it() -> None:
    refused = _Check(judges("AUTH-4", spend=Spend.SAMPLE))
    looks = _Check(judges("RATE-2", spend=Spend.SAMPLE), looks_back)
    checks = [refused, refused, looks, refused]
    assert [*predecessors(cast("list[pytest.Item]", checks))] == [set(), set(), {0, 1}, set()]


def test_accounts_are_used_up_one_metric_at_a_time_beside_the_others() -> None:
    checks = [
        _Check(judges("RATE-4", units={metric: 1}, spend=Spend.EXHAUST), needs(FREE_JWT), uses_up_accounts)
        for metric in ("imagesDaily", "audioWeekly", "imagesDaily")
    ]
    assert [*predecessors(cast("list[pytest.Item]", checks))] == [set(), set(), {0}]


def test_what_the_longest_chain_waits_for_comes_first() -> None:
    # The third waits for the first, the last for the second and third.
    assert critical_paths([1, 9, 2, 4], [set(), set(), {0}, {1, 2}]) == [6, 4, 4, 0]


def _late(lab: Lab) -> None:
    """A lab that takes its time for each answer."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def delayed(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(0.3)
            await app(scope, receive, send)

        return delayed

    lab.middleware.append(wrap)


def test_tests_that_do_not_notice_each_other_wait_together(tmp_path: Path) -> None:
    seconds = {}
    for jobs in ("1", "16"):
        with running(prepare=_late) as server:
            run = command(
                *(f"--base-url={server.base_url}", "--only=AUTH-6", f"--jobs={jobs}", "--report-dir=reports"),
                directory=tmp_path,
                credentials=server.credentials,
            )
        assert run.verdicts == {"AUTH-6": "pass"}
        seconds[jobs] = run.report["run"]["seconds"]
    # Fifteen requests and seven before them, 0.3 s each.
    assert seconds["16"] < seconds["1"] - 2


def test_what_is_shared_is_made_once_whoever_asks_meanwhile(tmp_path: Path) -> None:
    made: list[int] = []

    async def ask() -> list[Any]:
        asked = (asyncio.to_thread(judge.once, "thing", make) for _ in range(8))
        return await asyncio.gather(*asked)

    def make() -> str:
        made.append(1)
        return anonymous().label

    with judge_of("http://127.0.0.1:9", tmp_path) as judge:
        assert set(asyncio.run(ask())) == {anonymous().label}
    assert made == [1]
