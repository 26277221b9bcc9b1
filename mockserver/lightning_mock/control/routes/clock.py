"""Reading and moving the clock, everybody's and single callers'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning_mock.clock import ClockError, StepBackError
from lightning_mock.control.request import ControlError, ControlRequest
from lightning_mock.control.routes.identities import known_identity
from lightning_mock.control.times import moment_of
from lightning_mock.control.views import caller_clock_view, clock_view
from lightning_mock.http.replies import Body, json_body
from lightning_mock.quota.windows import WindowKind, window_at
from lightning_mock.state import State

_SECONDS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
_WINDOWS: dict[str, WindowKind] = {"next_day": "day", "next_week": "week"}
_RECENT = 600.0


async def get_clock(request: ControlRequest, state: State) -> Body:
    return json_body(clock_view(state.clock))


async def move_clock(request: ControlRequest, state: State) -> Body:
    """Move, and freeze or resume. At most one kind of move; a refused call changes nothing."""
    body, clock = request.body, state.clock
    before = clock.now()
    moment = _asked_moment(body, before)
    moved = recently_active(state, before) if moment is not None else []
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
        raise _refused(error) from None
    if body.get("frozen") is False:
        clock.resume()
    return json_body({**clock_view(clock), "moved_users": moved})


async def get_caller_clock(request: ControlRequest, state: State) -> Body:
    return json_body(caller_clock_view(await known_identity(request, state), state.clock))


async def move_caller_clock(request: ControlRequest, state: State) -> Body:
    """Move the clock of one caller alone."""
    identity = await known_identity(request, state)
    before = state.clock.now_of(identity)
    moment = _asked_moment(request.body, before)
    if moment is None:
        raise ControlError(400, "expected one of advance, set, to.")
    try:
        await state.ledger.move(identity, moment - before, force=request.body.get("force", False))
    except ClockError as error:
        raise _refused(error) from None
    return json_body(caller_clock_view(identity, state.clock))


async def rejoin_clock(request: ControlRequest, state: State) -> Body:
    """Let a caller live by everybody's clock again."""
    identity = await known_identity(request, state)
    await state.ledger.rejoin(identity)
    return json_body(caller_clock_view(identity, state.clock))


def _asked_moment(body: Mapping[str, Any], before: float) -> float | None:
    """The moment to move to, if any. Raises ControlError 400 for more than one."""
    moves = [name for name in ("advance", "set", "to") if name in body]
    if len(moves) > 1:
        raise ControlError(400, f"expected one of advance, set, to; got {' and '.join(moves)}.")
    if "advance" in body:
        step: float = sum(_SECONDS[unit] * count for unit, count in body["advance"].items())
        return before + step
    if "set" in body:
        return moment_of(body["set"], "set")
    if "to" in body:
        return window_at(_WINDOWS[body["to"]], before).end
    return None


def _refused(error: ClockError) -> ControlError:
    hint = "; `force: true` allows moves into the past" if isinstance(error, StepBackError) else ""
    return ControlError(400, f"{error}{hint}.")


def recently_active(state: State, now: float) -> list[str]:
    """The ids of users that a client made, and that were made or have called within the last ten minutes:
    their owners may not expect time to move."""
    of_the_start = {row["id"] for row in state.start["users"]}
    called = state.journal.users_since(now - _RECENT)
    return sorted(
        account.id
        for account in state.accounts.all()
        if account.id not in of_the_start
        and (account.id in called or now - _RECENT <= account.signed_up <= now)
    )
