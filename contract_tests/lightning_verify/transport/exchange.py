"""One request and what came back, as the judge's tests see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote
from zlib import crc32

from lightning_spec.loader import Operation

from lightning_verify.reading import gateways
from lightning_verify.reading.addresses import address
from lightning_verify.reading.failures import failure_in_text
from lightning_verify.reading.media import Delivered, delivered
from lightning_verify.reading.times import MAX_WAIT, http_date, wait_asked

REDIRECTS = frozenset({301, 302, 303, 307, 308})
PERMANENT = frozenset({301, 308})
# What is said of a route, or of a method, that is not there.
NOT_OFFERED = frozenset({404, 405, 501})
# Refusals that blame the request itself.
BLAMES_THE_REQUEST = frozenset({400, 404, 405, 413, 422})
NOT_JSON = "a refusal that is not in JSON may be somebody else's"
_OF_THE_REDIRECT = frozenset({"content-length", "content-type", "location", "transfer-encoding"})
_SITES = 100
# Bytes of a body that may still be on their way when the host hangs up: it may have answered first.
LARGE_BODY = 200_000
# Seconds within which a connection breaks rather than hangs.
SOON = 5.0


class NotJson(ValueError):
    """The body of an answer cannot be read as JSON."""


def encoded(value: Any) -> bytes:
    """A JSON value as it is sent. Letters beyond ASCII go out escaped in some bodies and as they are in
    others, as different clients write them; the same value always in the same way."""
    escaped = json.dumps(value)
    body = escaped.encode()
    # Where nothing was escaped both are the same, and the largest bodies are such.
    if "\\u" in escaped and crc32(body) % 2:
        # Half a surrogate pair cannot go out as it is.
        with suppress(UnicodeEncodeError):
            return json.dumps(value, ensure_ascii=False).encode()
    return body


@dataclass(slots=True)
class Exchange:
    """A request and its answer, or why there was none.

    `status` is None when nothing came back; `problem` then says why (timeout, refused, cut off...).
    `sent` is when it left, on the monotonic clock. `arrivals` holds (seconds since then, bytes) for each
    piece of the body. `truncated` tells that the body went on beyond the bound the judge reads to.
    """

    method: str
    path: str
    request_headers: Mapping[str, str]
    request_body: bytes | None
    operation: Operation | None
    caller: str
    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    sent: float = 0.0
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    seconds: float = 0.0
    problem: str | None = None
    truncated: bool = False
    # Whether the connection broke before anything was answered.
    dropped: bool = False
    # Whether the host hung up in the middle of the body.
    cut_off: bool = False
    # Whether sending it again costs nothing; the client has done so where a gateway may have answered.
    repeatable: bool = True
    # Whether it redirects to another host than the one that was asked.
    leads_away: bool = False
    # Whether the answer is the file that the host's own redirected to.
    redirected: bool = False
    # What the host has at the address that the JSON of a generation tells: the file, or that it is gone.
    file: Exchange | None = None
    # Whether an answer that seems to be somebody else's came each time, so that it is the host's own.
    is_deliberate: bool = False
    # The metrics and headers of requests that were under way meanwhile, without those that have been served
    # by now: the host may have charged for them, or held a unit. Only for a look at counters.
    under_way: tuple[tuple[str, Mapping[str, str]], ...] = ()
    # When the answer had come, by our own clock.
    received: datetime = field(default_factory=lambda: datetime.now(UTC))

    def is_of(self, method: str, path: str, body: Any) -> bool:
        """Whether this is the request that has this JSON as its body, None for no body."""
        sent = None if body is None else encoded(body)
        return (self.method, self.path, self.request_body) == (method, path, sent)

    def take_file(self, file: Exchange) -> None:
        """Replace a redirect to what was made by the file itself. What the redirect said of other things, for
        example where inputs are stored, stays."""
        told = {name.lower() for name, _ in file.headers} | _OF_THE_REDIRECT
        others = [(name, value) for name, value in self.headers if name.lower() not in told]
        self.status, self.headers, self.body = file.status, [*file.headers, *others], file.body
        self.arrivals, self.truncated, self.cut_off = file.arrivals, file.truncated, file.cut_off
        self.problem, self.leads_away = file.problem, file.leads_away
        self.seconds += file.seconds
        self.received, self.redirected = file.received, True

    def medium(self, family: str) -> Delivered:
        """The media of a generation, as it came or from the address that its answer tells."""
        content = delivered(self.body, family, self.media_type)
        if content.elsewhere is None or self.file is None or not self.file.served:
            return content
        return Delivered(self.file.body, self.file.media_type)

    @property
    def lost_file(self) -> str | None:
        """The answer to a GET of what its JSON says was made, if that is not there."""
        return self.file.title if self.file is not None and not self.file.served else None

    @property
    def to_control_plane(self) -> bool:
        """Whether it went to a control plane, which has an address of its own."""
        return "://" in self.path[:8]

    @property
    def changes_target(self) -> bool:
        """Whether it changed the target's time, limits or counters through the control plane."""
        return self.to_control_plane and self.method != "GET"

    @property
    def served(self) -> bool:
        """Whether the answer is a success (2xx)."""
        return self.status is not None and 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """The first value of a response header, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    @property
    def media_type(self) -> str:
        """The content type without parameters, in lower case; empty when there is none."""
        return (self.header("content-type") or "").split(";", 1)[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text, undecodable bytes replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The decoded body. Raises NotJson, with what stands there instead."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as problem:
            raise NotJson(f"the body is not JSON ({problem}): {self.text[:120]!r}") from problem

    @property
    def clock(self) -> datetime:
        """The time by the answer's Date header, or by our own clock when there is none that can be read."""
        return http_date(self.header("date")) or self.received

    @property
    def stand_in(self) -> str | None:
        """Who answered in the host's place, in words; None when it was the host as far as can be seen."""
        return gateways.stand_in(self.status, self.headers, self.body)

    @property
    def is_lost(self) -> bool:
        """Whether somebody in between answered, or the connection broke at once: the same request may well be
        answered by the host next time. One that hung would hang for as long."""
        broke = self.problem is not None and self.seconds < SOON
        return broke or self.stand_in is not None

    @property
    def hung_up(self) -> bool:
        """Whether the host broke the connection without a word; on a large body it may have had one."""
        return self.dropped and len(self.request_body or b"") < LARGE_BODY

    @property
    def has_failed(self) -> bool:
        """Whether the host, or a gateway in its place, failed instead of answering."""
        return (self.status or 0) >= 500 or self.hung_up

    @property
    def limits_bursts(self) -> bool:
        """Whether this is a 429 that asks to come back in a moment, or a gateway's page. Units come back with
        the day or the week: it limits bursts, as proxies and hosts do beside the documented limits."""
        if self.status != 429:
            return False
        wait = wait_asked(self.header("retry-after"), self.clock)
        return self.is_page or (wait is not None and wait <= MAX_WAIT)

    @property
    def is_page(self) -> bool:
        """Whether the body is an HTML page, or would be where there is none: no route of the API has one."""
        return gateways.is_page(self.body) or (self.method == "HEAD" and self.media_type == "text/html")

    @property
    def _has_other_words(self) -> bool:
        """Whether this says something that is not JSON, or would where there is no body."""
        if self.method == "HEAD":
            return self.media_type.startswith("text/")
        return "json" not in self.media_type and self.body[:64].lstrip()[:1] not in {b"", b"{", b"["}

    @property
    def failure(self) -> str | None:
        """The failure that a success reports in JSON; None when it reports none. What calls itself a picture,
        a video or a sound is taken at its word, and reports none."""
        if not self.served or self.media_type.startswith(("image/", "video/", "audio/")):
            return None
        return failure_in_text(self.text) if self.body[:64].lstrip().startswith(b"{") else None

    @property
    def doubt(self) -> str | None:
        """Why this may not be the host's own answer: a gateway has spoken, a page came where none can be, a
        refusal is not JSON, a redirect leads to another site, or a success reports a failure. A gateway that
        refuses what is too large, or too much, speaks for the host."""
        if self.stand_in is not None:
            return self.stand_in
        status = self.status or 0
        refuses = 400 <= status < 500 and status not in {413, 429}
        if self.is_page and (self.served or refuses or status >= 500):
            return "a page stands in its place, as a proxy shows it"
        if refuses and self._has_other_words:
            return NOT_JSON
        if self.leads_away:
            return "it leads to another site, as a portal does"
        return f"the host says inside it that it failed: {self.failure}" if self.failure else None

    @property
    def title(self) -> str:
        """`GET /gen/image/a red fox -> 400`, for messages, with percent-encoding decoded."""
        came = self.status if self.status is not None else self.problem
        return f"{self.method} {unquote(self.path)} -> {came}"


def leads_away(exchange: Exchange, base_url: str, sites: set[str]) -> bool:
    """Whether an answer redirects to another host. The site (`/`) may be elsewhere permanently: `sites`
    collects where."""
    if exchange.status not in REDIRECTS:
        return False
    location = exchange.header("location") or ""
    if exchange.operation is not None and exchange.operation.id == "getSite":
        if exchange.status in PERMANENT and len(sites) < _SITES:
            sites.add(location)
        # Nobody but the host itself leads there for a moment only.
        if exchange.status in PERMANENT or location in sites:
            return False
    there = address(location, base_url).netloc.rpartition("@")[2]
    return there not in {"", address(base_url).netloc}
