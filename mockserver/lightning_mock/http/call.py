"""What a handler gets: one accepted call.

Law: when a `Call` exists, the caller is known and the arguments fit the schema of the operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp.web import BaseRequest
from lightning_spec.loader import Operation

from lightning_mock.basis import Basis
from lightning_mock.callers.identity import Identity


@dataclass(slots=True)
class Call:
    """One call of one operation by one identity.

    `arguments` is the decoded JSON body of a POST; for a GET the same names, taken from path and query
    and turned into the types of the schema. `size` is that of the body in bytes. `prepared` is whatever the
    preparation leaves for the handler. `basis` is None unless processes share the mock.
    """

    operation: Operation
    request: BaseRequest
    identity: Identity
    arguments: dict[str, Any]
    size: int = 0
    basis: Basis | None = None
    prepared: Any = None
