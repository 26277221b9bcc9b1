"""The last exchanges, for whoever wants to know why.

Law: recording is a handful of assignments and an append; the words are made when somebody reads. Nothing
unbounded is kept. The bearer is never kept; credentials in anything else that a caller wrote are removed
within a second of the recording and before anybody reads. Cleaning each call at once would cost more than
answering it, and most of a busy minute is overwritten unread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from aiohttp.hdrs import ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, ORIGIN, USER_AGENT
from aiohttp.web import BaseRequest, Response, StreamResponse
from multidict import istr

from mockserver.clock import Clock, iso
from mockserver.exchange import Exchange
from mockserver.explanation import explain, refused_by
from mockserver.redaction import MOST_EXCERPT, MOST_TARGET, clean, last_of
from mockserver.watch import Watch

_CLIENT_ID = istr("X-Client-ID")
_SHOWN = (USER_AGENT, CONTENT_TYPE, CONTENT_LENGTH, ACCEPT, ORIGIN, _CLIENT_ID)
"""The request headers whose values are kept. Any other might carry a secret that we do not know."""
_MOST_HEADER = 256
_SWEEP = 1.0
_TEXTUAL = ("application/json", "text/")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which exchanges are meant; None means all. `since` is the id after which they come."""

    operations: frozenset[str] | None = None
    identity: str | None = None
    user: str | None = None
    status: int | None = None
    since: int = 0

    def __contains__(self, exchange: object) -> bool:
        if not isinstance(exchange, Exchange) or exchange.id <= self.since:
            return False
        identity, operation = exchange.identity, exchange.operation
        if self.status is not None and exchange.status != self.status:
            return False
        if self.operations is not None and (operation is None or operation.id not in self.operations):
            return False
        if self.identity is not None and (identity is None or identity.key != self.identity):
            return False
        return self.user is None or (identity is not None and identity.key == f"user:{self.user}")


class Journal:
    """A ring of exchanges, the oldest dropped first. With a size of 0 nothing is recorded."""

    def __init__(self, clock: Clock, watch: Watch, default_plan: str, size: int) -> None:
        self._clock = clock
        self._default_plan = default_plan
        self._watch = watch
        self._ring: deque[Exchange] = deque(maxlen=size)
        self._count = 0
        self._swept = 0
        self._sweep: asyncio.TimerHandle | None = None
        self.on = size > 0

    def __len__(self) -> int:
        return len(self._ring)

    def record(self, exchange: Exchange, request: BaseRequest, response: StreamResponse) -> None:
        """Keep what is worth knowing of a call that has been answered."""
        exchange.id = self._count = self._count + 1
        exchange.at = self._clock.now()
        exchange.method = request.method
        exchange.target = request.raw_path[:MOST_TARGET]
        get = request.headers.get
        exchange.request_headers = (
            get(USER_AGENT),
            get(CONTENT_TYPE),
            get(CONTENT_LENGTH),
            get(ACCEPT),
            get(ORIGIN),
            get(_CLIENT_ID),
        )
        authorization = get(AUTHORIZATION)
        if authorization is not None:
            exchange.credential_end = last_of(authorization)
        # Only what has been read already: asking for more would wait for it.
        body = request._read_bytes
        if body:
            exchange.body = body[:MOST_EXCERPT]
        identity = exchange.identity
        if identity is not None:
            account = identity.account
            exchange.plan_key = self._default_plan if account is None else account.plan_key
        exchange.status = response.status
        exchange.content_type = response.headers.get(CONTENT_TYPE, "")
        if isinstance(response, Response):
            content = response.body
            if isinstance(content, bytes):
                exchange.sent = len(content)
                exchange.head = content[:MOST_EXCERPT]
        exchange.milliseconds = (perf_counter() - exchange.arrived) * 1000
        self._ring.append(exchange)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_SWEEP, self._clean_all)
        if self._watch.listeners:
            self._watch.tell(exchange)

    def find(self, wanted: Filter) -> list[Exchange]:
        """The exchanges that are meant, the newest last."""
        return [exchange for exchange in self._ring if exchange in wanted]

    def identities(self) -> Iterator[str]:
        """The ledger keys of all callers that are in the journal."""
        for exchange in self._ring:
            if exchange.identity is not None and exchange.identity.key:
                yield exchange.identity.key

    def _clean_all(self) -> None:
        self._sweep = None
        for exchange in reversed(self._ring):
            if exchange.id <= self._swept:
                break
            _clean(exchange)
        self._swept = self._count

    def forget(self, user: str | None = None) -> None:
        """Drop everything, or everything of one user. Ids go on from where they are."""
        dropped = self.find(Filter(user=user))
        kept = [exchange for exchange in self._ring if exchange not in dropped] if user is not None else []
        self._ring.clear()
        self._ring.extend(kept)


def entry(exchange: Exchange) -> dict[str, Any]:
    """An exchange as the control plane shows it. There is no other way to read one."""
    _clean(exchange)
    charge = exchange.charge
    fault = exchange.faults[-1] if exchange.faults else None
    return {
        "id": exchange.id,
        "at": iso(exchange.at),
        "method": exchange.method,
        "path": exchange.target,
        "operation": exchange.operation.id if exchange.operation is not None else None,
        "status": exchange.status,
        "milliseconds": round(exchange.milliseconds, 3),
        "caller": _caller(exchange),
        "plan_key": exchange.plan_key,
        "metric": charge.metric if charge is not None else None,
        "units": {
            "before": charge.before,
            "after": charge.before if exchange.refunded else charge.after,
            "limit": charge.limit,
        }
        if charge is not None
        else None,
        "refused_by": refused_by(exchange),
        "fault": {"id": fault[0], "kind": fault[1]} if fault is not None else None,
        "faults": [{"id": fault_id, "kind": kind} for fault_id, kind in exchange.faults],
        "explanation": clean(explain(exchange)),
        "request": {"headers": _headers(exchange), "body": _text(exchange.body)},
        "response": {
            "content_type": exchange.content_type,
            "bytes": exchange.sent,
            "excerpt": _text(exchange.head),
        },
    }


def _caller(exchange: Exchange) -> dict[str, str | None]:
    identity = exchange.identity
    if identity is None:
        refused = refused_by(exchange) == "identity"
        why = "its bearer was refused" if refused else "nobody asked who it is"
        return {"identity": None, "kind": "refused" if refused else "nobody", "why": why, "user": None}
    return {
        "identity": identity.key or None,
        "kind": identity.kind,
        "why": identity.why,
        "user": identity.account.id if identity.account is not None else None,
    }


def _headers(exchange: Exchange) -> dict[str, str]:
    headers = {
        str(name): value
        for name, value in zip(_SHOWN, exchange.request_headers, strict=False)
        if value is not None
    }
    if exchange.credential_end is not None:
        kind = exchange.identity.kind if exchange.identity is not None else "refused"
        headers["Authorization"] = f"{kind} …{exchange.credential_end}"
    return headers


def _clean(exchange: Exchange) -> None:
    if exchange.cleaned:
        return
    exchange.cleaned = True
    exchange.target = clean(exchange.target)
    exchange.request_headers = tuple(
        None if value is None else clean(value[:_MOST_HEADER]) for value in exchange.request_headers
    )
    exchange.body = _cleaned(exchange.body)
    # Of a picture or a film there is nothing to read.
    readable = exchange.content_type.startswith(_TEXTUAL)
    exchange.head = _cleaned(exchange.head[:MOST_EXCERPT]) if readable else b""


def _cleaned(content: bytes) -> bytes:
    return clean(_text(content)).encode() if content else b""


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
