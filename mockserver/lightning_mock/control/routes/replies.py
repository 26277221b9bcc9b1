"""Scripted replies: added, listed with near misses, and removed."""

from __future__ import annotations

from lightning_mock.clock import iso
from lightning_mock.control.lookups import chosen_user
from lightning_mock.control.request import ControlError, ControlRequest
from lightning_mock.http.replies import Body, json_body
from lightning_mock.scripting.book import Miss
from lightning_mock.scripting.parse import ScriptError, parse_script
from lightning_mock.state import State


async def list_replies(request: ControlRequest, state: State) -> Body:
    scripts = [script.view() for script in state.scripts.all()]
    return json_body({"replies": scripts, "misses": _misses(state)})


async def get_replay(request: ControlRequest, state: State) -> Body:
    """What is replayed, and how old it is."""
    replay = state.replay
    if replay is None:
        raise ControlError(404, "No recording is replayed; start the mock with --replay FILE.")
    recording = replay.recording
    return json_body(
        {
            "recorded_at": iso(recording.recorded_at),
            "upstream": recording.upstream,
            "age_days": round(replay.age_days, 3),
            "old": replay.is_old,
            "exchanges": len(recording.exchanges),
            "unused": replay.unused,
        }
    )


def _misses(state: State) -> list[Miss]:
    return [*state.scripts.misses, *(state.replay.misses if state.replay is not None else ())]


async def create_reply(request: ControlRequest, state: State) -> Body:
    chosen_user(request.body.get("match", {}).get("user"), "match.user", state)
    try:
        script = parse_script(state.scripts.new_id(), request.body, state.spec, state.scripts.room)
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
