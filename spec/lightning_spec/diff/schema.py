"""The normal form of a schema: schemas that mean the same in other words have the same one.

A `Schema` is a set of parts of documents that all apply. `Forms.of` normalizes one level of it to a `Form`:
references are resolved, `allOf` is merged, null is a type, a constant is an enum, bounds have one spelling,
and what is never sent in that direction (`readOnly` in a request, `writeOnly` in a response) is left out.
Deeper levels are normalized when they are asked for, so that recursive schemas need no special care.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from lightning_spec.diff.change import Place
from lightning_spec.diff.patterns import weighed
from lightning_spec.diff.source import Document, Trail

Side = Literal["request", "response"]

# "number" means one that is not an integer, so that the types do not overlap.
TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
BOUNDS: dict[str, frozenset[str]] = {
    "maximum": frozenset({"integer", "number"}),
    "minimum": frozenset({"integer", "number"}),
    "maxLength": frozenset({"string"}),
    "minLength": frozenset({"string"}),
    "maxItems": frozenset({"array"}),
    "minItems": frozenset({"array"}),
    "maxProperties": frozenset({"object"}),
    "minProperties": frozenset({"object"}),
}
# Compared as a whole, since what they allow depends on other keywords or on whole values; with the types that
# each applies to.
_OPAQUE: dict[str, frozenset[str]] = {
    "not": TYPES,
    "dependentSchemas": frozenset({"object"}),
    "dependentRequired": frozenset({"object"}),
    "dependencies": frozenset({"object"}),
    "patternProperties": frozenset({"object"}),
    "unevaluatedProperties": frozenset({"object"}),
    "unevaluatedItems": frozenset({"array"}),
    "contains": frozenset({"array"}),
    "if": TYPES,
}
# Keywords that change what one of these means.
_COMPANIONS = {"contains": ("minContains", "maxContains"), "if": ("then", "else")}
# The keywords whose value is a schema, and those whose value has a schema for each name.
_ONE_SCHEMA = (
    "not",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contains",
    "if",
    "then",
    "else",
)
_SCHEMAS_BY_NAME = ("dependentSchemas", "patternProperties")
# Formats that stand for bounds; other formats are compared by name.
_FORMAT_RANGES: dict[str, tuple[float, float]] = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "float": (-3.4028234663852886e38, 3.4028234663852886e38),
}
# Formats that say how a value is shown or stored, not which values there are.
_HINT_FORMATS = frozenset({"password", "int32", "int64", "float", "double", "binary", "byte"})
# Beyond this the containment engine would take too long.
_MAX_NODES = 2000
# Numbers from here on overflow when they are calculated with.
_NUMBER_LIMIT = 10**300


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a document: where it stands, and its data."""

    document: Document
    trail: Trail
    raw: Any

    @property
    def key(self) -> tuple[int, Trail]:
        """Identifies the place, however an alias of YAML repeats it."""
        return (id(self.document), self.document.home(self.trail, self.raw))

    def at(self, *keys: str | int) -> Part:
        """The part below this one."""
        raw = self.raw
        for key in keys:
            raw = raw[key]
        return Part(self.document, (*self.trail, *keys), raw)


Schema = tuple[Part, ...]
"""Parts that all apply to a value."""

ANYTHING: Schema = ()
"""No part restricts the value."""


def key_of(schema: Schema) -> tuple[Any, ...]:
    """Identifies a schema, however many references lead to it."""
    return tuple(_resolved_key(part) for part in schema)


def _resolved_key(part: Part) -> tuple[int, Trail]:
    """The key of a part, or of the one that it leads to where it is nothing but a reference."""
    if not isinstance(part.raw, dict) or part.raw.keys() != {"$ref"}:
        return part.key
    resolved_keys = part.document.resolved_keys
    if part.trail not in resolved_keys:
        resolved_keys[part.trail] = part.key  # in case the references are circular
        found = part.document.follow(part.raw["$ref"], part.trail)
        if found is not None:
            resolved_keys[part.trail] = _resolved_key(Part(*found))
    return resolved_keys[part.trail]


def base_of(schema: Schema) -> Part | None:
    """The schema behind all references where it has a discriminator without a choice: a base that others
    extend by `allOf`."""
    if len(schema) != 1:
        return None
    part, seen = schema[0], set()
    while isinstance(part.raw, dict) and "$ref" in part.raw and part.key not in seen:
        seen.add(part.key)
        found = part.document.follow(part.raw["$ref"], part.trail)
        if found is None:
            return None
        part = Part(*found)
    raw = part.raw if isinstance(part.raw, dict) else {}
    return (
        part if isinstance(raw.get("discriminator"), dict) and not raw.keys() & {"oneOf", "anyOf"} else None
    )


def extensions(base: Part) -> dict[str, Schema]:
    """The components whose `allOf` refers to a base, by name."""
    data = base.document.data
    components = data.get("components") if isinstance(data, dict) else None
    schemas = components.get("schemas") if isinstance(components, dict) else None
    found: dict[str, Schema] = {}
    for name, raw in schemas.items() if isinstance(schemas, dict) else ():
        part = Part(base.document, ("components", "schemas", name), raw)
        for entry in _list(raw.get("allOf")) if isinstance(raw, dict) else ():
            if not isinstance(entry, dict) or not isinstance(entry.get("$ref"), str):
                continue
            target = base.document.follow(entry["$ref"], part.trail)
            if target is not None and Part(*target).key == base.key:
                found[name] = (part,)
    return found


def place_of(schema: Schema, fallback: Place) -> Place:
    """The place of a schema in its file."""
    return schema[0].document.place(schema[0].trail) if schema else fallback


@dataclass(frozen=True, slots=True)
class Union:
    """A choice of schemas: oneOf where `exactly_one`, else anyOf."""

    branches: tuple[Schema, ...]
    exactly_one: bool


@dataclass
class Form:
    """One level in normal form. In `additional` and `items`, None allows no value at all. `announced` are the
    values of `x-extensible-enum`, `names` is `propertyNames`, `unread` are the references that lead nowhere,
    and `places` tells in which part each keyword stands."""

    types: frozenset[str] = TYPES
    enum: tuple[Any, ...] | None = None
    bounds: dict[str, tuple[float, bool]] = field(default_factory=dict)
    multiples: frozenset[float] = frozenset()
    patterns: frozenset[str] = frozenset()
    formats: frozenset[str] = frozenset()
    unique: bool = False
    properties: dict[str, Schema] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    additional: Schema | None = ANYTHING
    items: Schema | None = ANYTHING
    prefix: tuple[Schema, ...] = ()
    content: Schema = ANYTHING
    names: Schema = ANYTHING
    unions: list[Union] = field(default_factory=list)
    opaque: dict[str, list[Any]] = field(default_factory=dict)
    default: Any = None
    deprecated: bool = False
    sunset: Any = None
    announced: frozenset[str] = frozenset()
    encodings: frozenset[str] = frozenset()
    xml: Any = None
    discriminator: dict[str, Any] | None = None
    clamp: dict[str, Any] | None = None
    places: dict[str, Part] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()


def admits_all(form: Form) -> bool:
    """Whether a form restricts no value; annotations are not regarded."""
    annotations = ("default", "deprecated", "sunset", "announced", "xml", "discriminator", "clamp", "places")
    plain = Form()
    return replace(form, **{name: getattr(plain, name) for name in annotations}) == plain


class Forms:
    """Normalizes schemas for one direction, each once."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self._forms: dict[tuple[Any, ...], Form] = {}
        self._json: dict[Any, Any] = {}

    def of(self, schema: Schema) -> Form:
        """The normal form of a schema."""
        key = key_of(schema)
        if key not in self._forms:
            self._forms[key] = self._make(schema, frozenset())
        return self._forms[key]

    # -- one level

    def _make(self, schema: Schema, visited: frozenset[Any]) -> Form:
        form = Form()
        for part in schema:
            form = self._merged(form, self._part(part, visited))
        return self._simplified(form)

    def _part(self, part: Part, visited: frozenset[Any]) -> Form:
        raw = part.raw
        if raw is False:
            return Form(types=frozenset())
        if not isinstance(raw, dict):
            if raw is not True and raw is not None:
                part.document.complain(part.trail, "a schema that is neither an object nor a truth value")
            return Form()
        if part.key in visited:
            return Form()
        visited |= {part.key}
        form = Form()
        for keyword in ("$ref", "$dynamicRef"):
            found = part.document.follow(raw[keyword], part.trail) if keyword in raw else None
            if found is not None:
                form = self._merged(form, self._part(Part(*found), visited))
            if keyword in raw and found is None:
                form.unread |= {str(raw[keyword])}
        if "$ref" in raw and part.document.is_30:
            return form
        form = self._merged(form, self._own_keywords(part))
        for index, _ in enumerate(_list(raw.get("allOf"))):
            form = self._merged(form, self._part(part.at("allOf", index), visited))
        for keyword in ("anyOf", "oneOf"):
            branches = tuple((part.at(keyword, index),) for index, _ in enumerate(_list(raw.get(keyword))))
            if len(branches) == 1:
                form = self._merged(form, self._part(branches[0][0], visited))
            elif branches:
                form = self._merged(form, self._choice(branches, keyword == "oneOf", part, visited))
        if part.document.is_30 and raw.get("nullable") is True:
            form = _with_null(self._simplified(form), part)
        inner = raw.get("unevaluatedProperties")
        if inner is not None and not (form.unions or form.opaque) and form.additional == ANYTHING:
            form.additional = _subschema(part, "unevaluatedProperties")
        elif inner is not None:
            form.opaque.setdefault("unevaluatedProperties", []).append(
                self.json((part.at("unevaluatedProperties"),))
            )
        return form

    def _own_keywords(self, part: Part) -> Form:
        raw = part.raw
        form = Form(places=dict.fromkeys(raw, part))
        types = _types(raw.get("type"))
        if types is not None:
            form.types = types
        if "const" in raw:
            form.enum = (raw["const"],)
        elif isinstance(raw.get("enum"), list):
            form.enum = tuple(raw["enum"])
        self._bounds(form, part)
        form.unique = raw.get("uniqueItems") is True
        if isinstance(raw.get("pattern"), str) and raw["pattern"] not in (".*", "^.*$", ""):
            form.patterns = frozenset({raw["pattern"]})
        form.formats = _formats(raw, form)
        self._object(form, part)
        self._array(form, part)
        if isinstance(raw.get("contentSchema"), dict):
            form.content = (part.at("contentSchema"),)
        for keyword in _OPAQUE:
            if keyword in raw and keyword != "unevaluatedProperties":
                form.opaque[keyword] = [self._deferred_keyword(part, keyword)]
        form.default = raw.get("default")
        form.deprecated = raw.get("deprecated") is True
        form.sunset = raw.get("x-sunset")
        form.announced = frozenset(map(str, _list(raw.get("x-extensible-enum"))))
        form.encodings = _encodings(raw)
        form.xml = raw.get("xml")
        if isinstance(raw.get("discriminator"), dict):
            form.discriminator = raw["discriminator"]
        if isinstance(raw.get("x-lightning-clamp"), dict):
            form.clamp = raw["x-lightning-clamp"]
        return form

    def _bounds(self, form: Form, part: Part) -> None:
        raw = part.raw
        for keyword in (*BOUNDS, "exclusiveMaximum", "exclusiveMinimum", "multipleOf"):
            value = raw.get(keyword)
            if isinstance(value, int | float) and not isinstance(value, bool) and not _number(value):
                part.document.complain((*part.trail, keyword), "a number that is too large to be compared")
        for keyword in BOUNDS:
            value = raw.get(keyword)
            exclusive = (
                raw.get(f"exclusive{keyword.capitalize()}") if keyword in ("maximum", "minimum") else None
            )
            found: list[tuple[float, bool]] = []
            if value is not None and _number(value):
                found.append((value, exclusive is True))
            if exclusive is not None and _number(exclusive):
                found.append((exclusive, True))
            if found:
                form.bounds[keyword] = _tightest(keyword, found)
        if _number(raw.get("multipleOf")):
            form.multiples = frozenset({raw["multipleOf"]})

    def _object(self, form: Form, part: Part) -> None:
        raw = part.raw
        required = raw.get("required")
        names = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
        properties = raw.get("properties")
        for name in properties if isinstance(properties, dict) else ():
            sub = part.at("properties", name)
            if self._is_never_sent(sub):
                names.discard(name)
            else:
                form.properties[name] = (sub,)
        form.required = frozenset(names)
        if "propertyNames" in raw:
            form.names = (part.at("propertyNames"),)
        if "additionalProperties" in raw:
            form.additional = _subschema(part, "additionalProperties")

    def _array(self, form: Form, part: Part) -> None:
        raw = part.raw
        prefix = raw.get("prefixItems")
        if isinstance(raw.get("items"), list):
            prefix = raw["items"]
            form.prefix = tuple((part.at("items", index),) for index in range(len(prefix)))
            form.items = _subschema(part, "additionalItems") if "additionalItems" in raw else ANYTHING
            return
        if isinstance(prefix, list):
            form.prefix = tuple((part.at("prefixItems", index),) for index in range(len(prefix)))
        if "items" in raw:
            form.items = _subschema(part, "items")

    def _is_never_sent(self, part: Part) -> bool:
        """Whether a property is `readOnly` in a request, or `writeOnly` in a response."""
        flag = "readOnly" if self.side == "request" else "writeOnly"
        seen: set[Any] = set()
        waiting = [part]
        while waiting:
            at = waiting.pop()
            if at.key in seen or not isinstance(at.raw, dict):
                continue
            seen.add(at.key)
            if at.raw.get(flag) is True:
                return True
            if "$ref" in at.raw and (found := at.document.follow(at.raw["$ref"], at.trail)):
                waiting.append(Part(*found))
            waiting.extend(at.at("allOf", index) for index, _ in enumerate(_list(at.raw.get("allOf"))))
        return False

    # -- several parts that all apply

    def _merged(self, one: Form, other: Form) -> Form:
        form = Form(
            types=one.types & other.types,
            enum=_common_values(one.enum, other.enum),
            multiples=one.multiples | other.multiples,
            patterns=one.patterns | other.patterns,
            formats=one.formats | other.formats,
            unique=one.unique or other.unique,
            required=one.required | other.required,
            additional=_intersection(one.additional, other.additional),
            content=one.content + other.content,
            names=one.names + other.names,
            unions=[*one.unions, *other.unions],
            default=one.default if one.default is not None else other.default,
            deprecated=one.deprecated or other.deprecated,
            sunset=one.sunset or other.sunset,
            announced=one.announced | other.announced,
            encodings=one.encodings | other.encodings,
            xml=one.xml or other.xml,
            discriminator=one.discriminator or other.discriminator,
            clamp=one.clamp or other.clamp,
            unread=one.unread | other.unread,
            places={**other.places, **one.places},
        )
        for keyword in {*one.bounds, *other.bounds}:
            found = [side.bounds[keyword] for side in (one, other) if keyword in side.bounds]
            form.bounds[keyword] = _tightest(keyword, found)
        for name in {**one.properties, **other.properties}:
            # A property that only one side names is an additional one to the other.
            sides = [side.properties.get(name, side.additional) for side in (one, other)]
            met = _intersection(*sides)
            form.properties[name] = met if met is not None else _NO_VALUE
        for index in range(max(len(one.prefix), len(other.prefix))):
            item = _intersection(_item_at(one, index), _item_at(other, index))
            if item is None:
                break  # no array is longer, as `items` says below
            form.prefix += (item,)
        form.items = _intersection(one.items, other.items)
        for keyword in {**one.opaque, **other.opaque}:
            both = [*one.opaque.get(keyword, ()), *other.opaque.get(keyword, ())]
            form.opaque[keyword] = _distinct(both)
        return form

    def _choice(
        self, branches: tuple[Schema, ...], exactly_one: bool, part: Part, visited: frozenset[Any]
    ) -> Form:
        kept = [branch for branch in branches if not _only_null(self._part(branch[0], visited))]
        if len(kept) == len(branches):
            return Form(unions=[Union(branches, exactly_one)])
        if len(kept) == 1:
            return _with_null(self._simplified(self._part(kept[0][0], visited)), part)
        return Form(unions=[Union((*kept, _NULL), exactly_one)])

    def _simplified(self, form: Form) -> Form:
        """The form without what has no effect: values and keywords of other types, lower limits of zero."""
        if form.enum is not None:
            form.enum = tuple(
                sorted(
                    (value for value in _distinct(form.enum) if _type_of(value) in form.types), key=ordering
                )
            )
            form.types = frozenset(_type_of(value) for value in form.enum)
        if not form.types:
            return Form(types=frozenset(), places=form.places)
        for keyword, types in BOUNDS.items():
            bound = form.bounds.get(keyword)
            if bound is None:
                continue
            empty = keyword.startswith("min") and keyword != "minimum" and bound[0] <= 0
            if empty or not form.types & types:
                del form.bounds[keyword]
            elif form.types & types == {"integer"} and keyword in ("maximum", "minimum"):
                form.bounds[keyword] = _whole_bound(keyword, bound)
        for _, least, most in filter(None, map(weighed, form.patterns)):
            # The pattern itself implies these lengths.
            if form.bounds.get("maxLength", (-1.0, False))[0] >= most:
                del form.bounds["maxLength"]
            if 0 < form.bounds.get("minLength", (least + 1, False))[0] <= least:
                del form.bounds["minLength"]
        if "string" not in form.types:
            form.patterns = form.formats = form.encodings = frozenset()
            form.content = ANYTHING
        if not form.types & {"integer", "number"}:
            form.multiples = frozenset()
        if "object" not in form.types:
            form.properties, form.required, form.additional = {}, frozenset(), ANYTHING
            form.names = ANYTHING
        if "array" not in form.types:
            form.items, form.prefix, form.unique = ANYTHING, (), False
        form.opaque = {
            keyword: values for keyword, values in form.opaque.items() if form.types & _OPAQUE[keyword]
        }
        return form

    # -- the whole schema

    def json(self, schema: Schema, named: Mapping[Any, frozenset[str]] | None = None) -> Any:
        """The whole schema in normal form, as JSON for the containment engine. Raises OverflowError if it is
        too large.

        With `named`, a variant of a choice allows only properties that it names, that are named beside the
        choice, or that `named` lists for it. This tells variants apart that allow any other property.
        """
        key = (key_of(schema), None if named is None else frozenset(named.items()))
        if key not in self._json:
            try:
                self._json[key] = _Writer(self, named).write(schema)
            except (OverflowError, RecursionError):
                self._json[key] = None  # another try would take as long, and fail again
        if self._json[key] is None:
            raise OverflowError("the schema is too large")
        return self._json[key]

    def variants(self, schema: Schema) -> tuple[Schema, ...]:
        """The variants of a schema's only choice, each together with the keywords beside the choice."""
        (union,) = self.of(schema).unions
        beside = [found for part in schema for found in _without_choice(part) or (part,)]
        return tuple(
            tuple({part.key: part for part in (*branch, *beside)}.values()) for branch in union.branches
        )

    def _deferred_keyword(self, part: Part, keyword: str) -> Any:
        """An opaque keyword with its companions; schemas in it are normalized only when they are compared."""
        raw = part.raw
        result: dict[str, Any] = {}
        for name in (keyword, *_COMPANIONS.get(keyword, ())):
            if name not in raw:
                continue
            if name in _ONE_SCHEMA:
                result[name] = _Deferred(self, (part.at(name),))
            elif name in _SCHEMAS_BY_NAME and isinstance(raw[name], dict):
                result[name] = {key: _Deferred(self, (part.at(name, key),)) for key in raw[name]}
            else:
                result[name] = raw[name]
        return result


class _Deferred:
    """A schema in an opaque keyword, converted to JSON only when it is compared."""

    def __init__(self, forms: Forms, schema: Schema) -> None:
        self.forms = forms
        self.schema = schema


class _Writer:
    """Converts a schema to JSON. A schema that contains itself becomes a definition."""

    def __init__(self, forms: Forms, named: Mapping[Any, frozenset[str]] | None = None) -> None:
        self.forms = forms
        self.named = named
        self.in_progress: dict[Any, str] = {}
        self.referenced: set[str] = set()
        self.definitions: dict[str, Any] = {}
        self.count = 0

    def write(self, schema: Schema) -> Any:
        body = self.node(schema)
        if key_of(schema) in (self.named or ()):
            body = self.variant(schema, Form())
        return {**body, "$defs": self.definitions} if self.definitions else body

    def variant(self, schema: Schema, around: Form) -> Any:
        """A variant of a choice. With `named` it is closed if it is an object that allows any property."""
        body, form = self.node(schema), self.forms.of(schema)
        plain = form.properties and not (form.unions or form.opaque) and form.additional == ANYTHING
        if self.named is None or not plain or "$ref" in body:
            return body
        names = around.properties.keys() | form.required | self.named.get(key_of(schema), frozenset())
        properties = {name: {} for name in sorted(names)} | body["properties"]
        return {**body, "properties": properties, "additionalProperties": False}

    def node(self, schema: Schema) -> Any:
        key = tuple(sorted(map(repr, key_of(schema))))
        if key in self.in_progress:
            self.referenced.add(self.in_progress[key])
            return {"$ref": f"#/$defs/{self.in_progress[key]}"}
        self.count += 1
        if self.count > _MAX_NODES:
            raise OverflowError("the schema is too large")
        name = self.in_progress[key] = f"d{len(self.in_progress)}_{self.count}"
        body = self.body(self.forms.of(schema))
        del self.in_progress[key]
        if name not in self.referenced:
            return body
        self.definitions[name] = body
        return {"$ref": f"#/$defs/{name}"}

    def body(self, form: Form) -> dict[str, Any]:
        if not form.types:
            return {"not": {}}
        out: dict[str, Any] = {}
        if form.enum is not None:
            out["enum"] = list(form.enum)
        elif form.types != TYPES:
            out["type"] = type_names(form.types)
        for keyword, (value, exclusive) in form.bounds.items():
            out[f"exclusive{keyword.capitalize()}" if exclusive else keyword] = value
        conditions: list[Any] = [{"multipleOf": value} for value in sorted(form.multiples)]
        conditions += [{"pattern": pattern} for pattern in sorted(form.patterns)]
        conditions += [{"pattern": _named_pattern(name)} for name in sorted(form.formats)]
        if form.content:
            text = json.dumps(self.node(form.content), sort_keys=True)
            conditions.append({"pattern": _named_pattern(hashlib.sha256(text.encode()).hexdigest()[:16])})
        if form.unique:
            out["uniqueItems"] = True
        if form.properties:
            out["properties"] = {name: self.node(sub) for name, sub in sorted(form.properties.items())}
        if form.required:
            out["required"] = sorted(form.required)
        if form.additional != ANYTHING:
            out["additionalProperties"] = False if form.additional is None else self.node(form.additional)
        if form.names:
            out["propertyNames"] = self.node(form.names)
        if form.prefix:
            out["prefixItems"] = [self.node(sub) for sub in form.prefix]
        if form.items != ANYTHING:
            out["items"] = False if form.items is None else self.node(form.items)
        for union in form.unions:
            word = "oneOf" if union.exactly_one else "anyOf"
            conditions.append({word: [self.variant(branch, form) for branch in union.branches]})
        for values in form.opaque.values():
            conditions += [self.opaque(value) for value in values]
        if len(conditions) == 1 and not set(conditions[0]) & set(out):
            out |= conditions[0]
        elif conditions:
            out["allOf"] = conditions
        return out

    def opaque(self, value: Any) -> Any:
        if isinstance(value, _Deferred):
            return self.node(value.schema)
        if isinstance(value, dict):
            return {key: self.opaque(entry) for key, entry in value.items()}
        return value


def opaque_json(forms: Forms, value: Any) -> Any:
    """The value of an opaque keyword as JSON."""
    writer = _Writer(forms)
    body = writer.opaque(value)
    return {**body, "$defs": writer.definitions} if writer.definitions else body


# Schemas that stand in no document: no value, any text, and null.
_SYNTHETIC = Document("", {"openapi": "3.1.0"}, {}, lambda _: b"", [])
_NO_VALUE: Schema = (Part(_SYNTHETIC, ("refused",), False),)
ANY_TEXT: Schema = (Part(_SYNTHETIC, ("text",), {"type": "string"}),)
_NULL: Schema = (Part(_SYNTHETIC, ("null",), {"type": "null"}),)


def _without_choice(part: Part, seen: frozenset[Any] = frozenset()) -> Schema | None:
    """A part without its choice, its discriminator and what leads to them; None where it has no choice."""
    if not isinstance(part.raw, dict) or part.key in seen:
        return None
    apart = {"oneOf", "anyOf", "discriminator"}
    beside: Schema = ANYTHING
    if len(_list(part.raw.get("oneOf"))) + len(_list(part.raw.get("anyOf"))) < 2:
        apart = {"$ref", "allOf"}
        entries = [part.at("allOf", index) for index, _ in enumerate(_list(part.raw.get("allOf")))]
        found = part.document.follow(part.raw["$ref"], part.trail) if "$ref" in part.raw else None
        entries += [Part(*found)] if found else []
        inner = [_without_choice(entry, seen | {part.key}) for entry in entries]
        if not any(schema is not None for schema in inner):
            return None
        for entry, schema in zip(entries, inner, strict=True):
            beside += (entry,) if schema is None else schema
    rest = {key: value for key, value in part.raw.items() if key not in apart}
    return (Part(part.document, (*part.trail, "beside"), rest), *beside)


def _subschema(part: Part, keyword: str) -> Schema | None:
    raw = part.raw[keyword]
    if raw is False:
        return None
    return ANYTHING if raw is True or raw == {} else (part.at(keyword),)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> bool:
    """Whether a value is a number that does not overflow."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _NUMBER_LIMIT


def _types(value: Any) -> frozenset[str] | None:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list):
        return None
    types = {name for name in names if isinstance(name, str)} & TYPES
    return frozenset(types | ({"integer"} if "number" in types else set()))


def type_names(types: frozenset[str]) -> list[str]:
    """Types as JSON Schema names them, where "number" includes integers."""
    return sorted(types - ({"integer"} if "number" in types else set()))


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def ordering(value: Any) -> str:
    """Text that identifies and sorts values: that of 1 is neither that of true nor of "1"."""
    return json.dumps(value, sort_keys=True, default=str)


def _distinct(values: Iterable[Any]) -> list[Any]:
    seen: dict[str, Any] = {}
    for value in values:
        # In JSON, 1 and 1.0 are the same value.
        same = int(value) if isinstance(value, float) and value.is_integer() else value
        seen.setdefault(ordering(same) if not _has_deferred(value) else _key_with_deferred(value), value)
    return list(seen.values())


def _has_deferred(value: Any) -> bool:
    return isinstance(value, dict) and any(
        isinstance(entry, _Deferred) or (isinstance(entry, dict) and _has_deferred(entry))
        for entry in value.values()
    )


def _key_with_deferred(value: Any) -> str:
    if isinstance(value, _Deferred):
        return repr(key_of(value.schema))
    if isinstance(value, dict):
        return repr({key: _key_with_deferred(entry) for key, entry in value.items()})
    return ordering(value)


def _common_values(one: tuple[Any, ...] | None, other: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    if one is None or other is None:
        return other if one is None else one
    known = {ordering(value) for value in other}
    return tuple(value for value in one if ordering(value) in known)


def _intersection(one: Schema | None, other: Schema | None) -> Schema | None:
    if one is None or other is None:
        return None
    return one + tuple(part for part in other if part.key not in {known.key for known in one})


def _item_at(form: Form, index: int) -> Schema | None:
    return form.prefix[index] if index < len(form.prefix) else form.items


def _tightest(keyword: str, found: list[tuple[float, bool]]) -> tuple[float, bool]:
    if keyword.startswith("max"):
        return min(found, key=lambda bound: (bound[0], not bound[1]))
    return max(found, key=lambda bound: (bound[0], bound[1]))


def _whole_bound(keyword: str, bound: tuple[float, bool]) -> tuple[float, bool]:
    """The bound of an integer as the last integer that is allowed."""
    value, exclusive = bound
    if keyword == "maximum":
        return (int(value) - 1 if exclusive and value == int(value) else int(value // 1), False)
    return (int(value) + 1 if exclusive and value == int(value) else -int(-value // 1), False)


def _formats(raw: dict[str, Any], form: Form) -> frozenset[str]:
    name = raw.get("format")
    numbers = {"number"} if name == "float" else {"integer"}
    if isinstance(name, str) and name in _FORMAT_RANGES and form.types & {"integer", "number"} >= numbers:
        for keyword, limit in zip(("minimum", "maximum"), _FORMAT_RANGES[name], strict=True):
            known = [form.bounds[keyword]] if keyword in form.bounds else []
            form.bounds[keyword] = _tightest(keyword, [(limit, False), *known])
    return frozenset({name}) - _HINT_FORMATS if isinstance(name, str) else frozenset()


def _encodings(raw: dict[str, Any]) -> frozenset[str]:
    """How text is to be decoded: the encoding of bytes, and their media type."""
    said = [raw.get("contentEncoding"), raw.get("contentMediaType")]
    names = {name.lower() for name in said if isinstance(name, str)}
    if raw.get("format") == "byte":
        names.add("base64")
    return frozenset(names - {"binary", "application/octet-stream"})


def _only_null(form: Form) -> bool:
    return form.types == {"null"} or form.enum == (None,)


def _with_null(form: Form, part: Part) -> Form:
    """The form that allows null as well."""
    if len(form.unions) == 1 and not form.opaque:
        union = form.unions[0]
        has_null = any(branch == _NULL for branch in union.branches)
        form.unions = [Union(union.branches if has_null else (*union.branches, _NULL), union.exactly_one)]
    elif form.opaque or form.unions:
        # The conditions may be about null themselves, so they are left as they are in a variant of their own.
        rest = {key: value for key, value in part.raw.items() if key != "nullable"}
        again = Part(part.document, (*part.trail, "nullable"), rest)
        branches = part.raw.get("oneOf") or part.raw.get("anyOf")
        return Form(unions=[Union(((again,), _NULL), False)]) if not branches else form
    form.types |= {"null"}
    if form.enum is not None and None not in form.enum:
        form.enum = (*form.enum, None)
    return form


def _named_pattern(name: str) -> str:
    """A pattern that matches any text and differs by name: it stands for a format, which the engine does not
    know, so that different formats differ."""
    return rf"^(?:[\s\S]*|{''.join(c if c.isalnum() else '-' for c in name)})$"
