"""The plans on offer (document: /tier-config and /tiers)."""

from __future__ import annotations

from typing import Any

from lightning_spec.loader import Plan

from lightning_mock.http.call import Call
from lightning_mock.http.replies import Body, json_body
from lightning_mock.state import State


async def get_tier_config(call: Call, state: State) -> Body:
    """Every plan, and the key of the one that callers have by default."""
    catalogue = state.catalogue
    return json_body(
        {"defaultPlanKey": catalogue.default_key, "plans": [_row(plan) for plan in catalogue.all]}
    )


async def list_tiers(call: Call, state: State) -> Body:
    """The paid plans as a bare list."""
    return json_body([_row(plan) for plan in state.catalogue.paid])


def _row(plan: Plan) -> dict[str, Any]:
    return {
        "key": plan.key,
        "name": plan.name,
        "url": plan.url,
        "price": plan.price,
        "limits": dict(plan.limits),
        "order": plan.order,
    }


HANDLERS = {
    "getTierConfig": get_tier_config,
    "listTiers": list_tiers,
}
