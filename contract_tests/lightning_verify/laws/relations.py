"""What two answers must satisfy together: mostly an account's documents and the catalogue of plans.

Like a law, a relation is a pure function of what was seen, and says nothing if either answer cannot show it.
Which answers are compared is decided elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lightning_verify.facts import METRICS
from lightning_verify.laws.law import Wrong, answer_json, filled, is_complete
from lightning_verify.laws.witnesses import shows_something
from lightning_verify.reading.numbers import number, says_unlimited
from lightning_verify.reading.plans import (
    AMOUNTS,
    costs,
    free_plan_keys,
    is_free,
    limit_of,
    metrics_named,
    paid_plans,
    plans_of,
    tiers_of,
)
from lightning_verify.transport.exchange import Exchange

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Relation:
    """`look` judges an answer of `operation` by one of `beside`; `personal` says that both must belong to the
    same caller."""

    requirement: str
    operation: str
    beside: str
    look: Callable[[Exchange, Exchange], Wrong]
    personal: bool = False

    def wrong(self, exchange: Exchange, beside: Exchange) -> list[str] | None:
        """What is wrong with the answer: empty when it keeps the relation, None when it shows nothing about
        it."""
        if not all(is_complete(each) and shows_something(each) for each in (exchange, beside)):
            return None
        found = self.look(exchange, beside)
        return None if found is None else list(found)


def _documents(look: Callable[[Document, Document], Wrong]) -> Callable[[Exchange, Exchange], Wrong]:
    """A look at two objects; that something is no object is for laws to report."""

    def judged(exchange: Exchange, beside: Exchange) -> Wrong:
        one, other = answer_json(exchange), answer_json(beside)
        return look(one, other) if isinstance(one, dict) and isinstance(other, dict) else None

    return judged


def _plan(document: Document, catalogue: Document) -> Document | None:
    """The catalogue's plan that a document names."""
    key = document.get("plan_key")
    return next((plan for plan in plans_of(catalogue) if key is not None and plan.get("key") == key), None)


# --- GET /usage beside the catalogue ----------------------------------------------------------------------


def _limits_of_the_plan(snapshot: Document, catalogue: Document) -> Wrong:
    plan, usage = _plan(snapshot, catalogue), snapshot.get("usage")
    promised = plan.get("limits") if plan else None
    if not isinstance(promised, dict) or not isinstance(usage, dict):
        return None
    named = metrics_named(plans_of(catalogue))
    told_limits = {
        metric: (usage[metric]["limit"], limit_of(promised.get(metric)))
        for metric in METRICS
        if metric in named and isinstance(usage.get(metric), dict) and "limit" in usage[metric]
    }
    wrong = [
        f"{metric}: limit {shown!r}, but the plan gives {given!r}"
        for metric, (shown, given) in told_limits.items()
        # One below zero is none, and TIER-3 says so.
        if _amount(shown) != _amount(given) and not _is_below_zero(given)
    ]
    return wrong if told_limits else None


def _is_below_zero(value: object) -> bool:
    return (number(value) or 0) < 0 and not says_unlimited(value)


def _amount(value: object) -> float | None:
    """An amount; None for any way to say unlimited."""
    amount = number(value)
    return None if amount is None or amount < 0 or says_unlimited(value) else amount


def _plan_is_listed(exchange: Exchange, beside: Exchange) -> Wrong:
    """Only an account can be on a plan that is no longer on offer: the plan that everybody gets without
    signing in has to be listed."""
    snapshot, catalogue = answer_json(exchange), answer_json(beside)
    if not isinstance(snapshot, dict) or not isinstance(catalogue, dict) or not plans_of(catalogue):
        return None
    key, name = snapshot.get("plan_key"), snapshot.get("plan_name")
    plan = _plan(snapshot, catalogue)
    if key is None or name is None:
        return None
    if plan is None:
        complete = all("key" in each for each in plans_of(catalogue))
        return [f"no plan has the key {key!r}"] if complete and is_anonymous(exchange) else None
    if "name" not in plan:
        return None
    there = plan["name"]
    return [] if name == there else [f"the plan {key!r} is called {name!r} here and {there!r} there"]


def is_anonymous(exchange: Exchange) -> bool:
    """Whether an answer was given to a caller without any credential."""
    return "authorization" not in {name.lower() for name in exchange.request_headers}


def _on_the_free_tier(exchange: Exchange, beside: Exchange) -> Wrong:
    snapshot, catalogue = answer_json(exchange), answer_json(beside)
    if not is_anonymous(exchange) or not isinstance(snapshot, dict) or not isinstance(catalogue, dict):
        return None
    if not filled(snapshot.get("plan_key")) or not isinstance(catalogue.get("plans"), list):
        return None
    key, free = snapshot["plan_key"], free_plan_keys(catalogue)
    return [] if key in free else [f"the plan is {key!r}, not the free one ({', '.join(sorted(free))})"]


# --- GET /subscription beside the catalogue and beside /usage ---------------------------------------------


def _free_is_null(view: Document, catalogue: Document) -> Wrong:
    if "subscription" not in view or view.get("plan_key") not in free_plan_keys(catalogue):
        return None
    rows = view["subscription"]
    return [] if rows is None else [f"subscription is {rows!r}, not null"]


def _paid_is_a_list(view: Document, catalogue: Document) -> Wrong:
    # A plan that is no longer on offer may have been free.
    if view.get("plan_key") in free_plan_keys(catalogue) or _plan(view, catalogue) is None:
        return None
    rows = view.get("subscription")
    if not isinstance(rows, list):
        return [f"subscription is {rows!r}, not a list"]
    return [] if all(isinstance(row, dict) for row in rows) else ["a row is not an object"]


def _same_plan(view: Document, snapshot: Document) -> Wrong:
    both = [field for field in ("plan_key", "plan_name") if field in view and field in snapshot]
    wrong = [
        f"{field} is {view[field]!r} here and {snapshot[field]!r} in /usage"
        for field in both
        if view[field] != snapshot[field]
    ]
    return wrong if both else None


# --- GET /tiers beside the catalogue ----------------------------------------------------------------------


def _tiers(exchange: Exchange, beside: Exchange) -> tuple[list[Document], Document] | None:
    catalogue = answer_json(beside)
    if not isinstance(catalogue, dict) or not isinstance(catalogue.get("plans"), list):
        return None
    plans = tiers_of(answer_json(exchange), catalogue)
    if plans is None:
        return None
    # A host without any paid plan has nothing to list.
    return (plans, catalogue) if plans or paid_plans(catalogue) else None


def _paid_only(exchange: Exchange, beside: Exchange) -> Wrong:
    found = _tiers(exchange, beside)
    if found is None:
        return None
    plans, catalogue = found
    default = catalogue.get("defaultPlanKey")
    keys = free_plan_keys(catalogue)
    names = {str(plan["name"]) for plan in plans_of(catalogue) if "name" in plan and is_free(plan, default)}
    if not any(_is_told(plan) or costs(plan.get("price")) is not None for plan in plans):
        return None
    unpaid = [
        f"{plan.get('name', plan.get('key'))!r} costs nothing"
        for plan in plans
        if costs(plan.get("price")) is False or str(plan.get("key")) in keys or str(plan.get("name")) in names
    ]
    return unpaid


def _is_told(plan: Document) -> bool:
    """Whether an entry tells which plan it is."""
    return any(plan.get(field) is not None for field in ("key", "name"))


def _all_paid(exchange: Exchange, beside: Exchange) -> Wrong:
    found = _tiers(exchange, beside)
    if found is None:
        return None
    plans, catalogue = found
    if plans and not any(map(_is_told, plans)):
        # Which fields a plan has here is left open, and these do not tell which plans they are.
        return None
    by_name = {plan.get("name"): plan for plan in plans}
    by_key = {plan.get("key"): plan for plan in plans if plan.get("key") is not None}
    wrong = []
    for plan in paid_plans(catalogue):
        key = plan.get("key")
        entry = by_key.get(key) or by_name.get(plan.get("name"))
        if entry is None:
            wrong.append(f"the paid plan {key!r} is not listed")
            continue
        wrong += [
            f"{key}: {field} is {entry[field]!r} here"
            for field in ("key", "name")
            if field in entry and entry[field] != plan.get(field)
        ]
        if not _same_price(entry.get("price"), plan.get("price")):
            wrong.append(f"{key}: the price is {entry.get('price')!r} here")
        wrong += [
            f"{key}: {difference} here"
            for difference in _other_limits(entry.get("limits"), plan.get("limits"))
        ]
    # Whether a listed plan costs anything is for TIERS-1 to say.
    known = [plan.get(field) for plan in plans_of(catalogue) for field in ("key", "name")]
    wrong += [
        f"{plan.get('name')!r} is not in the catalogue"
        for plan in plans
        if plan.get("key") not in known and plan.get("name") not in known
    ]
    return wrong


def _other_limits(here: object, there: object) -> list[str]:
    """The limits that contradict each other, as far as they can be compared; limits in words are for
    people."""
    if not isinstance(here, dict) or not isinstance(there, dict):
        return []
    both = {
        metric: (limit_of(here[metric]), limit_of(there[metric]))
        for metric in METRICS
        if metric in here and metric in there
    }
    return [
        f"the limit of {metric} is {shown!r}"
        for metric, (shown, given) in both.items()
        if not any(isinstance(each, str) and number(each) is None for each in (shown, given))
        and _amount(shown) != _amount(given)
    ]


def _same_price(one: object, other: object) -> bool:
    """Whether two prices agree, as far as they can be compared. One may be in cents, and texts and sums of
    other periods are other forms."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(
            _same_price(one[field], other[field]) for field in AMOUNTS if field in one and field in other
        )
    here, there = number(one), number(other)
    if here is None or there is None:
        return True
    return here == there or math.isclose(here, 100 * there) or math.isclose(100 * here, there)


RELATIONS: dict[str, Relation] = {
    relation.requirement: relation
    for relation in (
        Relation("ID-4", "getUsage", "getTierConfig", _on_the_free_tier),
        Relation("SUB-2", "getSubscription", "getTierConfig", _documents(_free_is_null)),
        Relation("SUB-3", "getSubscription", "getTierConfig", _documents(_paid_is_a_list)),
        Relation("SUB-5", "getSubscription", "getUsage", _documents(_same_plan), personal=True),
        Relation("USE-5", "getUsage", "getTierConfig", _documents(_limits_of_the_plan)),
        Relation("USE-7", "getUsage", "getTierConfig", _plan_is_listed),
        Relation("TIERS-1", "listTiers", "getTierConfig", _paid_only),
        Relation("TIERS-2", "listTiers", "getTierConfig", _all_paid),
    )
}
