"""GitHub Actions: the summary of the job, and an annotation for each broken requirement."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lightning_verify.judging.harmless import one_line
from lightning_verify.report.markdown import render_markdown
from lightning_verify.report.outcome import Outcome

_MAX_LENGTH = 400
# GitHub shows ten errors of a step and drops the rest.
_MAX_ERRORS = 10


def workflow_commands(outcome: Outcome) -> list[str]:
    """Workflow commands, one a line; their text is escaped as GitHub asks for it."""
    broken = [ruling for ruling in outcome.rulings if ruling.verdict == "fail" and outcome.counts(ruling)]
    return [
        f"::error title=Lightning contract {ruling.requirement.id}::"
        + _escaped(one_line(f"{ruling.requirement.statement} {ruling.reason}", _MAX_LENGTH))
        for ruling in broken[:_MAX_ERRORS]
    ]


def write_summary(outcome: Outcome, environment: Mapping[str, str]) -> None:
    """Append the report to the summary of the job, when the environment has one."""
    summary = environment.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(render_markdown(outcome))


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
