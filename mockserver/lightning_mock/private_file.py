"""Files that hold secrets: written whole or not at all, and readable by their owner alone.

Law: only a new file, or a regular one of ours, is ever replaced.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from tempfile import mkstemp


class PrivateFileError(Exception):
    """A file that cannot be written, or is not to be. The message says why, without the name."""


def write_private(path: Path, pieces: Iterable[bytes]) -> None:
    """Write the pieces beside the file and put them in its place, so that they are never readable by others.
    Raises PrivateFileError."""
    try:
        target = path.resolve(strict=path.is_symlink())
        if target.exists() and not is_file_of_ours(target.stat()):
            raise PrivateFileError("expected a new file, or a regular one of yours")
        # Nobody else can open a file of `mkstemp`.
        descriptor, written = mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            os.replace(written, target)
        except BaseException:
            os.unlink(written)
            raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a usable name"
        raise PrivateFileError(reason) from error


def is_file_of_ours(found: os.stat_result) -> bool:
    """A regular file that belongs to whoever runs this."""
    return stat.S_ISREG(found.st_mode) and (not hasattr(os, "geteuid") or found.st_uid == os.geteuid())
