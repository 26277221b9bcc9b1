"""A pytest plugin that writes down every exchange of the judge, for tests of what it sends and receives.

`-p tests.judge.recorder` with a file named in LIGHTNING_RECORD: one JSON object in each line.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_verify.transport.client import Client, Lane
from lightning_verify.transport.exchange import Exchange

VARIABLE = "LIGHTNING_RECORD"
_note = Client._note


@dataclass(frozen=True, slots=True)
class Recorded:
    """One exchange; bodies are whole. `test` is the node id of the check, empty outside of them."""

    test: str
    method: str
    path: str
    operation: str | None
    lane: str
    generated: bool
    request: bytes | None
    status: int | None
    media_type: str
    response: bytes


def recorded(file: Path) -> list[Recorded]:
    """What was written down."""
    exchanges = []
    for line in file.read_text(encoding="utf-8").splitlines():
        fields: dict[str, Any] = json.loads(line)
        for name in ("request", "response"):
            fields[name] = None if fields[name] is None else base64.b64decode(fields[name])
        exchanges.append(Recorded(**fields))
    return exchanges


def _write(self: Client, exchange: Exchange, lane: Lane, payer: str) -> None:
    _note(self, exchange, lane, payer)
    body = exchange.request_body
    fields = {
        "test": os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0],
        "method": exchange.method,
        "path": exchange.path,
        "operation": exchange.operation.id if exchange.operation else None,
        "lane": lane,
        "generated": any(name.lower() == "x-schemathesis-testcaseid" for name in exchange.request_headers),
        "request": None if body is None else base64.b64encode(body).decode(),
        "status": exchange.status,
        "media_type": exchange.media_type,
        "response": base64.b64encode(exchange.body).decode(),
    }
    with Path(os.environ[VARIABLE]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(fields) + "\n")


def pytest_configure() -> None:
    """Listen to every client of this process."""
    Client._note = _write  # type: ignore[method-assign]
