"""Starting and ending scenarios."""

from __future__ import annotations

from typing import Any

from lightning_mock.control.lookups import chosen_user
from lightning_mock.control.request import ControlError, ControlRequest
from lightning_mock.control.routes.clock import recently_active
from lightning_mock.control.scenarios import SCENARIOS, ScenarioError, active, end_all, play
from lightning_mock.http.replies import Body, json_body
from lightning_mock.state import State


async def list_scenarios(request: ControlRequest, state: State) -> Body:
    return json_body({"scenarios": scenario_views(state)})


async def start_scenario(request: ControlRequest, state: State) -> Body:
    """For one user, or for everybody."""
    user = chosen_user(request.body.get("user"), "user", state)
    name = request.path["name"]
    before, clock = state.clock.now(), state.clock.shift()
    try:
        did = await play(name, state, user)
    except ScenarioError as error:
        raise ControlError(404, f"{error}.") from None
    answer = {"name": name, "did": did}
    if state.clock.shift() != clock:
        answer["moved_users"] = recently_active(state, before)
    return json_body(answer)


async def end_scenarios(request: ControlRequest, state: State) -> Body:
    return json_body({"did": end_all(state)})


def scenario_views(state: State) -> list[dict[str, Any]]:
    running = active(state)
    return [
        {
            "name": name,
            "description": scenario.description,
            "lasting": scenario.lasting,
            "active": name in running,
        }
        for name, scenario in SCENARIOS.items()
    ]
