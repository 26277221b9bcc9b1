"""A journal entry as JSON, and back."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import orjson
from lightning_spec.loader import Operation

from lightning_mock.callers.accounts import Account
from lightning_mock.callers.identity import Identity
from lightning_mock.errors import Refusal
from lightning_mock.journal.exchange import Exchange
from lightning_mock.journal.recording import Recording
from lightning_mock.quota.ledger import Charge
from lightning_mock.quota.windows import Window

_PLAIN = tuple(field.name for field in fields(Recording) if field.name != "exchange")


def written(kept: Recording) -> bytes:
    """The JSON of an entry. It is as free of credentials as the entry itself."""
    exchange = kept.exchange
    operation, identity, charge, refusal = (
        exchange.operation,
        exchange.identity,
        exchange.charge,
        exchange.refusal,
    )
    return orjson.dumps(
        {
            **{name: getattr(kept, name) for name in _PLAIN},
            "exchange": {
                "operation": None if operation is None else operation.id,
                "identity": None if identity is None else asdict(identity),
                "charge": None if charge is None else asdict(charge),
                "refusal": None if refusal is None else refusal._asdict(),
                "refunded": exchange.refunded,
                "faults": exchange.faults,
                "fault_headers": exchange.fault_headers,
                "script": exchange.script,
                "script_headers": exchange.script_headers,
                "preflight": exchange.preflight,
                "headers": None if exchange.headers is None else dict(exchange.headers),
                "received": exchange.received,
                "cut": exchange.cut,
                "left": exchange.left,
                "head": b64encode(exchange.excerpt).decode(),
            },
        }
    )


def read(content: bytes, operations: Mapping[str, Operation]) -> Recording:
    """The entry of a JSON document."""
    row = orjson.loads(content)
    noted = row["exchange"]
    exchange = Exchange(0.0)
    exchange.operation = operations.get(noted["operation"])
    exchange.identity = _identity(noted["identity"])
    exchange.charge = _charge(noted["charge"])
    exchange.refusal = None if noted["refusal"] is None else Refusal(**noted["refusal"])
    exchange.refunded, exchange.preflight = noted["refunded"], noted["preflight"]
    exchange.faults = [(fault_id, kind) for fault_id, kind in noted["faults"]]
    exchange.script, exchange.headers = noted["script"], noted["headers"]
    exchange.fault_headers, exchange.script_headers = noted["fault_headers"], noted["script_headers"]
    exchange.received, exchange.cut, exchange.left = noted["received"], noted["cut"], noted["left"]
    exchange.excerpt = b64decode(noted["head"])
    return Recording(**{name: row[name] for name in _PLAIN}, exchange=exchange)


def _identity(row: dict[str, Any] | None) -> Identity | None:
    if row is None:
        return None
    account = row["account"]
    return Identity(**{**row, "account": None if account is None else Account(**account)})


def _charge(row: dict[str, Any] | None) -> Charge | None:
    return None if row is None else Charge(**{**row, "window": Window(**row["window"])})
