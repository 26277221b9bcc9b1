"""The file to which `--credentials` writes.

Law: only a file that the mock wrote, or an empty one, is ever replaced. Others may hold the only copy of
somebody's credentials, for a live host or for something else.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from pathlib import Path

from lightning_mock.private_file import PrivateFileError, write_private
from lightning_mock.settings import SettingsError

_MAX_SIZE = 64 * 1024
"""More than the mock ever writes."""


def write_credentials(path: Path, named: Mapping[str, str]) -> None:
    """Write credentials by their names, as JSON. Raises SettingsError, with the old file untouched."""
    try:
        if not _may_be_replaced(path, named):
            raise PrivateFileError(
                "there is a file already, and not one that the mock wrote; give another name, or remove it"
            )
        write_private(path, [f"{json.dumps(named, indent=2)}\n".encode()])
    except PrivateFileError as error:
        raise SettingsError(f"credentials file {path}: {error}") from error


def _may_be_replaced(path: Path, named: Mapping[str, str]) -> bool:
    """Whether there is no file, an empty one, or one of the mock's. Raises PrivateFileError."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size == 0:
            # Whoever writes refuses what is no file.
            return True
        if found.st_size > _MAX_SIZE:
            return False
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return True
    except OSError as error:
        raise PrivateFileError(error.strerror) from error
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.keys() == named.keys()
