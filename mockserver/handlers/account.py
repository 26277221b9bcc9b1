"""The caller's plan and what is left of it (document: plan and usage endpoints)."""

from __future__ import annotations

from mockserver.accounts import subscription_rows
from mockserver.call import Call
from mockserver.clock import iso
from mockserver.errors import Unauthorized
from mockserver.replies import Body, json_body
from mockserver.state import State


async def get_subscription(call: Call, state: State) -> Body:
    """The user behind the bearer. Only signed-in callers have one."""
    account = call.identity.account
    if account is None:
        raise Unauthorized("This route needs the bearer of a signed-in user.")
    plan = state.accounts.plan_of(account)
    is_free = plan.key == state.catalogue.default_key
    return json_body(
        {
            "email": account.email,
            "signed_up": iso(account.signed_up),
            "plan_key": plan.key,
            "plan_name": plan.name,
            "subscription": None if is_free else subscription_rows(account, plan, state.clock.now()),
            "auth_type": call.identity.kind,
        }
    )


async def get_usage(call: Call, state: State) -> Body:
    """The counters of the resolved identity, read from the ledger that enforces them."""
    plan = state.accounts.plan_of(call.identity.account)
    limits = plan.limits
    ledger = state.ledger
    usage = {}
    for metric, used in (await ledger.usage(call.identity.key)).items():
        limit = limits[metric]
        usage[metric] = {
            "limit": limit,
            "used": used,
            "remaining": None if limit is None else max(0, limit - used),
            "window": ledger.window(metric).key,
            "period": state.spec.metrics[metric].period,
        }
    return json_body(
        {
            "plan_key": plan.key,
            "plan_name": plan.name,
            "generated_at": iso(state.clock.now()),
            "usage": usage,
        }
    )
