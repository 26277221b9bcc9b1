"""The one clock. Nothing else in this package may ask what time it is.

Law: windows, token and key expiry, asset expiry and `generated_at` all read this object, so moving it
moves them together. It runs with the wall clock until somebody freezes or advances it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache

from lightning_mock.real_time import wall_time

_LATEST = 221_845_392_000.0
"""The year 9000: windows and lifetimes that begin before it still end before the last date of Python."""

_RUN_ON = 10 * 365 * 86_400.0
"""Seconds that a clock may have run on since it was set."""


class ClockError(ValueError):
    """The clock cannot be moved like this. The message says why."""


class StepBackError(ClockError):
    """The clock would go back, which takes `force`."""


class Clock:
    """Seconds since 1970 in UTC, offset from the wall clock or frozen.

    It goes forward only, unless `force` is given: a window that has been left is forgotten. `ahead` has the
    callers whose own clock was moved, by ledger key, and by how many seconds it differs from this one.
    """

    __slots__ = ("_frozen_at", "_offset", "ahead")

    def __init__(self, frozen_at: float | None = None) -> None:
        self._offset = 0.0
        self._frozen_at = frozen_at
        self.ahead: dict[str, float] = {}

    def now(self) -> float:
        """Seconds since the epoch."""
        if self._frozen_at is not None:
            return self._frozen_at
        return wall_time() + self._offset

    def now_of(self, caller: str) -> float:
        """Seconds since the epoch by a caller's own clock."""
        return self.now() + self.ahead.get(caller, 0.0) if self.ahead else self.now()

    @property
    def frozen(self) -> bool:
        return self._frozen_at is not None

    def freeze(self) -> None:
        """Stand still at the present moment."""
        self._frozen_at = self.now()

    def resume(self) -> None:
        """Run again from where the clock stands."""
        if self._frozen_at is not None:
            self._offset = self._frozen_at - wall_time()
            self._frozen_at = None

    def shift(self) -> tuple[float, float | None]:
        """How far the clock differs from the wall clock, and the moment at which it stands still, if it
        does."""
        return self._offset, self._frozen_at

    @staticmethod
    def check_shift(offset: float, frozen_at: float | None, ahead: Mapping[str, float]) -> None:
        """Raises ClockError where `put` would carry a caller out of the calendar. A clock that was set to its
        last moment may have run on since."""
        now = wall_time() + offset if frozen_at is None else frozen_at
        _check_all(now, ahead, _LATEST + _RUN_ON)

    def put(self, offset: float, frozen_at: float | None, ahead: Mapping[str, float] | None = None) -> None:
        """Restore what `shift` gave, even if that is a step back; `ahead` replaces the callers' own
        clocks."""
        self._offset, self._frozen_at = offset, frozen_at
        if ahead is not None:
            self.ahead.clear()
            self.ahead.update(ahead)

    def advance(self, seconds: float) -> None:
        """Move forward by some seconds; a frozen clock stays frozen at the new moment. Raises ClockError."""
        if seconds < 0:
            raise StepBackError("the clock only goes forward: seconds must not be negative")
        moment = self.now() + seconds
        _check_all(moment, self.ahead)
        self._move_to(moment)

    def set(self, moment: float, *, force: bool = False) -> None:
        """Move to a moment (seconds since the epoch). Backwards only with `force`. Raises ClockError."""
        _check_all(moment, self.ahead)
        if moment < self.now() and not force:
            raise StepBackError("the clock only goes forward: the moment lies in its past")
        self._move_to(moment)

    def move_caller(self, caller: str, by: float, *, force: bool = False) -> None:
        """Move one caller's own clock by some seconds. Backwards only with `force`. Raises ClockError."""
        ahead = self.ahead.get(caller, 0.0) + by
        _check(self.now() + ahead)
        if by < 0 and not force:
            raise StepBackError("the clock only goes forward: the moment lies in its past")
        self.ahead[caller] = ahead

    def _move_to(self, moment: float) -> None:
        if self._frozen_at is not None:
            self._frozen_at = moment
        else:
            self._offset = moment - wall_time()


def _check_all(moment: float, ahead: Mapping[str, float], latest: float = _LATEST) -> None:
    _check(moment, latest)
    for by in ahead.values():
        _check(moment + by, latest, "the moment of a caller with a clock of its own")


def _check(moment: float, latest: float = _LATEST, which: str = "the moment") -> None:
    if not 0 <= moment < latest:
        raise ClockError(f"{which} lies outside 1970 to 9000")


def iso(moment: float) -> str:
    """A moment as `2026-06-13T12:00:00Z`, whole seconds."""
    return _iso_second(int(moment))


@lru_cache(maxsize=64)
def _iso_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def http_date() -> bytes:
    """The value of a `Date` header (RFC 9110, 6.6.1), by the wall clock."""
    return _http_second(int(wall_time()))


@lru_cache(maxsize=1)
def _http_second(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()
