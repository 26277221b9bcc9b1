"""A pytest plugin that makes one file of checks unreadable, as a mistake in it would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


class _Unreadable(pytest.Module):
    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        raise RuntimeError("a name that is not there")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Put the unreadable one in its place."""
    if module_path.name != "test_status.py":
        return None
    unreadable: pytest.Module = _Unreadable.from_parent(parent, path=module_path)
    return unreadable
