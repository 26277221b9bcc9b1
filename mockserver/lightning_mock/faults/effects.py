"""Ways to damage a sequence of bytes.

Law: pure transformations of what would have been sent, piece by piece, so that a damaged stream is still sent
as it is made. Nothing here knows of faults.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Literal

from lightning_mock.generation.completions.wire import DONE
from lightning_mock.http.replies import ConnectionResetOnPurpose, Split
from lightning_mock.real_time import stopwatch

Held = Callable[[], bool]
"""Whether a stalled stream must go on waiting."""

_POLL_INTERVAL = 0.02


async def halves(content: bytes) -> AsyncIterator[bytes]:
    """A whole reply in two pieces, so that something can happen between them."""
    middle = (len(content) + 1) // 2
    yield content[:middle]
    yield content[middle:]


async def reordered(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Swap every two events, except for the first one and the end."""
    first = await anext(events, None)
    if first is not None:
        yield first
    held: bytes | None = None
    async for event in events:
        if event == DONE:
            break
        if held is None:
            held = event
        else:
            yield event
            yield held
            held = None
    if held is not None:
        yield held
    yield DONE


async def duplicated(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Send every event twice, except for the first one and the end."""
    position = 0
    async for event in events:
        yield event
        if position and event != DONE:
            yield event
        position += 1


async def malformed(events: AsyncIterator[bytes], after: int) -> AsyncIterator[bytes]:
    """Break off the JSON of the event that follows some events."""
    position = 0
    async for event in events:
        if position == after:
            content = event.rstrip(b"\n")
            yield content[: max(len(b"data: {"), len(content) // 2)] + b"\n\n"
        else:
            yield event
        position += 1


async def truncated(events: AsyncIterator[bytes], after: int) -> AsyncIterator[bytes]:
    """Send nothing after some events, and no sign that this is the end."""
    position = 0
    async for event in events:
        if position == after:
            return
        yield event
        position += 1


async def stalled(
    events: AsyncIterator[bytes], after: int, seconds: float | None, held: Held
) -> AsyncIterator[bytes]:
    """After some events, pause for so many seconds, or until released."""
    position = 0
    async for event in events:
        if position == after:
            end = None if seconds is None else stopwatch() + seconds
            # The client, the clock or a control call may end this; polling covers all of them.
            while held() and (end is None or stopwatch() < end):  # noqa: ASYNC110
                await asyncio.sleep(_POLL_INTERVAL)
        yield event
        position += 1


async def reset_after(events: AsyncIterator[bytes], after_bytes: int) -> AsyncIterator[bytes]:
    """Reset the connection after so many bytes of the body; with 0, before the response begins."""
    left = after_bytes
    async for event in events:
        if left <= 0:
            break
        yield event[:left]
        left -= len(event)
    raise ConnectionResetOnPurpose


def splitter(split: Literal["byte", "utf8"] | int) -> Split:
    """How to split what is written: into single bytes, inside every multi-byte character, or into pieces of
    so many bytes."""
    if split == "utf8":
        return _inside_characters
    size = 1 if split == "byte" else int(split)

    def pieces(content: bytes) -> Iterable[bytes]:
        return (content[start : start + size] for start in range(0, len(content), size))

    return pieces


def _inside_characters(content: bytes) -> Iterable[bytes]:
    start = 0
    for position in range(1, len(content)):
        if content[position] & 0xC0 == 0x80:
            yield content[start:position]
            start = position
    yield content[start:]
