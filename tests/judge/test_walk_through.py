"""The judge in a pipeline, day by day: adopted with ten failures, then one is fixed and another is new."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lab.running import running
from tests.judge.commands import Finished, command

# The requirement that each fault breaks, and no other.
FAILING = {
    "SUB-1": "subscription-drop-email",
    "SUB-2": "free-user-has-row",
    "SUB-4": "auth-type-always-jwt",
    "TIER-1": "default-plan-not-in-catalogue",
    "TIER-2": "tier-config-drop-plans-url",
    "TIER-3": "tier-limit-boolean",
    "TIERS-1": "tiers-filter-off",
    "STAT-1": "site-redirect-302",
    "STAT-2": "models-drop-name",
    "STAT-3": "status-drop-latest",
}
NEW, MENDED = "STAT-4", "TIER-3"
JUDGED = [*FAILING, NEW]
KEEP = ["--report-dir=reports", "--history", "--compare=reports"]


def day(directory: Path, faults: list[str], *options: str) -> Finished:
    """One run of the pipeline against the server as it is on that day."""
    with running(fault=faults) as server:
        return command(
            *(f"--base-url={server.base_url}", *(f"--only={name}" for name in JUDGED), *KEEP, *options),
            directory=directory,
            credentials=dict(server.credentials),
        )


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finished]:
    folder = tmp_path_factory.mktemp("pipeline")
    faults = list(FAILING.values())
    left = [fault for name, fault in FAILING.items() if name != MENDED]
    known = "--known=known.yaml"
    days = {"adopted": day(folder, faults, "--write-known=known.yaml")}
    written = yaml.safe_load((folder / "known.yaml").read_text())
    (folder / "known.yaml").write_text(
        yaml.safe_dump({name: {**entry, "owner": "shop"} for name, entry in written.items()})
    )
    days["unchanged"] = day(folder, faults, known)
    days["changed"] = day(folder, [*left, "head-without-content-type"], known)
    days["repaired"] = day(folder, left, "--write-known=known.yaml")
    days["quiet"] = day(folder, left, known)
    return days


def broken(run: Finished) -> set[str]:
    """The ids in the first line of the verdict."""
    [line] = [line for line in run.out.splitlines() if line.startswith("BROKEN: ")]
    return set(line.partition("(")[2].rstrip(")").split(", "))


def test_ten_failures_are_written_down_on_the_first_day(pipeline: dict[str, Finished]) -> None:
    assert pipeline["adopted"].code == 1
    assert broken(pipeline["adopted"]) == set(FAILING)


def test_the_gate_is_green_as_long_as_nothing_changes(pipeline: dict[str, Finished]) -> None:
    run = pipeline["unchanged"]
    assert run.code == 0, run.out
    assert f"1 of {len(JUDGED)} documented requirements hold, 10 known not to" in run.out
    assert "no change" in run.out
    assert "owner shop" in run.out


def test_one_fixed_and_one_new_fail_the_gate_and_are_told_apart(pipeline: dict[str, Finished]) -> None:
    run = pipeline["changed"]
    assert run.code == 1
    assert f"new failures: {NEW}" in run.out
    assert f"fixed: {MENDED}" in run.out
    # What holds again has to come off the list, so it fails the run as well.
    assert broken(run) == {NEW, MENDED}
    assert "but it holds now; take it off the list" in run.out


def test_the_list_written_anew_has_lost_the_fixed_one_and_kept_its_words(
    pipeline: dict[str, Finished],
) -> None:
    listed = yaml.safe_load((pipeline["repaired"].directory / "known.yaml").read_text())
    assert set(listed) == set(FAILING) - {MENDED}
    assert {entry["owner"] for entry in listed.values()} == {"shop"}
    assert (pipeline["repaired"].code, pipeline["quiet"].code) == (1, 0)
    # The one that held again the day before has been told already.
    assert f"fixed: {NEW}\n" in pipeline["repaired"].out
    assert "no change" in pipeline["quiet"].out
