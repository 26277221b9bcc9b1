"""Run a server in a background thread, for as long as a `with` block lasts."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import uvicorn

from tests.conformance_lab.app import build, plain_lab
from tests.conformance_lab.credentials import DEFAULTS
from tests.conformance_lab.faults import FAULTS
from tests.conformance_lab.lab import Lab

# A fault that crashes does so on purpose; its traceback would only hide the ones that matter.
logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)


class _Server(uvicorn.Server):
    """Uvicorn looks every tenth of a second whether it should stop; short runs cannot wait for that."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.ended: asyncio.Event | None = None

    async def main_loop(self) -> None:
        self.loop, self.ended = asyncio.get_running_loop(), asyncio.Event()
        await self.on_tick(0)
        self.ready.set()
        await self.ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if transport := getattr(connection, "transport", None):
                transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.stop()

    def stop(self) -> None:
        if self.loop and self.ended:
            self.loop.call_soon_threadsafe(self.ended.set)


def serve(lab: Lab, listener: socket.socket) -> _Server:
    config = uvicorn.Config(
        build(lab),
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=30,
    )
    return _Server(config)


@dataclass(slots=True)
class Handle:
    """A running server: where it is, what it accepts, and what it really charged."""

    base_url: str
    credentials: dict[str, str]
    lab: Lab

    def charged(self, metric: str | None = None, identity: str | None = None) -> int:
        return self.lab.ledger.charged(metric, identity)

    @property
    def units(self) -> dict[tuple[str, str], int]:
        """Units charged by (identity, metric)."""
        return self.lab.ledger.by_identity()

    @property
    def requests(self) -> Sequence[tuple[str, str, int]]:
        """(method, path, status) of every request, in order of arrival."""
        return self.lab.requests


def make_lab(
    faults: Sequence[str] = (), variants: Sequence[str] = (), credentials: Mapping[str, str] | None = None
) -> Lab:
    """A lab with these faults and variants switched on, variants last."""
    lab = plain_lab(DEFAULTS if credentials is None else credentials)
    for name in faults:
        FAULTS[name].apply(lab)
    return lab


def listen(port: int = 0) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


@contextmanager
def running(
    *,
    fault: str | Sequence[str] | None = None,
    variants: Sequence[str] = (),
    credentials: Mapping[str, str] | None = None,
) -> Iterator[Handle]:
    """A server on a free port, with these faults and variants; the default credentials unless others come."""
    faults = [fault] if isinstance(fault, str) else list(fault or ())
    lab = make_lab(faults, variants, credentials)
    with listen() as listener:
        server = serve(lab, listener)
        thread = threading.Thread(target=_run, args=(server, listener), daemon=True, name="conformance-lab")
        thread.start()
        if not server.ready.wait(10):
            raise RuntimeError("the server did not start")
        try:
            yield Handle(f"http://127.0.0.1:{listener.getsockname()[1]}", dict(lab.credentials), lab)
        finally:
            server.stop()
            thread.join(10)


def _run(server: _Server, listener: socket.socket) -> None:
    asyncio.run(server.serve(sockets=[listener]))
