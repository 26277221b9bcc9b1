"""The whole state: shown, reset, saved and restored."""

from __future__ import annotations

from aiohttp import web

from lightning_mock.control import snapshot
from lightning_mock.control.freeing import free_memory
from lightning_mock.control.lookups import user_of
from lightning_mock.control.request import ControlError, ControlRequest
from lightning_mock.control.routes.identities import identity_page, page_view
from lightning_mock.control.routes.scenarios import scenario_views
from lightning_mock.control.snapshot import SnapshotError
from lightning_mock.control.views import clock_view, fault_view, plan_view, user_views
from lightning_mock.http.replies import JSON, Body, json_body
from lightning_mock.state import State

_SNAPSHOT_HEADERS = {
    "Content-Type": JSON,
    "Content-Disposition": 'attachment; filename="lightning-mock-snapshot.json"',
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


async def get_state(request: ControlRequest, state: State) -> Body:
    """Everything that the page shows, except for the journal; the callers page by page."""
    return json_body(
        {
            "base_url": request.base_url,
            "clock": clock_view(state.clock),
            "plans": [plan_view(plan) for plan in state.catalogue.all],
            "users": await user_views(state),
            **await page_view(await identity_page(request, state), state),
            "faults": [fault_view(fault) for fault in state.faults.all()],
            "scenarios": scenario_views(state),
            "preferences": state.preferences.document(),
            "journal": {"entries": len(state.journal)},
            "metrics": list(state.spec.metrics),
        }
    )


async def reset(request: ControlRequest, state: State) -> Body:
    """Put everything, or one user, back to how it was at the start."""
    user_id = request.body.get("user")
    if user_id is not None:
        return json_body({"did": await _reset_user(user_id, state)})
    did = await snapshot.restore(state.start, state)
    state.scripts.reset()
    if state.replay is not None:
        state.replay.reset()
    state.journal.forget()
    await state.assets.clear()
    await free_memory(state)
    return json_body({"did": [*did, "The journal and the asset files are empty."]})


async def get_snapshot(request: ControlRequest, state: State) -> web.StreamResponse:
    """A file to keep or to send with a report."""
    response = web.StreamResponse(headers=_SNAPSHOT_HEADERS)
    pieces = snapshot.pieces(state)
    # What fails first is refused; later it could only be cut off.
    first = await anext(pieces)
    await response.prepare(request.http)
    await response.write(first)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response


async def restore(request: ControlRequest, state: State) -> Body:
    try:
        did = await snapshot.restore(request.body, state)
    except SnapshotError as error:
        raise ControlError(400, str(error)) from None
    return json_body({"did": did})


async def _reset_user(user_id: str, state: State) -> list[str]:
    account = user_of(user_id, "user", state)
    identity = f"user:{user_id}"
    await state.ledger.forget(identity)
    state.faults.remove(lambda fault: fault.match.caller == identity)
    state.scripts.remove(lambda script: script.condition.caller == identity)
    state.journal.forget(user_id)
    state.preferences.forget(identity)
    did = [f"{account.email} has no usage, no faults of their own and no journal entries."]
    if snapshot.restore_user(state.start, user_id, state):
        did.append("Plan, email and keys are back to their initial state.")
    else:
        account.token_generation = 0
        did.append("The user was created later: plan and keys are unchanged.")
    state.identities.forget_tokens()
    return did
