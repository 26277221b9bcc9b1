"""Starting and ending scenarios."""

from __future__ import annotations

from typing import Any

from lightning_mock.control.request import Asked, ControlError
from lightning_mock.control.scenarios import SCENARIOS, ScenarioError, active, end_all, play
from lightning_mock.http.replies import Body, json_body
from lightning_mock.state import State


async def list_scenarios(asked: Asked, state: State) -> Body:
    return json_body({"scenarios": scenario_views(state)})


async def start_scenario(asked: Asked, state: State) -> Body:
    """For one user, or for everybody."""
    user = None
    if (user_id := asked.body.get("user")) is not None:
        user = state.accounts.get(user_id)
        if user is None:
            raise ControlError(400, "user: expected the id of a user; GET /__mock__/users lists them.")
    name = asked.path["name"]
    try:
        did = await play(name, state, user)
    except ScenarioError as error:
        raise ControlError(404, str(error)) from None
    return json_body({"name": name, "did": did})


async def end_scenarios(asked: Asked, state: State) -> Body:
    return json_body({"did": end_all(state)})


def scenario_views(state: State) -> list[dict[str, Any]]:
    running = active(state)
    return [
        {"name": name, "description": scenario.description, "active": name in running}
        for name, scenario in SCENARIOS.items()
    ]
