"""What `/status` says: read, changed, and reset."""

from __future__ import annotations

from lightning_mock.control.request import ControlRequest
from lightning_mock.http.replies import Body, json_body
from lightning_mock.state import State


async def get_service_status(request: ControlRequest, state: State) -> Body:
    return json_body(state.service_status.document)


async def change_service_status(request: ControlRequest, state: State) -> Body:
    state.service_status.change(request.body)
    return json_body(state.service_status.document)


async def reset_service_status(request: ControlRequest, state: State) -> Body:
    state.service_status.put(None)
    return json_body(state.service_status.document)
