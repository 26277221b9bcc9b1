"""Keeps all tests of a run on one worker of pytest-xdist.

Shared observations and the units of the budget belong to one process; tests spread over several would decide
less with more requests. Several tests run at once there with `--jobs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

_NAME = "the whole contract of {} tests"
_COUNT = re.compile(_NAME.format(r"(\d+)") + "$")


class CombinedItem(pytest.Item):
    """All tests of a run as the single item that xdist sees; its name says how many they are."""

    def __init__(self, *, tests: Iterable[pytest.Item], **node: Any) -> None:
        self.tests = list(tests)
        super().__init__(**node, name=_NAME.format(len(self.tests)))

    def run_all(self, after: pytest.Item | None) -> None:
        """Run and report each test by itself. `after` is the item that the worker runs next."""
        place = self.session.items.index(self)
        for test, following in zip(self.tests, [*self.tests[1:], after], strict=True):
            # xdist checks that the reported item is the one that it has sent.
            self.session.items[place] = test
            test.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
        self.session.items[place] = self

    def runtest(self) -> None:
        """Never called: each test runs by itself."""
        raise AssertionError("the tests run by themselves")

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The path and name to report."""
        return self.path, None, self.name


class ItemCounter:
    """Counts the tests of the combined item on the controller, whose progress would pass 100 % otherwise."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._more = 0

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Each worker reports what it has collected; all have collected the same."""
        self._more = sum(int(count[1]) - 1 for name in ids if (count := _COUNT.search(name)))

    def pytest_runtest_logstart(self) -> None:
        """xdist has counted the items by now."""
        self._session.testscollected += self._more
        self._more = 0
