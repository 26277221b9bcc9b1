"""Status and discovery: the redirect, the models, the health of the service and its capability checks."""

from __future__ import annotations

from typing import Any

import pytest
from lightning_spec.examples import first_example

from lightning_verify.facts import SPEC
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import CAPABILITIES, MODELS, STATUS, capability_check, shown
from lightning_verify.judging.outcomes import NotRun
from lightning_verify.reading.addresses import address
from lightning_verify.run.marks import judges
from lightning_verify.transport.exchange import Exchange

CHECKS = [f"/status/{capability}" for capability in CAPABILITIES]
# The forms in which clients read the status are those of the example.
EXAMPLE: dict[str, Any] = first_example(SPEC, "getStatus")
KINDS: dict[type, str] = {str: "string", list: "list", dict: "object"}


def _root(judge: Judge) -> Exchange:
    return judge.once("root", lambda: judge.client.send("GET", "/", judge.caller()))


@judges("STAT-1", shares=["root"])
def test_the_root_redirects_for_good(judge: Judge) -> None:
    exchange = _root(judge)
    judge.able("STAT-1", exchange)
    judge.check("STAT-1", exchange.status in {301, 308}, f"{exchange.title}: expected 301 or 308", exchange)
    location = address(exchange.header("location"), judge.target.base_url)
    here = {"", address(judge.target.base_url).netloc}
    elsewhere = location.scheme in {"http", "https"} and location.netloc not in here
    judge.check(
        "STAT-1", elsewhere, f"Location is {exchange.header('location')!r}, not another site", exchange
    )


@judges("STAT-2", shares=[MODELS])
def test_models_have_names(judge: Judge) -> None:
    exchange = shown(judge, MODELS)
    judge.document("STAT-2", exchange)
    judge.keeps("STAT-2", exchange)


def _status(judge: Judge, requirement: str) -> tuple[dict[str, Any], Any]:
    exchange = shown(judge, STATUS)
    return judge.object(requirement, exchange, "STAT-3"), exchange


@judges("STAT-3", shares=[STATUS])
def test_the_status_has_its_fields(judge: Judge) -> None:
    _, exchange = _status(judge, "STAT-3")
    judge.keeps("STAT-3", exchange)


def _is_down(judge: Judge, exchange: Exchange) -> bool:
    """Whether a check reports with 503 that its capability is down, on a host that is well otherwise."""
    if exchange.status != 503:
        return False
    checks = (capability_check(judge, capability) for capability in CAPABILITIES)
    return any(check.served for check in checks) or shown(judge, STATUS).served


@pytest.mark.parametrize("capability", CAPABILITIES)
@judges("STAT-4", shares=CHECKS)
def test_a_capability_check_tells_a_content_type(judge: Judge, capability: str) -> None:
    exchange = capability_check(judge, capability)
    has_type = "/" in exchange.media_type
    if not (_is_down(judge, exchange) and has_type):
        # When no check at all is served, that is no outage of one capability.
        if exchange.status == 503 and any(capability_check(judge, other).served for other in CAPABILITIES):
            raise judge.undecided("STAT-4", f"{exchange.title}: the capability is down", exchange)
        judge.served("STAT-4", exchange)
    judge.check("STAT-4", has_type, f"{exchange.title}: no content type", exchange)


@pytest.mark.parametrize("capability", CAPABILITIES)
@judges("STAT-4", shares=CHECKS, requests=1)
def test_a_capability_check_ends_with_its_head(judge: Judge, capability: str) -> None:
    if _is_down(judge, capability_check(judge, capability)):
        raise NotRun(f"needs a host that says that it can do {capability}")
    exchange = judge.client.whole_head(f"/status/{capability}", judge.caller())
    judge.served("STAT-4", exchange)
    message = f"{exchange.title}: a body follows, which begins with {exchange.body[:20]!r}"
    judge.check("STAT-4", not exchange.body, message, exchange)


@pytest.mark.parametrize("capability", CAPABILITIES)
@judges("STAT-5", shares=CHECKS)
def test_a_capability_check_does_not_name_another_medium(judge: Judge, capability: str) -> None:
    exchange = capability_check(judge, capability)
    if _is_down(judge, exchange):
        raise NotRun(f"needs a host that says that it can do {capability}")
    judge.served("STAT-5", exchange, owner=False)
    if not exchange.media_type:
        raise judge.undecided("STAT-5", f"{exchange.title}: no content type (see STAT-4)", exchange)
    judge.keeps("STAT-5", exchange)


@judges("OBS-7", shares=[STATUS], requests=1)
def test_the_status_has_the_form_that_clients_read(judge: Judge) -> None:
    document, exchange = _status(judge, "OBS-7")
    slashed = judge.client.send("GET", "/status/", judge.caller())
    judge.able("OBS-7", slashed)
    judge.check("OBS-7", slashed.status == 200, f"{slashed.title}", slashed)
    services = document.get("services")
    shaped = isinstance(services, dict) and all(
        isinstance(entry, dict) and {"state", "message"} <= set(entry) for entry in services.values()
    )
    judge.check("OBS-7", shaped, "services is not an object of {state, message}", exchange)
    for field in ("notifications", "latest"):
        kind = type(EXAMPLE[field])
        judge.check("OBS-7", isinstance(document.get(field), kind), f"{field} is no {KINDS[kind]}", exchange)


@judges("OBS-16", shares=["root"])
def test_the_root_leads_to_the_public_site(judge: Judge) -> None:
    exchange = _root(judge)
    judge.able("OBS-16", exchange)
    location = (exchange.header("location") or "").rstrip("/")
    judge.check("OBS-16", location == SPEC.public_site.rstrip("/"), f"Location is {location!r}", exchange)
