"""Files that hold secrets: written whole or not at all, and readable by their owner alone.

Law: only a new file, or a regular one of ours, is ever replaced.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

if sys.platform != "win32":
    import fcntl

_PART = ".part"


class PrivateFileError(Exception):
    """A file that cannot or must not be written. The message says why, without its name."""


def write_private(
    path: Path, pieces: Iterable[bytes], placing: Callable[[int], object] = lambda descriptor: None
) -> None:
    """Write the pieces to a temporary file beside `path`, sync it and rename it over `path`, so that nobody
    ever finds a part of them and only their owner can read them. `placing` gets the descriptor of the new
    file before the rename. Raises PrivateFileError, with the old file untouched."""
    try:
        target = path.resolve(strict=path.is_symlink())
        if target.exists() and not is_file_of_ours(target.stat()):
            raise PrivateFileError("expected a new path, or a regular file that you own")
        # `mkstemp` makes the file with mode 0600.
        descriptor, written = mkstemp(_PART, _prefix(target), target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
                placing(file.fileno())
            os.replace(written, target)
        except BaseException:
            os.unlink(written)
            raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a usable name"
        raise PrivateFileError(reason) from error


def _prefix(target: Path) -> str:
    return f".{target.name[:100]}."


def remove_parts(path: Path) -> None:
    """Remove the temporary files of writers that were killed. Nobody else may be writing `path` now."""
    target = path.resolve()
    with suppress(OSError), os.scandir(target.parent) as found:
        for entry in found:
            name = entry.name
            if name.startswith(_prefix(target)) and name.endswith(_PART) and is_file_of_ours(os.lstat(entry)):
                os.unlink(entry)


def lock_file(descriptor: int) -> bool:
    """Lock a file until its descriptor is closed; False when another process has the lock. Where files cannot
    be locked this succeeds."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass
    return True


def is_file_of_ours(found: os.stat_result) -> bool:
    """A regular file that belongs to whoever runs this."""
    return stat.S_ISREG(found.st_mode) and (not hasattr(os, "geteuid") or found.st_uid == os.geteuid())
