"""A closed-loop load client on raw sockets: each connection asks, reads the whole answer, asks again.

Law: knows nothing of the API. One job comes in as JSON on standard input, one result goes out as JSON on
standard output, so that it runs in a process of its own and takes nothing from the server's core.
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

COUNTER = b"#########"
"""Nine characters that become a number of nine digits, another one for each request."""
_TIMEOUT = 30.0
_END_OF_HEADERS = b"\r\n\r\n"
_END_OF_CHUNKS = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Job:
    """What to send and for how long. Numbers run from `first`, and start again there after `different`.

    It ends after `seconds`, or with `requests` where that is not 0. What is sent in the first
    `warm_up` seconds is answered and not timed. With `spin` the client never sleeps: a server that has to
    wake it pays for that, and a slow server pays more often than a fast one.
    """

    port: int
    request: str
    connections: int
    seconds: float
    warm_up: float = 0.0
    requests: int = 0
    first: int = 0
    different: int = 1_000_000_000
    spin: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it. `answered` counts all answers, `per_second` and the latencies (in milliseconds) only
    the timed ones; `busy` is the share of the time in which this client had something to do."""

    answered: int
    per_second: float
    median: float
    p99: float
    busy: float


class LoadError(Exception):
    """The server did not answer as a benchmark needs it."""


class Connection:
    """One socket with what has come of the present answer."""

    __slots__ = ("end", "parts", "sent", "size", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _TIMEOUT)
        self.socket.setblocking(False)
        self.parts: list[bytes] = []
        self.size = 0
        self.end = 0
        """The size of the whole answer; 0 when unknown, -1 when it comes in chunks."""
        self.sent = 0.0

    def ask(self, request: bytes) -> None:
        self.sent = time.perf_counter()
        if self.socket.send(request) != len(request):
            raise LoadError("the request is too large for one write")

    def read(self) -> bool:
        """Whether the answer is complete now."""
        data = self.socket.recv(1 << 18)
        if not data:
            raise LoadError("the server closed a connection")
        self.parts.append(data)
        self.size += len(data)
        if self.end == 0:
            self._read_head()
        if self.end > 0:
            done = self.size >= self.end
        else:
            # Asking one at a time, nothing can follow the last chunk.
            latest = data if len(data) >= len(_END_OF_CHUNKS) else b"".join(self.parts)
            done = self.end < 0 and latest.endswith(_END_OF_CHUNKS)
        if done:
            self.parts.clear()
            self.size = self.end = 0
        return done

    def _read_head(self) -> None:
        head, found, _ = b"".join(self.parts).partition(_END_OF_HEADERS)
        if not found:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            raise LoadError(head.partition(b"\r\n")[0].decode("latin-1"))
        _, length, rest = head.lower().partition(b"\r\ncontent-length: ")
        self.end = len(head) + len(_END_OF_HEADERS) + int(rest.partition(b"\r\n")[0]) if length else -1


def run(job: Job) -> Load:
    """Do a job. Raises LoadError when an answer is no 200."""
    gc.disable()
    parts = job.request.encode().split(COUNTER)
    last = job.first + job.different
    number = job.first
    latencies = array("d")
    answered = asked = 0
    selector = selectors.DefaultSelector()
    began = time.perf_counter()
    timed_from, until = began + job.warm_up, began + job.warm_up + job.seconds
    idle = 0.0
    connections = [Connection(job.port) for _ in range(job.connections)]
    for connection in connections:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.ask((b"%09d" % number).join(parts))
        number = number + 1 if number + 1 < last else job.first
        asked += 1
    open_answers = len(connections)
    clock = time.perf_counter
    while open_answers:
        asleep = clock()
        events = selector.select(0 if job.spin else _TIMEOUT)
        while not events:
            if clock() - asleep > _TIMEOUT:
                raise LoadError(f"no answer within {_TIMEOUT} seconds")
            events = selector.select(0)
        idle += clock() - asleep
        for key, _ in events:
            connection = key.data
            if not connection.read():
                continue
            now = clock()
            answered += 1
            if connection.sent >= timed_from:
                latencies.append(now - connection.sent)
            more = asked < job.requests if job.requests else now < until or not latencies
            if more:
                connection.ask((b"%09d" % number).join(parts))
                number = number + 1 if number + 1 < last else job.first
                asked += 1
            else:
                open_answers -= 1
    ended = time.perf_counter()
    for connection in connections:
        connection.socket.close()
    ordered = sorted(latencies)
    return Load(
        answered=answered,
        per_second=len(ordered) / (ended - timed_from),
        median=1000 * ordered[len(ordered) // 2],
        p99=1000 * ordered[len(ordered) * 99 // 100],
        busy=1 - idle / (ended - began),
    )


if __name__ == "__main__":
    try:
        json.dump(asdict(run(Job(**json.load(sys.stdin)))), sys.stdout)
    except (LoadError, OSError) as error:
        sys.exit(f"load: {error}")
