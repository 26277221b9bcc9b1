"""Under pytest-xdist all tests of a run stay together on one worker.

What they look at together, and the units that they share out, belongs to one process; tests that were spread
would decide less for more requests. Who wants them faster runs several at once there (`--jobs`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

_NAME = "the whole contract of {} tests"
_COUNT = re.compile(_NAME.format(r"(\d+)") + "$")


class Together(pytest.Item):
    """The tests of a run as the one item that xdist sees; its name says how many they are."""

    def __init__(self, *, tests: Iterable[pytest.Item], **node: Any) -> None:
        self.tests = list(tests)
        super().__init__(**node, name=_NAME.format(len(self.tests)))

    def run_all(self, after: pytest.Item | None) -> None:
        """Run and report each test by itself. `after` is what the worker runs next."""
        place = self.session.items.index(self)
        for test, following in zip(self.tests, [*self.tests[1:], after], strict=True):
            # xdist makes sure that what is reported is the item that it has sent.
            self.session.items[place] = test
            test.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
        self.session.items[place] = self

    def runtest(self) -> None:
        """Never called: each test has a life of its own."""
        raise AssertionError("the tests run by themselves")

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it is said to stand."""
        return self.path, None, self.name


class CountEach:
    """Counts the tests of the one item on the controller, whose progress would go beyond the whole else."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._more = 0

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Each worker tells what it has found; all have found the same."""
        self._more = sum(int(count[1]) - 1 for name in ids if (count := _COUNT.search(name)))

    def pytest_runtest_logstart(self) -> None:
        """xdist has counted the items by now."""
        self._session.testscollected += self._more
        self._more = 0
