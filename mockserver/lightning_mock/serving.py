"""Serves a mock: sets up the state, opens the port, and shuts down in an orderly way."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from lightning_spec.recording import RecordingError

from lightning_mock.addresses import base_url
from lightning_mock.app import Server, make_server
from lightning_mock.control import snapshot
from lightning_mock.control.replies_file import start_with_file, warn_of_nobody
from lightning_mock.control.scenarios import ScenarioError, play
from lightning_mock.control.state_file import kept_in_file, state_from_file
from lightning_mock.journal.event_hub import EventHub
from lightning_mock.memory import return_large_blocks
from lightning_mock.real_time import stopwatch
from lightning_mock.recordings.recorder import Recorder
from lightning_mock.settings import Complaint, Settings, SettingsError
from lightning_mock.state import State, make_state

if TYPE_CHECKING:
    from lightning_mock.storage.sharing import Sharing

BACKLOG = 1024
"""The backlog of the listening socket: connections that wait to be accepted."""
_GRACE = 0.2
_GRACE_SHARED = 8.0
"""Seconds that a stream has to come to its end where another process serves on."""
_LAST_CALLS = 3.0
"""Seconds for which a connection is waited on for one more call."""
_POLL_INTERVAL = 0.02


@asynccontextmanager
async def serving(
    settings: Settings, inherited: socket.socket | None = None
) -> AsyncIterator[tuple[str, State]]:
    """Serve until the block ends. Yields the base URL, without a slash at its end, and the state. Raises
    SettingsError. On an `inherited` socket other processes serve as well: at the end clients are made to
    reconnect, and reach one of them."""
    return_large_blocks()
    async with AsyncExitStack() as ending:
        state, sharing = await ending.enter_async_context(initial_state(settings))
        ending.callback(state.renderer.close)
        instead = state.replay.answer if state.replay is not None else None
        if settings.record is not None:
            recorder = _recorder(settings.record, settings.recording, state)
            ending.push_async_callback(recorder.close)
            instead = recorder.answer
        server = make_server(state, sharing, instead)
        runner = web.ServerRunner(server, shutdown_timeout=_GRACE if inherited is None else _GRACE_SHARED)
        await runner.setup()
        ending.push_async_callback(runner.cleanup)
        site: web.BaseSite
        if inherited is None:
            site = web.TCPSite(runner, settings.host, settings.port, backlog=BACKLOG)
        else:
            backlog = 1 if settings.loop == "asyncio" else BACKLOG
            shared = _Shared(inherited)
            site = web.SockSite(runner, shared, backlog=backlog)
            ending.push_async_callback(_let_go, server, site, shared, state.event_hub)
        try:
            await site.start()
        except OSError as error:
            raise cannot_listen(settings, error) from error
        host, port = runner.addresses[0][:2]
        yield base_url(host, port), state


def cannot_listen(settings: Settings, error: OSError) -> SettingsError:
    """The message when the address is not available."""
    if error.errno == errno.EADDRINUSE:
        why = "the port is in use; choose another with --port, or 0 for a free one"
    elif isinstance(error, socket.gaierror) or not error.errno:
        why = error.strerror or str(error)
    else:
        # asyncio's own message repeats the address, as a Python tuple.
        why = os.strerror(error.errno)
    return SettingsError(f"cannot listen on {settings.host}:{settings.port}: {why}")


class _Shared(socket.socket):
    """A listening socket that other processes accept from as well. asyncio accepts up to `backlog`
    connections at once: with 1, one process does not take all that arrive together."""

    def __init__(self, inherited: socket.socket) -> None:
        super().__init__(fileno=os.dup(inherited.fileno()))

    def listen(self, backlog: int = 0, /) -> None:
        """The socket listens already, and keeps the backlog that it has."""


async def _let_go(server: Server, site: web.BaseSite, listener: socket.socket, event_hub: EventHub) -> None:
    """Accept no more connections, and close each with its next answer (`Connection: close`): the client then
    reconnects to another process. Closed between two calls, a connection could lose the second."""
    server.leaving = True
    loop = asyncio.get_running_loop()
    if isinstance(loop, asyncio.SelectorEventLoop):
        # It accepts in two steps, and a connection between them would be dropped by what stops the site.
        loop.remove_reader(listener)
        await asyncio.sleep(_POLL_INTERVAL)
    await site.stop()
    event_hub.end()
    until = stopwatch() + _LAST_CALLS
    while server.connections and stopwatch() < until:  # noqa: ASYNC110
        await asyncio.sleep(_POLL_INTERVAL)


@asynccontextmanager
async def initial_state(settings: Settings) -> AsyncIterator[tuple[State, Sharing | None]]:
    """The state at the start, and how it is shared (None: this process has it alone). It is saved, or the
    store closed, when the block ends. Raises SettingsError."""
    if settings.store is None:
        state = await state_from_file(settings.state, settings) if settings.state else make_state(settings)
        _load_replies(state)
        await _begin(state)
        if settings.state is None:
            yield state, None
        else:
            async with kept_in_file(settings.state, state):
                yield state, None
        return
    try:
        # It imports the Redis client, which is an extra.
        from lightning_mock.storage.opening import shared_state
    except ImportError as error:
        why = "the Redis client is not installed; pip install 'lightning-contract[redis]'"
        raise SettingsError(Complaint(("store",), why)) from error
    async with shared_state(settings.store, settings, _load_replies, _begin) as (state, sharing):
        yield state, sharing


def _load_replies(state: State) -> None:
    if state.settings.replies is not None:
        start_with_file(state.settings.replies, state)


async def _begin(state: State) -> None:
    """Play the scenarios that the settings ask for, and note the beginning to which a reset goes back. They
    are a part of it even if a state file has it from an earlier start."""
    if state.start and state.settings.scenario:
        now = await snapshot.take(state)
        await snapshot.restore(state.start, state)
        await _play(state)
        state.start.update(await snapshot.take(state))
        await snapshot.restore(now, state)
    await _play(state)
    if state.settings.replies is not None:
        warn_of_nobody(state.settings.replies, state)
    if not state.start:
        state.start.update(await snapshot.take(state))


async def _play(state: State) -> None:
    for name in state.settings.scenario:
        try:
            await play(name, state)
        except ScenarioError as error:
            raise SettingsError(Complaint(("scenario",), str(error))) from error


def _recorder(upstream: str, path: Path, state: State) -> Recorder:
    try:
        return Recorder(upstream, path, state.spec.body_limit_bytes, state.renderer)
    except RecordingError as error:
        raise SettingsError(str(error)) from error
