"""Plans and their limits."""

from __future__ import annotations

from lightning_mock.control.lookups import plan_in_path
from lightning_mock.control.request import ControlRequest
from lightning_mock.control.routes.identities import known_metric
from lightning_mock.control.views import plan_view
from lightning_mock.http.replies import Body, json_body
from lightning_mock.state import State


async def list_plans(request: ControlRequest, state: State) -> Body:
    return json_body({"plans": [plan_view(plan) for plan in state.catalogue.all]})


async def set_limits(request: ControlRequest, state: State) -> Body:
    """Other limits for some metrics of a plan, from the next call on."""
    key = plan_in_path(request, state)
    for metric in request.body:
        known_metric(metric, state)
    for metric, limit in request.body.items():
        state.catalogue.set_limit(key, metric, limit)
    return json_body(plan_view(state.catalogue[key]))
