"""The plans on offer: the catalogue and the list of paid plans."""

from __future__ import annotations

from typing import Any

from lightning_verify.facts import METRICS, SPEC
from lightning_verify.judging.catalogue import catalogue, read_catalogue
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import CATALOGUE, TIERS, shown
from lightning_verify.judging.outcomes import NotRun, Undecided
from lightning_verify.laws.relations import RELATIONS
from lightning_verify.reading.numbers import number
from lightning_verify.reading.plans import costs, listed, paid_plans, plans_of, tiers_of
from lightning_verify.run.marks import judges
from lightning_verify.transport.exchange import Exchange


def _config(judge: Judge, requirement: str) -> tuple[dict[str, Any], Exchange]:
    exchange = read_catalogue(judge)
    document = judge.document(requirement, exchange)
    if not isinstance(document, dict):
        raise judge.violation(requirement, f"{exchange.title}: expected an object", exchange)
    return document, exchange


def _plans(judge: Judge, requirement: str) -> tuple[list[Any], Exchange]:
    document, exchange = _config(judge, requirement)
    plans = document.get("plans")
    if not isinstance(plans, list) or not plans:
        if requirement != "TIER-2":
            raise judge.undecided(requirement, "no plans are listed (see TIER-2)", exchange)
        raise judge.violation(requirement, f"plans is {str(plans)[:80]!r}, not a list of plans", exchange)
    return plans, exchange


@judges("TIER-1", shares=[CATALOGUE])
def test_the_catalogue_names_its_default_plan(judge: Judge) -> None:
    _, exchange = _config(judge, "TIER-1")
    judge.keeps("TIER-1", exchange)


@judges("TIER-2", shares=[CATALOGUE])
def test_each_plan_has_its_fields(judge: Judge) -> None:
    _, exchange = _plans(judge, "TIER-2")
    judge.keeps("TIER-2", exchange)


@judges("TIER-3", shares=[CATALOGUE])
def test_the_limits_cover_the_four_metrics(judge: Judge) -> None:
    _, exchange = _plans(judge, "TIER-3")
    judge.keeps("TIER-3", exchange)


def _tiers_keep(judge: Judge, requirement: str) -> None:
    """The paid plans agree with the catalogue. In which form they are told is left open, so that plans in one
    that nobody knows show nothing."""
    exchange, owner = shown(judge, TIERS), "TIERS-1"
    document = judge.document(requirement, exchange, owner=requirement == owner)
    no_list = f"{exchange.title}: expected a list of plans"
    try:
        config = catalogue(judge, requirement)
    except Undecided:
        if requirement == owner and _lists_nothing(document):
            raise judge.violation(requirement, no_list, exchange) from None
        raise
    plans = tiers_of(document, config)
    if not plans and not paid_plans(config):
        raise NotRun("needs a host whose catalogue has a paid plan")
    named = [str(plan[field]) for plan in paid_plans(config) for field in ("key", "name") if field in plan]
    if plans is None and not any(name in exchange.text for name in named):
        if requirement != owner:
            raise judge.undecided(requirement, f"{exchange.title}: no list of plans (see {owner})", exchange)
        raise judge.violation(requirement, no_list, exchange)
    if RELATIONS[requirement].wrong(exchange, read_catalogue(judge)) is None:
        raise NotRun("needs a host whose tiers tell which plans they are")
    judge.agrees(requirement, exchange, read_catalogue(judge))


def _lists_nothing(document: Any) -> bool:
    """Whether a document lists plans in no form at all, by no name that a catalogue may have."""
    priced = isinstance(document, dict) and any(costs(value) is not None for value in document.values())
    return listed(document, "tiers", "plans") is None and not priced


@judges("TIERS-1", shares=[CATALOGUE, TIERS])
def test_tiers_are_paid_plans_only(judge: Judge) -> None:
    _tiers_keep(judge, "TIERS-1")


@judges("TIERS-2", shares=[CATALOGUE, TIERS])
def test_tiers_are_all_paid_plans_of_the_catalogue(judge: Judge) -> None:
    _tiers_keep(judge, "TIERS-2")


@judges("OBS-8", shares=[CATALOGUE, TIERS])
def test_plans_have_the_form_that_clients_read(judge: Judge) -> None:
    exchange = read_catalogue(judge)
    text = isinstance(SPEC.plans[0].price, str)
    for plan in plans_of(catalogue(judge, "OBS-8")):
        price = plan.get("price")
        read = isinstance(price, str) if text else number(price) is not None and not isinstance(price, str)
        judge.check("OBS-8", read, f"price is {price!r}", exchange)
        for limit in _limits(plan).values():
            judge.check("OBS-8", limit is None or isinstance(limit, int), f"a limit is {limit!r}", exchange)
    tiers = shown(judge, TIERS)
    judge.check(
        "OBS-8", isinstance(judge.document("OBS-8", tiers), list), "/tiers is not a bare array", tiers
    )


@judges("OBS-9", shares=[CATALOGUE])
def test_the_plans_are_the_published_ones(judge: Judge) -> None:
    exchange = read_catalogue(judge)
    plans = plans_of(catalogue(judge, "OBS-9"))
    limits = {plan.get("key"): tuple(_limits(plan).get(metric) for metric in METRICS) for plan in plans}
    for published in SPEC.plans:
        key, expected = published.key, tuple(published.limits[metric] for metric in METRICS)
        judge.check(
            "OBS-9", limits.get(key) == expected, f"{key}: {limits.get(key)}, published {expected}", exchange
        )


def _limits(plan: dict[str, Any]) -> dict[str, Any]:
    limits = plan.get("limits")
    return limits if isinstance(limits, dict) else {}
