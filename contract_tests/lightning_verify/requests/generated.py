"""Cases that schemathesis generates from the spec: drawn before anything is sent, and the same in every run
with the same seed."""

from __future__ import annotations

from functools import cache
from typing import Any

import schemathesis
from schemathesis import GenerationMode

from lightning_verify.facts import SPEC
from lightning_verify.requests.invalid import DRAWING, sample

# How many valid cases of an operation a run sends.
CASES = 3


@cache
def _schema() -> Any:
    # Streams are cut at twenty events by default, before the end that the schema asks for.
    config = schemathesis.Config.from_dict({"max-stream-events": 5000})
    generation = config.projects.default.generation
    generation.database = "none"
    # The same characters as with UTF-8. To find out which these are takes longer than all of the drawing.
    generation.codec = None
    return schemathesis.openapi.from_dict(SPEC.document, config=config)


def cases(operation_id: str, mode: GenerationMode, count: int, seed: int) -> tuple[Any, ...]:
    """`count` cases of an operation: valid ones, or ones that break the request's schema somewhere."""
    with DRAWING:  # Once for all who ask meanwhile.
        return _cases(operation_id, mode, count, seed)


@cache
def _cases(operation_id: str, mode: GenerationMode, count: int, seed: int) -> tuple[Any, ...]:
    operation = SPEC.operations[operation_id]
    endpoint = _schema()[operation.path][operation.method]
    return tuple(sample(endpoint.as_strategy(generation_mode=mode), count, seed + len(operation_id)))
