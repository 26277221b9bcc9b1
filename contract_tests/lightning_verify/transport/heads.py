"""What a host sends behind the head of its answer to HEAD. A client of HTTP does not see it: it has stopped
reading there, or says that the next answer cannot be read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

# Seconds for which a body may be late, on a host that does not close the connection either.
_LATE = 2.0
_MOST = 64 * 1024
_END = b"\r\n\r\n"
_INTERIM = re.compile(rb"HTTP/1\.[01] 1\d\d\b")


async def behind_head(url: str, headers: Mapping[str, str], seconds: float) -> bytes | None:
    """The first bytes behind the head; none where it ends the answer, and None where no head has come within
    so many seconds."""
    address = urlsplit(url)
    secure = address.scheme == "https"
    # Where nobody can be asked, other tests say so.
    with suppress(OSError, EOFError, asyncio.LimitOverrunError):
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(
                address.hostname, address.port or (443 if secure else 80), ssl=secure or None, limit=_MOST
            )
            try:
                target = address.path + f"?{address.query}" * bool(address.query)
                host = address.netloc.rpartition("@")[2]
                lines = [f"HEAD {target} HTTP/1.1", f"Host: {host}", "Connection: close"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join(lines).encode() + _END)
                while _INTERIM.match(head := await reader.readuntil(_END)):
                    pass
                return await _rest(reader) if head.startswith(b"HTTP/1.") else None
            finally:
                writer.close()
    return None


async def _rest(reader: asyncio.StreamReader) -> bytes:
    with suppress(TimeoutError):
        async with asyncio.timeout(_LATE):
            return await reader.read(_MOST)
    return b""
