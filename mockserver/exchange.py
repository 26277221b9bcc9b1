"""What one call leaves behind: noted while it is answered, read by the journal.

Law: whoever decides something notes it here and nowhere else. Noting is an assignment; words are made when
somebody reads.
"""

from __future__ import annotations

from collections.abc import Sequence

from mockserver.errors import ApiError
from mockserver.identity import Identity
from mockserver.quota.ledger import Charge
from spec.loader import Operation


class Exchange:
    """One call and its answer. The defaults stand for what did not happen: making one costs next to nothing.

    `arrived` is a reading of the process' stopwatch in seconds; `at` is the mock's clock. `sent` and
    `head` are the size and the beginning of the answer. What the caller wrote is as it came, but bounded,
    until `cleaned`.
    """

    id: int = 0
    at: float = 0.0
    milliseconds: float = 0.0
    method: str = ""
    target: str = ""
    operation: Operation | None = None
    identity: Identity | None = None
    plan_key: str | None = None
    charge: Charge | None = None
    refunded: bool = False
    refusal: ApiError | None = None
    faults: Sequence[tuple[str, str]] = ()
    """(id, kind) of every fault that fired."""
    preflight: bool = False
    request_headers: tuple[str | None, ...] = ()
    credential_end: str | None = None
    """The last characters of the bearer; empty when it is too short to show any, None without a bearer."""
    body: bytes = b""
    status: int = 0
    content_type: str = ""
    sent: int = 0
    head: bytes = b""
    cleaned: bool = False

    def __init__(self, arrived: float) -> None:
        self.arrived = arrived
