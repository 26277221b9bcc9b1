"""Interruption: SIGINT, SIGTERM and the end of the terminal (SIGHUP) end a run in an orderly way, so that it
still writes what it has seen."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """The first signal that asked the run to end; later ones wait for the report."""

    def __init__(self) -> None:
        self.by: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def watch(self) -> None:
        """Listen from now on. Signals belong to the main thread; in others this does nothing."""
        if not self._before and threading.current_thread() is threading.main_thread():
            self.by = None
            # What nohup ignores stays ignored.
            heard = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._end) for number in heard}

    def release(self) -> None:
        """Give the signals back to their previous handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _end(self, number: int, _frame: FrameType | None) -> None:
        if self.by is None:
            self.by = signal.Signals(number)
            raise KeyboardInterrupt

    @property
    def exit_code(self) -> int | None:
        """What shells expect of a process that a signal ended; None when there was none."""
        return None if self.by is None else 128 + self.by


# Signals belong to the process, and so does what watches them.
INTERRUPTION = Interruption()
