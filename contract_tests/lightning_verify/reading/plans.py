"""Reads plans leniently, whatever the exact form of the catalogue that lists them."""

from __future__ import annotations

import re
from typing import Any

from lightning_verify.reading.numbers import number

# Where the list stands that was asked for, when there are others beside it.
_USUAL = ("data", "items", "results")
AMOUNTS = ("amount", "value", "price", "unit_amount")
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")


def plans_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The plans that are objects."""
    return [plan for plan in document.get("plans") or [] if isinstance(plan, dict)]


def costs(price: object) -> bool | None:
    """Whether a price is more than zero: a number, a text with one (`$9.99`) or an object with one. None when
    it is unclear."""
    if isinstance(price, dict):
        named = [price[field] for field in AMOUNTS if field in price]
        costly = [cost for each in named or price.values() if (cost := costs(each)) is not None]
        return any(costly) if costly else None
    amount = number(price)
    if amount is None and isinstance(price, str) and "_" not in price:
        figures = _FIGURE.findall(price)
        if len(figures) == 1:
            # `1,299.00` or `9,99`: which sign is which does not matter for nothing.
            return bool(figures[0].strip("0.,"))
        return False if price.strip().lower() == "free" else None
    return None if amount is None else amount != 0


def metrics_named(plans: list[Any]) -> set[str]:
    """The metrics that any plan names a limit for: a plan that leaves out one of them does not limit it."""
    limits = [plan.get("limits") for plan in plans if isinstance(plan, dict)]
    return {metric for each in limits if isinstance(each, dict) for metric in each}


def limit_of(value: Any) -> Any:
    """A limit of the catalogue, bare or in an object with more fields."""
    return value["limit"] if isinstance(value, dict) and "limit" in value else value


def is_free(plan: dict[str, Any], default: object) -> bool:
    """Whether a plan is the free one: it costs nothing, or its price is unknown and it is the default. A
    known price decides: the default may just be the plan that a dialog begins with."""
    paid = costs(plan.get("price"))
    if paid is not None:
        return not paid
    key = plan.get("key")
    return key is not None and key in ("free", default)


def free_plan_keys(document: dict[str, Any]) -> set[str]:
    """The keys of free plans; also those that no plan contradicts: the default one, and `free`."""
    default = document.get("defaultPlanKey")
    plans = {str(plan["key"]): is_free(plan, default) for plan in plans_of(document) if "key" in plan}
    supposed = {"free"} | ({str(default)} if default is not None else set())
    return {key for key, free in plans.items() if free} | (supposed - plans.keys())


def paid_plans(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The plans that are known to cost something; without any, those that are not the free one."""
    default = document.get("defaultPlanKey")
    plans = [plan for plan in plans_of(document) if not is_free(plan, default)]
    return [plan for plan in plans if costs(plan.get("price"))] or plans


def listed(document: Any, *names: str, depth: int = 3) -> list[Any] | None:
    """The list that a document is, or that it wraps, in an envelope or not: under one of `names`, or as the
    only list; otherwise the entries of a map by name, other facts aside. None when there is none, or only in
    more than `depth` envelopes."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return None
    lists = {name: value for name, value in document.items() if isinstance(value, list)}
    for name in (*names, *_USUAL):
        if name in lists:
            return lists[name]
    if len(lists) == 1:
        return next(iter(lists.values()))
    objects = {name: value for name, value in document.items() if isinstance(value, dict)}
    for name in (*names, *_USUAL):
        if name in objects and depth:
            return listed(objects[name], *names, depth=depth - 1)
    if len(objects) == 1:
        # One entry is an envelope, or an error or another document, rather than a map of one.
        inside = next(iter(objects.values()))
        has_list = any(isinstance(value, list) for value in inside.values())
        return listed(inside, *names, depth=depth - 1) if depth and has_list else None
    return [{"name": name, **value} for name, value in objects.items()] or None


def tiers_of(document: Any, catalogue: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The plans that /tiers lists: objects, their names or keys alone, or a map by these. Which of the two a
    single word is, the catalogue tells. None when it lists none in a form that is known."""
    plans = plans_of(catalogue)
    keys, names = ({str(plan[field]) for plan in plans if field in plan} for field in ("key", "name"))
    found = listed(document, "tiers", "plans")
    if found is None and isinstance(document, dict) and document.keys() & (keys | names):
        found = [{"name": name, "price": value} for name, value in document.items()]
    entries = [{"name": entry} if isinstance(entry, str) else entry for entry in found or ()]
    if found is None or not all(isinstance(entry, dict) for entry in entries):
        return None
    return [_by_key(entry) if str(entry.get("name")) in keys - names else entry for entry in entries]


def _by_key(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry whose name is the key of a plan."""
    return {"key": entry["name"], **{field: value for field, value in entry.items() if field != "name"}}
