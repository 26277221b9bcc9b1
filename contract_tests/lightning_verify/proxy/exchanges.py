"""What has passed, as the judge reads it, and which parts of it are secret."""

from __future__ import annotations

import hmac
import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from lightning_spec.http_headers import HOP_BY_HOP
from multidict import CIMultiDict

from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.redaction import Redactor
from lightning_verify.proxy.captured_exchange import CapturedExchange
from lightning_verify.proxy.decoding import decoded
from lightning_verify.reading.tokens import claims_of
from lightning_verify.requests.credentials import KEY_PREFIX
from lightning_verify.transport.exchange import Exchange

# Names of headers and parameters whose values are nobody's business.
_SECRET_NAME = re.compile(
    r"auth|key|token|secret|session|cookie|passw|credential|signature|client-id", re.IGNORECASE
)
_SHORTEST = 6
_FORWARDED = {"forwarded", "via", "x-real-ip"} | {
    f"x-forwarded-{what}" for what in ("for", "host", "port", "proto")
}
# What a client says to this proxy of their connection, and of the form in which it sends: whoever asks the
# host again has a connection of their own. A packed answer could not be read in a terminal.
_NOT_SENT_AGAIN = HOP_BY_HOP | _FORWARDED | {"accept-encoding", "content-length", "expect", "host"}


def exchange_of(captured: CapturedExchange, most: int) -> Exchange:
    """The exchange that has passed, its bodies decoded; `truncated` where they were not kept or cannot be."""
    encodings = [
        word.strip().lower()
        for name, value in captured.headers
        if name.lower() == "content-encoding"
        for word in value.split(",")
    ]
    body = None if captured.response.lost else decoded(captured.response.bytes(), encodings, most)
    headers: CIMultiDict[str] = CIMultiDict(captured.request_headers)
    request = captured.request.bytes() if captured.request.size else None
    return Exchange(
        captured.method,
        captured.target,
        headers,
        None if captured.request.lost else request,
        captured.operation,
        who(headers),
        captured.status,
        captured.headers,
        body or b"",
        captured.began,
        captured.arrivals,
        captured.seconds,
        captured.problem,
        truncated=body is None or captured.request.lost,
        repeatable=False,
        received=datetime.fromtimestamp(captured.at + captured.seconds, UTC),
    )


def bearer_of(headers: Mapping[str, str]) -> str:
    """The bearer of a request; empty when there is none, or only one that stands for nobody."""
    scheme, _, token = headers.get("Authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() != "public" else ""


def own_headers(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers of a request that are for the host, and not for the connection to this proxy."""
    listed = headers.getall("Connection", []) if isinstance(headers, CIMultiDict) else []
    named = {word.strip().lower() for value in listed for word in value.split(",")}
    dropped = _NOT_SENT_AGAIN | named
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


def who(headers: Mapping[str, str]) -> str:
    """The kind of caller, in words."""
    token = bearer_of(headers)
    if token:
        if token.startswith(KEY_PREFIX):
            return "an API key"
        return "a bearer" if claims_of(token) is None else "an access token"
    return "a client id" if headers.get("X-Client-ID") else "nobody in particular"


def secrets_of(exchange: Exchange) -> dict[str, str]:
    """The secrets in a request, by what is shown in their place."""
    query = parse_qsl(exchange.path.partition("?")[2])
    named = [*exchange.request_headers.items(), *query]
    found = {name.lower(): value for name, value in named if _SECRET_NAME.search(name)}
    if bearer := bearer_of(exchange.request_headers):
        found["authorization"] = bearer
    return {name: value for name, value in found.items() if len(value) >= _SHORTEST}


@lru_cache(maxsize=32)
def _redactor(secrets: tuple[tuple[str, str], ...]) -> Redactor:
    """Cached: callers come back, and learning all spellings of a secret takes a while."""
    return Redactor(dict(secrets))


class PassingRecorder(Recorder):
    """Records exchanges of unknown callers: each request tells what is secret in it."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url, Redactor({}))
        self._exchange: Exchange | None = None

    def record(self, exchange: Exchange) -> dict[str, Any]:
        """As the host could be asked without this proxy."""
        return super().record(replace(exchange, request_headers=own_headers(exchange.request_headers)))

    def turn_to(self, exchange: Exchange) -> None:
        """Take the secrets of this exchange from now on."""
        self._exchange = exchange

    @property
    def redactor(self) -> Redactor:
        """Knows the secrets of the current exchange. Made on first use: most exchanges show nothing."""
        if self._exchange is not None:
            self._known, self._exchange = _redactor(tuple(secrets_of(self._exchange).items())), None
        return self._known

    @redactor.setter
    def redactor(self, redactor: Redactor) -> None:
        self._known = redactor


class Pseudonyms:
    """Names that distinguish callers and identify nobody."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def _digest(self, text: str) -> str:
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]

    def bearer(self, token: str) -> str:
        """A name for a bearer."""
        return self._digest(token)

    def client_id(self, value: str) -> str:
        """A name for a client id, of the same form."""
        name = self._digest(value)
        return f"ipc-{uuid.UUID(name)}" if value.startswith("ipc-") else name
