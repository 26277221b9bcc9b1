"""The control client: drives a mock, in this process or another, from any test-suite.

Law: the standard library alone, so that importing it costs a test-suite nothing.
"""

from mockserver.client.callers import Guest, User
from mockserver.client.lightning import Lightning
from mockserver.client.transport import LightningError, NothingSeenError
from mockserver.client.views import Clock, Exchange, Fault, Key, Metric

__all__ = [
    "Clock",
    "Exchange",
    "Fault",
    "Guest",
    "Key",
    "Lightning",
    "LightningError",
    "Metric",
    "NothingSeenError",
    "User",
]
