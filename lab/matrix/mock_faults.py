"""Faults that only a control plane can show, so they are switched on in our mock rather than in the lab:
upstreams that fail in the wrong way, and windows that begin again at the wrong time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from unittest.mock import patch

from lightning_mock.background import RunningMock, running
from lightning_mock.http.replies import Body, json_body
from lightning_mock.quota.windows import Window, WindowKind, window_at

Patch = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class MockFault:
    """`apply` breaks the requirement for as long as its block lasts."""

    name: str
    requirement: str
    does: str
    apply: Patch


def _upstream_failure(status: int) -> Patch:
    def answered(value: object, _: int = 200, headers: dict[str, str] | None = None) -> Body:
        return json_body(value, status, headers or {})

    return partial(patch, "lightning_mock.faults.kinds.json_body", answered)


def _windows(change: Callable[[WindowKind, float], Window]) -> Patch:
    return partial(patch, "lightning_mock.quota.windows.window_at", change)


def _never(which: WindowKind) -> Callable[[WindowKind, float], Window]:
    def window(kind: WindowKind, moment: float) -> Window:
        right = window_at(kind, moment)
        return replace(right, key="always") if kind == which else right

    return window


def _as(which: WindowKind, other: WindowKind) -> Callable[[WindowKind, float], Window]:
    def window(kind: WindowKind, moment: float) -> Window:
        return replace(window_at(other if kind == which else kind, moment), kind=kind)

    return window


_ALL = (
    MockFault(
        "upstream-200", "FAIL-3", "a failure of the provider is 200 with an error", _upstream_failure(200)
    ),
    MockFault("upstream-404", "FAIL-3", "a failure of the provider is 404", _upstream_failure(404)),
    MockFault("upstream-429", "FAIL-3", "a failure of the provider is 429", _upstream_failure(429)),
    MockFault("upstream-503", "FAIL-3", "a failure of the provider is 503", _upstream_failure(503)),
    MockFault("days-never-end", "RATE-7", "daily counters never begin again", _windows(_never("day"))),
    MockFault("weeks-never-end", "RATE-7", "the weekly counter never begins again", _windows(_never("week"))),
    MockFault(
        "week-of-a-day", "RATE-7", "the weekly counter begins again each day", _windows(_as("week", "day"))
    ),
    MockFault("day-of-a-week", "RATE-7", "daily counters last for a week", _windows(_as("day", "week"))),
)
MOCK_FAULTS = {fault.name: fault for fault in _ALL}


@contextmanager
def running_mock(name: str) -> Iterator[RunningMock]:
    """Our mock with this fault, on a free port. KeyError when there is no such fault."""
    with MOCK_FAULTS[name].apply(), running() as mock:
        yield mock
