"""Parts of the state as JSON objects of the control API.

Law: no view holds a secret. Moments are ISO 8601 in UTC, to the second.
"""

from __future__ import annotations

import asyncio
from typing import Any

from lightning_spec.loader import Plan

from lightning_mock.callers.accounts import Account
from lightning_mock.callers.credentials import ApiKey
from lightning_mock.clock import Clock, iso
from lightning_mock.faults.fault import Fault
from lightning_mock.faults.kinds import KINDS
from lightning_mock.state import State

_USERS_AT_ONCE = 500


def clock_view(clock: Clock) -> dict[str, Any]:
    """The shared clock: now, the same in seconds since 1970 (`epoch`), and whether it stands still."""
    now = clock.now()
    return {"now": iso(now), "epoch": now, "frozen": clock.frozen}


def caller_clock_view(identity: str, clock: Clock) -> dict[str, Any]:
    """One caller's clock like the shared one, with the seconds by which it is ahead of that."""
    now = clock.now_of(identity)
    return {
        "now": iso(now),
        "epoch": now,
        "frozen": clock.frozen,
        "ahead_seconds": clock.ahead.get(identity, 0.0),
    }


def key_view(key: ApiKey) -> dict[str, Any]:
    """An API key by its prefix. A moment is None if it does not expire, was never used or is not revoked."""
    return {
        "id": key.id,
        "label": key.label,
        "prefix": key.prefix,
        "created_at": iso(key.created_at),
        "expires_at": _iso_or_none(key.expires_at),
        "last_used_at": _iso_or_none(key.last_used_at),
        "revoked_at": _iso_or_none(key.revoked_at),
    }


def user_view(account: Account, state: State) -> dict[str, Any]:
    """A user with their plan and all their keys, revoked ones too."""
    return {
        "id": account.id,
        "email": account.email,
        "plan_key": account.plan_key,
        "signed_up": iso(account.signed_up),
        "keys": [key_view(key) for key in state.keys.of(account.id)],
    }


async def user_views(state: State) -> list[dict[str, Any]]:
    """All users, with other tasks in between."""
    views = []
    for account in state.accounts.all():
        views.append(user_view(account, state))
        if len(views) % _USERS_AT_ONCE == 0:
            await asyncio.sleep(0)
    return views


def plan_view(plan: Plan) -> dict[str, Any]:
    """A plan with its limits by metric, in units of a window; None is unlimited."""
    return {
        "key": plan.key,
        "name": plan.name,
        "url": plan.url,
        "price": plan.price,
        "order": plan.order,
        "limits": dict(plan.limits),
    }


async def identity_view(identity: str, state: State) -> dict[str, Any]:
    """An identity with its counters, whether it has ever called or not."""
    kind, _, name = identity.partition(":")
    account = state.accounts.get(name) if kind == "user" else None
    plan, metrics = state.accounts.plan_of(account), state.spec.metrics
    usage = {}
    for metric, (window, used) in (await state.ledger.usage(identity)).items():
        limit = plan.limits[metric]
        usage[metric] = {
            "limit": limit,
            "used": used,
            "remaining": None if limit is None else max(0, limit - used),
            "window": window.key,
            "period": metrics[metric].period,
            "resets_at": iso(window.end),
        }
    return {
        "identity": identity,
        "kind": kind,
        "label": (account.email or account.id) if account is not None else _label(kind, name),
        "user": account.id if account is not None else None,
        "plan_key": plan.key,
        "now": iso(state.clock.now_of(identity)),
        "usage": usage,
    }


def _label(kind: str, name: str) -> str:
    if kind == "address":
        address, _, agent = name.rpartition(":")
        return f"{address}, user agent {agent}"
    return name


def _iso_or_none(moment: float | None) -> str | None:
    return None if moment is None else iso(moment)


def fault_view(fault: Fault) -> dict[str, Any]:
    """A fault with its count; the parameters of its kind stand beside the rest."""
    return {
        "id": fault.id,
        "kind": fault.kind,
        "says": KINDS[fault.kind].says(fault.parameters),
        "match": fault.match.view(),
        "times": fault.times,
        "left": fault.left,
        "probability": fault.probability,
        "seed": fault.seed,
        "fired": fault.fired,
        "scenario": fault.scenario,
        **fault.parameters,
    }
