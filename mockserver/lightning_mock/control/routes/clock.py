"""Reading and moving the clock."""

from __future__ import annotations

from lightning_mock.clock import ClockError
from lightning_mock.control.request import ControlError, ControlRequest
from lightning_mock.control.times import moment_of
from lightning_mock.control.views import clock_view
from lightning_mock.http.replies import Body, json_body
from lightning_mock.quota.windows import WindowKind, window_at
from lightning_mock.state import State

_SECONDS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
_WINDOWS: dict[str, WindowKind] = {"next_day": "day", "next_week": "week"}


async def get_clock(request: ControlRequest, state: State) -> Body:
    return json_body(clock_view(state.clock))


async def move_clock(request: ControlRequest, state: State) -> Body:
    """Move, and freeze or resume. At most one kind of move; a refused call changes nothing."""
    body, clock = request.body, state.clock
    moves = [name for name in ("advance", "set", "to") if name in body]
    if len(moves) > 1:
        raise ControlError(400, f"expected one of advance, set, to; got {' and '.join(moves)}.")
    before = clock.now()
    moment = None
    if "advance" in body:
        moment = before + sum(_SECONDS[unit] * count for unit, count in body["advance"].items())
    elif "set" in body:
        moment = moment_of(body["set"], "set")
    elif "to" in body:
        moment = window_at(_WINDOWS[body["to"]], before).end
    as_it_was = clock.shift()
    if body.get("frozen") is True:
        # First, so that the clock stands at exactly the moment that was asked for.
        clock.freeze()
    try:
        if moment is not None:
            # The clock has run on since it was read: what was not in the past then is not a step back.
            clock.set(moment, force=body.get("force", False) or moment >= before)
    except ClockError as error:
        clock.put(*as_it_was)
        hint = "" if body.get("force") else "; `force: true` allows moves into the past"
        raise ControlError(400, f"{error}{hint}.") from None
    if body.get("frozen") is False:
        clock.resume()
    return json_body(clock_view(clock))
