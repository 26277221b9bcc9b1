"""The plans on offer: the catalogue and the list of paid plans."""

from __future__ import annotations

from typing import Any

from lightning_verify.facts import METRICS
from lightning_verify.judging.catalogue import catalogue
from lightning_verify.judging.judge import Judge, NotRun
from lightning_verify.reading.plans import (
    AMOUNTS,
    costs,
    free_plan_keys,
    is_free,
    listed,
    paid_plans,
    plans_of,
)
from lightning_verify.reading.usage import number
from lightning_verify.run.marks import judges
from lightning_verify.transport.exchange import Exchange

PUBLISHED = {
    "free": (50, 10, 3, 1),
    "light": (None, 50, 10, 5),
    "core": (None, 150, 30, 25),
    "creator": (None, 300, 50, 45),
    "professional": (None, None, None, 75),
}


def _config(judge: Judge, requirement: str) -> tuple[dict[str, Any], Exchange]:
    exchange = judge.once("catalogue", lambda: judge.get("/tier-config"))
    document = judge.document(requirement, exchange)
    if not isinstance(document, dict):
        raise judge.violation(requirement, f"{exchange.title}: expected an object", exchange)
    return document, exchange


def _plans(judge: Judge, requirement: str) -> tuple[list[Any], Exchange]:
    document, exchange = _config(judge, requirement)
    plans = document.get("plans")
    if not isinstance(plans, list) or not plans:
        raise judge.violation(requirement, f"plans is {str(plans)[:80]!r}, not a list of plans", exchange)
    return plans, exchange


@judges("TIER-1", requests=1)
def test_the_catalogue_names_its_default_plan(judge: Judge) -> None:
    _, exchange = _config(judge, "TIER-1")
    judge.keeps("TIER-1", exchange)


@judges("TIER-2", requests=1)
def test_each_plan_has_its_fields(judge: Judge) -> None:
    _, exchange = _plans(judge, "TIER-2")
    judge.keeps("TIER-2", exchange)


@judges("TIER-3", requests=1)
def test_the_limits_cover_the_four_metrics(judge: Judge) -> None:
    _, exchange = _plans(judge, "TIER-3")
    judge.keeps("TIER-3", exchange)


def _paid(judge: Judge, requirement: str) -> tuple[list[dict[str, Any]], Exchange]:
    exchange = judge.once("paid plans", lambda: judge.get("/tiers"))
    plans = listed(judge.document(requirement, exchange), "tiers", "plans")
    if plans is None or not all(isinstance(plan, dict) for plan in plans):
        raise judge.violation(requirement, f"{exchange.title}: expected a list of plans", exchange)
    return plans, exchange


@judges("TIERS-1", requests=2)
def test_tiers_are_paid_plans_only(judge: Judge) -> None:
    plans, exchange = _paid(judge, "TIERS-1")
    document = catalogue(judge, "TIERS-1")
    if not plans and not paid_plans(document):
        raise NotRun("needs a host with a paid plan")
    judge.check("TIERS-1", bool(plans), "no plan is listed", exchange)
    default = document.get("defaultPlanKey")
    keys = free_plan_keys(document)
    names = {str(plan["name"]) for plan in plans_of(document) if "name" in plan and is_free(plan, default)}
    for plan in plans:
        unpaid = (
            costs(plan.get("price")) is False
            or str(plan.get("key")) in keys
            or str(plan.get("name")) in names
        )
        judge.check("TIERS-1", not unpaid, f"{plan.get('name')!r} costs nothing", exchange)


@judges("TIERS-2", requests=2)
def test_tiers_are_all_paid_plans_of_the_catalogue(judge: Judge) -> None:
    plans, exchange = _paid(judge, "TIERS-2")
    by_name = {plan.get("name"): plan for plan in plans}
    by_key = {plan.get("key"): plan for plan in plans if plan.get("key") is not None}
    document = catalogue(judge, "TIERS-2")
    expected = paid_plans(document)
    if not expected and not plans:
        raise NotRun("needs a host whose catalogue has a paid plan")
    for plan in expected:
        entry = by_key.get(plan.get("key")) or by_name.get(plan.get("name"))
        if entry is None:
            raise judge.violation("TIERS-2", f"the paid plan {plan.get('key')!r} is not listed", exchange)
        for field in ("key", "name"):
            same = field not in entry or entry[field] == plan.get(field)
            judge.check("TIERS-2", same, f"{plan.get('key')}: {field} is {entry.get(field)!r} here", exchange)
        same = _same_price(entry.get("price"), plan.get("price"))
        judge.check("TIERS-2", same, f"{plan.get('key')}: the price is {entry.get('price')!r} here", exchange)
    # Whether a listed plan costs anything is for TIERS-1 to say.
    known = [plan.get(field) for plan in plans_of(document) for field in ("key", "name")]
    for plan in plans:
        listed_there = plan.get("key") in known or plan.get("name") in known
        judge.check("TIERS-2", listed_there, f"{plan.get('name')!r} is not in the catalogue", exchange)


def _same_price(one: object, other: object) -> bool:
    """Whether two prices agree as far as they can be compared; cents and a year's sum are other forms."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(
            _same_price(one[field], other[field]) for field in AMOUNTS if field in one and field in other
        )
    amounts = number(one), number(other)
    return None in amounts or amounts[0] == amounts[1]


@judges("OBS-8", requests=2)
def test_plans_have_the_form_that_clients_read(judge: Judge) -> None:
    exchange = judge.once("catalogue", lambda: judge.get("/tier-config"))
    for plan in plans_of(catalogue(judge, "OBS-8")):
        judge.check("OBS-8", isinstance(plan.get("price"), str), f"price is {plan.get('price')!r}", exchange)
        for limit in _limits(plan).values():
            judge.check("OBS-8", limit is None or isinstance(limit, int), f"a limit is {limit!r}", exchange)
    tiers = judge.once("paid plans", lambda: judge.get("/tiers"))
    judge.check(
        "OBS-8", isinstance(judge.document("OBS-8", tiers), list), "/tiers is not a bare array", tiers
    )


@judges("OBS-9", requests=1)
def test_the_plans_are_the_published_ones(judge: Judge) -> None:
    exchange = judge.once("catalogue", lambda: judge.get("/tier-config"))
    plans = plans_of(catalogue(judge, "OBS-9"))
    limits = {plan.get("key"): tuple(_limits(plan).get(metric) for metric in METRICS) for plan in plans}
    for key, expected in PUBLISHED.items():
        judge.check(
            "OBS-9", limits.get(key) == expected, f"{key}: {limits.get(key)}, published {expected}", exchange
        )


def _limits(plan: dict[str, Any]) -> dict[str, Any]:
    limits = plan.get("limits")
    return limits if isinstance(limits, dict) else {}
