"""Answers of a run are held against each other, whoever got them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lightning_spec.loader import load_spec
from lightning_verify.facts import METRICS
from lightning_verify.judging.comparisons import Comparisons
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.redaction import Redactor
from lightning_verify.judging.verdicts import Finding, Rate, Verdict, together
from lightning_verify.requests import callers
from lightning_verify.requests.callers import Caller
from lightning_verify.transport.exchange import Exchange

SPEC = load_spec()
FREE = {"key": "free", "name": "Free", "price": "0", "limits": dict.fromkeys(METRICS, 10)}
PRO = {"key": "pro", "name": "Pro", "price": "9.99", "limits": dict.fromkeys(METRICS, None)}
CATALOGUE = {"defaultPlanKey": "free", "plans": [FREE, PRO]}
USER = callers.bearer("LIGHTNING_JWT", "eyJ0.eyJ1.signature")


def usage(plan: dict[str, Any], **more: Any) -> dict[str, Any]:
    rows = {metric: {"limit": limit, "used": 0} for metric, limit in plan["limits"].items()}
    return {"plan_key": plan["key"], "plan_name": plan["name"], "usage": rows, **more}


def view(plan: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"plan_key": plan["key"], "plan_name": plan["name"], "subscription": [{}], **more}


def answer(operation: str, value: Any, caller: Caller) -> Exchange:
    found = SPEC.operations[operation]
    headers = [("Content-Type", "application/json")]
    return Exchange(
        found.method, found.path, caller.headers, None, found, caller.label, 200, headers,
        json.dumps(value).encode(),
    )  # fmt: skip


def compared(*answers: tuple[str, Any, Caller]) -> dict[str, Finding]:
    comparisons = Comparisons(Recorder("http://127.0.0.1", Redactor({})))
    for each in answers:
        comparisons.observe(answer(*each))
    return {finding.requirement: finding for finding in comparisons.findings()}


GOOD: list[tuple[str, Any, Caller]] = [
    ("getTierConfig", CATALOGUE, callers.anonymous()),
    ("listTiers", [PRO], callers.anonymous()),
    ("getUsage", usage(FREE), callers.anonymous()),
    ("getUsage", usage(PRO), USER),
    ("getSubscription", view(PRO), USER),
]


def test_documents_that_agree_are_witnesses() -> None:
    found = compared(*GOOD)
    assert {name for name, finding in found.items() if finding.verdict == "pass"} == {
        *("ID-4", "SUB-3", "SUB-5", "USE-5", "USE-7", "TIERS-1", "TIERS-2")
    }
    assert found["USE-5"].rate == Rate(0, 2)


@pytest.mark.parametrize(
    ("requirement", "odd"),
    [
        (
            "USE-5",
            ("getUsage", usage({**FREE, "limits": dict.fromkeys(METRICS, 9)}), callers.by_user_agent()),
        ),
        (
            "USE-5",
            ("getTierConfig", {**CATALOGUE, "plans": [{**FREE, "limits": {}}, PRO]}, callers.by_user_agent()),
        ),
        ("USE-7", ("getUsage", usage({**FREE, "name": "Gratis"}), callers.by_user_agent())),
        ("ID-4", ("getUsage", usage(PRO), callers.by_user_agent())),
        ("SUB-3", ("getSubscription", view(PRO, subscription=None), USER)),
        ("SUB-5", ("getSubscription", view(PRO, plan_name="Core"), USER)),
        ("SUB-2", ("getSubscription", view(FREE), callers.bearer("LIGHTNING_FREE_JWT", "a.b.c"))),
        ("TIERS-1", ("listTiers", [PRO, FREE], USER)),
        ("TIERS-1", ("listTiers", ["Pro", "free"], USER)),
        ("TIERS-2", ("listTiers", ["Pro", "Team"], USER)),
        ("TIERS-2", ("listTiers", {"pro": "1.99"}, USER)),
        ("TIERS-2", ("listTiers", [{**PRO, "price": "1.99"}], USER)),
        ("TIERS-2", ("listTiers", [{**PRO, "limits": {"videosDaily": {"limit": 7}}}], USER)),
    ],
)
def test_one_odd_answer_is_told_as_that_one(requirement: str, odd: tuple[str, Any, Caller]) -> None:
    found = compared(*GOOD * 3, odd)
    assert {name for name, finding in found.items() if finding.verdict == "fail"} == {requirement}
    rate = found[requirement].rate
    assert rate is not None
    assert rate.broken == 1


def test_an_odd_catalogue_is_told_as_that_one() -> None:
    odd = {**CATALOGUE, "plans": [{**FREE, "limits": dict.fromkeys(METRICS, 5)}, PRO]}
    found = compared(*GOOD * 3, ("getTierConfig", odd, USER))
    assert {name for name, finding in found.items() if finding.verdict == "fail"} == {"USE-5"}


def test_a_limit_below_zero_is_for_the_catalogue_to_answer() -> None:
    odd = {**CATALOGUE, "plans": [{**FREE, "limits": dict.fromkeys(METRICS, -10)}, PRO]}
    found = compared(*GOOD * 3, ("getTierConfig", odd, USER))
    assert "fail" not in {finding.verdict for finding in found.values()}


@pytest.mark.parametrize("unlimited", [None, -1, 2**63 - 1, "unlimited", {"limit": None}])
def test_a_list_for_people_may_say_limits_in_its_own_way(unlimited: object) -> None:
    shown = {**PRO, "limits": dict.fromkeys(METRICS[:2], unlimited)}
    assert compared(*GOOD, ("listTiers", [shown], USER))["TIERS-2"].verdict == "pass"


@pytest.mark.parametrize(
    ("price", "verdict"), [(999, "pass"), ("9.99", "pass"), (998, "fail"), (99.9, "fail")]
)
def test_a_list_for_people_may_say_prices_in_cents(price: object, verdict: str) -> None:
    catalogue = {**CATALOGUE, "plans": [FREE, {**PRO, "price": "9.99"}]}
    seen = compared(("getTierConfig", catalogue, USER), ("listTiers", [{**PRO, "price": price}], USER))
    assert seen["TIERS-2"].verdict == verdict


@pytest.mark.parametrize(
    "tiers",
    [["Pro"], ["pro"], {"tiers": ["Pro"]}, {"pro": "9.99"}, {"Pro": 9.99}],
)
def test_paid_plans_may_be_told_in_any_form(tiers: object) -> None:
    found = compared(("getTierConfig", CATALOGUE, USER), ("listTiers", tiers, USER))
    assert found["TIERS-1"].verdict == found["TIERS-2"].verdict == "pass"


def test_a_list_that_does_not_tell_its_plans_apart_contradicts_nothing() -> None:
    found = compared(*GOOD[:1], ("getTierConfig", CATALOGUE, USER), ("listTiers", [{"title": "Pro"}], USER))
    assert found.keys().isdisjoint({"TIERS-1", "TIERS-2"})


def test_what_somebody_has_set_is_not_compared() -> None:
    comparisons = Comparisons(Recorder("http://127.0.0.1", Redactor({})))
    for each in GOOD:
        comparisons.observe(answer(*each))
    comparisons.observe(Exchange("POST", "http://127.0.0.1/__mock__/limits", {}, None, None, "control", 200))
    comparisons.observe(answer("getUsage", usage({**FREE, "limits": dict.fromkeys(METRICS, 9)}), USER))
    assert all(finding.verdict == "pass" for finding in comparisons.findings())


def test_workers_add_up_what_they_have_seen() -> None:
    def part(broken: int, seen: int) -> Finding:
        verdict: Verdict = "fail" if broken else "pass"
        reason = "GET /usage: odd" if broken else ""
        return Finding("USE-4", verdict, "every answer", reason, seen - broken, rate=Rate(broken, seen))

    alone = Finding("USE-4", "pass", "test_x", witnesses=1)
    found = together([part(0, 20), alone, part(3, 21)])
    assert found[0] == alone
    assert found[1].reason == "GET /usage: odd (in 3 of 41 answers)"
    assert (found[1].verdict, found[1].witnesses, len(found)) == ("fail", 38, 2)
    assert Finding.from_json(part(1, 2).as_json()) == part(1, 2)
