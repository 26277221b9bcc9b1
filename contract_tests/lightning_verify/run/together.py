"""Under pytest-xdist all tests of a run stay together on one worker.

What they look at together, and the units that they share out, belongs to one process; tests that were spread
would decide less for more requests. Who wants them faster runs several at once there (`--jobs`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest


class Together(pytest.Item):
    """The tests of a run as the one item that xdist sees."""

    def __init__(self, *, tests: Iterable[pytest.Item], **node: Any) -> None:
        super().__init__(**node)
        self.tests = list(tests)

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
