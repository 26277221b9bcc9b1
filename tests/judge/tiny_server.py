"""A server of a few lines that does what a test says, and remembers what it was asked."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from tests.support.guard import HANGS


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Answer:
    """What to say: status, headers and pieces of a body, which HEAD does not get. `behind_head` is sent to
    HEAD all the same; `hang` keeps the connection open after the pieces, `drop` closes it without a word."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pieces: tuple[bytes, ...] = (b"{}",)
    hang: bool = False
    drop: bool = False
    behind_head: bytes = b""


@dataclass(slots=True)
class Tiny:
    """The running server."""

    base_url: str
    asked: list[Asked]
    connections: list[int]

    @property
    def paths(self) -> list[str]:
        """`GET /usage`, in order of arrival."""
        return [f"{one.method} {one.path}" for one in self.asked]


class _Server(ThreadingHTTPServer):
    # Whoever comes beyond the usual 5 at once is let in a second later only.
    request_queue_size = 128


@contextmanager
def tiny(answer: Callable[[Asked], Answer], tls: ssl.SSLContext | None = None) -> Iterator[Tiny]:
    """A server on a free port that answers as `answer` says, over TLS when it is given a certificate."""
    asked: list[Asked] = []
    connections: list[int] = []
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout: ClassVar[int] = 10

        def setup(self) -> None:
            connections.append(1)
            super().setup()

        def handle_one_request(self) -> None:
            with suppress(OSError):
                super().handle_one_request()
                return
            self.close_connection = True

        def talk(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Asked(self.command, self.path, dict(self.headers.items()), body)
            asked.append(request)
            said = answer(request)
            if said.drop:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self.send_response(said.status)
            headers = {"Content-Type": "application/json", **said.headers}
            length = sum(map(len, said.pieces)) + (1000 if said.hang else 0)
            for name, value in {"Content-Length": str(length), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in said.pieces if self.command != "HEAD" else (said.behind_head,):
                self.wfile.write(piece)
                self.wfile.flush()
            if said.hang:
                ended.wait(HANGS)
                self.close_connection = True

        do_GET = do_POST = do_HEAD = do_DELETE = do_OPTIONS = do_PUT = talk  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Tiny(
            f"http{'s' * (tls is not None)}://127.0.0.1:{server.server_address[1]}", asked, connections
        )
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
