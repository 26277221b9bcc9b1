"""The plans on offer: the catalogue and the list of paid plans."""

from __future__ import annotations

from collections import Counter
from typing import Any

from contract_tests.exchange import Exchange
from contract_tests.judge import Judge
from contract_tests.marks import judges
from contract_tests.plans import catalogue, is_free, listed, paid_plans
from contract_tests.usage import METRICS, is_amount, number, says_unlimited

PLAN_FIELDS = ("key", "name", "url", "price", "limits", "order")
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
    document, exchange = _config(judge, "TIER-1")
    default = document.get("defaultPlanKey")
    judge.check(
        "TIER-1", isinstance(default, str) and bool(default), f"defaultPlanKey is {default!r}", exchange
    )
    plans = document.get("plans")
    judge.check("TIER-1", isinstance(plans, list), f"plans is {str(plans)[:80]!r}", exchange)
    keys = [plan.get("key") for plan in plans or [] if isinstance(plan, dict)]
    judge.check("TIER-1", default in keys, f"no plan has the default key {default!r}", exchange)


@judges("TIER-2", requests=1)
def test_each_plan_has_its_fields(judge: Judge) -> None:
    plans, exchange = _plans(judge, "TIER-2")
    for plan in plans:
        if not isinstance(plan, dict):
            raise judge.violation("TIER-2", f"a plan is {plan!r}, not an object", exchange)
        missing = [field for field in PLAN_FIELDS if field not in plan]
        judge.check(
            "TIER-2", not missing, f"the plan {plan.get('key')!r} lacks {', '.join(missing)}", exchange
        )
        for field in ("key", "name"):
            filled = isinstance(plan[field], str) and bool(plan[field].strip())
            judge.check("TIER-2", filled, f"a plan has the {field} {plan[field]!r}", exchange)
        key = plan["key"]
        judge.check(
            "TIER-2",
            plan["url"] is None or isinstance(plan["url"], str),
            f"{key}: url {plan['url']!r}",
            exchange,
        )
        price = plan["price"]
        named = isinstance(price, str | int | float) and not isinstance(price, bool)
        judge.check("TIER-2", named or price is None, f"{key}: price {price!r}", exchange)
        amount = number(price)
        judge.check("TIER-2", amount is None or amount >= 0, f"{key}: price {price!r}", exchange)
        judge.check("TIER-2", isinstance(plan["limits"], dict), f"{key}: limits {plan['limits']!r}", exchange)
        judge.check("TIER-2", number(plan["order"]) is not None, f"{key}: order {plan['order']!r}", exchange)
    repeated = [key for key, count in Counter(plan["key"] for plan in plans).items() if count > 1]
    judge.check("TIER-2", not repeated, f"plans share a key: {', '.join(repeated)}", exchange)


@judges("TIER-3", requests=1)
def test_the_limits_cover_the_four_metrics(judge: Judge) -> None:
    plans, exchange = _plans(judge, "TIER-3")
    for plan in plans:
        limits = plan.get("limits") if isinstance(plan, dict) else None
        if not isinstance(limits, dict):
            raise judge.violation("TIER-3", f"a plan has the limits {limits!r}", exchange)
        for metric in METRICS:
            judge.check("TIER-3", metric in limits, f"{plan.get('key')}: no limit for {metric}", exchange)
            limit = limits[metric]
            fine = limit is None or says_unlimited(limit) or (is_amount(limit) and limit >= 0)
            judge.check("TIER-3", fine, f"{plan.get('key')}: {metric} is limited to {limit!r}", exchange)


def _paid(judge: Judge, requirement: str) -> tuple[list[dict[str, Any]], Exchange]:
    exchange = judge.once("paid plans", lambda: judge.get("/tiers"))
    plans = listed(judge.document(requirement, exchange))
    if plans is None or not all(isinstance(plan, dict) for plan in plans):
        raise judge.violation(requirement, f"{exchange.title}: expected a list of plans", exchange)
    return plans, exchange


@judges("TIERS-1", requests=2)
def test_tiers_are_paid_plans_only(judge: Judge) -> None:
    plans, exchange = _paid(judge, "TIERS-1")
    judge.check("TIERS-1", bool(plans), "no plan is listed", exchange)
    document = catalogue(judge, "TIERS-1")
    free_names = {
        plan.get("name") for plan in document["plans"] if is_free(plan, document.get("defaultPlanKey"))
    }
    for plan in plans:
        unpaid = is_free(plan, document.get("defaultPlanKey")) or plan.get("name") in free_names
        judge.check("TIERS-1", not unpaid, f"{plan.get('name')!r} costs nothing", exchange)


@judges("TIERS-2", requests=2)
def test_tiers_are_all_paid_plans_of_the_catalogue(judge: Judge) -> None:
    plans, exchange = _paid(judge, "TIERS-2")
    by_name = {plan.get("name"): plan for plan in plans}
    by_key = {plan.get("key"): plan for plan in plans if plan.get("key") is not None}
    expected = paid_plans(catalogue(judge, "TIERS-2"))
    if not expected:
        raise judge.undecided("TIERS-2", "the catalogue has no paid plan to compare with", exchange)
    for plan in expected:
        entry = by_key.get(plan.get("key")) or by_name.get(plan.get("name"))
        if entry is None:
            raise judge.violation("TIERS-2", f"the paid plan {plan.get('key')!r} is not listed", exchange)
        for field in ("key", "name"):
            same = field not in entry or entry[field] == plan.get(field)
            judge.check("TIERS-2", same, f"{plan.get('key')}: {field} is {entry.get(field)!r} here", exchange)
        prices = [number(each.get("price")) for each in (entry, plan)]
        same = None in prices or prices[0] == prices[1]
        judge.check("TIERS-2", same, f"{plan.get('key')}: the price is {entry.get('price')!r} here", exchange)
    known = {plan.get("key") for plan in expected} | {plan.get("name") for plan in expected}
    for plan in plans:
        listed_there = plan.get("key") in known or plan.get("name") in known
        judge.check("TIERS-2", listed_there, f"{plan.get('name')!r} is not in the catalogue", exchange)


@judges("OBS-8", requests=2)
def test_plans_have_the_form_that_clients_read(judge: Judge) -> None:
    plans, exchange = _plans(judge, "OBS-8")
    for plan in plans:
        judge.check("OBS-8", isinstance(plan.get("price"), str), f"price is {plan.get('price')!r}", exchange)
        for limit in plan["limits"].values():
            judge.check("OBS-8", limit is None or isinstance(limit, int), f"a limit is {limit!r}", exchange)
    tiers = judge.once("paid plans", lambda: judge.get("/tiers"))
    judge.check(
        "OBS-8", isinstance(judge.document("OBS-8", tiers), list), "/tiers is not a bare array", tiers
    )


@judges("OBS-9", requests=1)
def test_the_plans_are_the_published_ones(judge: Judge) -> None:
    plans, exchange = _plans(judge, "OBS-9")
    limits = {plan.get("key"): tuple(plan["limits"].get(metric) for metric in METRICS) for plan in plans}
    for key, expected in PUBLISHED.items():
        judge.check(
            "OBS-9", limits.get(key) == expected, f"{key}: {limits.get(key)}, published {expected}", exchange
        )
