"""The examples that the OpenAPI document gives."""

from __future__ import annotations

from typing import Any

from lightning_spec.model import Spec


def first_example(spec: Spec, operation: str) -> Any:
    """The first example of what an operation, given by its id, answers with JSON and 200. It is the
    document's own, not to be changed. Raises KeyError where the document gives none."""
    found = spec.operations[operation]
    answer = spec.document["paths"][found.path][found.method.lower()]["responses"]["200"]
    examples = answer["content"]["application/json"]["examples"]
    return next(iter(examples.values()))["value"]
