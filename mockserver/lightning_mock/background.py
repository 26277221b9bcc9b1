"""The mock inside somebody else's program: a context manager, on a free port, in a background thread.

Law: leaving the block ends the thread and frees the port, with streams open or not.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

from lightning_spec.command_line import nearest

from lightning_mock.callers.seed import PlanCredentials
from lightning_mock.control.state_file import StateLostError
from lightning_mock.real_time import stopwatch
from lightning_mock.serving import serving
from lightning_mock.settings import Complaint, Settings, SettingsError
from lightning_mock.state import State

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunningMock:
    """A mock that answers at `base_url`.

    `credentials` has the names of the credentials file (`LIGHTNING_JWT`, …); `plans` has a user's access
    token and key for each plan. `state` is the mock's own, for tests that move its clock or read its
    ledger.
    """

    base_url: str
    credentials: Mapping[str, str] = field(repr=False)
    plans: Mapping[str, PlanCredentials]
    state: State = field(repr=False)


@contextmanager
def running(**settings: Any) -> Iterator[RunningMock]:
    """Start a mock and stop it again. Keywords are the fields of `Settings`; the port is a free one unless
    given. Raises SettingsError when a setting cannot be used."""
    known = {each.name for each in fields(Settings)}
    if unknown := [name for name in settings if name not in known]:
        raise SettingsError(*(_no_setting(name, known) for name in unknown))
    chosen = Settings(**{"port": 0, **settings})
    if chosen.workers > 1:
        raise SettingsError(
            Complaint(("workers",), "only the command starts processes; here there are threads")
        )
    started: Future[tuple[RunningMock, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = threading.Thread(target=_run, args=(chosen, started), name="lightning-mock", daemon=True)
    thread.start()
    mock, loop, stop = started.result()
    try:
        yield mock
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def _no_setting(name: str, known: Iterable[str]) -> Complaint:
    near = nearest(name, known)
    return Complaint((name,), "there is no such setting" + (f"; did you mean {near}?" if near else ""))


def _run(
    settings: Settings, started: Future[tuple[RunningMock, asyncio.AbstractEventLoop, asyncio.Event]]
) -> None:
    async def serve() -> None:
        stop = asyncio.Event()
        async with serving(settings) as (base_url, state):
            credentials = state.credentials
            mock = RunningMock(base_url, credentials.named, credentials.by_plan, state)
            started.set_result((mock, asyncio.get_running_loop(), stop))
            await stop.wait()

    try:
        with asyncio.Runner(loop_factory=_loop) as runner:
            runner.run(serve())
    except StateLostError as error:
        # The program around the mock goes on, as it does while the mock runs.
        logger.error("%s", error)
    except BaseException as error:
        # Before the start the caller waits for this; afterwards the thread's own report is all there is.
        if started.done():
            raise
        started.set_exception(error)


def _loop() -> asyncio.AbstractEventLoop:
    """A loop whose delays are real, even if the program around it fakes its own time."""
    loop = asyncio.new_event_loop()
    loop.time = stopwatch  # type: ignore[method-assign]
    return loop
