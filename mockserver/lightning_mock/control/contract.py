"""The control plane's own OpenAPI file: its routes, and the input they accept.

Law: every control operation and every field of its input is in `openapi.yaml`, except for the kinds of fault,
which are added from their table; anything else is a 400 that says what is allowed. The file is read when the
control plane is first used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs
import yaml
from lightning_spec.references import escape, look_up, resolve
from lightning_spec.text_formats import PlainLoader

from lightning_mock.control.request import ControlError
from lightning_mock.errors import InvalidRequest, MethodNotAllowed, NotFound
from lightning_mock.faults.kinds import KINDS
from lightning_mock.http.routing import Router, decode_segment
from lightning_mock.http.validation import DescribedValues, first_violation, refusal

PREFIX = "/__mock__"
_FILE = Path(__file__).parent / "openapi.yaml"
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_MAX_FIELDS = 100
_TOP = 3
"""Steps of a path to what the control plane has: an empty one, the prefix, and a name."""
_COMMON_QUERY = ("token",)
_AT_ONCE = 2_000
"""Rows that are checked at a time: meanwhile the validator keeps other threads waiting."""
_ROW = re.compile(r"^(\w+[\[.])(\d+)")
"""How a complaint about a row of a list begins: the name of the list, and the row's number."""


@dataclass(frozen=True, slots=True)
class Route:
    """One control operation."""

    id: str
    query: Mapping[str, Mapping[str, Any]]
    body: str | None
    """The JSON pointer of the body's schema."""
    body_required: bool
    variants: Mapping[str, str]
    """For a body that has alternatives: the pointer of each by the value of `kind`."""


class Contract:
    """The file, compiled."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = yaml.load(_FILE.read_text(encoding="utf-8"), PlainLoader)  # noqa: S506
        schemas = self.document["components"]["schemas"]
        schemas.update(_fault_schemas(schemas["NewFault"]))
        self._validators = jsonschema_rs.validator_map_for(self.document, mask="the value")
        self._router: Router[Route] = Router()
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                self._router.add(method.upper(), path, self._route(path, method, operation))

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]]:
        """The route of a request and its decoded parameters. Raises ControlError 404 or 405."""
        try:
            match = self._router.find(method, raw_path.rstrip("/"))
            return match.target, {name: decode_segment(raw, name) for name, raw in match.segments.items()}
        except NotFound as error:
            raise ControlError(404, f"{error.message.rstrip('.')}; {self._paths_near(raw_path)}.") from None
        except MethodNotAllowed as error:
            raise ControlError(405, error.message, error.headers) from None
        except InvalidRequest as error:
            raise ControlError(400, error.message) from None

    def read_query(self, route: Route, query: str) -> dict[str, Any]:
        """The query, with its values converted as the file says. Raises ControlError 400."""
        found: dict[str, Any] = {}
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
        except ValueError:
            raise ControlError(400, f"The query string has more than {_MAX_FIELDS} fields.") from None
        for name, text in pairs:
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

    def read_body(self, route: Route, body: Any) -> Any:
        """The body, without nulls that stand for what is left out. Raises ControlError 400."""
        pointer = route.body
        if pointer is None:
            if body not in ({}, None):
                raise ControlError(400, "This call takes no body.")
            return body
        if not isinstance(body, dict):
            raise ControlError(400, "body: expected an object.")
        if route.variants:
            kind = body.get("kind")
            variant = route.variants.get(kind) if isinstance(kind, str) else None
            if variant is None:
                raise ControlError(400, f"kind: expected one of {', '.join(route.variants)}.")
            pointer = variant
        validator = self._validators[pointer]
        if not all(validator.is_valid(piece) for piece, _ in _pieces(body)):
            body = self._described(pointer).without_nulls(body)
            for piece, start in _pieces(body):
                if not validator.is_valid(piece):
                    words = self._words(first_violation(validator, piece), pointer)
                    raise ControlError(400, _numbered(words, start))
        return body

    def _paths_near(self, raw_path: str) -> str:
        """Which paths there are below the part of a path that leads somewhere."""
        paths = {path: path.split("/") for path in self.document["paths"]}
        # No more steps than any path has: a caller may send a hundred thousand.
        deepest = max(map(len, paths.values()))
        steps = raw_path.rstrip("/").split("/", deepest)[:deepest]
        for length in range(len(steps), _TOP - 1, -1):
            near = [path for path, parts in paths.items() if _leads(parts, steps[:length])]
            if near:
                return f"expected one of {', '.join(near)}"
        tops = sorted({"/".join(path.split("/")[:_TOP]) for path in self.document["paths"]})
        return f"expected one of, or below, {', '.join(tops)}"

    def _described(self, pointer: str) -> DescribedValues:
        schema, _ = resolve(self.document, look_up(self.document, pointer), pointer)
        return DescribedValues(self.document, schema, nulls_mean=True)

    def _words(self, error: jsonschema_rs.ValidationError, pointer: str) -> str:
        fields = ", ".join(self._schema_of(error, pointer).get("properties", {}))
        if error.kind.name == "additionalProperties":
            unexpected = error.kind.as_dict()["unexpected"]
            place = ".".join(map(str, [*error.instance_path, str(unexpected[0])[:64]]))
            return f"{place}: no such field; expected {fields}."
        if error.kind.name == "minProperties" and fields:
            place = ".".join(map(str, error.instance_path)) or "body"
            return f"{place}: expected at least one of {fields}."
        return refusal(error).message

    def _schema_of(self, error: jsonschema_rs.ValidationError, pointer: str) -> Mapping[str, Any]:
        """The schema that a value breaks by one of its keywords."""
        path = [escape(str(part)) for part in error.schema_path[:-1]]
        if "components" in path:
            # Behind a reference the path of a violation starts again at the root.
            pointer, path = "#", path[path.index("components") :]
        where = "/".join([pointer, *path])
        schema: Mapping[str, Any] = resolve(self.document, look_up(self.document, where), where)[0]
        return schema

    def _route(self, path: str, method: str, operation: Mapping[str, Any]) -> Route:
        body = operation.get("requestBody")
        pointer, variants = None, {}
        if body is not None:
            pointer = f"#/paths/{escape(path)}/{method}/requestBody/content/application~1json/schema"
            schema = body["content"]["application/json"]["schema"]
            pointer = schema.get("$ref", pointer)
            described, _ = resolve(self.document, schema, pointer)
            variants = dict(described.get("discriminator", {}).get("mapping", {}))
        parameters = [
            resolve(self.document, parameter, path)[0] for parameter in operation.get("parameters", ())
        ]
        return Route(
            id=operation["operationId"],
            query={found["name"]: found["schema"] for found in parameters if found["in"] == "query"},
            body=pointer,
            body_required=bool(body and body.get("required")),
            variants=variants,
        )


@cache
def control_contract() -> Contract:
    """The contract, read and compiled once for all mocks of a process."""
    return Contract()


def _pieces(body: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], int]]:
    """A body in pieces that are valid if all of it is: each has some rows of one of its long lists, and the
    number of the first of them."""
    long = {name: rows for name, rows in body.items() if isinstance(rows, list) and len(rows) > _AT_ONCE}
    yield {**body, **{name: rows[:_AT_ONCE] for name, rows in long.items()}}, 0
    few = {**body, **{name: [] for name in long}}
    for name, rows in long.items():
        for start in range(_AT_ONCE, len(rows), _AT_ONCE):
            yield {**few, name: rows[start : start + _AT_ONCE]}, start


def _leads(path: Sequence[str], steps: Sequence[str]) -> bool:
    """Whether a path of the file begins with these steps."""
    begin = path[: len(steps)]
    return len(begin) == len(steps) and all(
        part == step or part.startswith("{") for part, step in zip(begin, steps, strict=True)
    )


def _numbered(words: str, start: int) -> str:
    """A complaint about a piece as one about all of the body."""
    return _ROW.sub(lambda row: f"{row[1]}{int(row[2]) + start}", words, count=1)


def _fault_schemas(common: Mapping[str, Any]) -> dict[str, Any]:
    """The schemas of a fault's description: one for each kind, and their choice by `kind`."""
    schemas: dict[str, Any] = {}
    for kind in KINDS.values():
        schemas[f"NewFault.{kind.name}"] = {
            **kind.schema,
            "title": kind.title,
            "description": kind.description,
            "required": [*common["required"], *kind.required],
            "properties": {"kind": {"const": kind.name}, **common["properties"], **kind.schema["properties"]},
        }
    pointers = {kind: f"#/components/schemas/NewFault.{kind}" for kind in KINDS}
    return schemas | {
        "NewFault": {
            "oneOf": [{"$ref": pointer} for pointer in pointers.values()],
            "discriminator": {"propertyName": "kind", "mapping": pointers},
        },
        "Kind": {"enum": list(KINDS)},
    }


def _coerced(text: str, kind: object) -> Any:
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "number" and _NUMBER.fullmatch(text):
        return float(text)
    return text
