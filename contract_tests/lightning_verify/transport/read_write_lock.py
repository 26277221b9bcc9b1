"""A lock that many threads may share, or one may hold exclusively.

Requests of most tests go out side by side. What one of them changed elsewhere can only be told while no other
is under way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class ReadWriteLock:
    """Shared by many, or exclusive to one thread, which may still take the shared side meanwhile."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._sharing = 0
        self._owner: int | None = None

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold it with others, once no other thread holds it exclusively."""
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: self._owner in {None, me})
            self._sharing += 1
        try:
            yield
        finally:
            with self._changed:
                self._sharing -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold it alone, once those who share it have let go; nobody else may take it meanwhile. Who
        holds it alone may ask for it again."""
        me = threading.get_ident()
        if self._owner == me:
            yield
            return
        with self._changed:
            self._changed.wait_for(lambda: self._owner is None)
            self._owner = me
            self._changed.wait_for(lambda: not self._sharing)
        try:
            yield
        finally:
            with self._changed:
                self._owner = None
                self._changed.notify_all()
