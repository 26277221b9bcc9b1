"""The judge judges by the revision that it is given, and one revision's judge finds the other's drift."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lightning_mock.background import RunningMock, running
from lightning_spec.loader import load_revision

from tests.judge.commands import Finished, command

FIRST, LATER = "2026-05-15", "2026-06-19"
pytestmark = pytest.mark.slow
NEW = set(load_revision(LATER)[1].requirements) - set(load_revision(FIRST)[1].requirements)


@pytest.fixture(scope="module")
def later() -> Iterator[RunningMock]:
    with running(revision=LATER) as mock:
        yield mock


def judged(
    mock: RunningMock, folder: Path, *arguments: str, environment: dict[str, str] | None = None
) -> Finished:
    return command(
        *(f"--base-url={mock.base_url}", "--report-dir=reports", *arguments),
        directory=folder,
        credentials={**mock.credentials, **(environment or {})},
        # A process of its own: which revision is judged by is decided when the judge is imported.
        fresh=True,
    )


def broken(finished: Finished) -> set[str]:
    return {name for name, verdict in finished.verdicts.items() if verdict == "fail"}


def test_the_first_revisions_judge_finds_what_the_later_one_changed(
    later: RunningMock, tmp_path: Path
) -> None:
    finished = judged(later, tmp_path, "--spend=none")
    # Nothing documented was taken back on the wire. ASM-7 is told from the windows' keys.
    assert broken(finished) == {"OBS-7", "OBS-8", "OBS-9", "OBS-14", "ASM-7"}
    assert finished.code == 0
    assert finished.report["run"]["revision"] == FIRST


def test_the_later_revisions_judge_keeps_to_its_own(later: RunningMock, tmp_path: Path) -> None:
    new = [f"--only={name}" for name in sorted(NEW)]
    finished = judged(
        later, tmp_path, f"--revision={LATER}", "--spend=sample", "--only=account", "--only=status", *new
    )
    assert finished.code == 0, finished.out
    assert finished.report["run"]["revision"] == LATER
    assert {name for name, verdict in finished.verdicts.items() if verdict == "pass"} >= NEW


def test_a_host_of_the_first_revision_breaks_what_is_new(tmp_path: Path) -> None:
    missing = {"LIST-1", "VID-13", "MESH-1"}
    only = [f"--only={name}" for name in sorted(missing)]
    with running() as mock:
        finished = judged(mock, tmp_path, *only, environment={"LIGHTNING_REVISION": LATER})
    assert finished.code == 1
    assert broken(finished) == missing


def test_an_unknown_revision_is_wrong_usage(tmp_path: Path) -> None:
    finished = command("--base-url=http://127.0.0.1:9", "--revision=1999-01-01", directory=tmp_path)
    assert finished.code == 2
    assert f"--revision: expected one of {FIRST}, {LATER}, got '1999-01-01'" in finished.error


def test_pytest_cannot_change_the_revision_any_more_and_says_what_can(tmp_path: Path) -> None:
    finished = command(
        *(
            "--pyargs",
            "lightning_verify.checks",
            "--lightning-revision=2026-06-19",
            "--base-url=http://127.0.0.1:9",
        ),
        *("-p", "lightning_verify.run.plugin", "-q", "--collect-only"),
        directory=tmp_path,
        program="pytest",
    )
    assert finished.code == 4
    assert "set LIGHTNING_REVISION=2026-06-19 as well" in finished.out + finished.error


TRIED_ANYHOW = """
from lightning_verify.checks.test_failures import ODD
from lightning_verify.requests.kinds_of_media import MEDIA
from lightning_verify.requests.refusals import OPERATIONS, TOO_LARGE, Refusal
new = {"createImages", "createVideos"}
for name in ("createSpeech", "createAudio"):
    assert Refusal("address", name, TOO_LARGE).body(9).keys() == {"input"}
assert new <= set(ODD) and new <= set(OPERATIONS) and new <= {each.operation for each in MEDIA}
"""


def test_an_operation_that_takes_a_prompt_is_tried_like_the_others() -> None:
    environment = {**os.environ, "LIGHTNING_REVISION": LATER}
    subprocess.run([sys.executable, "-c", TRIED_ANYHOW], env=environment, check=True)
