"""The callers that the mock has met, and their counters."""

from __future__ import annotations

import re

from lightning_mock.control.request import ControlError, ControlRequest
from lightning_mock.control.views import identity_view
from lightning_mock.http.replies import Body, json_body
from lightning_mock.state import State

_ADDRESS = re.compile(r"address:\S{1,64}:[0-9a-f]{16}")


async def list_identities(request: ControlRequest, state: State) -> Body:
    user = request.query.get("user")
    wanted = [key for key in seen_identities(state) if user is None or key == f"user:{user}"]
    return json_body({"identities": [await identity_view(key, state) for key in wanted]})


async def get_identity(request: ControlRequest, state: State) -> Body:
    return json_body(await identity_view(known_identity(request, state), state))


async def set_usage(request: ControlRequest, state: State) -> Body:
    """Set the units used of one metric in its present window."""
    identity, metric = known_identity(request, state), known_metric(request.path["metric"], state)
    await state.ledger.set_used(identity, metric, request.body["used"])
    return json_body(await identity_view(identity, state))


async def exhaust(request: ControlRequest, state: State) -> Body:
    """Use up one metric in its present window."""
    identity, metric = known_identity(request, state), known_metric(request.body["metric"], state)
    kind, _, name = identity.partition(":")
    plan = state.accounts.plan_of(state.accounts.get(name) if kind == "user" else None)
    limit = plan.limits[metric]
    if limit is None:
        limited = [name for name, limit in plan.limits.items() if limit is not None]
        raise ControlError(
            400,
            f"metric: the plan {plan.key} has no limit on it; expected one of "
            f"{', '.join(limited) or 'none'}, or set a limit first.",
        )
    await state.ledger.set_used(identity, metric, limit)
    return json_body(await identity_view(identity, state))


def seen_identities(state: State) -> list[str]:
    """Every user, and every other caller with a counter or an entry in the journal."""
    found = dict.fromkeys(f"user:{account.id}" for account in state.accounts.all())
    for identity, metric, window, _ in state.ledger.store.rows():
        if state.ledger.window(metric).key == window:
            found[identity] = None
    found.update(dict.fromkeys(state.journal.identities()))
    gone = {f"user:{user_id}" for user_id in state.accounts.removed}
    return [identity for identity in found if identity not in gone]


def known_metric(name: str, state: State) -> str:
    """Raises ControlError 400."""
    if name not in state.spec.metrics:
        raise ControlError(400, f"metric: expected one of {', '.join(state.spec.metrics)}.")
    return name


def known_identity(request: ControlRequest, state: State) -> str:
    """An identity that exists or could call. Raises ControlError 404 or 400."""
    identity = request.path["identity"]
    kind, _, name = identity.partition(":")
    if kind == "user":
        if identity not in seen_identities(state):
            raise ControlError(404, "identity: there is no such user; GET /__mock__/users lists them.")
    elif not (_ADDRESS.fullmatch(identity) or (kind == "client" and _is_client_id(name, state))):
        raise ControlError(
            400,
            "identity: expected user:ID, client:ID with an id that fits X-Client-ID, or address:IP:AGENT as "
            "GET /__mock__/identities shows it.",
        )
    return identity


def _is_client_id(name: str, state: State) -> bool:
    return re.fullmatch(state.spec.client_id_pattern, name) is not None
