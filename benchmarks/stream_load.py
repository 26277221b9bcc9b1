"""A client that reads many streams at once, and notes when each chunk of each arrives.

Law: knows nothing of the API but that an event begins with `data:`. One job comes in as JSON on standard
input, one result goes out as JSON on standard output, so that it runs in a process of its own.
"""

from __future__ import annotations

import gc
import json
import selectors
import socket
import sys
import time
from array import array
from dataclasses import asdict, dataclass

_TIMEOUT = 60.0
_END_OF_CHUNKS = b"0\r\n\r\n"
_EVENT = b"data: "


@dataclass(frozen=True, slots=True)
class StreamJob:
    """So many streams of one request at once."""

    port: int
    request: str
    streams: int


@dataclass(frozen=True, slots=True)
class Streams:
    """What came of it: events, seconds, and the time between two arrivals on one stream, in milliseconds."""

    events: int
    seconds: float
    median: float
    p99: float


def run(job: StreamJob) -> Streams:
    """Read all streams to their ends. Raises RuntimeError when one is refused or cut."""
    gc.disable()
    selector = selectors.DefaultSelector()
    clock = time.perf_counter
    request = job.request.encode()
    connections = [socket.create_connection(("127.0.0.1", job.port), _TIMEOUT) for _ in range(job.streams)]
    began = clock()
    for connection in connections:
        connection.setblocking(False)
        connection.send(request)
        selector.register(connection, selectors.EVENT_READ, [0.0, b""])
    gaps = array("d")
    events = 0
    left = job.streams
    while left:
        ready = selector.select(_TIMEOUT)
        if not ready:
            raise RuntimeError(f"no chunk within {_TIMEOUT:g} seconds")
        for key, _ in ready:
            stream = key.fileobj
            assert isinstance(stream, socket.socket)
            data = stream.recv(1 << 16)
            now = clock()
            last, rest = key.data
            if not last and not data.startswith(b"HTTP/1.1 200"):
                raise RuntimeError("a stream was refused")
            if last:
                gaps.append(now - last)
            found = data.count(_EVENT)
            events += found
            rest = (rest + data)[-len(_END_OF_CHUNKS) :]
            key.data[:] = now, rest
            if rest == _END_OF_CHUNKS:
                selector.unregister(stream)
                left -= 1
            elif not data:
                raise RuntimeError("a stream was cut")
    ended = clock()
    for connection in connections:
        connection.close()
    # Where each has come in one piece, nobody has waited between two.
    ordered = sorted(gaps) or [0.0]
    return Streams(
        events=events,
        seconds=ended - began,
        median=1000 * ordered[len(ordered) // 2],
        p99=1000 * ordered[len(ordered) * 99 // 100],
    )


if __name__ == "__main__":
    try:
        json.dump(asdict(run(StreamJob(**json.load(sys.stdin)))), sys.stdout)
    except (RuntimeError, OSError) as error:
        sys.exit(f"stream_load: {error}")
