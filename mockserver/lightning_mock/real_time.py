"""Real time, out of the reach of tests that fake theirs.

Law: whoever needs real time or a stopwatch takes it from here. Libraries that fake the time patch Python's
functions: freezegun by name in every module, time-machine in C beneath the names. Neither may move a mock in
the same process.
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
    """A second copy of the module `time`: the names of the first may be patched before we are imported."""
    spec = time.__spec__
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_time = _unfaked()
stopwatch: Callable[[], float] = _time.perf_counter
"""Monotonic seconds from an arbitrary start."""


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def _wall_clock() -> Callable[[], float]:
    """A function that reads the wall clock past Python; Python's own where the C library has none."""
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
    """Seconds since 1970 in UTC, never decreasing: when the wall clock is set back, this one goes on.

    The wall clock is read once a second; in between the stopwatch counts.
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
"""Seconds since 1970 by the wall clock, which the control plane does not move."""
