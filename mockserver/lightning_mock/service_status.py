"""What `/status` says: the spec's example until something else is set.

Law: it only says so; a service that it calls down still answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning_spec.examples import first_example
from lightning_spec.loader import Spec


class ServiceStatus:
    """The JSON document that the route answers with, and how it is changed."""

    def __init__(self, spec: Spec) -> None:
        self._start: dict[str, Any] = first_example(spec, "getStatus")
        self.document = self._start

    def change(self, changes: Mapping[str, Any]) -> None:
        """Change some fields. Of the services, only those that are named change; None removes one."""
        document = {**self.document, **changes}
        if "services" in changes:
            services = {**self.document["services"], **changes["services"]}
            document["services"] = {name: said for name, said in services.items() if said is not None}
        self.document = document

    def put(self, document: Mapping[str, Any] | None) -> None:
        """Replace the document; None goes back to that of the start."""
        self.document = self._start if document is None else dict(document)
