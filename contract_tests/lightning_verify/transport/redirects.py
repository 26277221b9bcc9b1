"""What may be followed on the host itself: redirects of free routes, and where a generation says that its
file is, by a redirect or in JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from lightning_verify.reading.addresses import address
from lightning_verify.reading.json_text import parsed
from lightning_verify.transport.exchange import REDIRECTS, Exchange

# How many in a row.
MAX_FOLLOWED = 3
# Every client follows these with a GET, whatever it sent before.
_BECOMES_GET = frozenset({301, 302, 303})


def onwards(exchange: Exchange, base_url: str) -> str | None:
    """Where a redirect of a free GET leads, if that is on this host and free as well."""
    if exchange.operation is not None and exchange.operation.metric is not None:
        return None
    return _free_place(exchange, base_url) if exchange.method == "GET" else None


def file_made(exchange: Exchange, base_url: str) -> str | None:
    """Where a redirect of a generation leads to what it has made, if that is on this host and free."""
    becomes_get = exchange.method == "GET" or exchange.status in _BECOMES_GET
    return _free_place(exchange, base_url) if becomes_get else None


# The names of fields that hold the address of a result, not of a job, a preview or an input.
_RESULT = re.compile(r"(?:(?:image|video|audio|sound|file|media|output|download|result)_?)?(?:url|uri)")
_ADDRESS = re.compile(r"https?://|/", re.IGNORECASE)
# A document with addresses in it is short.
_MAX_DOCUMENT = 64 * 1024


def file_told(exchange: Exchange, base_url: str) -> str | None:
    """Where the JSON of a generation says that what it has made is, if it names one such address and that is
    on this host and free."""
    made = exchange.status in {200, 201} and exchange.media_type == "application/json"
    if not made or len(exchange.body) > _MAX_DOCUMENT or exchange.failure is not None:
        return None
    places = set(_addresses(parsed(exchange.text)))
    return _free(places.pop(), exchange, base_url) if len(places) == 1 else None


def _addresses(document: Any) -> Iterator[str]:
    todo = [document]
    while todo:
        value = todo.pop()
        if isinstance(value, list):
            todo += value
        elif isinstance(value, dict):
            todo += value.values()
            named = (text for name, text in value.items() if _RESULT.fullmatch(name.lower()))
            yield from (text for text in named if isinstance(text, str) and _ADDRESS.match(text))


def _free_place(exchange: Exchange, base_url: str) -> str | None:
    location = exchange.header("location")
    if exchange.status not in REDIRECTS or not location:
        return None
    return _free(location, exchange, base_url)


def _free(location: str, exchange: Exchange, base_url: str) -> str | None:
    here = address(base_url)
    there = address(location, base_url + exchange.path)
    # Whatever lies under /gen may cost a unit, spelt as we know it or not.
    if there.netloc != here.netloc or "/gen/" in unquote(there.path).lower():
        return None
    # What is sent is put behind the base URL, which may have a path of its own.
    behind = there.path.removeprefix(here.path.rstrip("/"))
    if not there.path.startswith(here.path) or not behind.startswith("/"):
        return None
    return behind + (f"?{there.query}" if there.query else "")
