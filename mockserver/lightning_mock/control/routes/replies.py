"""Scripted replies: written, listed with what nearly met them, and taken back."""

from __future__ import annotations

from lightning_mock.control.request import ControlError, ControlRequest
from lightning_mock.http.replies import Body, json_body
from lightning_mock.scripting.parse import ScriptError, parse_script
from lightning_mock.state import State


async def list_replies(request: ControlRequest, state: State) -> Body:
    scripts = [script.view() for script in state.scripts.all()]
    return json_body({"replies": scripts, "misses": list(state.scripts.misses)})


async def create_reply(request: ControlRequest, state: State) -> Body:
    user = request.body.get("match", {}).get("user")
    if user is not None and state.accounts.get(user) is None:
        raise ControlError(400, "match.user: expected the id of a user; GET /__mock__/users lists them.")
    try:
        script = parse_script(state.scripts.new_id(), request.body, state.spec)
    except ScriptError as error:
        raise ControlError(400, str(error)) from None
    return json_body(state.scripts.add(script).view(), 201)


async def delete_replies(request: ControlRequest, state: State) -> Body:
    removed = state.scripts.remove(lambda script: True)
    state.scripts.misses.clear()
    return json_body({"replies": [script.view() for script in removed], "misses": []})


async def delete_reply(request: ControlRequest, state: State) -> Body:
    removed = state.scripts.remove(lambda script: script.id == request.path["id"])
    if not removed:
        raise ControlError(404, "id: there is no such reply; GET /__mock__/replies lists them.")
    return json_body(removed[0].view())
