"""Runs a server in a background thread for as long as a `with` block lasts."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

import uvicorn

from lab.faults import FAULTS
from lab.hostile import HOSTS, Talk
from lab.server.app import build, plain_lab
from lab.server.credentials import DEFAULTS
from lab.server.lab import Lab
from lab.variants import VARIANTS

# A fault that crashes does so on purpose; its traceback would only hide the ones that matter.
logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)


class _Server(uvicorn.Server):
    """Uvicorn checks every tenth of a second whether it should stop, which is too slow for short runs."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.ended: asyncio.Event | None = None

    async def main_loop(self) -> None:
        self.loop, self.ended = asyncio.get_running_loop(), asyncio.Event()
        while not self.ended.is_set():
            # Sets the Date of the answers, which has to move with the time.
            await self.on_tick(0)
            self.ready.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            if transport := getattr(connection, "transport", None):
                transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.stop()

    def stop(self) -> None:
        if self.loop and self.ended and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.ended.set)


class _RawServer:
    """A server on bare sockets, which talks on each connection as a hostile host does."""

    def __init__(self, lab: Lab, talk: Talk) -> None:
        self.lab, self.talk = lab, talk
        self.ready = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.ended: asyncio.Event | None = None

    async def serve(self, sockets: list[socket.socket]) -> None:
        self.loop, self.ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, sock=sockets[0])
        self.ready.set()
        await self.ended.wait()
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lab.requests.append(("", "", 0))
        # Cancelled when the run ends: the stream protocol would report that as an error of its own.
        with suppress(OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            await self.talk(reader, writer)
        writer.close()

    def stop(self) -> None:
        if self.loop and self.ended:
            self.loop.call_soon_threadsafe(self.ended.set)


def serve(lab: Lab) -> _Server:
    """A server of this lab, not yet started."""
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
    server = _Server(config)
    lab.stop = server.stop
    return server


@dataclass(slots=True)
class Handle:
    """A running server: its address, its credentials, and what it really charged."""

    base_url: str
    credentials: dict[str, str]
    lab: Lab

    def charged(self, metric: str | None = None, identity: str | None = None) -> int:
        """Units charged since the start, of one metric and one identity when these are given."""
        return self.lab.ledger.charged(metric, identity)

    @property
    def units(self) -> dict[tuple[str, str], int]:
        """Units charged by (identity, metric). The paid account is `user:paid`, a client id `client:ID`."""
        return self.lab.ledger.by_identity()

    @property
    def requests(self) -> Sequence[tuple[str, str, int]]:
        """(method, path, status) of every request, in order of arrival; status 0 while there is no answer."""
        return self.lab.requests


def switch_on(lab: Lab, names: Iterable[str]) -> None:
    """Apply these variants in the order of the table: what changes bytes comes after what changes fields."""
    chosen = set(names)
    if unknown := chosen - VARIANTS.keys():
        raise ValueError(f"no variant is called {', '.join(sorted(unknown))}")
    groups = [VARIANTS[name].group for name in chosen]
    if twice := {group for group in groups if groups.count(group) > 1}:
        raise ValueError(f"these variants exclude each other: {', '.join(sorted(twice))}")
    for name, variant in VARIANTS.items():
        if name in chosen:
            variant.apply(lab)


def make_lab(
    faults: Sequence[str] = (), variants: Sequence[str] = (), credentials: Mapping[str, str] | None = None
) -> Lab:
    """A lab with these faults and variants switched on, variants last."""
    lab = plain_lab(DEFAULTS if credentials is None else credentials)
    for name in faults:
        FAULTS[name].apply(lab)
    switch_on(lab, variants)
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
    hostile: str | None = None,
    credentials: Mapping[str, str] | None = None,
    prepare: Callable[[Lab], None] | None = None,
) -> Iterator[Handle]:
    """A server on a free port with these switches; the default credentials unless others come. `prepare`
    has the last word on the lab before it serves.

    KeyError for a fault or host that does not exist, ValueError for variants that do not or that exclude
    each other.
    """
    faults = [fault] if isinstance(fault, str) else list(fault or ())
    lab = make_lab(faults, variants, credentials)
    host = HOSTS[hostile] if hostile else None
    if host and host.apply:
        host.apply(lab)
    if prepare:
        prepare(lab)
    with listen() as listener:
        handle = Handle(f"http://127.0.0.1:{listener.getsockname()[1]}", dict(lab.credentials), lab)
        if host and not host.apply and not host.talk:
            # Bound and not listening: refused, and nobody else can get the port meanwhile.
            yield handle
            return
        server = _RawServer(lab, host.talk) if host and host.talk else serve(lab)
        thread = threading.Thread(target=_run, args=(server, listener), daemon=True, name="conformance-lab")
        thread.start()
        if not server.ready.wait(10):
            raise RuntimeError("the server did not start")
        try:
            yield handle
        finally:
            server.stop()
            thread.join(10)


def _run(server: _Server | _RawServer, listener: socket.socket) -> None:
    asyncio.run(server.serve([listener]))
