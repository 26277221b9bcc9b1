"""How long a run will take, and how far it has come."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from lightning_verify.run.marks import judges
from lightning_verify.run.plan import WAITING, duration, spoken
from lightning_verify.run.progress import Progress


class Terminal(io.StringIO):
    """What a terminal reporter does with lines."""

    def __init__(self, *, drawn: bool) -> None:
        super().__init__()
        self.drawn = drawn

    def isatty(self) -> bool:
        return self.drawn


def told(*tests: str, drawn: bool) -> str:
    """What is told of tests of these requirements, one after the other."""
    screen = Terminal(drawn=drawn)
    reporter: Any = SimpleNamespace(
        isatty=drawn,
        write=screen.write,
        write_line=lambda line: screen.write(f"{line}\n"),
        rewrite=lambda line, *, erase: screen.write(f"\r{line}"),
    )
    marks = [judges(test).mark for test in tests]
    items: list[Any] = [
        SimpleNamespace(nodeid=str(turn), get_closest_marker=lambda _, mark=mark: mark)
        for turn, mark in enumerate(marks)
    ]
    progress = Progress(reporter, items)
    for item in items:
        progress.pytest_runtest_logfinish(item.nodeid)
    return screen.getvalue()


def test_a_log_is_told_of_each_area_that_is_done() -> None:
    assert told("CHAT-1", "IMG-1", "CHAT-2", drawn=False) == "media 1/1\nchat 2/2\n"


def test_a_terminal_shows_what_is_going_on() -> None:
    assert told("CHAT-1", "CHAT-2", "IMG-1", drawn=True) == "\r1/3  chat 1/2\r2/3\r3/3\n"


@pytest.mark.parametrize(
    ("rate", "latency", "jobs", "seconds"),
    [
        pytest.param(2.0, 0.1, 1, 150, id="as fast as is polite"),
        pytest.param(2.0, 1.0, 1, 300, id="as fast as the host answers"),
        pytest.param(None, 0.16, 8, 6 + WAITING, id="several at the same time"),
    ],
)
def test_the_duration_is_that_of_the_slower_side(
    rate: float | None, latency: float, jobs: int, seconds: float
) -> None:
    assert duration(300, rate, latency, jobs) == pytest.approx(seconds)


def test_a_duration_is_said_in_words() -> None:
    assert [spoken(each) for each in (40.4, 150.0)] == ["about 40 seconds", "about 2 minutes"]
