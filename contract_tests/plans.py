"""Reading the plan catalogue leniently: what other checks compare with, whatever its exact form."""

from __future__ import annotations

from typing import Any

from contract_tests.judge import Judge
from contract_tests.usage import number


def catalogue(judge: Judge, requirement: str) -> dict[str, Any]:
    """The document of /tier-config. Raises Undecided when it is not an object with plans; TIER-1 and
    TIER-2 judge its form."""
    exchange = judge.once("catalogue", lambda: judge.get("/tier-config"))
    document = judge.document(requirement, exchange)
    if not isinstance(document, dict) or not isinstance(document.get("plans"), list):
        raise judge.undecided(requirement, "/tier-config lists no plans to compare with", exchange)
    return document


def plans_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The plans that are objects."""
    return [plan for plan in document.get("plans") or [] if isinstance(plan, dict)]


def is_free(plan: dict[str, Any], default: object) -> bool:
    """Whether a plan is the free one: the default, or one that costs nothing."""
    return (default is not None and plan.get("key") == default) or number(plan.get("price")) == 0


def free_plan_keys(document: dict[str, Any]) -> set[str]:
    """The keys of free plans: the default one, and any that costs nothing."""
    default = document.get("defaultPlanKey")
    keys = {str(plan["key"]) for plan in plans_of(document) if "key" in plan and is_free(plan, default)}
    return keys | ({str(default)} if default is not None else set()) | {"free"}


def paid_plans(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The plans that cost something."""
    default = document.get("defaultPlanKey")
    return [plan for plan in plans_of(document) if not is_free(plan, default) and plan.get("key") != "free"]


def listed(document: Any) -> list[Any] | None:
    """The list that a document is, or that it wraps as its only list; None when there is none."""
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        if len(lists) == 1:
            return lists[0]
    return None
