"""The account as it is shown: its plan, its subscription and its counters."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from lightning_verify.facts import METRICS, SPEC
from lightning_verify.judging.catalogue import catalogue, read_catalogue
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import CATALOGUE, SUBSCRIPTION, USAGE, shown, shown_to
from lightning_verify.judging.outcomes import NotRun
from lightning_verify.judging.usage import counters
from lightning_verify.laws.account import CLOCK_TOLERANCE
from lightning_verify.laws.law import filled
from lightning_verify.laws.table import LAWS
from lightning_verify.reading.periods import is_day, is_week
from lightning_verify.reading.plans import free_plan_keys, plans_of
from lightning_verify.reading.times import moment
from lightning_verify.requests.credentials import API_KEY, FREE_JWT, GOOD, JWT
from lightning_verify.run.marks import judges, needs
from lightning_verify.transport.exchange import Exchange

# A clock that moves shows it within this time. One that moves by the minute, or is cached for some
# seconds, still tells the current state, and is asked again until a minute is over.
FRESHNESS, STALE_AFTER, AGAIN = 3.2, 65.0, 4.0


def _each(requirement: str, credentials: Iterable[str | None], *paths: str) -> pytest.MarkDecorator:
    """One test for each of these credentials, which looks at what the account is shown at `paths`."""
    return pytest.mark.parametrize(
        "credential",
        [
            pytest.param(
                name,
                marks=[
                    *[needs(str(name))] * (name is not None),
                    judges(requirement, shares=[shown_to(_own(path, name), path) for path in paths]),
                ],
            )
            for name in credentials
        ],
    )


def _own(path: str, credential: str | None) -> str | None:
    return None if path == CATALOGUE else credential


EVERY_CALLER = (None, *GOOD)


def _subscription(judge: Judge, requirement: str, credential: str) -> tuple[dict[str, Any], Exchange]:
    exchange = shown(judge, SUBSCRIPTION, credential)
    return judge.object(requirement, exchange, "SUB-1"), exchange


def _usage(judge: Judge, requirement: str, credential: str | None) -> tuple[dict[str, Any], Exchange]:
    exchange = shown(judge, USAGE, credential)
    return _snapshot(judge, requirement, exchange), exchange


def _snapshot(judge: Judge, requirement: str, exchange: Exchange) -> dict[str, Any]:
    return judge.object(requirement, exchange, "USE-2" if requirement == "USE-2" else "USE-1")


def _field(judge: Judge, requirement: str, document: dict[str, Any], field: str, exchange: Exchange) -> Any:
    """A field of an account's document. Raises Undecided when it is missing, which is judged elsewhere."""
    if field not in document:
        raise judge.undecided(requirement, f"{exchange.title}: no {field} (see SUB-1, USE-1)", exchange)
    return document[field]


# --- GET /subscription ----------------------------------------------------------------------------------


@_each("SUB-1", GOOD, SUBSCRIPTION)
def test_the_subscription_view_has_its_fields(judge: Judge, credential: str) -> None:
    _, exchange = _subscription(judge, "SUB-1", credential)
    judge.keeps("SUB-1", exchange)


def _others_are_served(judge: Judge) -> bool:
    """Whether another user is shown a subscription, so that the route exists."""
    if JWT not in judge.target.credentials:
        return False
    return shown(judge, SUBSCRIPTION, JWT).served


@judges("SUB-2", shares=[shown_to(FREE_JWT, SUBSCRIPTION), CATALOGUE])
@needs(FREE_JWT)
def test_a_free_user_has_no_subscription(judge: Judge) -> None:
    exchange = shown(judge, SUBSCRIPTION, FREE_JWT)
    if exchange.status == 404 and _others_are_served(judge):
        raise judge.violation(
            "SUB-2", f"{exchange.title}: refused to a free user, served to another", exchange
        )
    view, exchange = _subscription(judge, "SUB-2", FREE_JWT)
    if view.get("plan_key") not in free_plan_keys(catalogue(judge, "SUB-2")):
        raise NotRun(f"needs a {FREE_JWT} of a user on the free plan")
    _field(judge, "SUB-2", view, "subscription", exchange)
    judge.agrees("SUB-2", exchange, read_catalogue(judge))


@_each("SUB-3", (JWT, API_KEY), SUBSCRIPTION, CATALOGUE)
def test_a_paying_user_has_a_list_of_subscriptions(judge: Judge, credential: str) -> None:
    view, exchange = _subscription(judge, "SUB-3", credential)
    document = catalogue(judge, "SUB-3")
    key = view.get("plan_key")
    # A plan that is no longer on offer may have been free.
    if key in free_plan_keys(document) or key not in [plan.get("key") for plan in plans_of(document)]:
        raise NotRun(f"needs a {credential} of an account on a paid plan of the catalogue")
    judge.agrees("SUB-3", exchange, read_catalogue(judge))


@_each("SUB-4", GOOD, SUBSCRIPTION)
def test_auth_type_names_the_kind_of_credential(judge: Judge, credential: str) -> None:
    view, exchange = _subscription(judge, "SUB-4", credential)
    if "auth_type" in view and LAWS["SUB-4"].wrong(exchange) is None:
        message = f"{credential} has the form of an access token and is taken for one: is it an API key?"
        raise judge.undecided("SUB-4", message, exchange)
    expected = "api_key" if credential == API_KEY else "jwt"
    got = view.get("auth_type")
    judge.check(
        "SUB-4", got == expected, f"auth_type is {got!r} for {exchange.caller}, not {expected!r}", exchange
    )


@_each("SUB-5", GOOD, SUBSCRIPTION, USAGE, CATALOGUE)
def test_the_plan_is_the_resolved_one(judge: Judge, credential: str) -> None:
    view, exchange = _subscription(judge, "SUB-5", credential)
    usage, other = _usage(judge, "SUB-5", credential)
    for field in ("plan_key", "plan_name"):
        _field(judge, "SUB-5", view, field, exchange)
        _field(judge, "SUB-5", usage, field, other)
    judge.agrees("SUB-5", exchange, other)
    _in_catalogue(judge, "SUB-5", view["plan_key"], exchange, credential)


def _in_catalogue(
    judge: Judge, requirement: str, key: object, exchange: Exchange, credential: str | None
) -> dict[str, Any]:
    """The catalogue's plan with this key. Only an account can be on a plan that is no longer on offer: the
    plan that everybody gets without signing in has to be listed."""
    plans = plans_of(catalogue(judge, requirement))
    plan = next((plan for plan in plans if plan.get("key") == key), None)
    if plan is not None:
        return plan
    if not all("key" in plan for plan in plans):
        raise judge.undecided(requirement, "a plan of the catalogue has no key (see TIER-2)", exchange)
    if credential is not None:
        raise NotRun(f"needs a {credential} of an account on a plan of the catalogue, not on {key!r}")
    raise judge.violation(requirement, f"no plan has the key {key!r}", exchange)


@judges("OBS-12", shares=[shown_to(JWT, SUBSCRIPTION)])
@needs(JWT)
def test_a_subscription_row_can_be_shown(judge: Judge) -> None:
    view, exchange = _subscription(judge, "OBS-12", JWT)
    for row in view.get("subscription") or []:
        named = any(filled(row.get(field)) for field in ("product_name", "plan_key", "plan_id"))
        judge.check("OBS-12", filled(row.get("status")) and named, "a row has no status or no name", exchange)


# --- GET /usage -----------------------------------------------------------------------------------------


@_each("USE-1", EVERY_CALLER, USAGE)
def test_the_usage_snapshot_has_its_fields(judge: Judge, credential: str | None) -> None:
    _, exchange = _usage(judge, "USE-1", credential)
    judge.keeps("USE-1", exchange)


def _metrics(
    judge: Judge, requirement: str, credential: str | None
) -> tuple[dict[str, dict[str, Any]], Exchange]:
    """The metrics that are present in a usable form. Raises Undecided when there is none."""
    snapshot, exchange = _usage(judge, requirement, credential)
    usage = snapshot.get("usage")
    found = (
        {m: usage[m] for m in METRICS if isinstance(usage.get(m), dict)} if isinstance(usage, dict) else {}
    )
    if not found:
        raise judge.undecided(requirement, "/usage shows no metric", exchange)
    return found, exchange


@_each("USE-2", EVERY_CALLER, USAGE)
def test_the_four_metrics_are_reported(judge: Judge, credential: str | None) -> None:
    _, exchange = _usage(judge, "USE-2", credential)
    judge.keeps("USE-2", exchange)


@_each("USE-3", EVERY_CALLER, USAGE)
def test_each_metric_has_its_five_fields(judge: Judge, credential: str | None) -> None:
    _, exchange = _usage(judge, "USE-3", credential)
    judge.keeps("USE-3", exchange)


@_each("USE-4", EVERY_CALLER, USAGE)
def test_remaining_is_what_the_limit_leaves(judge: Judge, credential: str | None) -> None:
    _, exchange = _metrics(judge, "USE-4", credential)
    judge.keeps("USE-4", exchange)


@_each("USE-5", EVERY_CALLER, USAGE, CATALOGUE)
def test_the_limits_are_those_of_the_plan(judge: Judge, credential: str | None) -> None:
    snapshot, exchange = _usage(judge, "USE-5", credential)
    _metrics(judge, "USE-5", credential)
    key = _field(judge, "USE-5", snapshot, "plan_key", exchange)
    if credential is None and key not in [plan.get("key") for plan in plans_of(catalogue(judge, "USE-5"))]:
        raise judge.undecided("USE-5", f"no plan has the key {key!r} (see USE-7)", exchange)
    plan = _in_catalogue(judge, "USE-5", key, exchange, credential)
    if not isinstance(plan.get("limits"), dict):
        raise judge.undecided("USE-5", f"the plan {plan['key']!r} has no limits (see TIER-3)", exchange)
    judge.agrees("USE-5", exchange, read_catalogue(judge))


@_each("USE-6", EVERY_CALLER, USAGE)
def test_the_snapshot_is_of_this_moment(judge: Judge, credential: str | None) -> None:
    snapshot, exchange = _usage(judge, "USE-6", credential)
    if "generated_at" not in snapshot:
        raise judge.undecided("USE-6", "there is no generated_at (see USE-1)", exchange)
    judge.keeps("USE-6", exchange)


@judges("USE-6", shares=[USAGE], requests=1)
def test_a_later_snapshot_is_a_later_one(judge: Judge) -> None:
    caller, before = judge.reader()
    begun = before.sent + before.seconds
    time.sleep(max(0.0, begun + FRESHNESS - time.monotonic()))
    later = judge.get(USAGE, caller)
    stamp = _stamp(judge, before)
    # A clock that is wrong will not become right by waiting.
    hopeful = abs((before.clock - stamp).total_seconds()) <= CLOCK_TOLERANCE
    while hopeful and _stamp(judge, later) <= stamp and time.monotonic() - begun < STALE_AFTER:
        time.sleep(AGAIN)
        later = judge.get("/usage", caller)
    seconds = time.monotonic() - begun
    message = f"generated_at stood still for {seconds:.0f} s"
    judge.check("USE-6", _stamp(judge, later) > stamp, message, before, later)


def _stamp(judge: Judge, exchange: Exchange) -> datetime:
    stamp = moment(_snapshot(judge, "USE-6", exchange).get("generated_at"))
    if stamp is None:
        raise judge.undecided("USE-6", "generated_at is not a point in time (see USE-1)", exchange)
    return stamp


@_each("USE-7", EVERY_CALLER, USAGE, CATALOGUE)
def test_the_plan_of_the_snapshot_is_in_the_catalogue(judge: Judge, credential: str | None) -> None:
    snapshot, exchange = _usage(judge, "USE-7", credential)
    key, _ = (_field(judge, "USE-7", snapshot, field, exchange) for field in ("plan_key", "plan_name"))
    plan = _in_catalogue(judge, "USE-7", key, exchange, credential)
    if "name" not in plan:
        raise judge.undecided("USE-7", f"the plan {key!r} has no name (see TIER-2)", exchange)
    judge.agrees("USE-7", exchange, read_catalogue(judge))


@_each("USE-8", EVERY_CALLER, USAGE)
def test_window_and_period_suit_the_name_of_the_metric(judge: Judge, credential: str | None) -> None:
    metrics, exchange = _metrics(judge, "USE-8", credential)
    # By the host's own time: whether that is right is USE-6.
    snapshot, _ = _usage(judge, "USE-8", credential)
    today = (moment(snapshot.get("generated_at")) or exchange.clock).date()
    judge.keeps("USE-8", exchange)
    for name, metric in metrics.items():
        window = str(metric.get("window", ""))
        stale = not name.endswith("Weekly") and _stale(window, today)
        judge.check("USE-8", not stale, f"{name}.window is {window!r}, which is not today", exchange)


def _stale(window: str, today: date) -> bool:
    """Whether a window names a day that is not today anywhere on earth."""
    if not is_day(window):
        return False
    try:
        named = date.fromisoformat(window)
    except ValueError:
        return True
    return abs(named - today) > timedelta(days=1)


@judges("OBS-14", shares=[USAGE])
def test_windows_have_the_keys_that_clients_show(judge: Judge) -> None:
    metrics, exchange = _metrics(judge, "OBS-14", None)
    for name, metric in metrics.items():
        published = SPEC.metrics[name]
        window = str(metric.get("window", ""))
        keyed = is_week(window) if published.window == "week" else is_day(window)
        known = keyed if published.label is None else window == published.label
        good = known and metric.get("period") == published.period
        judge.check("OBS-14", good, f"{name}: {metric.get('window')!r}, {metric.get('period')!r}", exchange)


@judges("ASM-7", shares=[USAGE])
def test_days_and_weeks_are_those_of_utc(judge: Judge) -> None:
    snapshot = counters(judge, "ASM-7", shown(judge, USAGE))
    if SPEC.metrics["imagesDaily"].label is not None:
        raise NotRun("needs a revision in which /usage tells the key of the current window")
    around = [snapshot.exchange.received + timedelta(minutes=shift) for shift in (-2, 0, 2)]
    days = {each.date().isoformat() for each in around}
    judge.check(
        "ASM-7", snapshot.window["imagesDaily"] in days, "the day is not the one of UTC", snapshot.exchange
    )
    weeks = {"{}-W{:02}".format(*each.isocalendar()) for each in around}
    good = snapshot.window["audioWeekly"] in weeks
    judge.check("ASM-7", good, "the week is not the ISO week of UTC", snapshot.exchange)
