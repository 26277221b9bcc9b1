"""Redirects that may be followed: those of free routes, as long as they stay on the host."""

from __future__ import annotations

from urllib.parse import unquote

from lightning_verify.reading.addresses import address
from lightning_verify.transport.exchange import REDIRECTS, Exchange

# How many in a row.
MAX_FOLLOWED = 3


def onwards(exchange: Exchange, base_url: str) -> str | None:
    """Where a redirect of a free GET leads, if that is on this host and free as well."""
    location = exchange.header("location")
    if exchange.method != "GET" or exchange.status not in REDIRECTS or not location:
        return None
    if exchange.operation is not None and exchange.operation.metric is not None:
        return None
    here = address(base_url)
    there = address(location, base_url + exchange.path)
    # Whatever lies under /gen may cost a unit, spelt as we know it or not.
    if there.netloc != here.netloc or "/gen/" in unquote(there.path).lower():
        return None
    return there.path + (f"?{there.query}" if there.query else "")
