"""Reading, counting and waiting for exchanges."""

from __future__ import annotations

import asyncio

from lightning_mock.control.entries import entry
from lightning_mock.control.request import ControlError, ControlRequest
from lightning_mock.faults.parse import FaultError, operations_named
from lightning_mock.http.replies import Body, json_body
from lightning_mock.journal.journal import Filter
from lightning_mock.memory import give_back
from lightning_mock.state import State

_USUAL_LIMIT = 100
_USUAL_TIMEOUT = 5.0


async def read_journal(request: ControlRequest, state: State) -> Body:
    """The latest exchanges that are meant, the newest last."""
    found = state.journal.find(_filter(request, state))
    shown = found[-request.query.get("limit", _USUAL_LIMIT) :]
    return json_body({"entries": [entry(kept) for kept in shown], "total": len(found)})


async def count_journal(request: ControlRequest, state: State) -> Body:
    return json_body({"count": len(state.journal.find(_filter(request, state)))})


async def wait_for_journal(request: ControlRequest, state: State) -> Body:
    """As soon as there are enough exchanges; 408 when that takes too long."""
    if not state.journal.on:
        raise ControlError(400, "The journal is off; start the mock with --journal 1 or more.")
    wanted, count = _filter(request, state), request.query.get("count", 1)
    timeout = request.query.get("timeout", _USUAL_TIMEOUT)
    with state.event_hub.listening() as events:
        try:
            async with asyncio.timeout(timeout):
                while len(found := state.journal.find(wanted)) < count:
                    await events.get()
        except TimeoutError:
            found = state.journal.find(wanted)
            raise ControlError(
                408, f"There were {len(found)} such exchanges within {timeout:g} s; expected {count}."
            ) from None
    return json_body({"entries": [entry(kept) for kept in found]})


async def clear_journal(request: ControlRequest, state: State) -> Body:
    count = len(state.journal)
    state.journal.forget()
    await asyncio.to_thread(give_back)
    return json_body({"did": [f"Forgot {count} exchanges."]})


def _filter(request: ControlRequest, state: State) -> Filter:
    query = request.query
    operation = query.get("operation")
    try:
        operations = None if operation is None else operations_named(operation, state.spec)
    except FaultError as error:
        raise ControlError(400, str(error)) from None
    return Filter(
        operations=operations,
        identity=query.get("identity"),
        user=query.get("user"),
        status=query.get("status"),
        since=query.get("since", 0),
    )
