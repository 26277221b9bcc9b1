"""Free routes that fail or are refused now and then are told, and single bad moments are not."""

from __future__ import annotations

import pytest
from lightning_spec.loader import load_spec
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.failures import Failures
from lightning_verify.judging.redaction import Redactor
from lightning_verify.requests import callers
from lightning_verify.requests.callers import Caller
from lightning_verify.transport.exchange import Exchange
from lightning_verify.transport.timeline import Timeline

SPEC = load_spec()
KEY = callers.bearer("LIGHTNING_API_KEY", "ipa_live_0000")
WRONG = callers.bearer("garbled", "nonsense")


def read(path: str, status: int, caller: Caller | None = None, method: str = "GET") -> Exchange:
    who = caller or callers.anonymous()
    operation = next(each for each in SPEC.operations.values() if (each.method, each.path) == (method, path))
    headers = [("Content-Type", "application/json")]
    return Exchange(method, path, who.headers, None, operation, who.label, status, headers, b"{}")


def often(path: str, statuses: dict[int, int], **options: Caller | str) -> list[Exchange]:
    """So many answers of each status."""
    return [read(path, status, **options) for status, times in statuses.items() for _ in range(times)]  # type: ignore[arg-type]


ROUTES = "/status", "/tiers", "/models"


def well() -> list[Exchange]:
    """Some answers of each route."""
    return [exchange for path in ROUTES for exchange in often(path, {200: 4})]


@pytest.mark.parametrize(
    ("exchanges", "broken"),
    [
        (often("/status", {200: 30, 500: 3}), {"STAT-3": (3, 33)}),
        (often("/status/video", {200: 20, 405: 2}, method="HEAD"), {"STAT-4": (2, 22)}),
        (often("/tiers", {200: 20, 405: 2}) + often("/usage", {200: 40}), {"TIERS-1": (2, 22)}),
        # Bad moments, a route that fails at all times, a credential that is good nowhere, a busy host.
        (often("/status", {200: 30, 500: 2}), {}),
        (often("/status", {200: 300, 500: 10}), {}),
        (often("/tiers", {200: 20, 405: 1}), {}),
        (often("/status", {500: 30}), {}),
        (often("/status", {200: 30}) + often("/status", {500: 9, 401: 9}, caller=WRONG), {}),
        (often("/status", {200: 30, 503: 9, 502: 9, 429: 9}, caller=KEY), {}),
        # What its host reads from elsewhere.
        (often("/usage", {200: 30, 500: 9}), {}),
        # An outage; and the same failures among answers.
        (well() + [read(path, 500) for _ in range(3) for path in ROUTES] + well(), {}),
        (
            well() + [read(path, status) for _ in range(3) for path in ROUTES for status in (500, 200)],
            {"STAT-3": (3, 10), "TIERS-1": (3, 10)},
        ),
    ],
)
def test_what_a_free_route_fails_at_now_and_then(
    exchanges: list[Exchange], broken: dict[str, tuple[int, int]]
) -> None:
    assert found(exchanges) == broken


def found(exchanges: list[Exchange], apart: float = 1.0) -> dict[str, tuple[int, int]]:
    """What was broken, how often and in how many, by exchanges so many seconds apart."""
    timeline = Timeline()
    failures = Failures(Recorder("http://host", Redactor({})), timeline)
    for number, exchange in enumerate(exchanges):
        exchange.sent = number * apart
        timeline.note(exchange, valid=True)
        failures.observe(exchange)
    return {
        finding.requirement: (finding.rate.broken, finding.rate.seen)
        for finding in failures.findings()
        if finding.rate is not None and finding.verdict == "fail"
    }


def test_failures_of_one_short_moment_are_one() -> None:
    well = {200: 10}
    moment = often("/status", well) + often("/status", {500: 6}) + often("/status", well)
    assert found(moment, apart=0.1) == {}
    assert found(moment, apart=1.0) == {"STAT-3": (6, 26)}
    # A host that does not recover has had none.
    assert found(moment[:16], apart=0.1) == {"STAT-3": (6, 16)}
