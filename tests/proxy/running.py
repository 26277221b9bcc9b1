"""A proxy in a thread of this process, and a host that says byte for byte what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lightning_spec.loader import load_requirements, load_spec
from lightning_verify.proxy.captured_exchange import CapturedExchange
from lightning_verify.proxy.judging import TrafficJudge
from lightning_verify.proxy.relay import Observer, Relay, Upstream

TIMEOUT = 10.0


@dataclass(slots=True)
class RunningProxy:
    """A proxy that answers at `base_url`. `log` has the lines it said."""

    base_url: str
    port: int
    judge: TrafficJudge
    log: list[str]
    relay: Relay
    ended: list[CapturedExchange] = field(default_factory=list)

    @property
    def problems(self) -> list[str | None]:
        """What went wrong with each exchange, in the order in which they ended."""
        return [captured.problem for captured in self.ended]

    def settled(self) -> TrafficJudge:
        """Its judge, once everything that has passed is judged."""
        seen = threading.Event()
        deadline = threading.Timer(TIMEOUT, seen.set)
        deadline.start()
        while self.judge.view().under_way and not seen.wait(0.01):
            pass
        deadline.cancel()
        self.judge.close(TIMEOUT)
        return self.judge

    def connect(self) -> socket.socket:
        """A client's connection of its own."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT)


@contextmanager
def running_proxy(upstream: str, *, settle: float = 0.2, **options: Any) -> Iterator[RunningProxy]:
    log: list[str] = []
    judge = TrafficJudge(upstream, load_spec(), load_requirements(), log.append, settle=settle, **options)
    started = threading.Event()
    proxy: list[RunningProxy] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        ended: list[CapturedExchange] = []

        def end(captured: CapturedExchange) -> None:
            ended.append(captured)
            judge.end(captured)

        relay = Relay(Upstream.at(upstream), Observer(judge.begin, end))
        port = await relay.open("127.0.0.1", 0)
        proxy.append(RunningProxy(f"http://127.0.0.1:{port}", port, judge, log, relay, ended))
        started.set()

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(serve(), loop)
    assert started.wait(TIMEOUT)
    try:
        yield proxy[0]
    finally:
        asyncio.run_coroutine_threadsafe(proxy[0].relay.close(), loop).result(TIMEOUT)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(TIMEOUT)
        judge.close(TIMEOUT)


Talk = Callable[[socket.socket], None]


@contextmanager
def raw_host(talk: Talk) -> Iterator[str]:
    """A host that talks on each connection as `talk` does; what goes wrong there is told at the end."""
    wrong: list[BaseException] = []

    def connected(connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError):
            try:
                talk(connection)
            except ConnectionError:
                raise
            except BaseException as problem:
                wrong.append(problem)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.settimeout(TIMEOUT)
                threading.Thread(target=connected, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    assert not wrong, wrong


def read_head(connection: socket.socket) -> bytes:
    """A message's head and whatever of its body came along."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    return data


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other end closes."""
    data = b""
    while piece := connection.recv(65536):
        data += piece
    return data
