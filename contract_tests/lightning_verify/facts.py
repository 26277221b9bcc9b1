"""What the specification promises of operations and metrics: the one place in which the judge reads it."""

from __future__ import annotations

from lightning_spec.loader import load_requirements, load_spec

_SPEC = load_spec()

METRICS = tuple(_SPEC.metrics)
WINDOW_OF = {name: metric.window for name, metric in _SPEC.metrics.items()}
# The metric on which a served call of an operation is charged; an operation without one costs nothing.
METRIC_OF = {name: operation.metric for name, operation in _SPEC.operations.items() if operation.metric}
# The free tier's limits where it has any: what driving a caller to one is planned to cost.
PUBLISHED_LIMITS = {
    metric: limit
    for plan in _SPEC.plans
    if plan.key == _SPEC.default_plan
    for metric, limit in plan.limits.items()
    if limit is not None
}
# The requirement that tells when an operation has no good answer at all.
OWNER_OF = {
    operation: requirement.id
    for requirement in load_requirements().requirements.values()
    if requirement.owner
    for operation in requirement.operations
}
# The requirement that says what a served call of a metered operation is charged.
PRICE_OF = {
    operation: requirement.id
    for requirement in load_requirements().requirements.values()
    if requirement.price
    for operation in requirement.operations
}
# Operations that answer anybody with JSON and cost nothing.
FREE = tuple(
    name
    for name, operation in _SPEC.operations.items()
    if operation.metric is None
    and operation.auth != "required"
    and "application/json" in operation.responses.get("200", {})
)
