"""The control client: drives a mock, in this process or another, from any test-suite.

Law: the standard library alone, so that importing it costs a test-suite nothing.
"""

from lightning_mock.client.callers import Guest, User
from lightning_mock.client.lightning import Lightning, SharedClockWarning
from lightning_mock.client.transport import LightningError, NothingSeenError
from lightning_mock.client.views import (
    CallerClock,
    Clock,
    Fault,
    JournalEntry,
    Key,
    Metric,
    NearMiss,
    Replay,
    ScriptedReply,
)

__all__ = [
    "CallerClock",
    "Clock",
    "Fault",
    "Guest",
    "JournalEntry",
    "Key",
    "Lightning",
    "LightningError",
    "Metric",
    "NearMiss",
    "NothingSeenError",
    "Replay",
    "ScriptedReply",
    "SharedClockWarning",
    "User",
]
