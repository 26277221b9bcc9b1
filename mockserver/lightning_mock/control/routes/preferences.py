"""How the mock answers where the document leaves it open: read and changed."""

from __future__ import annotations

from dataclasses import asdict

from lightning_mock.control.request import ControlRequest
from lightning_mock.control.routes.identities import known_identity
from lightning_mock.http.replies import Body, json_body
from lightning_mock.state import State


async def get_preferences(request: ControlRequest, state: State) -> Body:
    return json_body(asdict(state.preferences.everybody))


async def change_preferences(request: ControlRequest, state: State) -> Body:
    state.preferences.change(request.body)
    return await get_preferences(request, state)


async def get_identity_preferences(request: ControlRequest, state: State) -> Body:
    return json_body(asdict(state.preferences.of(await known_identity(request, state))))


async def change_identity_preferences(request: ControlRequest, state: State) -> Body:
    state.preferences.change(request.body, await known_identity(request, state))
    return await get_identity_preferences(request, state)


async def forget_identity_preferences(request: ControlRequest, state: State) -> Body:
    state.preferences.forget(await known_identity(request, state))
    return await get_identity_preferences(request, state)
