"""The entry point of the control plane: guards, routes, validates and answers its calls.

Law: no answer but the API page and its files carries CORS headers, and every call that changes something
wakes the listeners.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Protocol, TypeVar

import orjson
from aiohttp import web

from lightning_mock.control.api_page import Pages
from lightning_mock.control.contract import PREFIX, Contract, Route, control_contract
from lightning_mock.control.control_page import PAGE_PATH, SPEC_PATH, page_file
from lightning_mock.control.guard import Guard
from lightning_mock.control.request import Answer, ControlError, ControlRequest
from lightning_mock.control.routes import (
    clock,
    events,
    faults,
    identities,
    journal,
    keys,
    plans,
    preferences,
    replies,
    scenarios,
    status,
    users,
)
from lightning_mock.control.routes import (
    state as state_routes,
)
from lightning_mock.errors import ApiError, MethodNotAllowed, StoreLost
from lightning_mock.http import delivery
from lightning_mock.http.decoding import MAX_VALUES, decode_json
from lightning_mock.http.reading import LARGE, read_body
from lightning_mock.http.replies import Body, json_body
from lightning_mock.journal.event_hub import STATE_CHANGED
from lightning_mock.state import State

logger = logging.getLogger(__name__)

T = TypeVar("T")
_CHANGE_NOTHING = ("sendAgain",)
"""Operations that are no GET and yet change nothing themselves: only the call that they make may."""
_OF_OWN_ANSWERS = frozenset(
    (
        *("createFault", "createReply", "startScenario", "changeServiceStatus", "restore"),
        *("changePreferences", "changeIdentityPreferences"),
        *("setUsage", "exhaust", "setLimits", "moveIdentityClock"),
    )
)
"""What changes nothing where the mock does not make its answers itself."""
_MAX_BYTES = 1024 * 1024
_MAX_BYTES_OF: Mapping[str, int] = {"createReply": 8 * 1024 * 1024, "restore": 128 * 1024 * 1024}
"""Of a body. A reply may be a film, and a snapshot holds a million counts."""
_MAX_VALUES_OF: Mapping[str, int] = {"restore": 8_000_000}
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_TOKEN_IN_QUERY = (PAGE_PATH, f"{PREFIX}/events")

ANSWERS: Mapping[str, Answer] = {
    "getState": state_routes.get_state,
    "reset": state_routes.reset,
    "getSnapshot": state_routes.get_snapshot,
    "restore": state_routes.restore,
    "getClock": clock.get_clock,
    "moveClock": clock.move_clock,
    "getIdentityClock": clock.get_caller_clock,
    "moveIdentityClock": clock.move_caller_clock,
    "rejoinClock": clock.rejoin_clock,
    "listUsers": users.list_users,
    "createUser": users.create_user,
    "getUser": users.get_user,
    "changeUser": users.change_user,
    "deleteUser": users.delete_user,
    "mintToken": users.mint_token,
    "listKeys": keys.list_keys,
    "createKey": keys.create_key,
    "revokeKey": keys.revoke_key,
    "listIdentities": identities.list_identities,
    "getIdentity": identities.get_identity,
    "setUsage": identities.set_usage,
    "exhaust": identities.exhaust,
    "getServiceStatus": status.get_service_status,
    "changeServiceStatus": status.change_service_status,
    "resetServiceStatus": status.reset_service_status,
    "listPlans": plans.list_plans,
    "setLimits": plans.set_limits,
    "getPreferences": preferences.get_preferences,
    "changePreferences": preferences.change_preferences,
    "getIdentityPreferences": preferences.get_identity_preferences,
    "changeIdentityPreferences": preferences.change_identity_preferences,
    "forgetIdentityPreferences": preferences.forget_identity_preferences,
    "listFaults": faults.list_faults,
    "createFault": faults.create_fault,
    "deleteFaults": faults.delete_faults,
    "deleteFault": faults.delete_fault,
    "listReplies": replies.list_replies,
    "createReply": replies.create_reply,
    "deleteReplies": replies.delete_replies,
    "deleteReply": replies.delete_reply,
    "listScenarios": scenarios.list_scenarios,
    "startScenario": scenarios.start_scenario,
    "endScenarios": scenarios.end_scenarios,
    "readJournal": journal.read_journal,
    "countJournal": journal.count_journal,
    "waitForJournal": journal.wait_for_journal,
    "exportHar": journal.export_har,
    "takeRecording": journal.take_recording,
    "getReplay": replies.get_replay,
    "getEntry": journal.get_entry,
    "getCurl": journal.get_curl,
    "sendAgain": journal.send_entry_again,
    "clearJournal": journal.clear_journal,
    "streamEvents": events.stream_events,
}


class Perform(Protocol):
    """Lets a control call see and change the mock's state, wherever that is kept."""

    async def __call__(self, answer: Callable[[], Awaitable[T]], *, changes: bool) -> T: ...


async def perform_alone(answer: Callable[[], Awaitable[T]], *, changes: bool) -> T:
    """The Perform of a mock that one process has to itself."""
    return await answer()


class ControlPlane:
    """Answers everything below PREFIX."""

    def __init__(self, state: State, perform: Perform = perform_alone) -> None:
        self._state = state
        self._perform = perform
        self._guard = Guard(state.settings)
        self._pages = Pages(state.spec)

    @cached_property
    def _contract(self) -> Contract:
        return control_contract()

    async def answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        """Never raises, except when cancelled. An answer that fails midway is cut off."""
        try:
            return await self._answer(request, path)
        except ControlError as error:
            refusal = json_body({"detail": error.detail}, error.status, error.headers)
        except StoreLost as error:
            refusal = json_body({"detail": error.message}, error.row.status)
        except Exception:
            logger.exception("the control call failed")
            refusal = json_body({"detail": "The control call failed in the mock."}, 500)
        return delivery.cut_off(request) or _response(refusal)

    async def _answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        method = request.method
        if path in self._pages.paths:
            return self._public(method, path)
        file = page_file(path) if method == "GET" else None
        try:
            self._guard.check(
                request,
                needs_token=path != PREFIX and (file is None or path == PAGE_PATH),
                token_in_query=method == "GET" and path in _TOKEN_IN_QUERY,
            )
        except ControlError as error:
            # A person gets the page all the same: it shows nothing yet, and asks for the token.
            if error.status == 401 and file is not None and "text/html" in request.headers.get("Accept", ""):
                return _response(replace(file, status=401))
            raise
        if file is not None:
            return _response(file)
        if path == PREFIX:
            return _response(Body(b"", "text/plain", 308, {"Location": PAGE_PATH}))
        if "_contract" not in vars(self):
            # Reading and compiling the file would hold up every other call.
            await asyncio.to_thread(getattr, self, "_contract")
        if method == "GET" and path == SPEC_PATH:
            return _response(Body(orjson.dumps(self._contract.document)))
        route, parameters = self._contract.find(method, path)
        if route.id in _OF_OWN_ANSWERS and (elsewhere := _elsewhere(self._state)):
            raise ControlError(409, f"This has no effect here: {elsewhere}.")
        control_request = ControlRequest(
            http=request,
            path=parameters,
            query=self._contract.read_query(route, request.rel_url.raw_query_string),
            body=await self._body(request, route),
        )
        answered = await self._perform(
            partial(ANSWERS[route.id], control_request, self._state),
            changes=method != "GET" and route.id not in _CHANGE_NOTHING,
        )
        if method != "GET":
            self._state.event_hub.publish(STATE_CHANGED)
        return _response(answered) if isinstance(answered, Body) else answered

    async def _body(self, request: web.BaseRequest, route: Route) -> Mapping[str, object]:
        try:
            limit = _MAX_BYTES_OF.get(route.id, _MAX_BYTES)
            if limit > self._state.spec.body_limit_bytes:
                request = request.clone(client_max_size=limit)
            content = await read_body(request, limit)
            if not content and not route.body_required:
                return {}
            if len(content) <= LARGE:
                return self._checked(route, content)
            return await asyncio.to_thread(self._checked, route, content)
        except ApiError as error:
            raise ControlError(error.row.status, error.message) from None

    def _checked(self, route: Route, content: bytes) -> Mapping[str, object]:
        values = decode_json(content, _MAX_VALUES_OF.get(route.id, MAX_VALUES))
        body: Mapping[str, object] = self._contract.read_body(route, values)
        return body

    def _public(self, method: str, path: str) -> web.Response:
        """The API's own documentation: nothing in it is worth guarding."""
        if method != "GET":
            error = MethodNotAllowed(
                "This path does not serve that method; expected GET.", headers={"Allow": "GET"}
            )
            return delivery.as_response(delivery.refusal(error))
        return delivery.as_response(self._pages.get(path))


def _elsewhere(state: State) -> str | None:
    """Where the answers come from, unless the mock makes them itself."""
    if state.settings.replay is not None:
        return "every call is answered from the recording of --replay"
    if state.settings.record is not None:
        return "every call is answered by the host of --record"
    return None


def _response(body: Body) -> web.Response:
    headers = {**_HEADERS, "Content-Type": body.content_type, **(body.headers or {})}
    return web.Response(body=body.content, status=body.status, headers=headers)
