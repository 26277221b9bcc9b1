"""What ends a test before its last line."""

from __future__ import annotations


class Violation(AssertionError):
    """An answer that a requirement does not allow."""

    def __init__(self, requirement: str, message: str) -> None:
        super().__init__(f"{requirement}: {message}")
        self.requirement = requirement
        self.message = message


class Undecided(Exception):
    """An answer that shows nothing about the requirement."""


class Disturbed(Undecided):
    """Something other than the host came between, such as a gateway's answer. The test may be repeated."""


class MidnightPassed(Disturbed):
    """A window of the counters ended during a measurement."""


class NotRun(Exception):
    """The test cannot be tried with what the run was given."""
