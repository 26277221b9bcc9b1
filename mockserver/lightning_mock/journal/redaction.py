"""How much is kept of what a caller wrote.

Law: what is kept of a call is bounded. The bearer is cut to its last characters at once; everything else goes
through the registry of credentials before anybody can read it.
"""

from __future__ import annotations

MOST_TARGET = 300
MOST_EXCERPT = 512
_LAST = 4


def last_of(authorization: str) -> str:
    """The last characters of a credential, or nothing when they would be much of it."""
    return authorization[-_LAST:] if len(authorization) > 32 else ""
