"""Reading, counting and waiting for exchanges."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import orjson
from lightning_spec.recording import Recording as Recorded
from lightning_spec.recording import recording_document

from lightning_mock.addresses import base_url
from lightning_mock.callers.credential_forms import without_credentials
from lightning_mock.callers.identity import key_of
from lightning_mock.control.curl import curl
from lightning_mock.control.entries import entry, whole_entry
from lightning_mock.control.freeing import free_memory
from lightning_mock.control.har import archive
from lightning_mock.control.journal_recording import recorded_exchanges
from lightning_mock.control.request import ControlError, ControlRequest
from lightning_mock.control.sending_again import NotSentError, send_again
from lightning_mock.faults.parse import FaultError, operations_named
from lightning_mock.http.replies import Body, json_body
from lightning_mock.journal.event_hub import Event, ExchangeEvent
from lightning_mock.journal.journal import Filter
from lightning_mock.journal.recording import Recording
from lightning_mock.state import State

_DEFAULT_LIMIT = 100
_DEFAULT_TIMEOUT = 5.0
_MAX_ID_DIGITS = 18


async def read_journal(request: ControlRequest, state: State) -> Body:
    """The latest matching exchanges, the newest last."""
    await state.journal.settle()
    found = state.journal.find(_filter(request, state))
    shown = found[-request.query.get("limit", _DEFAULT_LIMIT) :]
    return json_body({"entries": [entry(kept) for kept in shown], "total": len(found)})


async def count_journal(request: ControlRequest, state: State) -> Body:
    return json_body({"count": len(state.journal.find(_filter(request, state)))})


async def wait_for_journal(request: ControlRequest, state: State) -> Body:
    """Answer as soon as there are enough exchanges; 408 when that takes too long."""
    if not state.journal.on:
        raise ControlError(400, "The journal is off; start the mock with --journal 1 or more.")
    wanted, count = _filter(request, state), request.query.get("count", 1)
    timeout = request.query.get("timeout", _DEFAULT_TIMEOUT)
    with state.event_hub.listening() as events:
        try:
            async with asyncio.timeout(timeout):
                while (missing := count - len(found := state.journal.find(wanted))) > 0:
                    # Searching the journal at every event, for each of many waiting calls, would hold up all.
                    while missing > 0:
                        missing -= _matching(await events.next(), wanted)
        except TimeoutError:
            found = state.journal.find(wanted)
            raise ControlError(
                408, f"There were {len(found)} such exchanges within {timeout:g} s; expected {count}."
            ) from None
    return json_body({"entries": [entry(kept) for kept in found]})


def _matching(events: Iterable[Event], wanted: Filter) -> int:
    """How many of these events are exchanges that match."""
    return sum(isinstance(event, ExchangeEvent) and event.recording in wanted for event in events)


async def get_entry(request: ControlRequest, state: State) -> Body:
    return json_body(whole_entry(_known(request, state)))


async def get_curl(request: ControlRequest, state: State) -> Body:
    """The exchange as a command."""
    kept = _known(request, state)
    return json_body({"command": curl(kept, request.base_url), "whole": kept.is_repeatable})


async def send_entry_again(request: ControlRequest, state: State) -> Body:
    """Repeat a call; the answer is the entry of the new one."""
    try:
        return json_body(whole_entry(await send_again(_known(request, state), state, _own_url(request))))
    except NotSentError as error:
        raise ControlError(409, f"id: this call cannot be sent again: {error}.") from None


async def export_har(request: ControlRequest, state: State) -> Body:
    """The matching exchanges as an HTTP archive."""
    await state.journal.settle()
    found = state.journal.find(_filter(request, state))
    content = await asyncio.to_thread(_archive, found, request.base_url)
    return Body(content, headers={"Content-Disposition": 'attachment; filename="lightning-mock.har"'})


def _archive(found: list[Recording], base_url: str) -> bytes:
    """The HAR document as JSON; slow enough for a thread when whole bodies are kept."""
    return orjson.dumps(archive(found, base_url))


async def take_recording(request: ControlRequest, state: State) -> Body:
    """The matching exchanges as a recording."""
    await state.journal.settle()
    found = state.journal.find(_filter(request, state))
    return await asyncio.to_thread(_recorded, found, state.clock.now(), request.base_url)


def _recorded(found: list[Recording], now: float, base_url: str) -> Body:
    """The recording as JSON, in a thread for the same reason."""
    exchanges, left_out = recorded_exchanges(found)
    recording = Recorded(now, base_url, exchanges)
    return json_body({"recording": recording_document(recording, without_credentials), "left_out": left_out})


async def clear_journal(request: ControlRequest, state: State) -> Body:
    count = len(state.journal)
    state.journal.forget()
    await free_memory(state)
    return json_body({"did": [f"Forgot {count} exchanges."]})


def _filter(request: ControlRequest, state: State) -> Filter:
    query = request.query
    identity = query.get("identity")
    operation = query.get("operation")
    try:
        operations = None if operation is None else operations_named(operation, state.spec)
    except FaultError as error:
        raise ControlError(400, str(error)) from None
    return Filter(
        operations=operations,
        identity=None if identity is None else key_of(identity),
        user=query.get("user"),
        status=query.get("status"),
        fault=query.get("fault"),
        since=query.get("since", 0),
    )


def _known(request: ControlRequest, state: State) -> Recording:
    """The exchange that the path names. Raises ControlError 404."""
    number = request.path["entry_id"]
    is_number = number.isascii() and number.isdigit() and len(number) <= _MAX_ID_DIGITS
    kept = state.journal.get(int(number)) if is_number else None
    if kept is None:
        raise ControlError(404, "entry_id: the journal has no such entry; GET /__mock__/journal lists them.")
    return kept


def _own_url(request: ControlRequest) -> str:
    """The mock's actual address, whatever the caller calls it."""
    transport = request.http.transport
    if transport is None:
        raise ControlError(409, "the caller has left.")
    host, port = transport.get_extra_info("sockname")[:2]
    return base_url(host, port)
