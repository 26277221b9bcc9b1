"""The event loop that a mock runs on: asyncio's own, or uvloop where that is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lightning_mock.settings import Complaint, Loop, SettingsError


def loop_factory(name: Loop) -> Callable[[], asyncio.AbstractEventLoop]:
    """The function that makes a loop of that name. Raises SettingsError where uvloop is not installed."""
    if name == "asyncio":
        return asyncio.new_event_loop
    try:
        import uvloop
    except ImportError as error:
        why = "uvloop is not installed; pip install 'lightning-contract[uvloop]'"
        raise SettingsError(Complaint(("loop",), why)) from error
    return uvloop.new_event_loop
