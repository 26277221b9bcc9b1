"""Images of others, decoded in a process of their own wherever that may take long.

A decoder can be made to work, and to remember, out of all proportion to the file: by thousands of scans, of
blocks without content, or of pieces that it puts together one by one. A process can be given bounds, holds
nobody else up, and leaves no memory behind. What is small on every side is decoded at once: to start a
process would be most of its time.
"""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import PIL

if sys.platform != "win32":
    import resource

from lightning_mock.generation.rendering.decoding import TooManyPixels, decode, pixels

_SMALL_FILE = 64 * 1024
_SMALL_PICTURE = 1024 * 1024
"""Pixels. With so few, no file of that size takes a decoder longer than a tenth of a second."""
_MOST_SECONDS = 5
"""Of a processor; the largest honest picture takes a tenth of it."""
_MOST_MEMORY = 1024 * 1024 * 1024
_PATIENCE = 60
"""Seconds on a machine that has no time for it, or cannot count a processor's."""

_TOO_MANY_PIXELS, _NO_IMAGE = 3, 4
_LENGTH_BYTES = 8
_MAIN = (
    "import sys; sys.path += sys.argv[2:]; "
    "from lightning_mock.generation.rendering.decoding_process import main; main(int(sys.argv[1]))"
)


class TooMuchWork(ValueError):
    """The image takes longer to decode than anybody should have to wait for."""


def decode_within_bounds(content: bytes, most_pixels: int) -> tuple[bytes, bytes]:
    """As `decode` does it. Raises TooMuchWork besides."""
    if len(content) <= _SMALL_FILE:
        claimed = pixels(content)
        if claimed > most_pixels:
            raise TooManyPixels
        if claimed <= _SMALL_PICTURE:
            return decode(content, most_pixels)
    return _decode_elsewhere(content, most_pixels)


def _decode_elsewhere(content: bytes, most_pixels: int) -> tuple[bytes, bytes]:
    # Neither the environment nor what is installed beside us is looked at, which saves half of the start.
    places = {str(Path(__file__).parents[3]), str(Path(PIL.__file__).parents[1])}
    command = [sys.executable, "-I", "-S", "-c", _MAIN, str(most_pixels), *places]
    try:
        ended = subprocess.run(  # noqa: S603 - nothing of the caller's is in it
            command,
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TooMuchWork from None
    if ended.returncode == _TOO_MANY_PIXELS:
        raise TooManyPixels
    if ended.returncode < 0:
        raise TooMuchWork
    if ended.returncode:
        raise ValueError("no image")
    end = _LENGTH_BYTES + int.from_bytes(ended.stdout[:_LENGTH_BYTES])
    return ended.stdout[_LENGTH_BYTES:end], ended.stdout[end:]


def main(most_pixels: int) -> NoReturn:
    """The process: a file comes in, its picture and thumbnail go out, or the exit code says why not."""
    _bound_this_process()
    status = 0
    try:
        png, thumbnail = decode(sys.stdin.buffer.read(), most_pixels)
        sys.stdout.buffer.write(len(png).to_bytes(_LENGTH_BYTES) + png + thumbnail)
        sys.stdout.flush()
    except TooManyPixels:
        status = _TOO_MANY_PIXELS
    except Exception:
        # Decoders fail in many ways on a broken file.
        status = _NO_IMAGE
    os._exit(status)


def _bound_this_process() -> None:
    if sys.platform == "win32":
        # There the patience of who waits is the bound.
        return
    bounds = {
        resource.RLIMIT_CPU: _MOST_SECONDS,
        resource.RLIMIT_AS: _MOST_MEMORY,
        resource.RLIMIT_CORE: 0,
    }
    for what, most in bounds.items():
        # Not every system knows every bound.
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))
    os.nice(10)
