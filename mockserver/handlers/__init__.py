"""Which function answers which operation of the spec.

Law: this table and the spec name the same operations; the start stops when they do not. A handler never
imports another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from mockserver.call import Call
from mockserver.handlers import account, catalogue, status
from mockserver.replies import Reply
from mockserver.state import State

Handler = Callable[[Call, State], Awaitable[Reply]]
"""Answers an accepted call. Whatever it raises gives the caller's unit back."""

Preparation = Callable[[Call, State], Awaitable[None]]
"""Runs before the charge: may raise InvalidRequest and may replace arguments of the call."""

HANDLERS: Mapping[str, Handler] = {
    "getSite": status.get_site,
    "getSubscription": account.get_subscription,
    "getUsage": account.get_usage,
    "getTierConfig": catalogue.get_tier_config,
    "listTiers": catalogue.list_tiers,
    "listModels": status.list_models,
    "getStatus": status.get_status,
    "headStatusImage": status.head_status,
    "headStatusVideo": status.head_status,
    "headStatusSfx": status.head_status,
    "headStatusText": status.head_status,
}

PREPARATIONS: Mapping[str, Preparation] = {}
