"""Laws of the account: its counters and its subscription."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lightning_verify.facts import METRICS
from lightning_verify.laws.law import Law, Wrong, answer_json, bearer, document, filled, is_complete, law
from lightning_verify.reading.numbers import is_amount, number, says_unlimited
from lightning_verify.reading.periods import counted_in, is_week, suits, too_long
from lightning_verify.reading.times import moment
from lightning_verify.reading.tokens import claims_of, is_of_a_session
from lightning_verify.requests.credentials import KEY_PREFIX, MEANING, TOKENS
from lightning_verify.transport.exchange import Exchange

SUBSCRIPTION_FIELDS = ("email", "signed_up", "plan_key", "plan_name", "subscription", "auth_type")
USAGE_FIELDS = ("plan_key", "plan_name", "generated_at", "usage")
METRIC_FIELDS = ("limit", "used", "remaining", "window", "period")


def _lacks(view: Mapping[str, Any], fields: tuple[str, ...]) -> list[str]:
    missing = [field for field in fields if field not in view]
    return [f"missing: {', '.join(missing)}"] if missing else []


def _of_a_user(look: Callable[[Exchange], Wrong]) -> Callable[[Exchange], Wrong]:
    """What is promised for an authenticated user's view says nothing about what a host shows others."""
    return lambda exchange: look(exchange) if bearer(exchange) else None


def _subscription(view: dict[str, Any]) -> Iterator[str]:
    yield from _lacks(view, SUBSCRIPTION_FIELDS)
    for field in ("plan_key", "plan_name", "auth_type"):
        if field in view and not filled(view[field]):
            yield f"{field} is {view[field]!r}, not a text"
    # An account of another provider may have no address; what signed_up says is left open.
    if not isinstance(view.get("email"), str | None):
        yield f"email is {view['email']!r}, not a text"


_KIND = {words: "jwt" if name in TOKENS else "api_key" for name, words in MEANING.items()}


def kind_of(caller: str, token: str) -> str | None:
    """The auth_type of a bearer: by the name under which the run was given it, else by its form, as far as
    that tells. None where it does not: an API key may be a JSON Web Token as well."""
    if caller in _KIND:
        return _KIND[caller]
    return "api_key" if token.startswith(KEY_PREFIX) else "jwt" if is_of_a_session(token) else None


def _auth_type(exchange: Exchange) -> Wrong:
    view = answer_json(exchange) if is_complete(exchange) else None
    token = bearer(exchange)
    expected = kind_of(exchange.caller, token)
    if not isinstance(view, dict) or "auth_type" not in view or expected is None:
        return None
    got = view["auth_type"]
    if (expected, got) == ("api_key", "jwt") and claims_of(token) is not None:
        return None  # Perhaps an access token was given under the name of a key.
    return [] if got == expected else [f"auth_type is {got!r} for {exchange.caller}, not {expected!r}"]


def _snapshot(view: dict[str, Any]) -> Iterator[str]:
    yield from _lacks(view, USAGE_FIELDS)
    for field in ("plan_key", "plan_name"):
        if field in view and not filled(view[field]):
            yield f"{field} is {view[field]!r}, not a text"


# Clocks of hosts differ, and an answer may take a while.
CLOCK_TOLERANCE = 120.0


def _of_this_moment(exchange: Exchange) -> Wrong:
    """By the clock that the answer tells, which may be a gateway's, or by ours: any of them may be off."""
    view = answer_json(exchange) if is_complete(exchange) else None
    if not isinstance(view, dict) or "generated_at" not in view:
        return None
    stamp = moment(view["generated_at"])
    if stamp is None:
        return [f"generated_at is {view['generated_at']!r}, not a point in time"]
    off = min(abs((clock - stamp).total_seconds()) for clock in (exchange.clock, exchange.received))
    return [f"generated_at is {off:.0f} s off"] if off > CLOCK_TOLERANCE + exchange.seconds else []


def _reported(view: dict[str, Any]) -> Iterator[str]:
    usage = view.get("usage")
    if not isinstance(usage, dict):
        yield f"usage is {usage!r}, not an object"
        return
    for metric in METRICS:
        # Another form is without the fields of one, which is for USE-3 to say.
        if metric not in usage:
            yield f"{metric} is not reported"


def _metrics(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The metrics that are present in a usable form."""
    usage = view.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return {metric: usage[metric] for metric in METRICS if isinstance(usage.get(metric), dict)}


def _fields(view: dict[str, Any]) -> Wrong:
    usage = view.get("usage")
    if not isinstance(usage, dict) or not usage.keys() & set(METRICS):
        return None
    wrong = [
        f"{name} is {usage[name]!r}, without any field"
        for name in METRICS
        if name in usage and not isinstance(usage[name], dict)
    ]
    for name, metric in _metrics(view).items():
        missing = [field for field in METRIC_FIELDS if field not in metric]
        if missing:
            wrong.append(f"{name} lacks {', '.join(missing)}")
        empty = [field for field in ("window", "period") if metric.get(field, "left out") in (None, "")]
        wrong += [f"{name}.{field} is empty" for field in empty]
        for field in ("limit", "used", "remaining"):
            value = metric.get(field, 0)
            if not (is_amount(value) or (field != "used" and (value is None or says_unlimited(value)))):
                wrong.append(f"{name}.{field} is {value!r}, not an amount")
    return wrong


def _adds_up(view: dict[str, Any]) -> Wrong:
    metrics = _metrics(view)
    return [problem for each in metrics.items() for problem in _leaves(*each)] if metrics else None


def _leaves(name: str, metric: dict[str, Any]) -> Iterator[str]:
    limit, used, remaining = (number(metric.get(field)) for field in ("limit", "used", "remaining"))
    if says_unlimited(metric.get("limit")):
        limit = None
    if used is not None and used < 0:
        yield f"{name}.used is {used:g}"
    if limit is None or limit < 0 or used is None:
        return
    if remaining is None:
        # Where it is left out, or is no amount at all, USE-3 says so.
        if "remaining" in metric and (metric["remaining"] is None or says_unlimited(metric["remaining"])):
            yield f"{name} is limited to {limit:g}, and remaining is {metric['remaining']!r}"
        return
    left = max(0, limit - used)
    if remaining < 0:
        yield f"{name}.remaining is {remaining:g}"
    elif remaining != left:
        yield f"{name}: limit {limit:g} and used {used:g} leave {left:g}, not {remaining:g}"


def _periods(view: dict[str, Any]) -> Wrong:
    metrics = _metrics(view)
    if not metrics:
        return None
    wrong = []
    for name, metric in metrics.items():
        period, window = (str(metric.get(field, "")) for field in ("period", "window"))
        counted = counted_in(period, window)
        if counted and suits(name, "period", counted):
            continue
        # With a unit in the singular the number may as well be the name of a day or a week.
        if counted and counted.endswith("s"):
            wrong.append(f"{name} has a window of {counted}")
            continue
        long = [(field, too_long(name, metric.get(field))) for field in ("period", "window")]
        wrong += [f"{name}.{field} is an interval of {days:.0f} days" for field, days in long if days]
        if not suits(name, "period", period):
            wrong.append(f"{name}.period is {period!r}")
        if not suits(name, "window", window) or (is_week(window) and not name.endswith("Weekly")):
            wrong.append(f"{name}.window is {window!r}")
    return wrong


ACCOUNT: tuple[Law, ...] = (
    law("SUB-1", _of_a_user(document(_subscription, owner=True))),
    law("SUB-4", _auth_type),
    law("USE-1", document(_snapshot, owner=True)),
    law("USE-2", document(_reported)),
    law("USE-3", document(_fields)),
    law("USE-4", document(_adds_up)),
    law("USE-6", _of_this_moment, at_rest=True),
    law("USE-8", document(_periods)),
)
