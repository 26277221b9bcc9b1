"""Many threads may send at once, or one of them alone: a lock of readers and a writer.

Most of a run goes side by side. What a call of ours moves elsewhere can only be told while no other call of
ours is under way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Who may send now. The thread that has it alone sends as it likes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._sending = 0
        self._alone: int | None = None

    @contextmanager
    def among_others(self) -> Iterator[None]:
        """For one request: wait until nobody has it alone."""
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: self._alone in {None, me})
            self._sending += 1
        try:
            yield
        finally:
            with self._changed:
                self._sending -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While the block lasts: what others have under way is waited for, and they begin nothing."""
        with self._changed:
            self._changed.wait_for(lambda: self._alone is None)
            self._alone = threading.get_ident()
            self._changed.wait_for(lambda: not self._sending)
        try:
            yield
        finally:
            with self._changed:
                self._alone = None
                self._changed.notify_all()
