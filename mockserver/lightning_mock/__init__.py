"""A Lightning API for offline work. `lightning_mock.running()` starts one inside your own program."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning_mock.background import RunningMock as RunningMock
    from lightning_mock.background import running as running

_PUBLIC = ("RunningMock", "running")


def __getattr__(name: str) -> Any:
    # On first use: the pytest plugin lives in this package and must not load a server into every project.
    if name in _PUBLIC:
        return getattr(import_module("lightning_mock.background"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
