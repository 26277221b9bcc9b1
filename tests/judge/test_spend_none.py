"""Without `--spend` a run costs nothing, by the host's own books."""

from __future__ import annotations

import asyncio
from pathlib import Path

import lightning_mock
import pytest

from lab.running import Handle, running
from tests.judge.commands import Finished, command
from tests.judge.watched_runs import watch

pytestmark = pytest.mark.slow


def nothing_was_spent(run: Finished) -> None:
    assert run.code == 0, run.out[-2000:] + run.error
    report = run.report["run"]
    assert report["spend"] == "none"
    assert "at most these units: none" in run.out
    assert report["units"]["planned"] == report["units"]["booked"] == report["units"]["served"] == {}
    assert not any((report["units"]["observed"] or {}).values())
    assert not run.documented("fail") | run.documented("inconclusive")
    assert len(run.documented("pass")) > 40


def free_run(server: Handle, folder: Path) -> Finished:
    """A run that may spend nothing, and for which the host has charged nothing."""
    run = command(
        f"--base-url={server.base_url}",
        "--report-dir=reports",
        directory=folder,
        credentials=server.credentials,
    )
    assert server.charged() == 0
    return run


def test_the_mocks_ledger_stays_empty(tmp_path: Path) -> None:
    with lightning_mock.running() as mock:
        run = watch(f"--base-url={mock.base_url}", credentials=mock.credentials, folder=tmp_path)
        spent = [row for row in asyncio.run(mock.state.ledger.store.rows()) if row[3]]
    nothing_was_spent(run.finished)
    assert spent == []
    run.keeps_to_its_plan()
    # A host that is not ours gets two requests a second: a free run ends within two minutes and a half.
    assert run.finished.report["run"]["requests"]["sent"] <= 300


@pytest.mark.parametrize("words", ["error-as-plain-text", "error-empty"])
def test_a_host_that_refuses_without_json_is_asked_hardly_more(words: str, tmp_path: Path) -> None:
    """Whether such an answer is a gateway's is found out once for each status, not for each request."""
    with running(variants=(words,)) as server:
        run = free_run(server, tmp_path)
    nothing_was_spent(run)
    assert run.report["run"]["requests"]["sent"] <= 315


def test_nothing_is_spent_on_a_host_that_only_we_call_free(tmp_path: Path) -> None:
    """The same with a cap given: a cap allows no spending by itself."""
    with running() as server:
        run = command(
            *(f"--base-url={server.base_url}", "--report-dir=reports", "--max-units=imagesDaily=4"),
            *("--only=media", "--only=quota"),
            directory=tmp_path,
            credentials=server.credentials,
        )
        assert server.charged() == 0
    assert run.report["run"]["units"]["booked"] == {}


LENIENT = (
    *("lenient-enums", "image-urls-cut", "blank-prompt-served", "roles-open"),
    *("empty-messages-served", "huge-sizes", "airforce-prompt-alone"),
)


def test_nothing_is_spent_on_a_host_that_serves_what_it_may(tmp_path: Path) -> None:
    with running(variants=LENIENT) as server:
        run = free_run(server, tmp_path)
        served = {path for _, path, status in server.requests if path.startswith("/gen/") and status == 200}
    nothing_was_spent(run)
    assert served == {"/gen/prompt_analyze"}
