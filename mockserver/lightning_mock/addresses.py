"""Addresses as they are written and shown: in greetings, in messages, and where objects are printed.

Law: no password is in one that is shown, wherever it stood.
"""

from __future__ import annotations

import re

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_AFTER_THE_PATH = re.compile(r"[?#].*", re.DOTALL)


_REACHED_BY = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""By which address this machine reaches what listens on all of them."""


def base_url(host: str, port: int) -> str:
    """Where a server that listens there is reached from this machine, without a slash at the end."""
    host = _REACHED_BY.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def shown_address(address: str) -> str:
    """The address without user, password, query and fragment, whether or not it is one that can be used."""
    scheme = _SCHEME.match(address)
    begin = scheme[0] if scheme is not None else ""
    user, _, place = address.removeprefix(begin).rpartition("@")
    # A password may hold what it should not, and a query may hold one: then nobody can say where it ends.
    shown = "…" if _AFTER_THE_PATH.search(user) else _AFTER_THE_PATH.sub("", place)
    return begin + shown
