"""The normal form of a schema, in which the same contract in other words is the same.

A `Schema` is a set of places that all apply. `Forms.of` turns it into a `Form`, one level deep: references
followed, `allOf` merged, null spelt as a type, one-value enums and bounds in one spelling, and what the
direction never sends (`readOnly` in a request, `writeOnly` in a response) left out. Only one level, so that
recursion costs nothing.
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

# A number that is no integer counts as "number", so that types are sets that do not overlap.
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
# Compared as a whole, since what they admit depends on more than themselves.
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
_WITH = {"contains": ("minContains", "maxContains"), "if": ("then", "else")}
_SINGLE = (
    "not",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contains",
    "if",
    "then",
    "else",
)
_NAMED = ("dependentSchemas", "patternProperties")
# Formats that are ranges of numbers; other formats are compared by name.
_RANGES: dict[str, tuple[float, float]] = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "float": (-3.4028234663852886e38, 3.4028234663852886e38),
}
# How a value is shown or entered, not which values there are.
_HINTS = frozenset({"password", "int32", "int64", "float", "double", "binary", "byte"})
_LARGEST = 2000
_TOO_LARGE = 10**300


@dataclass(frozen=True, slots=True)
class Part:
    """A schema as it is written: which document, where, and the data."""

    document: Document
    trail: Trail
    raw: Any

    @property
    def key(self) -> tuple[int, Trail]:
        """The same for the same place."""
        return (id(self.document), self.document.home(self.trail, self.raw))

    def at(self, *keys: str | int) -> Part:
        """The part below this one."""
        raw = self.raw
        for key in keys:
            raw = raw[key]
        return Part(self.document, (*self.trail, *keys), raw)


Schema = tuple[Part, ...]
NOTHING: Schema = ()


def key_of(schema: Schema) -> tuple[Any, ...]:
    """What tells one schema from another, however many references lead to it."""
    return tuple(_goal(part) for part in schema)


def _goal(part: Part) -> tuple[int, Trail]:
    """The key of what a part that only refers to another leads to."""
    if not isinstance(part.raw, dict) or part.raw.keys() != {"$ref"}:
        return part.key
    goals = part.document.goals
    if part.trail not in goals:
        goals[part.trail] = part.key  # where references lead in a circle
        found = part.document.follow(part.raw["$ref"], part.trail)
        if found is not None:
            goals[part.trail] = _goal(Part(*found))
    return goals[part.trail]


def base_of(schema: Schema) -> Part | None:
    """The schema itself where it is one that others extend and a property tells which one it is."""
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


def heirs(base: Part) -> dict[str, Schema]:
    """The components that extend a schema by `allOf`, by their names."""
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
    """Where a schema stands."""
    return schema[0].document.place(schema[0].trail) if schema else fallback


@dataclass(frozen=True, slots=True)
class Union:
    """A choice of schemas; `exactly_one` for oneOf. `tag` is the property of a discriminator."""

    branches: tuple[Schema, ...]
    exactly_one: bool


@dataclass
class Form:
    """One level in normal form. In `additional` and `items` NOTHING admits all and None admits none."""

    types: frozenset[str] = TYPES
    enum: tuple[Any, ...] | None = None
    bounds: dict[str, tuple[float, bool]] = field(default_factory=dict)
    multiples: frozenset[float] = frozenset()
    patterns: frozenset[str] = frozenset()
    formats: frozenset[str] = frozenset()
    unique: bool = False
    properties: dict[str, Schema] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    additional: Schema | None = NOTHING
    items: Schema | None = NOTHING
    prefix: tuple[Schema, ...] = ()
    content: Schema = NOTHING
    names: Schema = NOTHING
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
    """Whether a form says nothing of the values that it admits, whatever it notes beside them."""
    notes = ("default", "deprecated", "sunset", "announced", "xml", "discriminator", "clamp", "places")
    plain = Form()
    return replace(form, **{name: getattr(plain, name) for name in notes}) == plain


def _boolean(raw: Any) -> bool:
    return isinstance(raw, bool)


class Forms:
    """Makes forms for one direction, and remembers them."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self._forms: dict[tuple[Any, ...], Form] = {}
        self._written: dict[Any, Any] = {}

    def of(self, schema: Schema) -> Form:
        """The normal form of a schema."""
        key = key_of(schema)
        if key not in self._forms:
            self._forms[key] = self._make(schema, frozenset())
        return self._forms[key]

    # -- one level

    def _make(self, schema: Schema, open_: frozenset[Any]) -> Form:
        form = Form()
        for part in schema:
            form = self._both(form, self._part(part, open_))
        return self._tidied(form)

    def _part(self, part: Part, open_: frozenset[Any]) -> Form:
        raw = part.raw
        if raw is False:
            return Form(types=frozenset())
        if not isinstance(raw, dict):
            if raw is not True and raw is not None:
                part.document.complain(part.trail, "a schema that is neither an object nor a truth value")
            return Form()
        if part.key in open_:
            return Form()
        open_ |= {part.key}
        form = Form()
        for keyword in ("$ref", "$dynamicRef"):
            found = part.document.follow(raw[keyword], part.trail) if keyword in raw else None
            if found is not None:
                form = self._both(form, self._part(Part(*found), open_))
            if keyword in raw and found is None:
                form.unread |= {str(raw[keyword])}
        if "$ref" in raw and part.document.is_30:
            return form
        form = self._both(form, self._own(part, open_))
        for index, _ in enumerate(_list(raw.get("allOf"))):
            form = self._both(form, self._part(part.at("allOf", index), open_))
        for keyword in ("anyOf", "oneOf"):
            branches = tuple((part.at(keyword, index),) for index, _ in enumerate(_list(raw.get(keyword))))
            if len(branches) == 1:
                form = self._both(form, self._part(branches[0][0], open_))
            elif branches:
                form = self._both(form, self._choice(branches, keyword == "oneOf", part, open_))
        if part.document.is_30 and raw.get("nullable") is True:
            form = _with_null(self._tidied(form), part)
        inner = raw.get("unevaluatedProperties")
        if inner is not None and not (form.unions or form.opaque) and form.additional == NOTHING:
            form.additional = _sub(part, "unevaluatedProperties")
        elif inner is not None:
            form.opaque.setdefault("unevaluatedProperties", []).append(
                self.json((part.at("unevaluatedProperties"),))
            )
        return form

    def _own(self, part: Part, open_: frozenset[Any]) -> Form:
        raw = part.raw
        form = Form(places=dict.fromkeys(raw, part))
        types = _types(raw.get("type"))
        if types is not None:
            form.types = types
        if "const" in raw:
            form.enum = (raw["const"],)
        elif isinstance(raw.get("enum"), list):
            form.enum = tuple(raw["enum"])
        self._numbers(form, part)
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
                form.opaque[keyword] = [self._resolved(part, keyword)]
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

    def _numbers(self, form: Form, part: Part) -> None:
        raw = part.raw
        for keyword in (*BOUNDS, "exclusiveMaximum", "exclusiveMinimum", "multipleOf"):
            if isinstance(raw.get(keyword), int | float) and not _number(raw[keyword]) | _boolean(
                raw[keyword]
            ):
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
            if self._unsent(sub):
                names.discard(name)
            else:
                form.properties[name] = (sub,)
        form.required = frozenset(names)
        if "propertyNames" in raw:
            form.names = (part.at("propertyNames"),)
        if "additionalProperties" in raw:
            form.additional = _sub(part, "additionalProperties")

    def _array(self, form: Form, part: Part) -> None:
        raw = part.raw
        prefix = raw.get("prefixItems")
        if isinstance(raw.get("items"), list):
            prefix = raw["items"]
            form.prefix = tuple((part.at("items", index),) for index in range(len(prefix)))
            form.items = _sub(part, "additionalItems") if "additionalItems" in raw else NOTHING
            return
        if isinstance(prefix, list):
            form.prefix = tuple((part.at("prefixItems", index),) for index in range(len(prefix)))
        if "items" in raw:
            form.items = _sub(part, "items")

    def _unsent(self, part: Part) -> bool:
        """Whether a property is never sent in this direction."""
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

    # -- two levels that both apply

    def _both(self, one: Form, other: Form) -> Form:
        form = Form(
            types=one.types & other.types,
            enum=_common(one.enum, other.enum),
            multiples=one.multiples | other.multiples,
            patterns=one.patterns | other.patterns,
            formats=one.formats | other.formats,
            unique=one.unique or other.unique,
            required=one.required | other.required,
            additional=_meet(one.additional, other.additional),
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
            # A property that only one side names has to satisfy what the other says of unnamed ones.
            sides = [side.properties.get(name, side.additional) for side in (one, other)]
            met = _meet(*sides)
            form.properties[name] = met if met is not None else _REFUSED
        length = max(len(one.prefix), len(other.prefix))
        form.prefix = tuple(
            _meet(_item(one, index), _item(other, index)) or NOTHING for index in range(length)
        )
        form.items = _meet(one.items, other.items)
        for keyword in {**one.opaque, **other.opaque}:
            both = [*one.opaque.get(keyword, ()), *other.opaque.get(keyword, ())]
            form.opaque[keyword] = _distinct(both)
        return form

    def _choice(
        self, branches: tuple[Schema, ...], exactly_one: bool, part: Part, open_: frozenset[Any]
    ) -> Form:
        kept = [branch for branch in branches if not _only_null(self._part(branch[0], open_))]
        if len(kept) == len(branches):
            return Form(unions=[Union(branches, exactly_one)])
        if len(kept) == 1:
            return _with_null(self._tidied(self._part(kept[0][0], open_)), part)
        return Form(unions=[Union((*kept, _NULL), exactly_one)])

    def _tidied(self, form: Form) -> Form:
        """Without whatever says nothing: values of other types, bounds of other types, limits of zero."""
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
            # A length that a pattern has anyway says nothing.
            if form.bounds.get("maxLength", (-1.0, False))[0] >= most:
                del form.bounds["maxLength"]
            if 0 < form.bounds.get("minLength", (least + 1, False))[0] <= least:
                del form.bounds["minLength"]
        if "string" not in form.types:
            form.patterns = form.formats = form.encodings = frozenset()
            form.content = NOTHING
        if not form.types & {"integer", "number"}:
            form.multiples = frozenset()
        if "object" not in form.types:
            form.properties, form.required, form.additional = {}, frozenset(), NOTHING
            form.names = NOTHING
        if "array" not in form.types:
            form.items, form.prefix, form.unique = NOTHING, (), False
        form.opaque = {
            keyword: values for keyword, values in form.opaque.items() if form.types & _OPAQUE[keyword]
        }
        return form

    # -- the whole schema

    def json(self, schema: Schema, named: Mapping[Any, frozenset[str]] | None = None) -> Any:
        """The schema in full, in normal form, for the containment engine. OverflowError if too large.

        With `named`, a variant of a choice admits only properties that it names, that are named around the
        choice, or that `named` lists for it. So it stands apart from others though all are left open.
        """
        key = (key_of(schema), None if named is None else frozenset(named.items()))
        if key not in self._written:
            try:
                self._written[key] = _Writer(self, named).write(schema)
            except (OverflowError, RecursionError):
                self._written[key] = None  # the next try would take as long and end the same
        if self._written[key] is None:
            raise OverflowError("the schema is too large")
        return self._written[key]

    def variants(self, schema: Schema) -> tuple[Schema, ...]:
        """The variants of the one choice that a schema has, each with what is said beside the choice."""
        (union,) = self.of(schema).unions
        beside = [found for part in schema for found in _beside_choice(part) or (part,)]
        return tuple(
            tuple({part.key: part for part in (*branch, *beside)}.values()) for branch in union.branches
        )

    def _resolved(self, part: Part, keyword: str) -> Any:
        """An opaque keyword, with every schema below it in normal form."""
        raw = part.raw
        result: dict[str, Any] = {}
        for name in (keyword, *_WITH.get(keyword, ())):
            if name not in raw:
                continue
            if name in _SINGLE:
                result[name] = _Later(self, (part.at(name),))
            elif name in _NAMED and isinstance(raw[name], dict):
                result[name] = {key: _Later(self, (part.at(name, key),)) for key in raw[name]}
            else:
                result[name] = raw[name]
        return result


class _Later:
    """A schema below an opaque keyword, written out only when somebody compares it."""

    def __init__(self, forms: Forms, schema: Schema) -> None:
        self.forms = forms
        self.schema = schema


class _Writer:
    """Writes a schema out in full; what recurs becomes a definition."""

    def __init__(self, forms: Forms, named: Mapping[Any, frozenset[str]] | None = None) -> None:
        self.forms = forms
        self.named = named
        self.open: dict[Any, str] = {}
        self.used: set[str] = set()
        self.definitions: dict[str, Any] = {}
        self.count = 0

    def write(self, schema: Schema) -> Any:
        body = self.node(schema)
        if key_of(schema) in (self.named or ()):
            body = self.variant(schema, Form())
        return {**body, "$defs": self.definitions} if self.definitions else body

    def variant(self, schema: Schema, around: Form) -> Any:
        """A schema as one of several, closed where `named` is given and it is a plain open object."""
        body, form = self.node(schema), self.forms.of(schema)
        plain = form.properties and not (form.unions or form.opaque) and form.additional == NOTHING
        if self.named is None or not plain or "$ref" in body:
            return body
        names = around.properties.keys() | form.required | self.named.get(key_of(schema), frozenset())
        properties = {name: {} for name in sorted(names)} | body["properties"]
        return {**body, "properties": properties, "additionalProperties": False}

    def node(self, schema: Schema) -> Any:
        key = tuple(sorted(map(repr, key_of(schema))))
        if key in self.open:
            self.used.add(self.open[key])
            return {"$ref": f"#/$defs/{self.open[key]}"}
        self.count += 1
        if self.count > _LARGEST:
            raise OverflowError("the schema is too large")
        name = self.open[key] = f"d{len(self.open)}_{self.count}"
        body = self.body(self.forms.of(schema))
        del self.open[key]
        if name not in self.used:
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
            # JSON Schema's number includes integers.
            out["type"] = sorted(form.types - ({"integer"} if "number" in form.types else set()))
        for keyword, (value, exclusive) in form.bounds.items():
            out[f"exclusive{keyword.capitalize()}" if exclusive else keyword] = value
        conditions: list[Any] = [{"multipleOf": value} for value in sorted(form.multiples)]
        conditions += [{"pattern": pattern} for pattern in sorted(form.patterns)]
        conditions += [{"pattern": _tag(name)} for name in sorted(form.formats)]
        if form.content:
            text = json.dumps(self.node(form.content), sort_keys=True)
            conditions.append({"pattern": _tag(hashlib.sha256(text.encode()).hexdigest()[:16])})
        if form.unique:
            out["uniqueItems"] = True
        if form.properties:
            out["properties"] = {name: self.node(sub) for name, sub in sorted(form.properties.items())}
        if form.required:
            out["required"] = sorted(form.required)
        if form.additional != NOTHING:
            out["additionalProperties"] = False if form.additional is None else self.node(form.additional)
        if form.names:
            out["propertyNames"] = self.node(form.names)
        if form.prefix:
            out["prefixItems"] = [self.node(sub) for sub in form.prefix]
        if form.items != NOTHING:
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
        if isinstance(value, _Later):
            return self.node(value.schema)
        if isinstance(value, dict):
            return {key: self.opaque(entry) for key, entry in value.items()}
        return value


def opaque_json(forms: Forms, value: Any) -> Any:
    """What stands below an opaque keyword, written out."""
    writer = _Writer(forms)
    body = writer.opaque(value)
    return {**body, "$defs": writer.definitions} if writer.definitions else body


# A schema that admits nothing and one that admits null, as if somebody had written them.
_SYNTHETIC = Document("", {"openapi": "3.1.0"}, {}, lambda _: b"", [])
_REFUSED: Schema = (Part(_SYNTHETIC, ("refused",), False),)
ANY_TEXT: Schema = (Part(_SYNTHETIC, ("text",), {"type": "string"}),)
_NULL: Schema = (Part(_SYNTHETIC, ("null",), {"type": "null"}),)


def _beside_choice(part: Part, seen: frozenset[Any] = frozenset()) -> Schema | None:
    """What a part says beside the choice that it makes; None where it makes none."""
    if not isinstance(part.raw, dict) or part.key in seen:
        return None
    apart = {"oneOf", "anyOf", "discriminator"}
    beside: Schema = NOTHING
    if len(_list(part.raw.get("oneOf"))) + len(_list(part.raw.get("anyOf"))) < 2:
        apart = {"$ref", "allOf"}
        entries = [part.at("allOf", index) for index, _ in enumerate(_list(part.raw.get("allOf")))]
        found = part.document.follow(part.raw["$ref"], part.trail) if "$ref" in part.raw else None
        entries += [Part(*found)] if found else []
        inner = [_beside_choice(entry, seen | {part.key}) for entry in entries]
        if not any(schema is not None for schema in inner):
            return None
        for entry, schema in zip(entries, inner, strict=True):
            beside += (entry,) if schema is None else schema
    rest = {key: value for key, value in part.raw.items() if key not in apart}
    return (Part(part.document, (*part.trail, "beside"), rest), *beside)


def _sub(part: Part, keyword: str) -> Schema | None:
    raw = part.raw[keyword]
    if raw is False:
        return None
    return NOTHING if raw is True or raw == {} else (part.at(keyword),)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> bool:
    """Whether a value is a number that can be calculated with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _TOO_LARGE


def _types(value: Any) -> frozenset[str] | None:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list):
        return None
    types = {name for name in names if isinstance(name, str)} & TYPES
    return frozenset(types | ({"integer"} if "number" in types else set()))


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
    """A text that is the same for the same value only: 1 is neither true nor "1"."""
    return json.dumps(value, sort_keys=True, default=str)


def _distinct(values: Iterable[Any]) -> list[Any]:
    seen: dict[str, Any] = {}
    for value in values:
        # One and true are different values of JSON, 1 and 1.0 are the same.
        same = int(value) if isinstance(value, float) and value.is_integer() else value
        seen.setdefault(ordering(same) if not _deferred(value) else _deferred_key(value), value)
    return list(seen.values())


def _deferred(value: Any) -> bool:
    return isinstance(value, dict) and any(
        isinstance(entry, _Later) or (isinstance(entry, dict) and _deferred(entry))
        for entry in value.values()
    )


def _deferred_key(value: Any) -> str:
    if isinstance(value, _Later):
        return repr(key_of(value.schema))
    if isinstance(value, dict):
        return repr({key: _deferred_key(entry) for key, entry in value.items()})
    return ordering(value)


def _common(one: tuple[Any, ...] | None, other: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    if one is None or other is None:
        return other if one is None else one
    known = {ordering(value) for value in other}
    return tuple(value for value in one if ordering(value) in known)


def _meet(one: Schema | None, other: Schema | None) -> Schema | None:
    if one is None or other is None:
        return None
    return one + tuple(part for part in other if part.key not in {known.key for known in one})


def _item(form: Form, index: int) -> Schema | None:
    return form.prefix[index] if index < len(form.prefix) else form.items


def _tightest(keyword: str, found: list[tuple[float, bool]]) -> tuple[float, bool]:
    if keyword.startswith("max"):
        return min(found, key=lambda bound: (bound[0], not bound[1]))
    return max(found, key=lambda bound: (bound[0], bound[1]))


def _whole_bound(keyword: str, bound: tuple[float, bool]) -> tuple[float, bool]:
    """The bound of an integer, as the last integer that is inside."""
    value, exclusive = bound
    if keyword == "maximum":
        return (int(value) - 1 if exclusive and value == int(value) else int(value // 1), False)
    return (int(value) + 1 if exclusive and value == int(value) else -int(-value // 1), False)


def _formats(raw: dict[str, Any], form: Form) -> frozenset[str]:
    name = raw.get("format")
    numbers = {"number"} if name == "float" else {"integer"}
    if isinstance(name, str) and name in _RANGES and form.types & {"integer", "number"} >= numbers:
        for keyword, limit in zip(("minimum", "maximum"), _RANGES[name], strict=True):
            known = [form.bounds[keyword]] if keyword in form.bounds else []
            form.bounds[keyword] = _tightest(keyword, [(limit, False), *known])
    return frozenset({name}) - _HINTS if isinstance(name, str) else frozenset()


def _encodings(raw: dict[str, Any]) -> frozenset[str]:
    """What a text stands for: bytes in some encoding, or a document of some type."""
    said = [raw.get("contentEncoding"), raw.get("contentMediaType")]
    names = {name.lower() for name in said if isinstance(name, str)}
    if raw.get("format") == "byte":
        names.add("base64")
    return frozenset(names - {"binary", "application/octet-stream"})


def _only_null(form: Form) -> bool:
    return form.types == {"null"} or form.enum == (None,)


def _with_null(form: Form, part: Part) -> Form:
    """The same form that admits null too."""
    if len(form.unions) == 1 and not form.opaque:
        union = form.unions[0]
        has_null = any(branch == _NULL for branch in union.branches)
        form.unions = [Union(union.branches if has_null else (*union.branches, _NULL), union.exactly_one)]
    elif form.opaque or form.unions:
        # Its own conditions may speak of null: both ways stay open as they are written.
        rest = {key: value for key, value in part.raw.items() if key != "nullable"}
        again = Part(part.document, (*part.trail, "nullable"), rest)
        branches = part.raw.get("oneOf") or part.raw.get("anyOf")
        return Form(unions=[Union(((again,), _NULL), False)]) if not branches else form
    form.types |= {"null"}
    if form.enum is not None and None not in form.enum:
        form.enum = (*form.enum, None)
    return form


def _tag(name: str) -> str:
    """A pattern that admits everything, yet differs by name: no engine can weigh what formats admit."""
    return rf"^(?:[\s\S]*|{''.join(c if c.isalnum() else '-' for c in name)})$"
