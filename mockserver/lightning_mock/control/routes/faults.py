"""Arming and removing faults."""

from __future__ import annotations

from lightning_mock.control.lookups import chosen_user
from lightning_mock.control.request import ControlError, ControlRequest
from lightning_mock.control.views import fault_view
from lightning_mock.faults.parse import FaultError, check_total, parse_fault
from lightning_mock.http.replies import Body, json_body
from lightning_mock.state import State


async def list_faults(request: ControlRequest, state: State) -> Body:
    return json_body({"faults": [fault_view(fault) for fault in state.faults.all()]})


async def create_fault(request: ControlRequest, state: State) -> Body:
    try:
        fault = parse_fault(state.faults.new_id(), request.body, state.spec, state.clock.now())
    except FaultError as error:
        raise ControlError(400, f"match.{error}") from None
    chosen_user(fault.match.user, "match.user", state)
    try:
        check_total([*state.faults.live(), fault])
    except FaultError as error:
        raise ControlError(400, f"{error}.") from None
    return json_body(fault_view(state.faults.add(fault)), 201)


async def delete_faults(request: ControlRequest, state: State) -> Body:
    removed = state.faults.remove(lambda fault: True)
    return json_body({"faults": [fault_view(fault) for fault in removed]})


async def delete_fault(request: ControlRequest, state: State) -> Body:
    removed = state.faults.remove(lambda fault: fault.id == request.path["id"])
    if not removed:
        raise ControlError(404, "id: there is no such fault; GET /__mock__/faults lists them.")
    return json_body(fault_view(removed[0]))
