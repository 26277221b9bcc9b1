"""Two runs side by side, and the form in which a run is written for machines."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from lightning_spec.loader import load_requirements
from lightning_verify.judging.verdicts import Finding, Ruling, Verdict, rule
from lightning_verify.report.comparison import SCHEMA_VERSION, Comparison, compare

from lab.running import running
from tests.judge.commands import Finished, command

REQUIREMENTS = load_requirements().requirements
SCHEMA = json.loads(
    resources.files("lightning_verify.report").joinpath("report.schema.json").read_text(encoding="utf-8")
)
ONLY = ("--only=TIERS-1", "--only=TIER-1", "--only=AUTH-5", "--only=OBS-11")


def ruling(verdict: Verdict, name: str = "TIER-1") -> Ruling:
    return rule(REQUIREMENTS[name], [Finding(name, verdict, "test_it", f"because {verdict}")])


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        ("pass", "fail", "new"),
        ("inconclusive", "fail", "new"),
        (None, "fail", "new"),
        ("fail", "fail", None),
        ("known_difference", "fail", None),
        ("fail", "pass", "fixed"),
        ("known_difference", "pass", "fixed"),
        ("pass", "pass", None),
        ("pass", "inconclusive", "no_longer_observable"),
        ("fail", "not_run", "no_longer_observable"),
        ("inconclusive", "not_run", None),
        ("not_run", "pass", None),
    ],
)
def test_what_changed_between_two_verdicts(was: str | None, now: Verdict, kind: str | None) -> None:
    earlier = {} if was is None else {"TIER-1": was}
    told = compare(earlier, [ruling(now)], strict=False).as_json()
    assert {name for name, ids in told.items() if ids} == ({kind} if kind else set())


def test_what_only_advises_is_newly_advised_unless_the_run_is_strict() -> None:
    judged = [ruling("fail", "OBS-11")]
    assert compare({"OBS-11": "pass"}, judged, strict=False) == Comparison((), (), (), ("OBS-11",))
    assert compare({"OBS-11": "pass"}, judged, strict=True) == Comparison(("OBS-11",), (), (), ())


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finished]:
    """A good run, then a broken one compared with it, then two compared with the broken one."""
    folder = tmp_path_factory.mktemp("runs")
    # The earlier report may lie where the new one is written.
    options = [*ONLY, "--report-dir=reports", "--compare=reports/report.json"]
    done = {}
    with running() as server:
        done["good"] = command(
            f"--base-url={server.base_url}", *ONLY, "--report-dir=reports", directory=folder
        )
    with running(fault="tiers-default-by-name") as server:
        host = f"--base-url={server.base_url}"
        done["broken"] = command(host, *options, "--fail-on=new", directory=folder)
        done["still"] = command(host, *options, "--fail-on=new", directory=folder)
        done["any"] = command(host, *options, directory=folder)
    with running() as server:
        done["fixed"] = command(f"--base-url={server.base_url}", *options, directory=folder)
    return done


def test_a_new_failure_fails_the_run_and_an_old_one_does_not(runs: dict[str, Finished]) -> None:
    assert {name: run.code for name, run in runs.items()} == {
        "good": 0, "broken": 1, "still": 0, "any": 1, "fixed": 0,
    }  # fmt: skip
    assert "new failures: TIERS-1" in runs["broken"].out
    assert "KEPT" in runs["still"].out


def test_an_unchanged_host_compares_as_equal(runs: dict[str, Finished]) -> None:
    assert set(map(len, runs["still"].report["comparison"].values())) == {0}
    assert "no change" in runs["still"].out


def test_what_was_fixed_is_said_in_every_report(runs: dict[str, Finished]) -> None:
    run = runs["fixed"]
    assert run.report["comparison"]["fixed"] == ["TIERS-1"]
    assert "fixed: TIERS-1" in run.out
    for name in ("report.md", "report.html"):
        assert "fixed: TIERS" in (run.directory / "reports" / name).read_text().replace("\\", "")


@pytest.mark.parametrize("name", ["good", "broken", "still", "fixed"])
def test_every_report_has_the_published_form(runs: dict[str, Finished], name: str) -> None:
    errors = [
        f"{'/'.join(map(str, error.instance_path))}: {error.message[:200]}"
        for error in jsonschema_rs.validator_for(SCHEMA).iter_errors(runs[name].report)
    ]
    assert errors == []


def test_the_published_form_has_the_version_that_is_written(runs: dict[str, Finished]) -> None:
    assert SCHEMA["properties"]["schema_version"] == {"const": SCHEMA_VERSION}
    broken: dict[str, Any] = {**runs["good"].report, "extra": 1}
    assert not jsonschema_rs.validator_for(SCHEMA).is_valid(broken)


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (None, ["--compare=old.json"], "--compare old.json: cannot be read (No such file"),
        ("[]", ["--compare=old.json"], "expected a report.json that lightning-verify wrote"),
        (
            '{"schema_version": 99}',
            ["--compare=old.json"],
            "has schema version 99, expected 1; regenerate it",
        ),
        (None, ["--fail-on=new"], "--fail-on new needs --compare"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_wrong_usage(
    content: str | None, options: list[str], says: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "old.json").write_text(content)
    run = command("--base-url=http://127.0.0.1:9", *options, directory=tmp_path)
    assert run.code == 2
    assert says in run.out + run.error


def test_a_history_keeps_a_folder_a_run_and_is_compared_with_its_last_whole_one(tmp_path: Path) -> None:
    options = [*ONLY, "--report-dir=reports", "--history", "--compare=reports", "--fail-on=new"]
    reports = tmp_path / "reports"

    def latest() -> Path:
        return (reports / "latest").resolve()

    with running() as server:
        first = command(f"--base-url={server.base_url}", *options, directory=tmp_path)
        good = latest()
    with running(fault="tiers-default-by-name") as server:
        host = f"--base-url={server.base_url}"
        second = command(host, *options, directory=tmp_path)
        broken = latest()
        unreachable = command("--base-url=http://127.0.0.1:9", *options, directory=tmp_path)
        third = command(host, *options, directory=tmp_path)
        against_the_first = command(host, *ONLY, f"--compare={good}", directory=tmp_path)
    assert [run.code for run in (first, second, unreachable, third)] == [0, 1, 3, 0]
    assert "new failures: TIERS-1" in second.out
    # What could not be reached in between is nothing to compare with.
    assert "no change" in third.out
    assert "new failures: TIERS-1" in against_the_first.out
    folders = sorted(folder for folder in reports.iterdir() if not folder.is_symlink())
    assert len(folders) == 4
    assert folders[:2] == [good, broken]
    assert latest() == folders[-1]
    for folder in folders:
        files = {file.name for file in folder.iterdir()}
        assert files == {"report.json", "report.md", "report.html", "junit.xml"}
    assert json.loads((good / "report.json").read_text())["run"]["exit_code"] == 0
    assert f"reports: reports/{broken.name}" in second.out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--history"], "--history needs --report-dir"),
        (["--compare=empty"], "--compare empty: no complete run in this folder"),
        (
            ["--compare=elsewhere", "--history", "--report-dir=reports"],
            "--compare elsewhere: cannot be read (No such file",
        ),
    ],
)
def test_a_history_that_is_not_there_is_wrong_usage(options: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    run = command("--base-url=http://127.0.0.1:9", *options, directory=tmp_path)
    assert run.code == 2
    assert says in run.out + run.error
    assert not (tmp_path / "reports").exists()
