"""What must hold for any documents: no difference from themselves, and never safe where a value tells them
apart.
"""

from __future__ import annotations

import copy
from typing import Any

import jsonschema_rs
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lightning_spec.diff.change import Comparison
from lightning_spec.diff.comparison import compare_revisions
from lightning_spec.diff.source import Revision, parse
from lightning_spec.loader import OPENAPI_FILE

OURS = yaml.load(OPENAPI_FILE.read_text(), yaml.CSafeLoader)
CALM = settings(max_examples=110, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
NAMES = ("a", "b", "c")


def compared(old: Any, new: Any) -> Comparison:
    sides = []
    for data in (old, new):
        content = yaml.dump(data, sort_keys=False, Dumper=yaml.CSafeDumper).encode()
        sides.append(Revision(parse("openapi.yaml", content, lambda _: b""), None))
    return compare_revisions(sides[0], sides[1])


def described(schema: Any, side: str, components: dict[str, Any] | None = None) -> dict[str, Any]:
    content = {"content": {"application/json": {"schema": schema}}}
    operation: dict[str, Any] = {"responses": {"200": {"description": "d"}}}
    if side == "request":
        operation["requestBody"] = content
    else:
        operation["responses"]["200"] |= content
    return {
        "openapi": "3.1.0",
        "paths": {"/": {"post": operation}},
        "components": {"schemas": components or {}},
    }


def optional_keys(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=strategies)


small = st.integers(0, 3)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 4)
    | st.sampled_from(["", "a", "ab", "abc", "b"])
    | st.just(1.5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)
scalars = st.one_of(
    st.builds(
        lambda rest: {"type": "string", **rest},
        optional_keys(minLength=small, maxLength=small, pattern=st.sampled_from(["^a", "b$"])),
    ),
    st.builds(
        lambda kind, rest: {"type": kind, **rest},
        st.sampled_from(["integer", "number"]),
        optional_keys(minimum=small, exclusiveMaximum=small, maximum=small, multipleOf=st.integers(1, 3)),
    ),
    st.builds(
        lambda found: {"enum": found}, st.lists(st.sampled_from(["a", "b", 1, 2, None, True]), min_size=1)
    ),
    st.just({"type": "boolean"}),
    st.just({"type": ["string", "null"]}),
    st.just({}),
)


def composed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.builds(
        lambda properties, rest: {"type": "object", "properties": properties, **rest},
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
        optional_keys(
            required=st.lists(st.sampled_from(NAMES), unique=True, max_size=2),
            additionalProperties=st.booleans() | inner,
            maxProperties=small,
        ),
    )
    arrays = st.builds(
        lambda items, rest: {"type": "array", "items": items, **rest},
        inner,
        optional_keys(minItems=small, maxItems=small, uniqueItems=st.booleans()),
    )
    choices = st.builds(
        lambda word, branches: {word: branches},
        st.sampled_from(["anyOf", "oneOf", "allOf"]),
        st.lists(inner, min_size=1, max_size=3),
    )
    refusals = st.builds(lambda schema: {"not": schema}, inner)
    return objects | arrays | choices | refusals


schemas = st.recursive(scalars, composed, max_leaves=6)


def named_properties(schema: Any) -> set[str]:
    """Every property that a schema speaks of."""
    found: set[str] = set()
    if isinstance(schema, dict):
        found |= set(schema.get("properties", {})) if isinstance(schema.get("properties"), dict) else set()
        found |= set(schema.get("required", ()))
        for value in schema.values():
            found |= named_properties(value)
    elif isinstance(schema, list):
        for value in schema:
            found |= named_properties(value)
    return found


def names_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(names_in, value.values()))
    return set().union(*map(names_in, value)) if isinstance(value, list) else set()


def admits(schema: Any, value: Any) -> bool:
    return bool(jsonschema_rs.Draft202012Validator(schema).is_valid(value))


def varied(draw: st.DrawFn, schema: Any) -> Any:
    """The schema with one part of it replaced: such pairs often differ in one value only."""
    if isinstance(schema, dict) and schema and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(schema)))
        if key == "properties" and schema[key]:
            name = draw(st.sampled_from(sorted(schema[key])))
            return {**schema, key: {**schema[key], name: varied(draw, schema[key][name])}}
        if key in ("anyOf", "oneOf", "allOf"):
            index = draw(st.integers(0, len(schema[key]) - 1))
            parts = [varied(draw, part) if at == index else part for at, part in enumerate(schema[key])]
            return {**schema, key: parts}
        if key in ("items", "additionalProperties", "not"):
            return {**schema, key: varied(draw, schema[key])}
        if key != "type" and draw(st.booleans()):
            return {name: value for name, value in schema.items() if name != key}
    return draw(schemas)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    schema = draw(schemas)
    return schema, varied(draw, schema) if draw(st.booleans()) else draw(schemas)


@settings(CALM, max_examples=400)
@given(pairs(), st.lists(values, min_size=8, max_size=8), st.sampled_from(["request", "response"]))
def test_a_value_that_only_one_side_admits_is_never_safe(
    pair: tuple[Any, Any], candidates: list[Any], side: str
) -> None:
    old, new = pair
    wide, narrow = (new, old) if side == "request" else (old, new)
    # By convention nobody sends a property that the contract does not name.
    known = named_properties(narrow)
    witnesses = [
        value
        for value in candidates
        if names_in(value) <= known and admits(narrow, value) and not admits(wide, value)
    ]
    assume(witnesses)
    comparison = compared(described(old, side), described(new, side))
    assert comparison.worst is not None, witnesses
    assert comparison.worst > 0, (witnesses, [change.rule for change in comparison.changes])


def test_a_list_of_values_that_the_type_leaves_none_of_admits_nothing() -> None:
    old = described({"allOf": [{"type": "integer"}, {"enum": ["a"]}]}, "response")
    new = described({"type": "object", "properties": {}}, "response")
    worst = compared(old, new).worst
    assert worst is not None
    assert worst > 0


@CALM
@given(schemas, st.sampled_from(["request", "response"]))
def test_a_schema_does_not_differ_from_itself_reordered_or_referenced(schema: Any, side: str) -> None:
    plain = described(schema, side)
    assert compared(plain, copy.deepcopy(plain)).changes == ()
    assert compared(plain, described(reordered(schema), side)).changes == ()
    referenced = described({"$ref": "#/components/schemas/S"}, side, {"S": schema})
    assert compared(plain, referenced).changes == ()
    assert compared(referenced, plain).changes == ()
    assert compared(plain, described({"allOf": [schema]}, side)).changes == ()


def reordered(value: Any) -> Any:
    """The same with every key order, type list and list of names turned round."""
    if isinstance(value, dict):
        turned = {key: reordered(entry) for key, entry in reversed(value.items())}
        for key in ("required", "type", "enum"):
            if isinstance(turned.get(key), list):
                turned[key] = turned[key][::-1]
        return turned
    return [reordered(entry) for entry in value] if isinstance(value, list) else value


def inlined(value: Any, document: Any, open_: tuple[str, ...] = ()) -> Any:
    """The same with every reference replaced by what it refers to."""
    if isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str) and target not in open_:
            found = document
            for key in target[2:].split("/"):
                found = found[key.replace("~1", "/").replace("~0", "~")]
            return inlined(found, document, (*open_, target))
        return {key: inlined(entry, document, open_) for key, entry in value.items()}
    return [inlined(entry, document, open_) for entry in value] if isinstance(value, list) else value


def test_our_description_does_not_differ_from_itself_in_other_words() -> None:
    moved = {**copy.deepcopy(OURS), "paths": inlined(OURS["paths"], OURS)}
    for other in (OURS, reordered(OURS), moved, reordered(moved)):
        assert compared(OURS, other).changes == ()
        assert compared(other, OURS).changes == ()
