"""Several processes of one mock on one port, watched over by gunicorn's arbiter.

Law: the arbiter owns the listening socket and never accepts; its workers share it. So nobody who connects is
refused while a worker is replaced, and a worker that leaves lets its callers move to another one first.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable
from typing import NoReturn

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from lightning_mock.addresses import base_url
from lightning_mock.loops import loop_factory
from lightning_mock.serving import BACKLOG, cannot_listen, initial_state, serving
from lightning_mock.settings import Settings, SettingsError
from lightning_mock.state import State

logger = logging.getLogger(__name__)

_GRACEFUL_TIMEOUT = 10
"""Seconds that a worker has to finish its calls after SIGTERM, before it is killed."""
_HEARTBEAT_TIMEOUT = 30
"""Seconds without a heartbeat after which a worker is replaced."""
_HEARTBEAT_INTERVAL = 0.5

Greet = Callable[[str, State], None]
"""Called with the base URL and the state once everything is ready."""


def serve(settings: Settings, greet: Greet) -> NoReturn:
    """Serve with several processes until a signal ends it: SIGTERM once the callers are served, SIGINT at
    once. SIGHUP replaces one process after another. Leaves the program. Raises SettingsError."""
    state = _first_state(settings)
    listener = _listening(settings)
    host, port = listener.getsockname()[:2]
    application = _Application(settings, listener, lambda: greet(base_url(host, port), state))
    _Supervisor(application).run()
    raise AssertionError("the arbiter leaves the program itself")


def _first_state(settings: Settings) -> State:
    """The state as every worker will find it. What is wrong with the settings shows here, before any
    starts."""

    async def look() -> State:
        async with initial_state(settings) as (state, _):
            state.renderer.close()
            return state

    return asyncio.run(look())


def _listening(settings: Settings) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise cannot_listen(settings, error) from error


class _Application(BaseApplication):
    """The application that gunicorn runs, without any configuration file or variable of gunicorn's."""

    def __init__(self, settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> None:
        self.settings = settings
        self._address = f"fd://{listener.detach()}"
        self._ready = ready
        super().__init__()

    def load_config(self) -> None:
        chosen = {
            "bind": self._address,
            "workers": self.settings.workers,
            "worker_class": _Worker,
            "timeout": _HEARTBEAT_TIMEOUT,
            "graceful_timeout": _GRACEFUL_TIMEOUT,
            "loglevel": "warning",
            "control_socket_disable": True,
            "when_ready": lambda arbiter: self._ready(),
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)


class _Supervisor(Arbiter):
    """Reloads only if new workers would be able to start."""

    app: _Application

    def reload(self) -> None:
        try:
            _first_state(self.app.settings)
        except SettingsError as error:
            logger.error("the workers stay as they are: %s", error)
        else:
            super().reload()


class _Worker(Worker):
    """One process of the mock."""

    app: _Application

    def load_wsgi(self) -> None:
        """There is no WSGI application: `run` serves by itself."""

    def run(self) -> None:
        with asyncio.Runner(loop_factory=loop_factory(self.app.settings.loop)) as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        leave, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, leave.set)
        for number in (signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(number, os._exit, 0)
        serving_now = loop.create_task(self._serve(leave))
        while not serving_now.done():
            self.notify()
            if self.ppid != os.getppid() or not self.alive:
                leave.set()
            await asyncio.wait((serving_now,), timeout=_HEARTBEAT_INTERVAL)
        await serving_now

    async def _serve(self, leave: asyncio.Event) -> None:
        """Serve until `leave` is set. While the store cannot be reached at the start, try again."""
        waiting = False
        while not leave.is_set():
            try:
                async with serving(self.app.settings, self.sockets[0]):
                    await leave.wait()
            except SettingsError as error:
                if not waiting:
                    waiting = True
                    logger.error("a worker waits and tries again: %s", error)
                await asyncio.sleep(_HEARTBEAT_INTERVAL)
