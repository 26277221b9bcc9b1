"""Standard output that may be lost in a run: its reader leaves, its terminal is closed, its disk is full."""

from __future__ import annotations

import os
from typing import Any, TextIO


class Output:
    """Writes to `file` for as long as that works; then `problem` says why it does not, and the rest is
    dropped, so that the run still ends with its reports."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.problem: OSError | None = None

    def write(self, text: str) -> int:
        """Write a text, or drop it. Returns its length."""
        if self.problem is None:
            try:
                return self._file.write(text)
            except OSError as problem:
                self._lose(problem)
        return len(text)

    def flush(self) -> None:
        """Write what is buffered, or drop it."""
        if self.problem is None:
            try:
                self._file.flush()
            except OSError as problem:
                self._lose(problem)

    def _lose(self, problem: OSError) -> None:
        self.problem = problem
        # Python would try to write the rest at its end.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._file.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
