"""How a run begins and ends: its plan, whether the host answers, and what only the end can show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import pytest

from lightning_verify.facts import REVISION
from lightning_verify.judging.examples import read_examples
from lightning_verify.judging.verdicts import Finding
from lightning_verify.reading.tokens import expiry_of
from lightning_verify.requests.credentials import ADMITTED_BY, GOOD, doubts
from lightning_verify.run.bill import observed_units, reread_lagging_counters
from lightning_verify.run.plan import SECOND_LOOKS, describe, duration, estimate, spoken
from lightning_verify.run.preflight import AT_THE_DOOR, preflight, refused_everywhere, wait_until_it_listens
from lightning_verify.run.session import Run
from lightning_verify.run.signals import INTERRUPTION
from lightning_verify.target import Spend
from lightning_verify.transport.client import HostGone
from lightning_verify.transport.control import ControlFailed

# A run may take so many times as long as it says.
_LATER = 2.0

Say = Callable[[str], None]
"""Shows one line to the user."""


def begin(run: Run, items: Sequence[pytest.Item], report_dir: Path | None, say: Say) -> None:
    """Say what these tests will ask for and may cost, see that the host answers, and learn what earlier runs
    have found and which credentials are of use. `run.aborted` says why the run cannot go on."""
    settings = run.settings
    requests, units = estimate(items, settings.spend, run.target, settings.examples, settings.max_units)
    _announce(run, requests, units, say)
    _cap(run, units)
    run.note(
        target=run.target.base_url,
        revision=REVISION,
        spend=settings.spend.name.lower(),
        credentials=sorted(run.target.credentials),
        planned={"requests": requests, "units": dict(units)},
        started=run.started,
        generated={"examples": settings.examples, "seed": settings.seed},
    )
    answered_in = _reach(run, say)
    if run.aborted:
        return
    seconds = duration(requests, settings.rate, median(answered_in), settings.jobs)
    say(f"time: {spoken(seconds)}")
    for name, left in _expiring(run.target.credentials, seconds):
        say(f"{name} expires in {spoken(left)}, perhaps before the end: what needs it later is not run")
    learned = run.learned
    learned.examples = read_examples(report_dir)
    learned.unusable = refused_everywhere(run.client, run.target.credentials, learned.observations)
    for reason in learned.unusable.values():
        say(f"not used: {reason}")
    # All else is judged as without them. Whether it is the host that errs, nobody can tell.
    run.keep(
        Finding(ADMITTED_BY[name], "inconclusive", AT_THE_DOOR, reason)
        for name, reason in learned.unusable.items()
    )


def _expiring(credentials: Mapping[str, str], seconds: float) -> Iterator[tuple[str, float]]:
    """Good tokens that expire within so many seconds, each with those that it has left."""
    for name in GOOD:
        end = expiry_of(credentials[name]) if name in credentials else None
        left = (end - datetime.now(UTC)).total_seconds() if end else 0.0
        if 0 < left < seconds * _LATER:
            yield name, left


def _announce(run: Run, requests: int, units: Counter[str], say: Say) -> None:
    settings, target = run.settings, run.target
    credentials = ", ".join(sorted(target.credentials)) or "none"
    spend = settings.spend.name.lower()
    say(f"target {target.base_url}, spend {spend}, revision {REVISION}, credentials: {credentials}")
    for doubt in doubts(target.credentials):
        say(doubt)
    say(f"plan: {describe(requests, units)}")
    say(f"generated: {settings.examples} requests per property, with --seed {settings.seed}")
    if settings.max_units:
        say("caps: " + ", ".join(f"{m}={n}" for m, n in settings.max_units.items()))


def _cap(run: Run, units: Mapping[str, int]) -> None:
    """Without a cap of the user's the plan itself is the cap: a host cannot make us spend more."""
    if run.settings.spend is Spend.NONE:
        return
    for metric in run.spec.metrics:
        if metric not in run.budget.caps:
            run.budget.caps[metric] = units.get(metric, 0)
            run.budget.kept[metric] = SECOND_LOOKS


def _reach(run: Run, say: Say) -> list[float]:
    """How many seconds each of the first answers took."""
    if run.settings.may_be_starting:
        wait_until_it_listens(run.target.base_url, run.settings.wake, lambda line: say(run.safe_line(line)))
    unreachable = _reset_clock(run, say)
    answered_in: list[float] = []
    run.client.observers.append(lambda exchange: answered_in.append(exchange.seconds))
    aborted = preflight(run.client, run.settings.wake) or unreachable
    run.client.observers.pop()
    run.aborted = aborted and run.safe_line(aborted)
    run.note(aborted=run.aborted)
    return answered_in


def _reset_clock(run: Run, say: Say) -> str | None:
    """Set the target's clock right first; returns why that is impossible, or None."""
    try:
        offset = run.reset_clock()
    except (ControlFailed, HostGone) as problem:
        return f"the control plane at {run.target.control} does not answer as one: {_hinted(run, problem)}"
    if offset is not None:
        say(f"clock: the target's was {offset:+.0f} s off and has been corrected")
    return None


def _hinted(run: Run, problem: Exception) -> str:
    control, told = (run.target.control or "").rstrip("/"), str(problem)
    return told if urlsplit(control).path else f"{told.rstrip('.')}; is {control}/__mock__ meant?"


def finish(run: Run) -> None:
    """What only the end of a run can show: the final counters, and all answers taken together."""
    if INTERRUPTION.by is not None:
        run.client.give_up("the run was interrupted")
    elif not run.aborted:
        with suppress(HostGone):
            run.agreement.look_again(run.client)
        # On a host of others, asking every caller again would be as much traffic as the run itself.
        if run.target.is_loopback:
            # Once the target's clock has been moved, its counters are those of another day.
            seen = None if run.learned.time_moved else observed_units(run.client, run.settings.jobs)
            run.note(**{f"observed {run.worker}": seen})
    if run.learned.time_moved:
        # Otherwise the next run would find a host that lives in the future.
        with suppress(ControlFailed, HostGone):
            run.reset_clock()
    run.keep(
        Finding(ADMITTED_BY[name], "inconclusive", AT_THE_DOOR, run.learned.unusable[name])
        for name in sorted(run.learned.lost)
    )
    if not run.aborted:
        reread_lagging_counters(run.client, run.ledger)
        run.keep(run.monitor_findings())
        examples = run.learned.examples
        run.note(**{f"examples {run.worker}": {"found": examples.found, "tried": examples.tried}})
