"""The one clock. Nothing else in this package may ask what time it is.

Law: windows, token and key expiry, asset expiry and `generated_at` all read this object, so moving it
moves them together. It runs with the wall clock until somebody freezes or advances it.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache

_CLOCK_REALTIME = 0
_NANOSECONDS = 1e9
_BETWEEN_READINGS = 1.0


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def _wall_clock() -> Callable[[], float]:
    """What reads the wall clock; Python's own function where the C library has none."""
    try:
        read = ctypes.CDLL(None).clock_gettime
    except (AttributeError, OSError, TypeError):
        return time.time

    def wall() -> float:
        moment = _Timespec()
        read(_CLOCK_REALTIME, ctypes.byref(moment))
        return float(moment.seconds + moment.nanoseconds / _NANOSECONDS)

    return wall


class RealTime:
    """Seconds since 1970 in UTC, which no fake reaches. When the wall clock is put back, this one goes on
    from where it is.

    Libraries that fake the time replace what Python reads it with: by name in every module, or in C beneath
    the names. A mock in the same process must not be moved by a test that fakes its own time for one call. So
    the time is read past Python, now and then, and a stopwatch that they leave alone runs in between.
    """

    __slots__ = ("_at", "_moment", "_stopwatch", "_wall")

    def __init__(
        self,
        wall: Callable[[], float] | None = None,
        # Held by the object alone: a name in this module would be found and replaced.
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._wall = wall or _wall_clock()
        self._stopwatch = stopwatch
        self._at = stopwatch()
        self._moment = self._wall()

    def now(self) -> float:
        """The present moment."""
        at = self._stopwatch()
        moment = self._moment + at - self._at
        if at - self._at >= _BETWEEN_READINGS:
            # The stopwatch stands still while the machine sleeps.
            self._moment = moment = max(moment, self._wall())
            self._at = at
        return moment


_real_time = RealTime().now

_LATEST = 221_845_392_000.0
"""The year 9000: windows, lifetimes and expiries that start before it still lie in the calendar."""


class ClockError(ValueError):
    """The clock was asked to go where it does not go."""


class Clock:
    """Seconds since 1970 in UTC, offset from the wall clock or frozen.

    It goes forward only, unless `force` is given: a window that has been left is forgotten.
    """

    __slots__ = ("_frozen_at", "_offset")

    def __init__(self, frozen_at: float | None = None) -> None:
        self._offset = 0.0
        self._frozen_at = frozen_at

    def now(self) -> float:
        """Seconds since the epoch."""
        if self._frozen_at is not None:
            return self._frozen_at
        return _real_time() + self._offset

    @property
    def frozen(self) -> bool:
        return self._frozen_at is not None

    def freeze(self) -> None:
        """Stand still at the present moment."""
        self._frozen_at = self.now()

    def resume(self) -> None:
        """Run again from where the clock stands."""
        if self._frozen_at is not None:
            self._offset = self._frozen_at - _real_time()
            self._frozen_at = None

    def shift(self) -> tuple[float, float | None]:
        """How far the clock runs from the wall clock, and the moment at which it stands still, if it does."""
        return self._offset, self._frozen_at

    def put(self, offset: float, frozen_at: float | None) -> None:
        """Run or stand as `shift` said; into the past as well."""
        self._offset, self._frozen_at = offset, frozen_at

    def advance(self, seconds: float) -> None:
        """Move forward by some seconds; a frozen clock stays frozen at the new moment."""
        if seconds < 0:
            raise ClockError("the clock only goes forward: seconds must not be negative")
        self._move_to(self.now() + seconds)

    def set(self, moment: float, *, force: bool = False) -> None:
        """Move to a moment (seconds since the epoch). Backwards only with `force`."""
        if moment < self.now() and not force:
            raise ClockError("the clock only goes forward: the moment lies in its past")
        self._move_to(moment)

    def _move_to(self, moment: float) -> None:
        if not 0 <= moment < _LATEST:
            raise ClockError("the moment lies outside 1970 to 9000")
        if self._frozen_at is not None:
            self._frozen_at = moment
        else:
            self._offset = moment - _real_time()


def iso(moment: float) -> str:
    """A moment as `2026-06-13T12:00:00Z`, whole seconds."""
    return _iso_second(int(moment))


@lru_cache(maxsize=64)
def _iso_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def wall_time() -> float:
    """Seconds since 1970 by the wall clock, which no lever moves."""
    return _real_time()


def http_date() -> bytes:
    """The `Date` of an answer, by the wall clock."""
    return _http_second(int(wall_time()))


@lru_cache(maxsize=1)
def _http_second(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()
