"""Pieces of work, each in a process of its own, several in parallel.

Law: a piece that hangs or dies loses only its own result, and everything it started ends with it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Generic, TypeVar

I = TypeVar("I")  # noqa: E741 what goes in
R = TypeVar("R")

TIMEOUT = 600.0


@dataclass(frozen=True, slots=True)
class Lost:
    """A piece of work without a result, and why."""

    why: str


@dataclass(slots=True)
class _Running(Generic[I]):
    item: I
    process: ForkProcess
    deadline: float


def in_processes(
    function: Callable[[I], R], items: Iterable[I], workers: int = 2, timeout: float = TIMEOUT
) -> Iterator[tuple[I, R | Lost]]:
    """Call `function` for each item in a process forked from this one, `workers` at a time; yields results as
    they come.

    A piece that takes more than `timeout` seconds is ended. This process must have no threads that hold
    locks.
    """
    context = multiprocessing.get_context("fork")
    waiting, running = list(reversed(list(items))), dict[Connection, _Running[I]]()
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                item = waiting.pop()
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(sender, function, item))
                process.start()
                sender.close()
                running[receiver] = _Running(item, process, time.monotonic() + timeout)
            soonest = min(work.deadline for work in running.values())
            ready = wait(list(running), timeout=max(0.0, soonest - time.monotonic()))
            for receiver in [r for r in running if r in ready or running[r].deadline <= time.monotonic()]:
                result = _result(receiver) if receiver in ready else Lost(f"not done after {timeout:g} s")
                work = running.pop(receiver)
                _end(work.process)
                receiver.close()
                yield work.item, result
    finally:
        for work in running.values():
            _end(work.process)


def _result(receiver: Connection) -> R | Lost:
    try:
        result: R | Lost = receiver.recv()
    except EOFError:
        return Lost("the process died")
    return result


def _end(process: ForkProcess) -> None:
    # The group, so that what the piece started ends as well.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid or 0, signal.SIGKILL)
    process.kill()
    process.join()


def _work(sender: Connection, function: Callable[[I], R], item: I) -> None:
    os.setsid()
    # pytest writes to both; a table of hundreds of runs needs neither.
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    sys.stdout = sys.stderr = os.fdopen(sink, "w", encoding="utf-8")
    result: R | Lost
    try:
        result = function(item)
    except BaseException as problem:
        result = Lost(f"{type(problem).__name__}: {problem}"[:300])
    sender.send(result)
    sender.close()
