"""What one call leaves behind: noted while it is answered, read by the journal.

Law: whoever decides something notes it here and nowhere else. Noting is an assignment; words are made when
somebody reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lightning_spec.loader import Operation

from lightning_mock.basis import Basis
from lightning_mock.callers.identity import Identity
from lightning_mock.errors import Refusal
from lightning_mock.journal.redaction import MAX_EXCERPT
from lightning_mock.quota.ledger import Charge


class Exchange:
    """One call and what was decided about it. The defaults stand for what did not happen, so that making one
    and noting nothing costs next to nothing.

    `arrived` is a reading of the process' stopwatch in seconds. `faults` has (id, kind) of every fault that
    fired, `script` the id of the scripted reply that answered; `fault_headers` and `script_headers` are the
    headers that these asked for, in lower case. `body` is the beginning of the request's, of `received` bytes
    (None: there was one, and nobody read it); `status` (0: not a byte was sent), `headers`, `content_type`,
    `sent` (bytes of its body) and `excerpt` (the first `max_excerpt` of them) tell of the answer, which was
    `cut` by the mock, or had not ended when the caller `left`. `basis` is there while a call of a shared mock
    is being decided.
    """

    basis: Basis | None = None
    operation: Operation | None = None
    identity: Identity | None = None
    charge: Charge | None = None
    refunded: bool = False
    refusal: Refusal | None = None
    faults: Sequence[tuple[str, str]] = ()
    fault_headers: Sequence[str] = ()
    script: str | None = None
    script_headers: Sequence[str] = ()
    preflight: bool = False
    body: bytes = b""
    received: int | None = None
    status: int = 0
    content_type: str = ""
    sent: int = 0
    excerpt: bytes = b""
    cut: bool = False
    left: bool = False
    headers: Mapping[str, str] | None = None

    def __init__(self, arrived: float, max_excerpt: int = MAX_EXCERPT) -> None:
        self.arrived = arrived
        self.max_excerpt = max_excerpt
