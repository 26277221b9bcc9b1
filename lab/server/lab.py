"""The server's whole state, and every place where a fault or a variant may change it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp

from lab.server import facts
from lab.server.ledger import Ledger, window_of


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is charged: a ledger key, a plan key, and how the caller signed in (None: not at all)."""

    key: str
    plan: str
    auth_type: str | None = None
    email: str | None = None


@dataclass(slots=True)
class Call:
    """One request on its way through the pipeline."""

    operation: facts.Operation
    request: Request
    identity: Identity = field(default_factory=lambda: Identity("nobody", "free"))
    raw: bytes = b""
    arguments: dict[str, Any] = field(default_factory=dict)
    images: list[bytes] = field(default_factory=list)
    charged: int = 0


@dataclass(slots=True)
class Json:
    """A JSON answer. `refused` says which refusal it is, None for a success."""

    payload: Any
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    content_type: str = "application/json"
    refused: str | None = None


@dataclass(slots=True)
class Data:
    """An answer of bytes: a rendering, an asset, or only headers."""

    content: bytes
    content_type: str
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Stream:
    """Server-sent events. An event is a JSON value, a bare string such as `[DONE]`, or bytes as they are."""

    events: list[Any]
    content_type: str = "text/event-stream"
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    pause: float = 0.003


Reply = Json | Data | Stream


class Refusal(Exception):
    """A documented refusal, by its kind in `facts.STATUS_OF`."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


Step = Callable[["Lab", Call], Awaitable[None]]
Handler = Callable[["Lab", Call], Awaitable[Reply]]
Check = Callable[["Lab", Call], None]
Change = Callable[["Lab", Call, Reply], Reply]


def encode_event(event: Any) -> bytes:
    """One event as it goes over the wire."""
    if isinstance(event, bytes):
        return event
    text = event if isinstance(event, str) else to_json(event)
    return b"data: " + text.encode() + b"\n\n"


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Lab:
    """A server. Faults and variants assign to its attributes, replace table entries and append changes."""

    def __init__(self, credentials: Mapping[str, str]) -> None:
        self.credentials = dict(credentials)
        self.ledger = Ledger()
        self.requests: list[tuple[str, str, int]] = []
        self.assets: dict[str, tuple[bytes, str]] = {}
        self.plans: dict[str, facts.Plan] = {plan.key: plan for plan in facts.PLANS}
        self.default_plan = "free"
        self.status_of: dict[str, int] = dict(facts.STATUS_OF)
        self.text_limits: dict[str, int] = dict(facts.TEXT_LIMITS)
        self.head_types: dict[str, str] = dict(facts.HEAD_TYPES)
        self.metric_of: dict[str, str | None] = {op.id: op.metric for op in facts.OPERATIONS}
        self.order: list[str] = ["identify", "read", "validate", "size", "charge"]
        self.accounts: dict[str, Identity] = {}
        self.checks: dict[str, dict[str, Check]] = {}
        self.choose: Callable[[list[dict[str, Any]], Any], str] = lambda messages, tools: ""
        self.steps: dict[str, Step] = {}
        self.handlers: dict[str, Handler] = {}
        self.changes: list[Change] = []
        self.middleware: list[Callable[[ASGIApp], ASGIApp]] = []
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.window_of: Callable[[str, datetime], str] = window_of
        self.limit_of: Callable[[Identity, str], int | None] = self._limit_of
        self.used_of: Callable[[Identity, str], int] = self._used_of
        self.key_of_client: Callable[[str], str] = lambda client: f"client:{client}"
        self.encode_event: Callable[[Any], bytes] = encode_event
        self.split: Callable[[bytes], Iterable[bytes]] = lambda block: [block]
        self.stop: Callable[[], None] = lambda: None
        self.events: list[Callable[[Call, list[Any]], list[Any]]] = []

    def _limit_of(self, identity: Identity, metric: str) -> int | None:
        return self.plans[identity.plan].limits[metric]

    def _used_of(self, identity: Identity, metric: str) -> int:
        return self.ledger.used(identity.key, metric, self.window_of(metric, self.clock()))
