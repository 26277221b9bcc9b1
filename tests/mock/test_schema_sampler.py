"""What the sampler gives out fits the schema, comes from the prompt where it can, and goes nowhere else."""

from __future__ import annotations

import socket
from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lightning_mock.generation.sampling.pattern_sampler import UnknownPatternError, sample_pattern
from lightning_mock.generation.sampling.prompt_hints import Hints, hints_from
from lightning_mock.generation.sampling.schema_cost import (
    MAX_STEPS,
    Budget,
    UnusableSchemaError,
    pattern_size,
)
from lightning_mock.generation.sampling.schema_sampler import (
    compile_schema,
    sample,
)

NOTHING = Hints()

FIXED = {
    "scalars": {
        "type": "object",
        "properties": {
            "s": {"type": "string"},
            "i": {"type": "integer"},
            "n": {"type": "number"},
            "b": {"type": "boolean"},
            "z": {"type": "null"},
        },
        "required": ["s", "i", "n", "b", "z"],
        "additionalProperties": False,
    },
    "enum": {"enum": ["a", 1, None, {"x": 1}]},
    "const": {"const": {"deep": [1, 2]}},
    "bounds": {"type": "integer", "minimum": 17, "exclusiveMaximum": 19},
    "exclusive": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001},
    "multiple": {"type": "number", "multipleOf": 0.25, "minimum": 3.1},
    "integer multiple": {"type": "integer", "multipleOf": 7, "minimum": 100, "maximum": 110},
    "large multiple": {"type": "integer", "multipleOf": 1e20, "minimum": 1},
    "largest": {"type": "number", "minimum": 1.7976931348623157e308},
    "negative": {"type": "integer", "maximum": -5},
    "length": {"type": "string", "minLength": 30, "maxLength": 31},
    "short": {"type": "string", "maxLength": 2},
    "nullable": {"type": ["null", "string"]},
    "array": {"type": "array", "items": {"type": "integer"}, "minItems": 4, "uniqueItems": True},
    "unique enum": {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 3, "uniqueItems": True},
    "tuple": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
    "contains": {"type": "array", "contains": {"const": 5}, "minContains": 2},
    "definitions": {"$ref": "#/definitions/a", "definitions": {"a": {"type": "integer", "minimum": 3}}},
    "recursive": {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "properties": {"value": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}},
                "required": ["value"],
            }
        },
    },
    "recursive required": {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
                "required": ["next"],
            }
        },
    },
    "all": {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "integer"}}}]},
    "all bounds": {"type": "integer", "allOf": [{"minimum": 5}, {"maximum": 6}, {"minimum": 2}]},
    "any": {"anyOf": [{"type": "string", "maxLength": 0, "minLength": 1}, {"type": "integer"}]},
    "one": {
        "type": "object",
        "oneOf": [
            {"properties": {"kind": {"const": "a"}, "x": {"type": "integer"}}, "required": ["kind", "x"]},
            {"properties": {"kind": {"const": "b"}}, "required": ["kind"]},
        ],
    },
    "condition": {
        "type": "object",
        "properties": {"country": {"enum": ["us", "nl"]}},
        "required": ["country"],
        "if": {"properties": {"country": {"const": "us"}}},
        "then": {"required": ["zip"], "properties": {"zip": {"type": "string", "pattern": "^[0-9]{5}$"}}},
    },
    "dependent": {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "dependentRequired": {"a": ["b"]},
    },
    "not": {"type": "integer", "not": {"const": 1}},
    "map": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 3},
    "named map": {"type": "object", "propertyNames": {"pattern": "^k[0-9]+$"}, "minProperties": 2},
    "pattern map": {
        "type": "object",
        "patternProperties": {"^x-[a-z]{2}$": {"type": "boolean"}},
        "additionalProperties": False,
        "minProperties": 1,
    },
    "code": {"type": "string", "pattern": "^[A-Z]{3}-\\d{2,4}(/[a-f0-9]+)?$"},
    "choice pattern": {"type": "string", "pattern": "^(?:red|gr(e|a)y|blue)$"},
    "open": {},
    "anything": True,
}


@pytest.mark.parametrize("name", FIXED)
def test_a_sample_fits_its_schema(name: Any) -> None:
    schema = FIXED[name]
    assert compile_schema(schema).is_valid(sample(schema, NOTHING, seed=1))


@pytest.mark.parametrize("bound", [2**64 + 1, 10**30 + 1])
def test_a_sample_keeps_to_a_bound_that_no_float_can_hold(bound: int) -> None:
    assert sample({"type": "integer", "minimum": float(bound)}, NOTHING, seed=1) > bound
    assert sample({"type": "integer", "maximum": -float(bound)}, NOTHING, seed=1) < -bound


@pytest.mark.parametrize(
    "name",
    [
        *("date", "date-time", "time", "duration", "email", "hostname", "ipv4", "ipv6"),
        *("uri", "uri-reference", "uuid", "json-pointer", "regex"),
    ],
)
def test_a_sample_has_the_format_asked_for(name: Any) -> None:
    schema = {"type": "string", "format": name}
    value = sample(schema, NOTHING, seed=1)
    assert value
    assert compile_schema(schema).is_valid(value)


def test_numbers_and_quoted_words_of_the_prompt_become_arguments() -> None:
    hints = hints_from('Book a table for 4 at "Chez Panisse" in Berkeley, at most 99.50 each')
    schema = {
        "type": "object",
        "properties": {
            "guests": {"type": "integer", "minimum": 1, "maximum": 20},
            "restaurant": {"type": "string"},
            "city": {"type": "string"},
            "budget": {"type": "number"},
        },
        "required": ["guests", "restaurant", "city", "budget"],
    }
    assert sample(schema, hints, seed=1) == {
        "guests": 4,
        "restaurant": "Chez Panisse",
        "city": "Berkeley",
        "budget": 99.5,
    }


def test_a_number_that_does_not_fit_is_not_taken() -> None:
    value = sample({"type": "integer", "maximum": 10}, hints_from("all 500 of them"), seed=1)
    assert value <= 10


def test_a_choice_that_the_prompt_names_is_taken() -> None:
    schema = {"enum": ["celsius", "fahrenheit"]}
    assert sample(schema, hints_from("in Fahrenheit please"), seed=1) == "fahrenheit"


def test_a_query_is_the_prompt_itself() -> None:
    schema = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
    assert sample(schema, hints_from("latest news on rail travel"), seed=1) == {
        "query": "latest news on rail travel"
    }


def test_the_same_schema_prompt_and_seed_give_the_same_value() -> None:
    schema = FIXED["code"]
    assert sample(schema, NOTHING, seed=7) == sample(schema, NOTHING, seed=7)
    assert len({sample(schema, NOTHING, seed=seed) for seed in range(8)}) > 1


def test_a_root_without_a_type_becomes_the_type_asked_for() -> None:
    assert sample({}, NOTHING, seed=1, root_type="object") == {}
    assert sample({"description": "what to do"}, NOTHING, seed=1, root_type="object") == {}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"type": "string", "pattern": "("},
        {"required": "name"},
        {"$ref": "#/nowhere"},
        {"$schema": "http://example.com/own-dialect"},
        [],
        "string",
        None,
    ],
)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    with pytest.raises(UnusableSchemaError):
        compile_schema(schema)


def test_a_reference_to_another_host_is_refused_and_never_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        with pytest.raises(UnusableSchemaError):
            compile_schema({"$ref": f"http://127.0.0.1:{port}/schema.json"})
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "object", "required": ["a"], "properties": {"a": False}},
        {"type": "array", "minItems": 10**9},
        {"type": "string", "minLength": 10**9},
        {"type": "object", "minProperties": 10**9},
        {"type": "string", "pattern": "^(?=x)y$"},
        {"type": "string", "pattern": "(((a{40}){40}){40})"},
        {"type": "integer", "minimum": 10, "maximum": 1},
        {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}},
        {
            "$ref": "#/$defs/a",
            "$defs": {"a": {"type": "object", "required": ["l", "r"],
                            "properties": {"l": {"$ref": "#/$defs/a"}, "r": {"$ref": "#/$defs/a"}}}},
        },
    ],
)  # fmt: skip
def test_what_cannot_be_satisfied_still_gives_json_soon(schema: Any) -> None:
    assert len(orjson.dumps(sample(schema, NOTHING, seed=1))) < 1_000_000


def everything_twice(keywords: str, closing: str, levels: int = 40) -> Any:
    """A schema that refers to the one below it by each of these keywords, level after level."""

    def described(level: int) -> Any:
        below = {"$ref": f"#/$defs/d{level - 1}"}
        lists = {"anyOf": [below, below], "oneOf": [below, below], "allOf": [below, below]}
        kinds = {
            **lists,
            "dependentSchemas": {"a": below, "b": below},
            "if": below,
            "then": below,
            "else": below,
        }
        return {**{name: kinds[name] for name in keywords.split()}, closing: False}

    definitions = {f"d{level}": described(level) for level in range(1, levels)}
    return {"$defs": {"d0": {"type": "object"}, **definitions}, "$ref": f"#/$defs/d{levels - 1}"}


EACH_OF_ALL = [{"$ref": f"#/$defs/d{index}"} for index in range(12)]


@pytest.mark.parametrize("closing", ["unevaluatedProperties", "unevaluatedItems"])
@pytest.mark.parametrize(
    "schema",
    [
        *(partial(everything_twice, keywords) for keywords in
          ("anyOf", "oneOf", "allOf", "dependentSchemas", "if then", "then else if", "allOf anyOf")),
        lambda closing: {"$defs": {f"d{index}": {"anyOf": EACH_OF_ALL} for index in range(12)},
                         "$ref": "#/$defs/d0", closing: False},
    ],
)  # fmt: skip
def test_what_takes_for_ever_to_compile_is_refused_before(schema: Any, closing: Any) -> None:
    with pytest.raises(UnusableSchemaError, match="steps of work"):
        compile_schema(schema(closing), Budget())


def test_unevaluated_members_of_an_honest_schema_are_affordable() -> None:
    address = {"type": "object", "properties": {"street": {"type": "string"}}}
    schema = {
        "$defs": {"address": address, "named": {"properties": {"name": {"type": "string"}}}},
        "type": "object",
        "allOf": [{"$ref": "#/$defs/address"}, {"$ref": "#/$defs/named"}],
        "properties": {"age": {"type": "integer"}},
        "required": ["age", "name"],
        "unevaluatedProperties": False,
    }
    budget = Budget()
    assert compile_schema(schema).is_valid(sample(schema, NOTHING, seed=1, budget=budget))
    assert MAX_STEPS - budget.left < 2000


@pytest.mark.parametrize(
    "described",
    [
        {"pattern": "(?:(?:(?:a{9}){9}){9}){9}"},
        {"pattern": "[^b]" * 5000},
        {"pattern": "(?=[^b]*b)c", "minLength": 20_000},
        {"pattern": "(?=x*y)z", "minLength": 20_000},
        {"pattern": r"(?:(.)\1)*y", "minLength": 20_000},
        {"pattern": "(a++)+b", "minLength": 20_000},
    ],
)
def test_what_takes_long_to_match_is_refused_before(described: Any) -> None:
    with pytest.raises(UnusableSchemaError, match="steps of work"):
        sample({"type": "string", **described}, NOTHING, seed=1)


def test_each_pattern_of_many_is_paid_for_once() -> None:
    names = [f"p{index}" for index in range(300)]
    patterns = {rf"^(?:(?:p+)+)+{index}$": {"type": "integer"} for index in range(300)}
    with pytest.raises(UnusableSchemaError, match="steps of work"):
        sample({"type": "object", "required": names, "patternProperties": patterns}, NOTHING, seed=1)
    few = dict(list(patterns.items())[:20])
    budget = Budget()
    sample({"type": "object", "required": names[:60], "patternProperties": few}, NOTHING, 1, budget=budget)
    assert MAX_STEPS - budget.left < 20_000


def test_many_short_patterns_are_refused_like_one_that_is_as_slow_to_compile() -> None:
    patterns: dict[str, Any] = {f"[a-f]{{3}}{index}": {} for index in range(1000)}
    with pytest.raises(UnusableSchemaError, match="patterns"):
        sample({"type": "object", "patternProperties": patterns}, NOTHING, seed=1)


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        ("a", 1), ("abc", 3), ("a{3}", 3), ("(ab){3}c", 7), (".", 8), (r"\pL{3}", 600), (r"\p{Lu}{3}", 600),
        (r"[\pL\pN]{3}", 612), (r"\w{3}", 3), (r"(?=a)\w{3}", 603), (r"(a)\1\w{3}", 602), (r"[\w]{3}", 9),
        ("[", 1), ("[]", 1), (r"\p", 200), (r"\p{", 200), ("\\", 1), ("", 0), ("({", 1),
        ("(a)(b)(c)(?:d)", 6), ("(a)(b)(c)(d)", 8),
    ],
)  # fmt: skip
def test_a_pattern_is_as_large_as_it_is_to_the_compiler(pattern: Any, size: Any) -> None:
    assert pattern_size(pattern) == size


@pytest.mark.parametrize(
    "pattern",
    ["(", "[a", "a{99999}", "*", "\\", "(?<n", "(?#x)", "\\p{", "\\x{", "[\\", "(a", "\\q",
     f"({'|' * 5000}){{9}}"],
)  # fmt: skip
def test_a_pattern_beyond_the_sampler_says_so(pattern: Any) -> None:
    from random import Random

    with pytest.raises(UnknownPatternError):
        sample_pattern(pattern, Random(1))


names = st.sampled_from(["name", "city", "query", "count", "items", "tags"])


def bounded_integers(bounds: tuple[int, int]) -> dict[str, object]:
    return {"type": "integer", "minimum": min(bounds), "maximum": max(bounds)}


leaves = st.one_of(
    st.sampled_from(["string", "integer", "number", "boolean", "null"]).map(lambda kind: {"type": kind}),
    st.lists(st.one_of(st.text(max_size=5), st.integers(-9, 9)), min_size=1, max_size=3).map(
        lambda options: {"enum": options}
    ),
    st.tuples(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9)).map(bounded_integers),
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(
        lambda pair: {"type": "string", "minLength": min(pair), "maxLength": max(pair)}
    ),
    st.sampled_from(["date", "date-time", "email", "uuid", "uri"]).map(
        lambda form: {"type": "string", "format": form}
    ),
    st.from_regex(r"\A\^[a-z]{1,3}\[0-9\]\{[1-5]\}\(a\|b\)\?\$\Z").map(
        lambda pattern: {"type": "string", "pattern": pattern}
    ),
)


def objects(children: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.dictionaries(names, children, max_size=4).flatmap(
        lambda properties: st.lists(st.sampled_from(sorted(properties) or ["name"]), unique=True).map(
            lambda required: (
                {
                    "type": "object",
                    "properties": properties,
                    "required": required,
                    "additionalProperties": False,
                }
                if properties
                else {"type": "object"}
            )
        )
    )


schemas = st.recursive(
    leaves,
    lambda children: st.one_of(
        objects(children),
        st.tuples(children, st.integers(0, 3)).map(
            lambda pair: {"type": "array", "items": pair[0], "minItems": pair[1]}
        ),
        st.lists(children, min_size=1, max_size=3).map(lambda branches: {"anyOf": branches}),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schema=schemas, text=st.text(max_size=60), seed=st.integers(0, 2**32 - 1))
def test_a_sample_fits_whatever_tool_schema_a_client_sends(schema: Any, text: Any, seed: Any) -> None:
    value = sample(schema, hints_from(text), seed)
    assert compile_schema(schema).is_valid(value), value
    assert compile_schema(schema).is_valid(orjson.loads(orjson.dumps(value)))


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=300))
def test_hints_are_read_from_any_text(text: Any) -> None:
    hints = hints_from(text)
    assert all(isinstance(phrase, str) for phrase in hints.phrases)
    orjson.dumps(hints.numbers)


def _doubling(levels: int) -> dict[str, Any]:
    """Schemas each of which holds a value twice against the one before."""
    named: dict[str, Any] = {"d0": {"minLength": 1}}
    for level in range(1, levels):
        named[f"d{level}"] = {"allOf": [{"$ref": f"#/$defs/d{level - 1}"}] * 2}
    return named


DRAFT_4 = "http://json-schema.org/draft-04/schema#"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "not": {"$id": "http://x/y", "$defs": _doubling(40), "$ref": "#/$defs/d39"}},
        {"$schema": DRAFT_4, "not": {"id": "http://x/y", "$defs": _doubling(40), "$ref": "#/$defs/d39"}},
        {"$defs": {"é": {"allOf": [{"$ref": "#/$defs/d39"}]}, **_doubling(40)}, "$ref": "#/$defs/%C3%A9"},
        {"$defs": {"a": {"$anchor": "x"}, "b": {"$anchor": "x", "minLength": 1}}, "$ref": "#x"},
    ],
    ids=["$id", "id of draft 4", "escaped reference", "an anchor twice"],
)
def test_what_the_validator_would_resolve_elsewhere_is_refused(schema: Any) -> None:
    with pytest.raises(UnusableSchemaError):
        sample(schema, Hints(), 0)


def test_an_id_is_a_usual_name_of_a_property() -> None:
    schema = {"properties": {"id": {"const": "7"}, "$id": {"type": "string"}}, "required": ["id"]}
    assert sample(schema, Hints(), 0)["id"] == "7"


@pytest.mark.parametrize(
    ("value", "keyword"),
    [
        ([[i, i] for i in range(10_000)], {"uniqueItems": True}),
        ("{a}" * 30_000, {"format": "uri-template"}),
        ("[" + "1," * 50_000 + "1]", {"contentMediaType": "application/json"}),
        ({f"k{i}": 1 for i in range(6000)}, {"dependentRequired": {"k0": [f"k{i}" for i in range(6000)]}}),
        (1e308, {"multipleOf": 5e-324}),
    ],
    ids=["uniqueItems", "format", "contentMediaType", "dependentRequired", "multipleOf"],
)
def test_a_keyword_costs_what_its_value_is_long(value: Any, keyword: Any) -> None:
    named = {"x": keyword}
    often = {"allOf": [{"$ref": "#/$defs/x"}] * 3000 + [{"type": "null"}]}
    with pytest.raises(UnusableSchemaError, match="steps of work"):
        sample({"$defs": named, "const": value, "not": often}, Hints(), 0)
    assert (
        sample({"$defs": named, "const": value, "$ref": "#/$defs/x"}, Hints(), 0) == value or value == 1e308
    )
