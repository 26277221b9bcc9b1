"""Laws of what anybody may read: the plans, the models, the status and its capability checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from lightning_verify.facts import METRICS
from lightning_verify.laws.law import Law, Wrong, answer_json, document, filled, is_complete, law
from lightning_verify.reading.addresses import address
from lightning_verify.reading.numbers import is_amount, number, says_unlimited
from lightning_verify.reading.plans import costs, limit_of, listed, metrics_named
from lightning_verify.transport.exchange import Exchange

PLAN_FIELDS = ("key", "name", "url", "price", "limits", "order")
STATUS_FIELDS = ("state", "services", "notifications", "latest")


def _default_plan(catalogue: dict[str, Any]) -> Wrong:
    default, plans = catalogue.get("defaultPlanKey"), catalogue.get("plans")
    if not (isinstance(default, str) and default):
        return [f"defaultPlanKey is {default!r}"]
    if not isinstance(plans, list) or not plans:
        return None  # TIER-2 says so.
    keys = [plan.get("key") for plan in plans if isinstance(plan, dict)]
    return [] if default in keys else [f"no plan has the default key {default!r}"]


def _plans(catalogue: dict[str, Any]) -> Iterator[str]:
    plans = catalogue.get("plans")
    if not isinstance(plans, list) or not plans:
        yield f"plans is {str(plans)[:80]!r}, not a list of plans"
        return
    for plan in plans:
        yield from _plan(plan)
    keys = Counter(str(plan.get("key")) for plan in plans if isinstance(plan, dict))
    if repeated := [key for key, count in keys.items() if count > 1]:
        yield f"plans share a key: {', '.join(repeated)}"


def _plan(plan: Any) -> Iterator[str]:
    if not isinstance(plan, dict):
        yield f"a plan is {plan!r}, not an object"
        return
    key = plan.get("key")
    if missing := [field for field in PLAN_FIELDS if field not in plan]:
        yield f"the plan {key!r} lacks {', '.join(missing)}"
        return
    for field in ("key", "name"):
        if not filled(plan[field]):
            yield f"a plan has the {field} {plan[field]!r}"
    if not isinstance(plan["url"], str | None):
        yield f"{key}: url {plan['url']!r}"
    if not _is_price(plan["price"]):
        yield f"{key}: price {plan['price']!r}"
    if not isinstance(plan["limits"], dict):
        yield f"{key}: limits {plan['limits']!r}"
    if number(plan["order"]) is None:
        yield f"{key}: order {plan['order']!r}"


def _is_price(price: Any) -> bool:
    """Whether a price is text, a non-negative amount, null, or an object with one of these."""
    named = price is None or (isinstance(price, str | int | float) and not isinstance(price, bool))
    # Beside its currency an amount may stand in an object.
    named = named or (isinstance(price, dict) and costs(price) is not None)
    parts = price.values() if isinstance(price, dict) else [price]
    amounts = [amount for part in parts if (amount := number(part)) is not None]
    return named and min(amounts, default=0) >= 0


def _limits(catalogue: dict[str, Any]) -> Wrong:
    plans = catalogue.get("plans")
    if not isinstance(plans, list) or not plans:
        return None
    named = metrics_named(plans)
    wrong = [f"no plan has a limit for {metric}" for metric in METRICS if metric not in named]
    for plan in plans:
        limits = plan.get("limits") if isinstance(plan, dict) else None
        if not isinstance(limits, dict):
            wrong.append(f"a plan has the limits {limits!r}")
            continue
        for metric in METRICS:
            limit = limit_of(limits.get(metric))
            if not (limit is None or says_unlimited(limit) or (is_amount(limit) and limit >= 0)):
                wrong.append(f"{plan.get('key')}: {metric} is limited to {limit!r}")
    return wrong


def _models(exchange: Exchange) -> Wrong:
    if not is_complete(exchange):
        return None
    value = answer_json(exchange)
    models = listed(value, "models")
    if not models:
        return ["expected a list of models" + ", which is empty" * (models == [])]
    # Texts are the names of models where nothing else can be meant, such as a list of families.
    may_be_names = isinstance(value, list) or "models" in value
    nameless = [model for model in models if not (_has_name(model) or (may_be_names and filled(model)))]
    return [f"a model has no name: {str(model)[:80]}" for model in nameless]


def _has_name(model: Any) -> bool:
    fields = ("name", "id", "model", "title", "slug")
    return isinstance(model, dict) and any(filled(model.get(field)) for field in fields)


def _status(view: dict[str, Any]) -> Iterator[str]:
    if missing := [field for field in STATUS_FIELDS if field not in view]:
        yield f"missing: {', '.join(missing)}"
        return
    # Of which types they are is left open: a state may be a code, and the latest a time.
    state = view["state"]
    if state is None or state in ([], {}) or (isinstance(state, str) and not filled(state)):
        yield f"state is {state!r}"
    if not isinstance(view["services"], dict | list):
        yield f"services is {view['services']!r}"


def _leads_elsewhere(exchange: Exchange) -> Wrong:
    """Anything but a redirect or an answer of the host is no answer of this route."""
    if exchange.status is None or exchange.status == 429 or exchange.status >= 500:
        return None
    if exchange.status not in {301, 308}:
        return [f"expected 301 or 308, not {exchange.status}"]
    location = address(exchange.header("location"))
    if location.scheme in {"http", "https"} and location.netloc:
        return []
    return [f"Location is {exchange.header('location')!r}, not another site"]


def _tells_type(exchange: Exchange) -> Wrong:
    if not is_complete(exchange):
        return None
    return [] if "/" in exchange.media_type else ["no content type"]


# Media that a capability's content type may not name, since they belong to another capability.
_FOREIGN = {
    "headStatusImage": ("video/", "audio/", "text/"),
    "headStatusVideo": ("image/", "audio/", "text/"),
    "headStatusSfx": ("image/", "video/", "text/"),
    "headStatusText": ("image/", "video/", "audio/"),
}


def _own_medium(exchange: Exchange) -> Wrong:
    if not is_complete(exchange) or not exchange.media_type or exchange.operation is None:
        return None
    foreign = exchange.media_type.startswith(_FOREIGN[exchange.operation.id])
    return [f"the content type is {exchange.media_type}"] if foreign else []


DISCOVERY: tuple[Law, ...] = (
    law("TIER-1", document(_default_plan, owner=True)),
    law("TIER-2", document(_plans, owner=True)),
    law("TIER-3", document(_limits, owner=True)),
    law("STAT-1", _leads_elsewhere),
    law("STAT-2", _models),
    law("STAT-3", document(_status, owner=True)),
    law("STAT-4", _tells_type),
    law("STAT-5", _own_medium),
)
