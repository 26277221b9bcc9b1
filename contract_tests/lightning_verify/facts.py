"""What the specification promises: the only place in which the judge reads it.

It is read once, on import, since checks and laws are built from it. A later revision of the API is selected
beforehand, by an environment variable.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from lightning_spec.loader import SpecError, load_revision, revisions
from lightning_spec.references import look_up, resolve

REVISION_VARIABLE = "LIGHTNING_REVISION"
REVISION = os.environ.get(REVISION_VARIABLE) or next(iter(revisions()))
try:
    SPEC, REQUIREMENTS = load_revision(REVISION)
except SpecError as problem:
    raise pytest.UsageError(f"{REVISION_VARIABLE}: {problem}") from problem

METRICS = tuple(SPEC.metrics)
WINDOW_OF = {name: metric.window for name, metric in SPEC.metrics.items()}
# The metric on which a served call of an operation is charged; an operation without one costs nothing.
METRIC_OF = {name: operation.metric for name, operation in SPEC.operations.items() if operation.metric}
# The free tier's limits where it has any: what driving a caller to one is planned to cost.
PUBLISHED_LIMITS = {
    metric: limit
    for plan in SPEC.plans
    if plan.key == SPEC.default_plan
    for metric, limit in plan.limits.items()
    if limit is not None
}
# The requirement that tells when an operation has no good answer at all.
OWNER_OF = {
    operation: requirement.id
    for requirement in REQUIREMENTS.requirements.values()
    if requirement.owner
    for operation in requirement.operations
}
# The requirement that says what a served call of a metered operation is charged.
PRICE_OF = {
    operation: requirement.id
    for requirement in REQUIREMENTS.requirements.values()
    if requirement.price
    for operation in requirement.operations
}
# Operations that answer anybody with JSON and cost nothing.
FREE = tuple(
    name
    for name, operation in SPEC.operations.items()
    if operation.metric is None
    and operation.auth != "required"
    and "application/json" in operation.responses.get("200", {})
)


def _schema(pointer: str) -> Any:
    return resolve(SPEC.document, look_up(SPEC.document, pointer), pointer)[0]


# The field that a request's JSON cannot do without; where one of several will do, there is none.
REQUIRED_FIELD = {
    name: required[0]
    for name, operation in SPEC.operations.items()
    if operation.body_pointer is not None and (required := _schema(operation.body_pointer).get("required"))
}
