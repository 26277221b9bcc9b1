"""The progress of a run by area: a line that is redrawn in a terminal, and an occasional line in a log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterable

import pytest

from lightning_verify.facts import REQUIREMENTS
from lightning_verify.run.marks import charge_of

# Seconds after which a log is told again how far an area has come.
A_WHILE = 10.0
_Status = tuple[str, str, str | tuple[str, dict[str, bool]]]


def area_of(item: pytest.Item) -> str:
    """The area of the first requirement that a test judges; `other` for a test that judges nothing."""
    charge = charge_of(item)
    return REQUIREMENTS.requirements[charge.requirements[0]].area if charge else "other"


class Progress:
    """A pytest plugin that counts the tests of each area in place of dots."""

    def __init__(self, reporter: pytest.TerminalReporter, items: Iterable[pytest.Item]) -> None:
        self._reporter = reporter
        self._areas = {item.nodeid: area_of(item) for item in items}
        self._all = Counter(self._areas.values())
        self._done: Counter[str] = Counter()
        self._told = time.monotonic()

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self) -> Generator[None, _Status, _Status]:
        """No dots: tests are counted whatever their result, which is reported at the end."""
        category, _, _ = yield
        return category, "", ""

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """One more test is over."""
        area = self._areas[nodeid]
        self._done[area] += 1
        if self._reporter.isatty:
            self._draw()
        elif self._done[area] == self._all[area] or time.monotonic() > self._told + A_WHILE:
            self._told = time.monotonic()
            self._reporter.write_line(self._count(area))

    def _count(self, area: str) -> str:
        return f"{area} {self._done[area]}/{self._all[area]}"

    def _draw(self) -> None:
        """The total of all areas, and those that have begun and are not done."""
        begun = [self._count(area) for area in self._all if 0 < self._done[area] < self._all[area]]
        self._reporter.rewrite("  ".join([f"{self._done.total()}/{self._all.total()}", *begun]), erase=True)
        if self._done == self._all:
            self._reporter.write("\n")
