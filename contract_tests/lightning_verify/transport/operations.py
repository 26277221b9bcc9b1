"""Which documented operation a request is for: needed before it is sent, to know what it may cost."""

from __future__ import annotations

import re

from lightning_spec.loader import Operation, Spec


class OperationFinder:
    """Matches a method and a raw path against the path templates of the spec."""

    def __init__(self, spec: Spec) -> None:
        # Templates without parameters first: /gen/video/airforce is not the prompt "airforce".
        ordered = sorted(spec.operations.values(), key=lambda operation: operation.path.count("{"))
        self._patterns = [
            (
                operation.method,
                re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(operation.path)) + "/?$"),
                operation,
            )
            for operation in ordered
        ]

    def find(self, method: str, path: str) -> Operation | None:
        """The operation behind `method` and `path` (a query is ignored), or None."""
        bare = path.split("?", 1)[0]
        for its_method, pattern, operation in self._patterns:
            if its_method == method and pattern.match(bare):
                return operation
        return None

    def metric_at(self, path: str) -> str | None:
        """The metric that a request to `path` may be charged on, whatever its method."""
        bare = path.split("?", 1)[0]
        return next(
            (
                operation.metric
                for _, pattern, operation in self._patterns
                if operation.metric and pattern.match(bare)
            ),
            None,
        )
