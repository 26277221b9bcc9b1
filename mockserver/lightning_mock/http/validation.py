"""Do the arguments of a call fit its schema?

Law: every rule comes from the spec, compiled once. A refusal names the field and what was expected, and
never repeats the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl

import jsonschema_rs
from lightning_spec.loader import Operation, Spec, TextLimit
from lightning_spec.openapi_reader import CLAMP
from lightning_spec.references import look_up, resolve

from lightning_mock.errors import InvalidRequest, TooLarge

_INTEGER = re.compile(r"[+-]?[0-9]+")
_MAX_DIGITS = 18
_NULL = "null"
"""What some clients write for an absent value when they build a query."""
_MAX_QUERY_FIELDS = 1000
TEXT_FIELDS = ("messages", "input", "prompt")
"""The fields that hold a prompt, each before those that it takes the place of."""
_KIND = "type"
_LONG_TEXT = 64 * 1024
_MAX_UNDESCRIBED = 20
_MAX_UTF8_BYTES = 4
"""Bytes that one character can need."""

Validate = Callable[[Any], bool]


class Validator(Protocol):
    """A compiled schema."""

    def is_valid(self, instance: Any) -> bool: ...

    def validate(self, instance: Any) -> None: ...


class BodyValidator:
    """Checks the JSON body of one operation."""

    def __init__(self, spec: Spec, validators: jsonschema_rs.ValidatorMap, pointer: str) -> None:
        self._validator = validators[pointer]
        self.is_valid: Validate = self._validator.is_valid
        self._clamp = spec.duration.apply
        schema = _schema_at(spec, pointer)
        self._clamped = _clamped(spec, schema.get("properties", {}))
        self.text_fields = tuple(name for name in TEXT_FIELDS if name in schema.get("properties", {}))
        self._described = DescribedValues(spec.document, schema)

    def check(self, body: Any) -> dict[str, Any]:
        """The body as arguments. Raises InvalidRequest."""
        if not self.is_valid(body):
            body = self._described.without_nulls(body)
            if not self.is_valid(body):
                violation = first_violation(self._validator, self._described.abridged(body))
                raise self._of_another_kind(body, violation) or refusal(violation)
        arguments: dict[str, Any] = body
        for name in self._clamped:
            arguments[name] = self._clamp(arguments.get(name))
        return arguments

    def _of_another_kind(self, body: Any, violation: jsonschema_rs.ValidationError) -> InvalidRequest | None:
        """The refusal of a value whose `type` is none that is described. That it lacks a field of those that
        are would be no help."""
        found, _ = _deepest(violation)
        if found.kind.name != "required":
            return None
        schema = self._described.schema_at([*found.instance_path, _KIND])
        value = body
        for part in found.instance_path:
            value = value[part]
        if schema is None or not isinstance(value, dict) or _KIND not in value:
            return None
        for error in jsonschema_rs.iter_errors(dict(schema), value[_KIND]):
            return refusal(error, _path("", [*found.instance_path, _KIND]))
        return None


class DescribedValues:
    """Values reduced to what a schema of an OpenAPI document describes.

    What a caller makes up, such as the schema of a tool, is not described. With `nulls_mean`, a null stays
    where the schema has it as a value of its own.
    """

    def __init__(
        self, document: Mapping[str, Any], schema: Mapping[str, Any], *, nulls_mean: bool = False
    ) -> None:
        self._document = document
        self._schema = schema
        self._nulls_mean = nulls_mean
        self._described: dict[int, _Described] = {}

    def without_nulls(self, value: Any) -> Any:
        """Without what is explicitly null and need not be there, wherever it is described."""
        return self._without_nulls(value, self._schema)

    def abridged(self, value: Any) -> Any:
        """A value that breaks the schema as this one does, and is not much larger than what is described:
        to tell a violation takes a copy of the value for every alternative."""
        return self._abridged(value, self._schema)

    def schema_at(self, path: Sequence[str | int]) -> Mapping[str, Any] | None:
        """What is described of a part of the value."""
        schema: Mapping[str, Any] | None = self._schema
        for part in path:
            if schema is None:
                return None
            described = self._parts(schema)
            schema = described.items if isinstance(part, int) else described.properties.get(part)
        return None if schema is None else self._resolved(schema)

    def _without_nulls(self, value: Any, schema: Mapping[str, Any] | None) -> Any:
        if schema is None or not isinstance(value, dict | list):
            return value
        described = self._parts(schema)
        if isinstance(value, list):
            return [self._without_nulls(item, described.items) for item in value]
        return {
            name: self._without_nulls(member, described.properties.get(name))
            for name, member in value.items()
            if member is not None or name not in described.optional
        }

    def _abridged(self, value: Any, schema: Mapping[str, Any] | None) -> Any:
        if isinstance(value, str):
            # Blanks in front stand for a text that has nothing else.
            return value if len(value) <= _LONG_TEXT else value.lstrip()[:_LONG_TEXT]
        if not isinstance(value, dict | list):
            return value
        if schema is None:
            return type(value)()
        described = self._parts(schema)
        if isinstance(value, list):
            items = value if described.items is not None else value[:_MAX_UNDESCRIBED]
            return [self._abridged(item, described.items) for item in items]
        others = islice((name for name in value if name not in described.properties), _MAX_UNDESCRIBED)
        names = [*(name for name in described.properties if name in value), *others]
        return {name: self._abridged(value[name], described.properties.get(name)) for name in names}

    def _parts(self, schema: Mapping[str, Any]) -> _Described:
        described = self._described.get(id(schema))
        if described is None:
            described = self._described[id(schema)] = self._describe(schema)
        return described

    def _describe(self, schema: Mapping[str, Any]) -> _Described:
        always = self._always(schema)
        parts = list(always)
        for part in always:
            for branch in (*part.get("anyOf", ()), *part.get("oneOf", ())):
                parts.extend(self._always(branch))
        required = {name for part in always for name in part.get("required", ())}
        properties = {name: below for part in parts for name, below in part.get("properties", {}).items()}
        if self._nulls_mean:
            required |= {name for name, below in properties.items() if self._may_be_null(below)}
        items = next((part["items"] for part in parts if "items" in part), None)
        return _Described(properties, frozenset(properties.keys() - required), items)

    def _may_be_null(self, schema: Mapping[str, Any]) -> bool:
        described = self._resolved(schema)
        if "type" in described:
            return "null" in described["type"]
        if "enum" in described:
            return None in described["enum"]
        branches = [*described.get("anyOf", ()), *described.get("oneOf", ())]
        return not branches or any(map(self._may_be_null, branches))

    def _always(self, schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """A schema and what it demands of every value."""
        described = self._resolved(schema)
        return [described, *map(self._resolved, described.get("allOf", ()))]

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        resolved: Mapping[str, Any] = resolve(self._document, schema, "#")[0]
        return resolved


class _Described(NamedTuple):
    """What a schema says of the parts of a value."""

    properties: Mapping[str, Any]
    optional: frozenset[str]
    items: Mapping[str, Any] | None


class ParameterValidator:
    """Reads the path and query of one operation: strings become what the schema says."""

    def __init__(self, spec: Spec, validators: jsonschema_rs.ValidatorMap, operation: Operation) -> None:
        self._readers = [
            (
                parameter.name,
                parameter.location,
                parameter.required,
                _coercion(spec, parameter.schema),
                validators[parameter.pointer],
            )
            for parameter in operation.parameters
            if parameter.location in ("path", "query")
        ]
        self._reads_query = any(location == "query" for _, location, *_ in self._readers)
        schemas = {parameter.name: parameter.schema for parameter in operation.parameters}
        self._clamp = spec.duration.apply
        self._clamped = _clamped(spec, schemas)

    def read(self, segments: Mapping[str, str], query: str) -> dict[str, Any]:
        """The arguments of a call without a body. Raises InvalidRequest."""
        fields = _query_fields(query) if query and self._reads_query else {}
        arguments: dict[str, Any] = {}
        for name, location, required, coerce, validator in self._readers:
            raw = [segments[name]] if location == "path" else fields.get(name, [])
            if location == "query" and not required and raw == [_NULL]:
                continue
            if not raw:
                if required:
                    raise InvalidRequest(f"{name}: this query parameter is required.", name)
                continue
            value = coerce(raw)
            if not validator.is_valid(value):
                raise refusal(first_violation(validator, value), name)
            arguments[name] = value
        for name in self._clamped:
            arguments[name] = self._clamp(arguments.get(name))
        return arguments


@lru_cache(maxsize=4)
def compile_schemas(spec: Spec) -> jsonschema_rs.ValidatorMap:
    """Validators of all schemas but those of responses, by JSON pointer. The latter are more, are not used
    here, and would slow every start down. Compiled once for all mocks of a process."""
    paths = {
        path: {method: _without_answers(operation) for method, operation in item.items()}
        for path, item in spec.document["paths"].items()
    }
    return jsonschema_rs.validator_map_for({**spec.document, "paths": paths}, mask="the value")


def _without_answers(operation: Any) -> Any:
    if not isinstance(operation, Mapping):
        return operation
    return {name: value for name, value in operation.items() if name != "responses"}


def check_text_size(arguments: Mapping[str, Any], limit: TextLimit, fields: Iterable[str]) -> None:
    """Raise TooLarge when one of the fields that hold a prompt has more text than the limit. Images do not
    count as text."""
    for field in fields:
        _check_text_size(field, _texts(arguments.get(field)), limit)


def _check_text_size(field: str, texts: list[str], limit: TextLimit) -> None:
    characters = sum(map(len, texts))
    if characters <= limit.characters and characters * _MAX_UTF8_BYTES <= limit.bytes:
        return
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    if characters > limit.characters or size > limit.bytes:
        raise TooLarge(
            f"{field}: the prompt is too long: expected at most {limit.characters} characters and "
            f"{limit.bytes} bytes of text, got {characters} characters and {size} bytes.",
            field,
        )


def _texts(prompt: Any) -> list[str]:
    if isinstance(prompt, str):
        return [prompt]
    texts = []
    for message in prompt if isinstance(prompt, list) else ():
        content = message.get("content") if isinstance(message, dict) else message
        if isinstance(content, str):
            texts.append(content)
        elif isinstance(content, list):
            for part in content:
                text = part.get("text") if isinstance(part, dict) else part
                if isinstance(text, str):
                    texts.append(text)
    return texts


def _query_fields(query: str) -> dict[str, list[str]]:
    try:
        pairs = parse_qsl(
            query.encode("utf-8", "surrogateescape").decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_QUERY_FIELDS,
        )
    except UnicodeDecodeError:
        raise InvalidRequest("The query string is not percent-encoded UTF-8.") from None
    except ValueError:
        raise InvalidRequest(f"The query string has more than {_MAX_QUERY_FIELDS} fields.") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def _schema_at(spec: Spec, pointer: str) -> Any:
    return resolve(spec.document, look_up(spec.document, pointer), pointer)[0]


def _clamped(spec: Spec, schemas: Mapping[str, Any]) -> list[str]:
    """The fields whose value is moved into the range of the spec's one clamp."""
    return [name for name, raw in schemas.items() if CLAMP in resolve(spec.document, raw, name)[0]]


def _coercion(spec: Spec, schema: Mapping[str, Any]) -> Callable[[list[str]], Any]:
    """How the strings of a parameter become a value of its schema. What cannot be turned stays a string,
    for the validator to refuse."""
    types = schema.get("type")
    kinds = types if isinstance(types, list) else [types]
    if "array" in kinds:
        item = _coercion(spec, resolve(spec.document, schema.get("items", {}), "items")[0])
        return lambda raw: [item([text]) for text in raw]
    if "integer" in kinds:
        return lambda raw: _integer(raw[-1])
    return lambda raw: raw[-1]


def _integer(text: str) -> int | str:
    if not _INTEGER.fullmatch(text):
        return text
    if len(text) <= _MAX_DIGITS:
        return int(text)
    return int(text[0] + "1" + "0" * _MAX_DIGITS) if text[0] == "-" else 10**_MAX_DIGITS


def first_violation(validator: Validator, value: Any) -> jsonschema_rs.ValidationError:
    """The first way in which a value breaks its schema. To list them all could take as long as the value is
    large.
    """
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        # Its traceback leads back to whoever gets it, who would hold the value until garbage is collected.
        return error.with_traceback(None)
    raise ValueError("the value fits its schema")


def refusal(violation: jsonschema_rs.ValidationError, field: str = "") -> InvalidRequest:
    """One schema violation in words: the field, then what was expected."""
    error, expected = _deepest(violation)
    path = _path(field, error.instance_path)
    if error.kind.name == "required":
        path = _path(path, [error.kind.as_dict()["property"]])
    return InvalidRequest(f"{path or 'body'}: {expected}.", path or None)


def _path(start: str, parts: Sequence[str | int]) -> str:
    path = start
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            # A field name comes from the caller: show it, but not a page of it.
            name = part if len(part) <= 64 else part[:61] + "..."
            path += f".{name}" if path else name
    return path


def _deepest(error: jsonschema_rs.ValidationError) -> tuple[jsonschema_rs.ValidationError, str]:
    """The most telling violation below an alternative, and its words."""
    if error.kind.name not in ("anyOf", "oneOf"):
        return error, _expected(error)
    branches: list[list[jsonschema_rs.ValidationError]] = error.kind.as_dict()["context"]
    candidates = [_deepest(branch[0]) for branch in branches if branch]
    depth = max((len(found.instance_path) for found, _ in candidates), default=0)
    if depth > len(error.instance_path):
        return next(c for c in candidates if len(c[0].instance_path) == depth)
    for found, words in candidates:
        if found.kind.name == "required":
            return found, words
    # None of the alternatives got further than this value: name all that it could have been.
    wants = [words.removeprefix("expected ") for _, words in candidates if words.startswith("expected ")]
    return error, "expected " + (" or ".join(dict.fromkeys(wants)) or "another kind of value")


def _expected(error: jsonschema_rs.ValidationError) -> str:
    kind = error.kind.as_dict()
    name = error.kind.name
    if name == "type":
        return "expected " + " or ".join(
            _ARTICLES.get(kind_name, kind_name) for kind_name in sorted(kind["types"])
        )
    if name == "required":
        return "this field is required"
    if name in ("enum", "const"):
        options = kind["options"] if name == "enum" else [kind["expected_value"]]
        words = ", ".join("null" if option is None else str(option) for option in options)
        return f"expected one of {words}" if len(options) > 1 else f"expected {words}"
    if name == "pattern":
        return _PATTERNS.get(kind["pattern"], f"expected text that matches {kind['pattern']}")
    limit = kind.get("limit")
    if name in _LIMITS:
        words = _LIMITS[name].format(limit)
        return words.removesuffix("s") if limit == 1 else words
    return error.message.replace('"', "'")[:200]


_ARTICLES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}
_PATTERNS = {r"\S": "expected text that is more than white space"}
_LIMITS = {
    "minItems": "expected at least {} items",
    "maxItems": "expected at most {} items",
    "minLength": "expected at least {} characters",
    "maxLength": "expected at most {} characters",
    "minimum": "expected at least {}",
    "exclusiveMinimum": "expected more than {}",
    "maximum": "expected at most {}",
    "minProperties": "expected at least {} fields",
    "maxProperties": "expected at most {} fields",
}
