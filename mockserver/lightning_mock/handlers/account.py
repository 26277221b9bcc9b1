"""The caller's plan and remaining units (document: plan and usage endpoints)."""

from __future__ import annotations

from functools import lru_cache

import orjson

from lightning_mock.callers.accounts import subscription_rows
from lightning_mock.clock import iso
from lightning_mock.errors import Unauthorized
from lightning_mock.http.call import Call
from lightning_mock.http.replies import Body, json_body
from lightning_mock.state import State


async def get_subscription(call: Call, state: State) -> Body:
    """The plan and subscription of the user behind the bearer. Raises Unauthorized for signed-out callers."""
    account = call.identity.account
    if account is None:
        raise Unauthorized
    plan = state.accounts.plan_of(account)
    now = state.clock.now_of(call.identity.key)
    is_free = plan.key == state.catalogue.default_key
    return json_body(
        {
            "email": account.email,
            "signed_up": iso(account.signed_up),
            "plan_key": plan.key,
            "plan_name": plan.name,
            "subscription": None if is_free else subscription_rows(plan, now),
            "auth_type": call.identity.kind,
        }
    )


async def get_usage(call: Call, state: State) -> Body:
    """The counters of the resolved identity, read from the ledger that enforces them."""
    plan = state.accounts.plan_of(call.identity.account)
    limits, metrics = plan.limits, state.spec.metrics
    ledger_view = await state.ledger.usage(call.identity.key, call.basis)
    usage = {
        metric: _metric(limits[metric], used, metrics[metric].label or window.key, metrics[metric].period)
        for metric, (window, used) in ledger_view.items()
    }
    return json_body(
        {
            "plan_key": plan.key,
            "plan_name": plan.name,
            "generated_at": iso(state.clock.now_of(call.identity.key)),
            "usage": usage,
        }
    )


@lru_cache(maxsize=4096)
def _metric(limit: int | None, used: int, window: str, period: str) -> orjson.Fragment:
    """One counter as encoded JSON, cached: callers poll this route, and many counters have the same
    values."""
    return orjson.Fragment(
        orjson.dumps(
            {
                "limit": limit,
                "used": used,
                "remaining": None if limit is None else max(0, limit - used),
                "window": window,
                "period": period,
            }
        )
    )


HANDLERS = {
    "getSubscription": get_subscription,
    "getUsage": get_usage,
}
