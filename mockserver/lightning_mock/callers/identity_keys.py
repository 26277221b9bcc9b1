"""The ledger keys of callers, as the control API names them: `user:ID`, `client:ID`, `address:IP:AGENT`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

REFUSED = "refused"
"""In place of a key: a caller with a bad bearer."""
EXPECTED = (
    "user:ID, client:ID with an id that fits X-Client-ID, or address:IP:AGENT as GET /__mock__/identities "
    "shows it"
)
_ADDRESS = re.compile(r"address:\S{1,64}:[0-9a-f]{16}")


def is_identity(key: str, client_id_pattern: str) -> bool:
    """Whether a caller could have this key. A user need not be known: a token of elsewhere is one's own."""
    kind, _, name = key.partition(":")
    if kind == "user":
        return bool(name)
    if kind == "client":
        return re.fullmatch(client_id_pattern, name) is not None
    return _ADDRESS.fullmatch(key) is not None


def caller_meant(match: Mapping[str, Any], client_id_pattern: str) -> str | None:
    """The key of the one caller whom `user` and `identity` mean together; None for any. Raises ValueError for
    what can be no identity, and where the two name different callers."""
    user, identity = match.get("user"), match.get("identity")
    if identity is not None and identity != REFUSED and not is_identity(identity, client_id_pattern):
        raise ValueError(f"identity: expected {EXPECTED}, or `{REFUSED}` for callers with a bad bearer.")
    if user is None:
        return identity
    if identity not in (None, f"user:{user}"):
        raise ValueError("identity: it names another caller than `user`; expected one of the two.")
    return f"user:{user}"
