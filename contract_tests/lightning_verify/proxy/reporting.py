"""The reports of a run, made from what has passed so far."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lightning_spec.loader import RequirementSet

from lightning_verify.facts import REVISION
from lightning_verify.judging.verdicts import EXIT_BROKEN, EXIT_KEPT, Ruling, exit_code, headline, rule
from lightning_verify.proxy.judging import TrafficJudge
from lightning_verify.report.html import render_html
from lightning_verify.report.junit import render_junit
from lightning_verify.report.markdown import render_markdown
from lightning_verify.report.outcome import Outcome
from lightning_verify.report.run_facts import RunFacts, Units

_NOTHING = "no traffic yet that could show a breach"
_UNSEEN = "no answer so far could show it"


def outcome_of(
    judge: TrafficJudge,
    requirements: RequirementSet,
    base_url: str,
    started: float,
    *,
    strict: bool,
    fails: bool = False,
) -> Outcome:
    """The outcome of the traffic since `started`, in seconds since 1970; `fails` says that a breach is to
    fail the proxy."""
    findings = judge.findings()
    rulings = [
        _unseen(rule(one, (finding for finding in findings if finding.requirement == one.id)))
        for one in requirements.requirements.values()
    ]
    nothing = None if findings else _NOTHING
    verdict = headline(rulings, strict=strict, aborted=nothing)
    code = exit_code(rulings, strict=strict, aborted=nothing)
    run = RunFacts(
        target=base_url,
        revision=REVISION,
        verdict=verdict,
        # That of the proxy itself, were it to end now.
        exit_code=EXIT_BROKEN if fails and code == EXIT_BROKEN else EXIT_KEPT,
        watched=True,
        strict=strict,
        aborted=nothing,
        started=started,
        finished=time.time(),
        # A proxy sends nothing of its own.
        requests_planned=judge.passed,
        requests_sent=judge.passed,
        units=Units(served=dict(judge.served)),
    )
    return Outcome(rulings, run.as_json(), code, verdict, strict)


RENDERERS: dict[str, tuple[str, Callable[[Outcome], str]]] = {
    "report.json": ("application/json", lambda one: json.dumps(one.as_json(), indent=2) + "\n"),
    "report.md": ("text/markdown", render_markdown),
    "report.html": ("text/html", render_html),
    "junit.xml": ("application/xml", lambda one: render_junit(one, "lightning-proxy")),
}


def write(outcome: Outcome, directory: Path) -> None:
    """Write all reports into `directory`, each of them whole at any time. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, (_, render) in RENDERERS.items():
        fresh = directory / f".{name}.new"
        fresh.write_text(render(outcome), encoding="utf-8")
        fresh.replace(directory / name)


def _unseen(ruling: Ruling) -> Ruling:
    return replace(ruling, reason=_UNSEEN) if ruling.verdict == "not_run" else ruling
