"""A process that draws and decodes for the mock, which never loads Pillow or PyAV itself, and looks through
large texts: what that holds in memory ends with it, and no picture and no text can harm more than it.

A message is its length and its content. Jobs go in, pickled; what comes out is an outcome and bytes, and is
never unpickled.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import traceback
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Timer
from typing import IO, NoReturn

if sys.platform != "win32":
    import resource

from lightning_mock.generation.rendering.errors import (
    HeavyPictureError,
    TooManyPixelsError,
    TooMuchWorkError,
)
from lightning_mock.generation.rendering.jobs import Job

_MAX_SECONDS = 5
"""Of processor time, for one input image; the largest honest one takes a tenth of it."""
_MAX_MEMORY = 1024 * 1024 * 1024
_TIMEOUT = 60.0
"""Seconds for any job, on a busy machine or one that has no limit on processor time."""

_LENGTH_BYTES = 8
_DONE, _FAILED, _TOO_MANY_PIXELS, _HEAVY, _TOO_MUCH = b"D", b"F", b"P", b"H", b"M"
_LIBRARIES = ("PIL", "av", "jsonschema_rs", "lightning_spec", "orjson", "yaml")
_MAIN = (
    "import sys; sys.path += sys.argv[2:]; "
    "from lightning_mock.generation.rendering.worker import main; main(sys.argv[1])"
)


class WorkerLostError(Exception):
    """The process ended before the job was done."""


class JobFailedError(Exception):
    """The job raised; the message is the worker's traceback."""


class Worker:
    """One process, for one job at a time. Started `for_one_picture`, it may not work long on it."""

    def __init__(self, *, for_one_picture: bool = False) -> None:
        # -I and -S skip environment variables and site-packages, which halves the time to start.
        command = [sys.executable, "-I", "-S", "-c", _MAIN, "one" if for_one_picture else "many", *_places()]
        self._process = subprocess.Popen(  # noqa: S603 - nothing of a caller's is in it
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def do(self, job: Job) -> bytes:
        """The job's bytes. Raises what the job may raise for a picture, TooMuchWorkError, JobFailedError for
        anything else, and WorkerLostError. Once it took too long or was lost, the worker is of no use."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        is_late = Event()

        def give_up() -> None:
            is_late.set()
            self._process.kill()

        too_late = Timer(_TIMEOUT, give_up)
        too_late.daemon = True
        too_late.start()
        try:
            _send(self._process.stdin, pickle.dumps(job))
            answer = _receive(self._process.stdout)
        except (OSError, ValueError):
            answer = None
        finally:
            too_late.cancel()
        if answer is None:
            self.end()
            raise TooMuchWorkError if is_late.is_set() else WorkerLostError
        outcome, content = answer[:1], answer[1:]
        if outcome == _TOO_MANY_PIXELS:
            raise TooManyPixelsError
        if outcome == _HEAVY:
            raise HeavyPictureError
        if outcome == _TOO_MUCH:
            raise TooMuchWorkError
        if outcome == _FAILED:
            raise JobFailedError(content.decode())
        return content

    def kill(self) -> None:
        """End the process, from another thread than the one that has given it a job."""
        self._process.kill()

    def end(self) -> None:
        """End the process and close what leads to it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            # What could not be sent any more is still in the pipe's buffer.
            with suppress(OSError):
                pipe.close()


def main(jobs: str) -> NoReturn:
    """Do jobs until standard input ends."""
    # Ctrl-C reaches every process of a terminal; this one ends with the mock.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _bound_this_process(for_one_picture=jobs == "one")
    with suppress(OSError):
        while (message := _receive(sys.stdin.buffer)) is not None:
            _send(sys.stdout.buffer, _answer(pickle.loads(message)))  # noqa: S301 - the mock's own
    os._exit(0)


def _answer(job: Job) -> bytes:
    try:
        return _DONE + job.render()
    except TooManyPixelsError:
        return _TOO_MANY_PIXELS
    except HeavyPictureError:
        return _HEAVY
    except MemoryError:
        return _TOO_MUCH
    except Exception:
        return _FAILED + traceback.format_exc().encode("utf-8", "replace")


def _places() -> list[str]:
    """Where modules are found: ours and those of the libraries that jobs need."""
    libraries = [find_spec(name) for name in _LIBRARIES]
    origins = [spec.origin for spec in libraries if spec is not None and spec.origin is not None]
    return sorted({str(Path(__file__).parents[3]), *(str(Path(origin).parents[1]) for origin in origins)})


def _send(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(len(content).to_bytes(_LENGTH_BYTES))
    pipe.write(content)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes | None:
    """The next message; None when there will be none."""
    head = pipe.read(_LENGTH_BYTES)
    size = int.from_bytes(head)
    content = pipe.read(size)
    return content if len(head) == _LENGTH_BYTES and len(content) == size else None


def _bound_this_process(*, for_one_picture: bool) -> None:
    if sys.platform == "win32":
        # There the only bound is `_TIMEOUT`.
        return
    bounds = {resource.RLIMIT_AS: _MAX_MEMORY, resource.RLIMIT_CORE: 0}
    if for_one_picture:
        bounds[resource.RLIMIT_CPU] = _MAX_SECONDS
        os.nice(10)
    for what, most in bounds.items():
        # Not every system has every limit.
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))
