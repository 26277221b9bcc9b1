"""What the options of a run mean together."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from lightning_spec.text_formats import cannot_be

from lightning_verify.facts import REQUIREMENTS, REVISION, REVISION_VARIABLE, SPEC
from lightning_verify.judging.verdicts import Known
from lightning_verify.report.comparison import ComparisonError, read_report
from lightning_verify.report.history import LATEST, report_of
from lightning_verify.report.writers import why_not_writable
from lightning_verify.requests.credentials import CredentialsError, gather
from lightning_verify.run.known import KnownError, read_known
from lightning_verify.run.option_table import FEW, JOBS, MANY, POLITE_RATE, WAKE
from lightning_verify.run.session import Settings
from lightning_verify.target import LIVE, Spend, Target, is_address, not_one_host

# Draws other generated requests where no option says which.
SEED_VARIABLE = "LIGHTNING_VERIFY_SEED"


def base_url(config: pytest.Config) -> str | None:
    """The address to judge, or None when none was given."""
    # pytest-base-url owns the option; it also reads PYTEST_BASE_URL and its ini value.
    given: str | None = getattr(config.option, "base_url", None) or config.getini("base_url") or None
    if config.option.lightning_live and given:
        raise pytest.UsageError(not_one_host(live=True))
    return LIVE if config.option.lightning_live else given


def settings_of(config: pytest.Config, target: Target, *, own_mock: bool) -> Settings:
    """The settings that the options ask for. Raises UsageError when they make no sense together."""
    option = config.option
    caps: dict[str, int] = {}
    metrics = SPEC.metrics
    for text in option.lightning_max_units:
        metric, _, number = text.partition("=")
        if metric not in metrics or not (number.isascii() and number.isdigit()):
            raise pytest.UsageError(
                f"--max-units {text}: expected METRIC=N with METRIC one of {', '.join(metrics)}"
            )
        caps[metric] = int(number)
    if option.lightning_spend:
        spend = Spend[option.lightning_spend.upper()]
    else:
        spend = Spend.EXHAUST if own_mock else Spend.NONE
    for name in ("rate", "wake", "settle", "timeout"):
        seconds: float | None = getattr(option, f"lightning_{name}")
        least = 0.0 if name in {"wake", "settle"} else 0.001
        if seconds is not None and not least <= seconds < math.inf:
            expected = "a number above 0" if least else "0 or more"
            raise pytest.UsageError(f"--{name} {seconds:g}: expected {expected}")
    examples = option.lightning_examples
    if examples is not None and examples < 1:
        raise pytest.UsageError(f"--examples {examples}: expected a number above 0")
    rate = option.lightning_rate or (None if target.is_loopback else POLITE_RATE)
    return Settings(
        spend=spend,
        max_units=caps,
        rate=rate,
        strict=option.lightning_strict,
        known=known_differences(config),
        wake=WAKE if option.lightning_wake is None else option.lightning_wake,
        may_be_starting=option.lightning_wake is not None,
        settle=option.lightning_settle,
        timeout=option.lightning_timeout,
        examples=examples or _usual_examples(target, spend),
        seed=_seed(config),
        jobs=_jobs(config, alone=rate is not None or bool(caps)),
    )


def _usual_examples(target: Target, spend: Spend) -> int:
    return MANY if target.may_be_asked_often(spend) else FEW


def _jobs(config: pytest.Config, *, alone: bool) -> int:
    """How many tests run at once: several, unless the rate is limited, the first tests should get the units,
    or none should begin after the first that fails."""
    given: int | None = config.option.lightning_jobs
    if given is not None and given < 1:
        raise pytest.UsageError(f"--jobs {given}: expected a number above 0")
    return given or (1 if alone or config.option.maxfail else JOBS)


def _seed(config: pytest.Config) -> int:
    given: int | None = config.option.lightning_seed
    text = os.environ.get(SEED_VARIABLE) or "0"
    if given is None and not (text.isascii() and text.isdigit()):
        raise pytest.UsageError(f"{SEED_VARIABLE}={text}: expected a whole number")
    seed = int(text) if given is None else given
    if seed < 0:
        raise pytest.UsageError(f"--seed {seed}: expected a whole number, not below 0")
    return seed


def selection(config: pytest.Config) -> tuple[str, ...]:
    """The areas and requirements that `--only` names. Raises UsageError for unknown ones."""
    wanted = tuple(config.option.lightning_only)
    known = REQUIREMENTS.requirements
    areas = {requirement.area for requirement in known.values()}
    for name in wanted:
        if name not in known and name not in areas:
            known_areas = ", ".join(sorted(areas))
            raise pytest.UsageError(
                f"--only {name}: neither an area ({known_areas}) nor a requirement such as CHAT-5"
            )
    return wanted


def known_differences(config: pytest.Config) -> dict[str, Known]:
    """The entries of the file of `--known`. Raises UsageError when it cannot be used."""
    file: Path | None = config.option.lightning_known
    if file is None:
        return {}
    try:
        return read_known(file)
    except KnownError as problem:
        raise pytest.UsageError(f"--known {file}: {problem}") from problem


def earlier_verdicts(config: pytest.Config) -> dict[str, str] | None:
    """The verdicts of the report that `--compare` names; None without one. Raises UsageError."""
    file: Path | None = config.option.lightning_compare
    if file is None:
        if config.option.lightning_fail_on == "new":
            raise pytest.UsageError("--fail-on new needs --compare with an earlier report.json")
        return None
    report = report_of(file)
    history: Path | None = config.option.lightning_report_dir if config.option.lightning_history else None
    if (
        history is not None
        and (report is None or not report.exists())
        and file in (history, history / LATEST)
    ):
        return {}  # The first run of its history, for which everything is new.
    if report is None:
        raise pytest.UsageError(f"--compare {file}: no complete run in this folder")
    try:
        return read_report(report)
    except ComparisonError as problem:
        raise pytest.UsageError(f"--compare {file}: {problem}") from problem


def known_before(config: pytest.Config) -> dict[str, Known]:
    """The entries whose words `--write-known` keeps: those of `--known`, and those of the file that it
    rewrites. Raises UsageError when that file cannot be written, or is something else."""
    known = known_differences(config)
    file: Path | None = config.option.lightning_write_known
    if file is None:
        return known
    try:
        if file.is_file() and file.stat().st_size:
            known = {**read_known(file), **known}
        # Opening it for more leaves it as it is; one that was not there goes again.
        is_new = not file.exists()
        with file.open("a", encoding="utf-8"):
            pass
        if is_new:
            file.unlink()
    except OSError as problem:
        raise pytest.UsageError(f"--write-known {file}: {cannot_be('written', problem)}") from problem
    except KnownError as problem:
        raise pytest.UsageError(
            f"--write-known {file}: exists and is not a list of known differences: {problem}"
        ) from problem
    return known


def given_target(config: pytest.Config) -> Target | None:
    """The host that the options name, with its credentials; None when they name none."""
    url = base_url(config)
    if url is None:
        return None
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise pytest.UsageError(
            "--base-url must not contain a user name or password: it is shown in every report"
        )
    if not is_address(url):
        raise pytest.UsageError(
            f"--base-url {url}: expected an address such as https://host or http://127.0.0.1:8787"
        )
    try:
        credentials = gather(os.environ, config.option.lightning_credentials)
    except CredentialsError as problem:
        raise pytest.UsageError(_of_credentials(problem, config.option.lightning_credentials)) from problem
    return Target(url.rstrip("/"), credentials, config.option.lightning_control)


def _of_credentials(problem: CredentialsError, file: Path | None) -> str:
    cause = problem.__cause__
    return f"--credentials {file}: {cannot_be('read', cause)}" if isinstance(cause, OSError) else str(problem)


def check_writable(folder: Path) -> None:
    """Raises UsageError when no report can be written there: after the run it would be too late."""
    if problem := why_not_writable(folder):
        raise pytest.UsageError(f"--report-dir {folder}: {problem}")


def check(config: pytest.Config) -> None:
    """Raises UsageError for options that make no sense, before anything is collected or sent."""
    if config.option.lightning_history and config.option.lightning_report_dir is None:
        raise pytest.UsageError("--history needs --report-dir with the folder to keep it in")
    wanted = config.option.lightning_revision
    if wanted not in (None, REVISION):
        raise pytest.UsageError(f"--lightning-revision {wanted}: set {REVISION_VARIABLE}={wanted} as well")
    target = given_target(config) or Target("http://127.0.0.1")
    settings_of(config, target, own_mock=False)
    selection(config)
    known_before(config)
    earlier_verdicts(config)
