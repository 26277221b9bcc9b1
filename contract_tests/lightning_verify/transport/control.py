"""The control plane of a target that has one: moving its time, failing its upstreams, setting its limits.

Only our mock offers it. It is reached over HTTP like everything else, and no verdict on another host rests
on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from lightning_verify.reading.failures import failure_in
from lightning_verify.requests.callers import Caller
from lightning_verify.transport.client import Client
from lightning_verify.transport.exchange import Exchange, NotJson

# Seconds that asking for the time may take.
_ON_TIME = 5.0


class ControlFailed(RuntimeError):
    """The control plane did not do what it was asked."""


def _said(exchange: Exchange) -> str:
    """The words of a refusal, whether or not a control plane wrote it."""
    with suppress(NotJson):
        if words := failure_in(exchange.json()):
            return words
    return exchange.text[:200]


class Control:
    """The control plane under `url`."""

    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self._url = url.rstrip("/")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        # What it answers is its own, however unlike an answer of the API: there is nothing to ask again.
        exchange = self._client.send(
            method, self._url + path, Caller("operator"), json_body=body, retry=False
        )
        if not exchange.served:
            raise ControlFailed(f"{exchange.title}: {exchange.problem or _said(exchange)}")
        return exchange.json() if exchange.body else None

    def move_to(self, moment: str) -> str:
        """Move to "next_day" or "next_week"; returns the new time (ISO 8601, UTC)."""
        return str(self._ask("POST", "/clock", {"to": moment})["now"])

    def now(self) -> str:
        """The target's time (ISO 8601, UTC)."""
        return str(self._ask("GET", "/clock")["now"])

    def reset_clock(self) -> float | None:
        """Set the target's clock to the real time. Returns by how many seconds it was ahead; None when
        there was nothing to put right."""
        clock = self._ask("GET", "/clock")
        real = datetime.now(UTC)
        ahead = (datetime.fromisoformat(clock["now"]) - real).total_seconds()
        if abs(ahead) < _ON_TIME and not clock["frozen"]:
            return None
        self._ask("POST", "/clock", {"set": real.isoformat(), "force": True, "frozen": False})
        return ahead

    def fail_upstream(self, operation: str, caller: Caller) -> None:
        """Let the next call of `operation` by `caller` fail behind the API, after it has been accepted."""
        match = {"operation": operation, "header": {"X-Client-ID": caller.headers["X-Client-ID"]}}
        self._ask(
            "POST",
            "/faults",
            {"kind": "status", "status": 500, "when": "after_charge", "times": 1, "match": match},
        )

    def set_limits(self, plan: str, limits: Mapping[str, int | None]) -> None:
        """Give a plan other limits."""
        self._ask("PUT", f"/plans/{plan}/limits", dict(limits))
