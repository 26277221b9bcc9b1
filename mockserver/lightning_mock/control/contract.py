"""The control plane's own OpenAPI file: its routes, and what fits them.

Law: every control operation and every field of its input stands in `openapi.yaml`; what does not fit is a
400 that says what does. The file is read when somebody first uses the control plane.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import jsonschema_rs
import yaml

from lightning_mock.control.request import ControlError, method_not_served
from lightning_mock.http.validation import first_violation, refusal

PREFIX = "/__mock__"
_FILE = Path(__file__).parent / "openapi.yaml"
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_COMMON_QUERY = ("token",)


@dataclass(frozen=True, slots=True)
class Route:
    """One control operation. `segments` are the path below the prefix; None stands for a parameter."""

    id: str
    method: str
    segments: tuple[str | None, ...]
    names: tuple[str, ...]
    query: Mapping[str, Mapping[str, Any]]
    body: str | None
    """The JSON pointer of the body's schema."""
    body_required: bool
    variants: Mapping[str, str]
    """For a body that has alternatives: the pointer of each by the value of `kind`."""


class Contract:
    """The file, compiled."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = yaml.load(
            _FILE.read_text(encoding="utf-8"),
            getattr(yaml, "CSafeLoader", yaml.SafeLoader),  # noqa: S506
        )
        self._validators = jsonschema_rs.validator_map_for(self.document, mask="the value")
        self.routes = [
            self._route(path, method, operation)
            for path, item in self.document["paths"].items()
            for method, operation in item.items()
        ]

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]]:
        """The route of a request and its decoded parameters. Raises ControlError 404 or 405."""
        parts = raw_path.removeprefix(PREFIX).strip("/").split("/")
        fitting = [route for route in self.routes if _fits(route.segments, parts)]
        # A path without parameters wins over one with them.
        fewest = min((route.segments.count(None) for route in fitting), default=0)
        fitting = [route for route in fitting if route.segments.count(None) == fewest]
        for route in fitting:
            if route.method == method:
                raw = [part for part, name in zip(parts, route.segments, strict=True) if name is None]
                return route, dict(zip(route.names, map(unquote, raw), strict=True))
        if not fitting:
            known = ", ".join(sorted({f"{PREFIX}/{route.segments[0]}" for route in self.routes}))
            raise ControlError(404, f"There is nothing at this path; expected one of, or below, {known}.")
        raise method_not_served({route.method for route in fitting})

    def read_query(self, route: Route, query: str) -> dict[str, Any]:
        """The query, its values turned into what the file says. Raises ControlError 400."""
        found: dict[str, Any] = {}
        for name, text in parse_qsl(query, keep_blank_values=True):
            if name in _COMMON_QUERY:
                continue
            schema = route.query.get(name)
            if schema is None:
                allowed = ", ".join(sorted(route.query)) or "none"
                raise ControlError(400, f"{name[:64]}: no such query parameter; expected {allowed}.")
            value = _coerced(text, schema.get("type"))
            for error in jsonschema_rs.iter_errors(dict(schema), value):
                raise ControlError(400, refusal(error, name).message)
            found[name] = value
        return found

    def check_body(self, route: Route, body: Any) -> None:
        """Raises ControlError 400."""
        pointer = route.body
        if pointer is None:
            if body not in ({}, None):
                raise ControlError(400, "This call takes no body.")
            return
        if route.variants and isinstance(body, dict):
            kind = body.get("kind")
            variant = route.variants.get(kind) if isinstance(kind, str) else None
            if variant is None:
                raise ControlError(400, f"kind: expected one of {', '.join(route.variants)}.")
            pointer = variant
        validator = self._validators[pointer]
        if not validator.is_valid(body):
            raise ControlError(400, self._words(first_violation(validator, body), pointer))

    def _words(self, error: jsonschema_rs.ValidationError, pointer: str) -> str:
        if error.kind.name != "additionalProperties":
            return refusal(error).message
        unexpected = error.kind.as_dict()["unexpected"]
        path = list(error.schema_path[:-1])
        if "components" in path:
            # Behind a reference the path of a violation starts again at the root.
            path = path[path.index("components") :]
        else:
            path = [*pointer.removeprefix("#/").split("/"), *path]
        schema = self._at(path)
        place = ".".join(map(str, [*error.instance_path, str(unexpected[0])[:64]]))
        allowed = ", ".join(schema.get("properties", {}))
        return f"{place}: no such field; expected {allowed}."

    def _route(self, path: str, method: str, operation: Mapping[str, Any]) -> Route:
        parts = path.removeprefix(PREFIX).strip("/").split("/")
        body = operation.get("requestBody")
        pointer, variants = None, {}
        if body is not None:
            escaped = path.replace("/", "~1")
            pointer = f"#/paths/{escaped}/{method}/requestBody/content/application~1json/schema"
            schema = body["content"]["application/json"]["schema"]
            pointer = schema.get("$ref", pointer)
            variants = dict(schema.get("discriminator", {}).get("mapping", {}))
        parameters = [self._resolved(parameter) for parameter in operation.get("parameters", ())]
        return Route(
            id=operation["operationId"],
            method=method.upper(),
            segments=tuple(None if part.startswith("{") else part for part in parts),
            names=tuple(_names(parts)),
            query={found["name"]: found["schema"] for found in parameters if found["in"] == "query"},
            body=pointer,
            body_required=bool(body and body.get("required")),
            variants=variants,
        )

    def _at(self, path: Sequence[str | int]) -> Mapping[str, Any]:
        node: Any = self.document
        for part in path:
            key = str(part).replace("~1", "/").replace("~0", "~")
            node = node[int(key)] if isinstance(node, list) else node[key]
            node = self._resolved(node)
        found: Mapping[str, Any] = node
        return found

    def _resolved(self, node: Any) -> Any:
        while isinstance(node, dict) and "$ref" in node:
            node = self._at(node["$ref"].removeprefix("#/").split("/"))
        return node


def _names(parts: Sequence[str]) -> Iterator[str]:
    return (part[1:-1] for part in parts if part.startswith("{"))


def _fits(segments: Sequence[str | None], parts: Sequence[str]) -> bool:
    return len(segments) == len(parts) and all(
        (segment is None and part) or segment == part for segment, part in zip(segments, parts, strict=True)
    )


def _coerced(text: str, kind: object) -> Any:
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "number" and _NUMBER.fullmatch(text):
        return float(text)
    return text
