"""Reports a test as skipped without setting it up.

pytest would prepare fixtures, raise, and look up where; most of a free run is such tests, and took most of
its time.
"""

from __future__ import annotations

import time

import pytest


def report_skipped(item: pytest.Item, nextitem: pytest.Item | None, reason: str) -> None:
    """Report a test whose only result is `reason`, and end what others have set up and `nextitem` does not
    need."""
    hook, place = item.ihook, item.location
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=place)
    now = time.time()
    hook.pytest_runtest_logreport(
        report=pytest.TestReport(
            nodeid=item.nodeid,
            location=place,
            keywords=dict.fromkeys(item.keywords, 1),
            outcome="skipped",
            longrepr=(str(item.path), place[1] or 0, reason),
            when="call",
            start=now,
            stop=now,
        )
    )
    # Of those before it. Plugins that end this test itself would look for what they have begun.
    ended = pytest.CallInfo.from_call(
        lambda: item.session._setupstate.teardown_exact(nextitem), when="teardown"
    )
    if ended.excinfo is not None:
        hook.pytest_runtest_logreport(report=hook.pytest_runtest_makereport(item=item, call=ended))
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=place)
