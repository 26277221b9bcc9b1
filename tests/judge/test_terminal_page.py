"""The page that shows what the judge prints shows what the judge prints."""

from __future__ import annotations

import re

import pytest

from tests.judge.terminal_page import PAGE, page

# What differs from run to run and from day to day: times, how many tests and requests there are.
_TIMES = re.compile(r"\d+(?:\.\d+)?(?= s\b|s$)", re.MULTILINE)
_COUNTS = re.compile(r"^(?:plan|time|bill|generated): .*$|^[a-z]+ \d+/\d+$", re.MULTILINE)


def lasting(text: str) -> str:
    """The text without what differs each time."""
    return _COUNTS.sub(lambda line: re.sub(r"\d+", "N", line[0]), _TIMES.sub("N", text))


@pytest.mark.slow
def test_the_page_shows_what_the_judge_prints() -> None:
    written = lasting(PAGE.read_text(encoding="utf-8"))
    assert lasting(page()) == written, "write it anew with: python -m tests.judge.terminal_page"
    for word in ("KEPT: ", "BROKEN: ", "INTERRUPTED by SIGINT: ", "INCONCLUSIVE: the host does not answer"):
        assert word in written
