"""The callers that the mock has met, and their counters."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any, NamedTuple

from lightning_mock.callers.identity import key_of
from lightning_mock.callers.identity_keys import EXPECTED, is_identity
from lightning_mock.control.request import ControlError, ControlRequest
from lightning_mock.control.views import identity_view
from lightning_mock.http.replies import Body, json_body
from lightning_mock.state import State

MAX_IDENTITIES = 1000
_AT_ONCE = 100


async def list_identities(request: ControlRequest, state: State) -> Body:
    user = request.query.get("user")
    if user is not None:
        page = IdentityPage([f"user:{user}"] if await is_seen(f"user:{user}", state) else [], None)
    else:
        page = await identity_page(request, state)
    return json_body(await page_view(page, state))


async def get_identity(request: ControlRequest, state: State) -> Body:
    return json_body(await identity_view(await known_identity(request, state), state))


async def set_usage(request: ControlRequest, state: State) -> Body:
    """Set the units used of one metric in its present window."""
    identity, metric = await known_identity(request, state), known_metric(request.path["metric"], state)
    await state.ledger.set_used(identity, metric, request.body["used"])
    return json_body(await identity_view(identity, state))


async def exhaust(request: ControlRequest, state: State) -> Body:
    """Use up one metric in its present window."""
    identity, metric = await known_identity(request, state), known_metric(request.body["metric"], state)
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


class IdentityPage(NamedTuple):
    """Some of the callers, and where the next ones begin if there are more."""

    identities: list[str]
    next_cursor: int | None


async def identity_page(request: ControlRequest, state: State) -> IdentityPage:
    """Every user, and every other caller with a counter or an entry in the journal, page by page.

    A cursor counts what was looked at so far, so that a page costs the same wherever it begins.
    """
    limit, cursor = request.query.get("limit", MAX_IDENTITIES), request.query.get("cursor", 0)
    sources = await _sources(state)
    gone = state.accounts.removed
    found: list[str] = []
    begin = 0
    for number, source in enumerate(sources):
        end = begin + len(source)
        if cursor < end:
            for identity in islice(source, cursor - begin, None):
                if len(found) == limit:
                    return IdentityPage(found, cursor)
                cursor += 1
                if not _is_in(identity, sources[:number]) and identity.removeprefix("user:") not in gone:
                    found.append(identity)
        begin = end
    return IdentityPage(found, None)


async def page_view(page: IdentityPage, state: State) -> dict[str, Any]:
    """The callers of a page with their counters, yielding to others in between."""
    views = []
    for key in page.identities:
        views.append(await identity_view(key, state))
        if len(views) % _AT_ONCE == 0:
            await asyncio.sleep(0)
    return {"identities": views, "next_cursor": page.next_cursor}


async def is_seen(identity: str, state: State) -> bool:
    """Whether a caller would be listed."""
    return (
        _is_in(identity, await _sources(state))
        and identity.removeprefix("user:") not in state.accounts.removed
    )


async def _sources(state: State) -> list[Collection[str]]:
    """Where callers are known from. One caller may be in several."""
    users = {f"user:{account.id}": None for account in state.accounts.all()}
    return [users, *await state.ledger.identities(), dict.fromkeys(state.journal.identities())]


def _is_in(identity: str, sources: Sequence[Collection[str]]) -> bool:
    return any(identity in source for source in sources)


def known_metric(name: str, state: State) -> str:
    """Raises ControlError 400."""
    if name not in state.spec.metrics:
        raise ControlError(400, f"metric: expected one of {', '.join(state.spec.metrics)}.")
    return name


async def known_identity(request: ControlRequest, state: State) -> str:
    """An identity that exists or could call. Raises ControlError 404 or 400."""
    identity = request.path["identity"]
    if identity.startswith("user:"):
        if not await is_seen(identity, state):
            raise ControlError(404, "identity: there is no such user; GET /__mock__/users lists them.")
    elif not is_identity(identity, state.spec.client_id_pattern):
        raise ControlError(400, f"identity: expected {EXPECTED}.")
    return key_of(identity)
