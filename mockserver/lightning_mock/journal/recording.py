"""From what is at hand when a call has been answered to what the journal keeps of it.

Law: a `Recording` is bounded and has no credential in it. Until one is made, a call is kept as the tuple
`Raw`, which is cheap, bounded as well, and read by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from aiohttp.hdrs import ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, ORIGIN, USER_AGENT
from aiohttp.web import BaseRequest
from lightning_spec.event_streams import without_split

from lightning_mock.callers.credential_forms import headers_without_credentials, without_credentials
from lightning_mock.callers.identity import CLIENT_ID
from lightning_mock.journal.exchange import Exchange
from lightning_mock.journal.redaction import MAX_KEPT_TARGET, MAX_TARGET, last_of

Head = tuple[str, str, str | None, str | None, str | None, str | None, str | None, str | None, str | None]
"""Method, target, the last characters of the bearer, and the headers of `_SHOWN`, each absent or as sent."""

Raw = tuple[int, float, float, Exchange, Head]
"""id, moment, stopwatch, exchange and request head."""

_SHOWN = (USER_AGENT, CONTENT_TYPE, CONTENT_LENGTH, ACCEPT, ORIGIN, CLIENT_ID)
"""The request headers whose values are kept. Any other might carry a secret that we do not know."""
_MAX_HEADER = 256
_MAX_HEADERS = 100
_TEXTUAL = ("application/json", "text/")


@dataclass(slots=True)
class Recording:
    """One exchange as it is kept. `at` is the mock's clock, in seconds since the epoch. Never changed once it
    is in the ring; a frozen class would take several times as long to make."""

    id: int
    at: float
    milliseconds: float
    method: str
    target: str
    headers: Mapping[str, str]
    body: str
    whole: bool
    """Whether target and body are all that was sent, but for credentials."""
    exchange: Exchange
    plan_key: str | None
    status: int
    content_type: str
    size: int
    response_headers: Mapping[str, str]
    text: str
    """What is kept of the answer's body when that is text."""
    answered_whole: bool
    """Whether that, or `exchange.excerpt` of another, is all that was sent until it ended or was cut."""

    @property
    def missing_headers(self) -> list[str]:
        """The headers on whose values the answer depended and which are not kept, in lower case."""
        preflight = ("access-control-request-method",) if self.exchange.preflight else ()
        asked = {*self.exchange.fault_headers, *self.exchange.script_headers, *preflight}
        return sorted(asked - {name.lower() for name in _SHOWN})

    @property
    def is_repeatable(self) -> bool:
        """Whether all of the request is kept that its answer depended on."""
        return self.whole and not self.missing_headers

    @property
    def shown_target(self) -> str:
        return _cut(self.target, MAX_TARGET)


def head_of(request: BaseRequest) -> Head:
    """What is kept of a request's head. The request itself would hold ten times as much, and memory that is
    given back at once is the quickest to use again.
    """
    get = request.headers.get
    authorization = get(AUTHORIZATION)
    return (
        request.method,
        request.raw_path[: MAX_KEPT_TARGET + 1],
        None if authorization is None else last_of(authorization),
        get(USER_AGENT),
        get(CONTENT_TYPE),
        get(CONTENT_LENGTH),
        get(ACCEPT),
        get(ORIGIN),
        get(CLIENT_ID),
    )


def recording(raw: Raw, default_plan: str) -> Recording:
    """The recording of a call. A signed-out caller is on the default plan."""
    number, at, ended, exchange, head = raw
    identity = exchange.identity
    account = identity.account if identity is not None else None
    plan_key = account.plan_key if account is not None else default_plan
    method, target, bearer, *headers = head
    textual = exchange.content_type.startswith(_TEXTUAL)
    kept = Recording(
        id=number,
        at=at,
        milliseconds=(ended - exchange.arrived) * 1000,
        method=without_credentials(method),
        target=without_credentials(_cut(target, MAX_KEPT_TARGET)),
        headers=_headers(headers, bearer, exchange),
        body=_text(exchange.body),
        whole=len(target) <= MAX_KEPT_TARGET and len(exchange.body) == exchange.received,
        exchange=exchange,
        plan_key=None if identity is None else plan_key,
        status=exchange.status,
        content_type=_type(exchange.content_type),
        size=exchange.sent,
        response_headers=_response_headers(exchange.headers),
        # Of a picture or a film there is nothing to read.
        text=_answered(exchange) if textual else "",
        answered_whole=len(exchange.excerpt) == exchange.sent and not exchange.left,
    )
    # What is clean is kept above.
    exchange.body, exchange.headers = b"", None
    if textual:
        exchange.excerpt = b""
    return kept


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "…"


def _response_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    given = islice((headers or {}).items(), _MAX_HEADERS)
    # Names are left as they are: cut, they would have to be hashed anew each time.
    return headers_without_credentials((name, value[:_MAX_HEADER]) for name, value in given)


@lru_cache(maxsize=256)
def _type(content_type: str) -> str:
    """How the type of an answer is shown. There are few."""
    return without_credentials(content_type[:_MAX_HEADER])


def _headers(values: Sequence[str | None], bearer: str | None, exchange: Exchange) -> dict[str, str]:
    shown = {
        str(name): without_credentials(value[:_MAX_HEADER])
        for name, value in zip(_SHOWN, values, strict=True)
        if value is not None
    }
    if exchange.identity is not None and exchange.identity.kind == "client_id":
        # The name that the caller counts under: a credential is in none, and to call by it is to be the same.
        shown[str(CLIENT_ID)] = exchange.identity.key.removeprefix("client:")
    if bearer is not None:
        kind = exchange.identity.kind if exchange.identity is not None else "refused"
        shown["Authorization"] = f"{kind} …{bearer}"
    return shown


def _answered(exchange: Exchange) -> str:
    text = _text(exchange.excerpt)
    is_stream = exchange.content_type.startswith("text/event-stream")
    return without_split(text, without_credentials) if is_stream else text


def _text(content: bytes) -> str:
    return without_credentials(content.decode("utf-8", "replace")) if content else ""
