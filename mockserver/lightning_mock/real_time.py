"""Time as it is: what no test that fakes its own time can reach.

Law: whoever needs real time or a stopwatch takes it from here. Libraries that fake the time replace what
Python reads it with: by name in every module, or in C beneath the names. A mock in the same process must not
be moved by a test that does so for one call or for the whole of it.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from importlib.util import module_from_spec
from typing import Any

_CLOCK_REALTIME = 0
_NANOSECONDS = 1e9
_BETWEEN_READINGS = 1.0


def _unfaked() -> Any:
    """The module `time` once more, for ourselves: whoever imports us may have replaced the names of the other
    one already."""
    spec = time.__spec__
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_time = _unfaked()
stopwatch: Callable[[], float] = _time.perf_counter
"""Seconds since some moment, never less than before."""


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def _wall_clock() -> Callable[[], float]:
    """What reads the wall clock; Python's own function where the C library has none."""
    try:
        read = ctypes.CDLL(None).clock_gettime
    except (AttributeError, OSError, TypeError):
        python_own: Callable[[], float] = _time.time
        return python_own

    def wall() -> float:
        moment = _Timespec()
        read(_CLOCK_REALTIME, ctypes.byref(moment))
        return float(moment.seconds + moment.nanoseconds / _NANOSECONDS)

    return wall


class RealTime:
    """Seconds since 1970 in UTC. When the wall clock is put back, this one goes on from where it is.

    The wall clock is read past Python, now and then; the stopwatch runs in between.
    """

    __slots__ = ("_ahead", "_next_reading", "_stopwatch", "_wall")

    def __init__(
        self, wall: Callable[[], float] | None = None, stopwatch: Callable[[], float] = stopwatch
    ) -> None:
        self._wall = wall or _wall_clock()
        self._stopwatch = stopwatch
        at = stopwatch()
        self._ahead = self._wall() - at
        self._next_reading = at + _BETWEEN_READINGS

    def now(self) -> float:
        """The present moment."""
        at = self._stopwatch()
        if at >= self._next_reading:
            # The stopwatch stands still while the machine sleeps.
            self._ahead = max(self._ahead, self._wall() - at)
            self._next_reading = at + _BETWEEN_READINGS
        return at + self._ahead


wall_time = RealTime().now
"""Seconds since 1970 by the wall clock, which no lever moves."""
