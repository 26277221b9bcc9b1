"""An answer to HEAD with whatever stands behind its head. A client of HTTP does not see that: it has stopped
reading there, or says that the next answer cannot be read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from email.parser import BytesHeaderParser
from urllib.parse import urlsplit

# Seconds for which a body may be late, on a host that does not close the connection either.
_LATE = 2.0
_MOST = 64 * 1024
_END = b"\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)\b[^\n]*\n")

Head = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers, and the first bytes behind the head, of which there should be none."""


async def ask_for_head(url: str, headers: Mapping[str, str]) -> Head:
    """The answer to HEAD. Raises OSError where none comes, and ValueError where it is no HTTP."""
    address = urlsplit(url)
    secure = address.scheme == "https"
    reader, writer = await asyncio.open_connection(
        address.hostname, address.port or (443 if secure else 80), ssl=secure or None, limit=_MOST
    )
    try:
        target = address.path + f"?{address.query}" * bool(address.query)
        lines = [f"HEAD {target} HTTP/1.1", f"Host: {address.netloc.rpartition('@')[2]}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "Connection: close"]).encode() + _END)
        status, told = await _final_head(reader)
        return status, told, await _rest(reader)
    except (EOFError, asyncio.LimitOverrunError) as error:
        raise ConnectionError("no head that ends") from error
    finally:
        writer.close()


async def _final_head(reader: asyncio.StreamReader) -> tuple[int, list[tuple[str, str]]]:
    while True:
        head = await reader.readuntil(_END)
        line = _STATUS.match(head)
        if line is None:
            raise ValueError(f"no status line: {head[:20]!r}")
        if not line[1].startswith(b"1"):
            return int(line[1]), BytesHeaderParser().parsebytes(head[line.end() :]).items()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(_LATE):
            return await reader.read(_MOST)
    except (TimeoutError, ConnectionError):
        return b""
