"""How much is kept of what a caller wrote.

Law: what is kept of a call is bounded. The bearer is cut to its last characters at once; everything else goes
through the registry of credentials before anybody can read it.
"""

from __future__ import annotations

from lightning_spec.http_headers import encodable

from lightning_mock.settings import DEFAULT_EXCERPT

MAX_TARGET = 300
MAX_EXCERPT = DEFAULT_EXCERPT
"""What is shown of a target and a body at a glance."""
MAX_KEPT_TARGET = 4096
MAX_KEPT_BODY = 16 * 1024
"""What is kept of those of a request, so that it can be sent again."""
_LAST = 4


def last_of(authorization: str) -> str:
    """The last characters of a credential, or nothing when they would be much of it."""
    return encodable(authorization[-_LAST:]) if len(authorization) > 32 else ""
