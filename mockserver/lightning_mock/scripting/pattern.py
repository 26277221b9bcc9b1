"""The pattern of a scripted reply: a regular expression that is searched for in bounded time.

Python's engine backtracks: on `(a+)+$` and a few dozen letters it would block every caller for years.
"""

from __future__ import annotations

from lightning_mock.generation.sampling.schema_cost import (
    Budget,
    NoRegularExpressionError,
    Patterns,
    UnusableSchemaError,
    pattern_size,
)
from lightning_mock.generation.sampling.schema_sampler import compile_schema

_MAX_STEPS = 50_000
_MAX_SIZE = 10_000
"""To compile a larger one would hold up everybody."""
MAX_TOTAL_SIZE = 1_000_000
"""The size of all patterns together. Compiled they take sixty times as many bytes."""


class Pattern:
    """A regular expression. Raises ValueError where it is none, or asks for too much; `room` is what the
    others have left."""

    __slots__ = ("_validator", "size", "source")

    def __init__(self, source: str, room: int = MAX_TOTAL_SIZE) -> None:
        self.source = source
        self.size = pattern_size(source)
        if self.size > _MAX_SIZE:
            raise ValueError(f"it has more than {_MAX_SIZE} characters with repetitions written out")
        if self.size > room:
            raise ValueError(
                f"with those of all other replies it has more than {MAX_TOTAL_SIZE} characters with "
                "repetitions written out"
            )
        try:
            self._validator = compile_schema({"pattern": source}, Budget(_MAX_STEPS))
        except NoRegularExpressionError:
            # The engine does not say what is wrong with it.
            raise ValueError("not a regular expression") from None

    def is_in(self, text: str) -> bool | None:
        """Whether the pattern is found in a text; None if searching would take too long."""
        try:
            Patterns(Budget(_MAX_STEPS)).spend(self.source, text)
        except UnusableSchemaError:
            return None
        return self._validator.is_valid(text)
