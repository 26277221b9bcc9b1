"""What may be followed on the host itself: redirects of free routes, and where a generation says that its
file is, by a redirect or in JSON."""

from __future__ import annotations

from urllib.parse import unquote

from lightning_verify.reading.addresses import address
from lightning_verify.reading.media import delivered
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


def file_told(exchange: Exchange, base_url: str) -> str | None:
    """Where the JSON of a generation says that what it has made is, if it names one address and that is on
    this host and free."""
    family = exchange.operation.media_type if exchange.operation is not None else None
    if not exchange.served or family is None:
        return None
    places = set(delivered(exchange.body, family.partition("/")[0], exchange.media_type).elsewhere)
    return _free(places.pop(), exchange, base_url) if len(places) == 1 else None


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
    return there.path + (f"?{there.query}" if there.query else "")
