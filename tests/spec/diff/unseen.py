"""Pairs that were written when the comparison stood already, each of a kind that users of such tools report.

The classes are those of `pairs`: a pair of schemas has four letters, a pair of descriptions two.
"""

from __future__ import annotations

import copy
from typing import Any

from tests.spec.diff.pairs import A_CAT, A_DOG, INT, NULL, READ_ONLY, TEXT, WRITE_ONLY, listed, one_of, thing

NUMBER: dict[str, Any] = {"type": "number"}
OBJECT: dict[str, Any] = {"type": "object"}


def text(**more: Any) -> dict[str, Any]:
    return {**TEXT, **more}


def number(**more: Any) -> dict[str, Any]:
    return {**NUMBER, **more}


def integer(**more: Any) -> dict[str, Any]:
    return {**INT, **more}


def array(**more: Any) -> dict[str, Any]:
    return {"type": "array", **more}


def any_of(*branches: Any) -> dict[str, Any]:
    return {"anyOf": list(branches)}


def all_of(*branches: Any, **more: Any) -> dict[str, Any]:
    return {"allOf": list(branches), **more}


def tagged(*names: str, tag: str = "kind", **more: Any) -> dict[str, Any]:
    """A choice of objects that a property tells apart."""
    parts: list[dict[str, Any]] = [{tag: {"const": name}, name: TEXT} for name in names]
    branches = [thing(tag, **part) for part in parts]
    return {"oneOf": branches, "discriminator": {"propertyName": tag, **more}}


_IF = {"if": {"properties": {"a": {"const": "x"}}, "required": ["a"]}, "then": {"required": ["b"]}}

CAR, VAN, BUS = thing(doors=INT), thing(load=INT), thing(seats=INT)
LORRY = thing("axles", axles=INT)


def names(**schema: Any) -> dict[str, Any]:
    return {**OBJECT, "propertyNames": schema}


# name, old, new, classes: the request, its reverse, the response, its reverse
SCHEMAS: list[tuple[str, Any, Any, str]] = [
    # narrowed by one keyword
    ("required of an undescribed property", OBJECT, {**OBJECT, "required": ["a"]}, "BSSB"),
    ("pattern properties", OBJECT, {**OBJECT, "patternProperties": {"^x": INT}}, "BSSB"),
    ("property names", OBJECT, {**OBJECT, "propertyNames": {"maxLength": 3}}, "BSSB"),
    ("min properties", OBJECT, {**OBJECT, "minProperties": 1}, "BSSB"),
    ("map of texts", OBJECT, {**OBJECT, "additionalProperties": TEXT}, "BSSB"),
    (
        "map closed",
        {**OBJECT, "additionalProperties": TEXT},
        {**OBJECT, "additionalProperties": False},
        "BSSB",
    ),
    (
        "unevaluated properties",
        all_of(thing(a=TEXT)),
        all_of(thing(a=TEXT), unevaluatedProperties=False),
        "BSSB",
    ),
    ("if and then", thing(a=TEXT), {**thing(a=TEXT), **_IF}, "BSSB"),
    ("contains", array(), array(contains=TEXT), "BSSB"),
    ("contains more", array(contains=TEXT), array(contains=TEXT, minContains=2), "BSSB"),
    (
        "dependent schema",
        thing(a=TEXT),
        {**thing(a=TEXT), "dependentSchemas": {"a": {"required": ["b"]}}},
        "BSSB",
    ),
    ("tuple closed", array(prefixItems=[TEXT]), array(prefixItems=[TEXT], items=False), "BSSB"),
    ("items refused", array(), array(items=False), "BSSB"),
    ("no items", listed(TEXT), listed(TEXT, maxItems=0), "BSSB"),
    ("items described", array(), listed(TEXT), "BSSB"),
    ("items wrapped", listed(TEXT), listed(listed(TEXT)), "BBBB"),
    ("date to date and time", text(format="date"), text(format="date-time"), "BBBB"),
    ("int64 to int32 in a list", listed(integer(format="int64")), listed(integer(format="int32")), "BSSB"),
    ("number to integer in a property", thing(a=NUMBER), thing(a=INT), "BSSB"),
    ("decimal places", number(multipleOf=0.01), number(multipleOf=0.1), "BSSB"),
    ("exclusive minimum", number(minimum=0), number(exclusiveMinimum=0), "BSSB"),
    ("minimum of a property", thing(a=integer(minimum=1)), thing(a=integer(minimum=2)), "BSSB"),
    ("longer pattern", text(pattern="^[a-z]{3,5}$"), text(pattern="^[a-z]{3}$"), "BSSB"),
    ("alternatives of a pattern", text(pattern="^(a|b|c)$"), text(pattern="^(a|b)$"), "BSSB"),
    ("pattern to enum", text(pattern="^[ab]$"), text(enum=["a"]), "BSSB"),
    ("enum within a list", listed(text(enum=["a", "b"])), listed(text(enum=["a"])), "BSSB"),
    ("null gone from an enum", {"enum": ["a", None]}, {"enum": ["a"]}, "BSSB"),
    ("type introduced", {}, TEXT, "BSSB"),
    ("enum to const", {"enum": [1, 2]}, {"const": 1}, "BSSB"),
    ("case of a value", text(enum=["A"]), text(enum=["a"]), "BBBB"),
    ("1 to its text", {"enum": [1]}, {"enum": ["1"]}, "BBBB"),
    ("1 to true", {"enum": [1]}, {"enum": [True]}, "BBBB"),
    ("boolean to text", {"type": "boolean"}, TEXT, "BBBB"),
    ("object to list", thing(a=TEXT), listed(thing(a=TEXT)), "BBBB"),
    ("encoding of a text", TEXT, text(contentEncoding="base64"), "BBBB"),
    ("media type of a text", text(contentMediaType="image/png"), text(contentMediaType="image/jpeg"), "BBBB"),
    ("contradiction", TEXT, all_of(TEXT, INT), "BSSB"),
    ("property that can never be", thing(a=TEXT), thing(a=False), "BSSB"),
    # choices
    ("branch of anyOf removed", any_of(TEXT, INT, thing(a=TEXT)), any_of(TEXT, INT), "BSSB"),
    ("null branch removed", one_of(thing(a=TEXT), NULL), thing(a=TEXT), "BSSB"),
    ("null branch removed below a list", listed(one_of(TEXT, NULL)), listed(TEXT), "BSSB"),
    ("choice of one text", any_of(TEXT, INT), TEXT, "BSSB"),
    (
        "exactly one of two that overlap",
        any_of(integer(minimum=0), integer(maximum=9)),
        one_of(integer(minimum=0), integer(maximum=9)),
        "BSSB",
    ),
    ("tagged variant removed", tagged("cat", "dog"), tagged("cat"), "BSSB"),
    ("tag renamed", tagged("cat", "dog"), tagged("cat", "dog", tag="type"), "BBBB"),
    ("tagged variant narrowed", tagged("cat", "dog"), {**tagged("cat", "dog"), "required": ["cat"]}, "BSSB"),
    (
        "below two choices",
        one_of(any_of(thing(a=TEXT), INT), {"type": "boolean"}),
        one_of(any_of(thing(a={"enum": ["x"]}), INT), {"type": "boolean"}),
        "BSSB",
    ),
    ("object to a choice with it", thing("a", a=TEXT), one_of(thing("a", a=TEXT), INT), "SBBS"),
    (
        "base with more",
        all_of(thing(a=TEXT), thing(b=TEXT)),
        all_of(thing("a", a=TEXT), thing(b=TEXT)),
        "BSSB",
    ),
    (
        "property in two parts",
        all_of(thing(a=TEXT), thing(a=text(maxLength=9))),
        thing(a=text(maxLength=5)),
        "BSSB",
    ),
    # directions
    ("property became read-only", thing(a=TEXT), thing(a=READ_ONLY), "RS=="),
    ("property became write-only", thing(a=TEXT), thing(a=WRITE_ONLY), "==BS"),
    ("required property became read-only", thing("a", a=TEXT), thing("a", a=READ_ONLY), "RB=="),
    (
        "read-only enum grew",
        thing(a={"enum": ["x"], "readOnly": True}),
        thing(a={"enum": ["x", "y"], "readOnly": True}),
        "==BS",
    ),
    (
        "write-only enum shrank",
        thing(a={"enum": ["x", "y"], "writeOnly": True}),
        thing(a={"enum": ["x"], "writeOnly": True}),
        "BS==",
    ),
    ("default introduced", INT, integer(default=1), "RRSS"),
    ("default of another type", integer(default=1), integer(default=1.0), "===="),
    ("default false and none", {"type": "boolean"}, {"type": "boolean", "default": False}, "RRSS"),
    ("default null", text(), text(default=None), "===="),
    (
        "required property added to a closed object",
        thing(a=TEXT, closed=True),
        thing("b", a=TEXT, b=TEXT, closed=True),
        "BBBB",
    ),
    (
        "property removed from a closed object",
        thing(a=TEXT, b=TEXT, closed=True),
        thing(a=TEXT, closed=True),
        "BSBB",
    ),
    ("property renamed", thing("a", a=TEXT), thing("b", b=TEXT), "BBBB"),
    ("optional property renamed", thing(a=TEXT), thing(b=TEXT), "RRBB"),
    ("property moved into an object", thing(a=TEXT), thing(b=thing(a=TEXT)), "RRBB"),
    (
        "deprecated property became required",
        thing(a=text(deprecated=True)),
        thing("a", a=text(deprecated=True)),
        "BSSB",
    ),
    # the same in other words
    ("bound that another implies", number(exclusiveMinimum=0, minimum=1), number(minimum=1), "===="),
    ("integers among numbers", integer(enum=[1, 2]), number(enum=[1, 2]), "===="),
    ("1.0 is 1", {"enum": [1.0]}, {"enum": [1]}, "===="),
    ("const null", {"const": None}, NULL, "===="),
    (
        "null in a typed enum that has none",
        {"type": ["string", "null"], "enum": ["a"]},
        text(enum=["a"]),
        "====",
    ),
    ("bounds in parts", all_of(integer(minimum=1), {"maximum": 5}), integer(minimum=1, maximum=5), "===="),
    ("redundant branch", any_of(TEXT, text(maxLength=5)), TEXT, "===="),
    ("exclusive branches", one_of(TEXT, INT), any_of(TEXT, INT), "===="),
    (
        "choice within a choice",
        one_of(one_of(TEXT, INT), {"type": "boolean"}),
        one_of(TEXT, INT, {"type": "boolean"}),
        "====",
    ),
    ("same branch twice", any_of(TEXT, TEXT), TEXT, "===="),
    ("base within a base", all_of(all_of(thing(a=TEXT)), thing(b=INT)), thing(a=TEXT, b=INT), "===="),
    ("true and empty", {}, True, "===="),
    ("every type", {}, {"type": ["null", "boolean", "number", "string", "array", "object"]}, "===="),
    ("false", False, {"not": {}}, "===="),
    ("twice not", {"not": {"not": TEXT}}, TEXT, "===="),
    ("no properties", OBJECT, thing(), "===="),
    ("nothing required", thing(a=TEXT), {**thing(a=TEXT), "required": []}, "===="),
    ("required twice", thing("a", a=TEXT), {**thing("a", a=TEXT), "required": ["a", "a"]}, "===="),
    ("value twice", {"enum": ["a", "a"]}, {"enum": ["a"]}, "===="),
    ("whole multiples", number(multipleOf=1), INT, "===="),
    ("multiples of one", integer(multipleOf=1), INT, "===="),
    ("length as a decimal", text(maxLength=5.0), text(maxLength=5), "===="),
    ("list of one type", {"type": ["string"]}, TEXT, "===="),
    ("integer beside number", {"type": ["integer", "number"]}, NUMBER, "===="),
    ("both truths", {"enum": [True, False]}, {"type": "boolean"}, "===="),
    ("may repeat, said", listed(TEXT), listed(TEXT, uniqueItems=False), "===="),
    ("any items, said", array(), array(items={}), "===="),
    ("repetition in a pattern", text(pattern="^[a-z]+$"), text(pattern="^[a-z]{1,}$"), "===="),
    ("digits in a pattern", text(pattern=r"^\d{4}$"), text(pattern="^[0-9]{4}$"), "===="),
    ("length as a pattern", text(pattern="^.{1,9}$"), text(pattern="^.{1,9}$", minLength=1), "===="),
    ("example and comment", text(example="a", **{"$comment": "c"}), text(examples=["b"], title="t"), "===="),
    ("extension", text(**{"x-order": 1}), text(**{"x-order": 2}), "===="),
    ("order of properties", thing("a", "b", a=TEXT, b=INT), thing("b", "a", b=INT, a=TEXT), "===="),
    (
        "types of a list of null",
        {"type": ["null", "array"], "items": TEXT},
        one_of(NULL, listed(TEXT)),
        "====",
    ),
    ("null and enum by anyOf", any_of({"enum": ["a", "b"]}, NULL), {"enum": ["b", "a", None]}, "===="),
    (
        "definition beside",
        {"$defs": {"x": TEXT}, "properties": {"a": TEXT}},
        {"properties": {"a": TEXT}},
        "====",
    ),
    # a second time
    ("min and max swapped in list", listed(TEXT, minItems=1), listed(TEXT, minItems=0), "SBBS"),
    ("exclusive to inclusive", number(exclusiveMaximum=9), number(maximum=9), "SBBS"),
    ("bound by one on integers", integer(exclusiveMaximum=10), integer(maximum=9), "===="),
    ("bound on integer decimal", integer(maximum=9.5), integer(maximum=9), "===="),
    (
        "enum and null by type",
        {"type": ["string", "null"], "enum": ["a", None]},
        one_of(text(enum=["a"]), NULL),
        "====",
    ),
    ("list to one or list", TEXT, one_of(TEXT, listed(TEXT)), "SBBS"),
    ("enum to free text in list", listed(text(enum=["a"])), listed(TEXT), "SBBS"),
    ("anyOf required a or b", any_of({"required": ["a"]}, {"required": ["b"]}), {}, "SBBS"),
    (
        "required in anyOf",
        {**thing(a=TEXT, b=TEXT), "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        thing("a", a=TEXT, b=TEXT),
        "BSSB",
    ),
    ("not required", {**thing(a=TEXT), "not": {"required": ["a"]}}, thing(a=TEXT), "SBBS"),
    ("not enum shrinks", {"not": {"enum": ["a"]}}, {"not": {"enum": ["a", "b"]}}, "BSSB"),
    (
        "dependentRequired removed",
        {**thing(a=TEXT), "dependentRequired": {"a": ["b"]}},
        thing(a=TEXT),
        "SBBS",
    ),
    (
        "patternProperties narrowed",
        {**OBJECT, "patternProperties": {"^x": TEXT}},
        {**OBJECT, "patternProperties": {"^x": text(maxLength=3)}},
        "BSSB",
    ),
    ("const changed", {"const": "a"}, {"const": "b"}, "BBBB"),
    ("enum of objects", {"enum": [{"a": 1}, {"a": 2}]}, {"enum": [{"a": 1}]}, "BSSB"),
    ("format in list items", listed(text(format="uuid")), listed(TEXT), "SBBS"),
    (
        "additionalProperties object",
        {**OBJECT, "additionalProperties": thing(a=TEXT)},
        {**OBJECT, "additionalProperties": thing("a", a=TEXT)},
        "BSSB",
    ),
    ("map to object", {**OBJECT, "additionalProperties": TEXT}, thing("a", a=TEXT, closed=True), "BRSB"),
    ("allOf order", all_of(thing(a=TEXT), thing(b=INT)), all_of(thing(b=INT), thing(a=TEXT)), "===="),
    ("same base twice", all_of(thing(a=TEXT), thing(a=TEXT)), thing(a=TEXT), "===="),
    (
        "oneOf branch became required inside",
        one_of(A_DOG, A_CAT),
        one_of({**A_DOG, "required": ["kind", "bark", "age"]}, A_CAT),
        "BSSB",
    ),
    ("oneOf variant renamed const", tagged("cat", "dog"), tagged("cat", "cow"), "BBBB"),
    ("readOnly dropped", thing(a=READ_ONLY), thing(a=TEXT), "SR=="),
    ("readOnly required in request", thing("a", a=READ_ONLY), thing("a", a=TEXT), "BR=="),
    ("minLength on enum that fits", text(enum=["aa", "bb"]), text(enum=["aa", "bb"], minLength=2), "===="),
    ("maxLength that cuts an enum", text(enum=["a", "bbb"]), text(enum=["a", "bbb"], maxLength=2), "BSSB"),
    ("pattern on enum", text(enum=["a", "b"]), text(enum=["a", "b"], pattern="^a$"), "BSSB"),
    ("minimum on enum ints", {"enum": [1, 2, 3]}, {"enum": [1, 2, 3], "minimum": 2}, "BSSB"),
    ("type list order", {"type": ["null", "string"]}, {"type": ["string", "null"]}, "===="),
    ("tuple longer", array(prefixItems=[TEXT]), array(prefixItems=[TEXT, INT]), "BSSB"),
    (
        "tuple shorter closed",
        array(prefixItems=[TEXT, INT], items=False),
        array(prefixItems=[TEXT], items=False),
        "BSSB",
    ),
    (
        "tuple closed by another part",
        {"allOf": [array(prefixItems=[TEXT, INT]), array(prefixItems=[TEXT], items=False)]},
        array(prefixItems=[TEXT], items=False),
        "====",
    ),
    ("minContains 0", array(contains=TEXT, minContains=0), array(), "===="),
    (
        "else",
        {**thing(a=TEXT), "if": {"required": ["a"]}, "else": {"required": ["b"]}},
        thing(a=TEXT),
        "SBBS",
    ),
    ("property type in closed", thing(a=TEXT, closed=True), thing(a=INT, closed=True), "BBBB"),
    ("unknown format changed", text(format="iban"), text(format="bic"), "BBBB"),
    ("nested list length", listed(listed(TEXT, maxItems=3)), listed(listed(TEXT, maxItems=2)), "BSSB"),
    ("multipleOf decimals eq", number(multipleOf=0.5), number(multipleOf=1.0), "BSSB"),
    ("default list", listed(TEXT, default=["a"]), listed(TEXT, default=["b"]), "RRSS"),
    ("required moved to allOf", thing("a", a=TEXT), all_of(thing(a=TEXT), {"required": ["a"]}), "===="),
    (
        "every type by anyOf",
        any_of(TEXT, INT, {"type": "boolean"}, OBJECT, array(), NUMBER, NULL),
        {},
        "====",
    ),
    ("oneOf number integer", one_of(NUMBER, TEXT), one_of(INT, TEXT), "BSSB"),
    (
        "deprecated property removed in closed",
        thing(a=text(deprecated=True), closed=True),
        thing(closed=True),
        "BSRB",
    ),
    ("nullable list items", listed({"type": ["string", "null"]}), listed(TEXT), "BSSB"),
    ("nullable object property", thing(a={"type": ["object", "null"]}), thing(a=OBJECT), "BSSB"),
    # a third time
    ("contains type changed", array(contains=TEXT), array(contains=INT), "BBBB"),
    ("maxContains lowered", array(contains=TEXT, maxContains=5), array(contains=TEXT, maxContains=3), "BSSB"),
    (
        "contentSchema narrowed",
        text(contentMediaType="application/json", contentSchema=thing(a=TEXT)),
        text(contentMediaType="application/json", contentSchema=thing("a", a=TEXT)),
        "BSSB",
    ),
    (
        "dependentRequired grew",
        {**OBJECT, "dependentRequired": {"a": ["b"]}},
        {**OBJECT, "dependentRequired": {"a": ["b", "c"]}},
        "BSSB",
    ),
    ("described items refused", listed(TEXT), array(items=False), "BSSB"),
    ("not property", thing(a={"not": TEXT}), thing(a={}), "SBBS"),
    ("wrapped nullable property", thing(a=thing(b=TEXT)), thing(a=any_of(thing(b=TEXT), NULL)), "SBBS"),
    ("nullable and narrowed", thing(a=TEXT), thing(a=any_of(text(maxLength=3), NULL)), "BBBB"),
    (
        "value of a nullable enum",
        thing(a={"type": ["string", "null"], "enum": ["x", "y", None]}),
        thing(a={"type": ["string", "null"], "enum": ["x", None]}),
        "BSSB",
    ),
    (
        "unevaluated items",
        array(prefixItems=[TEXT]),
        array(prefixItems=[TEXT], unevaluatedItems=False),
        "BSSB",
    ),
    ("base and a bound", all_of(TEXT, {"minLength": 1}), text(minLength=1), "===="),
    ("enum of ints to range", {"type": "integer", "enum": [1, 2, 3]}, integer(minimum=1, maximum=3), "===="),
    ("range wider than enum", {"type": "integer", "enum": [1, 2, 3]}, integer(minimum=0, maximum=3), "SBBS"),
    ("oneOf const to enum", one_of({"const": "a"}, {"const": "b"}), {"enum": ["a", "b"]}, "===="),
    (
        "titled values, one removed",
        one_of({"const": "a", "title": "A"}, {"const": "b", "title": "B"}, {"const": "c"}),
        {"enum": ["a", "b"]},
        "BSSB",
    ),
    ("anyOf enum plus free", any_of({"enum": ["a"]}, TEXT), TEXT, "===="),
    (
        "default of a truth value",
        {"type": "boolean", "default": True},
        {"type": "boolean", "default": False},
        "RRSS",
    ),
    (
        "closed, after anything",
        {**OBJECT, "additionalProperties": {}},
        {**OBJECT, "additionalProperties": False},
        "BSSB",
    ),
    (
        "additionalProperties int to number",
        {**OBJECT, "additionalProperties": INT},
        {**OBJECT, "additionalProperties": NUMBER},
        "SBBS",
    ),
    ("required removed", thing("a", "b", a=TEXT, b=TEXT), thing("a", a=TEXT, b=TEXT), "SBBS"),
    ("property no longer required", thing("a", a=TEXT), thing(a=TEXT), "SBBS"),
    ("uniqueItems removed", listed(TEXT, uniqueItems=True), listed(TEXT), "SBBS"),
    ("title only", text(title="a"), text(title="b"), "===="),
    ("documents elsewhere", text(externalDocs={"url": "x"}), TEXT, "===="),
    (
        "length that the pattern has anyway",
        text(pattern="^[a-z]{1,5}$"),
        text(pattern="^[a-z]{1,5}$", maxLength=5),
        "====",
    ),
    ("date-time to unix", text(format="date-time"), INT, "BBBB"),
    ("number format of a text", text(format="int64"), TEXT, "===="),
    (
        "base below a choice",
        all_of(one_of(thing("a", a=TEXT), thing("b", b=TEXT)), thing(c=TEXT)),
        all_of(one_of(thing("a", a=TEXT), thing("b", b=TEXT)), thing("c", c=TEXT)),
        "BSSB",
    ),
    (
        "object or list",
        one_of(thing(a=TEXT), listed(thing(a=TEXT))),
        one_of(listed(thing(a=TEXT)), thing(a=TEXT)),
        "====",
    ),
    ("negative minimum", number(minimum=-1), number(minimum=0), "BSSB"),
    ("number with an exponent", number(maximum=1e3), number(maximum=1000), "===="),
    # variants that others leave open
    ("one more of open shapes", one_of(CAR, VAN), one_of(CAR, VAN, BUS), "SBBS"),
    ("one more of any open shapes", any_of(CAR, VAN), any_of(CAR, VAN, BUS), "SBBS"),
    ("one shape for another", one_of(CAR, VAN), one_of(CAR, BUS), "BBBB"),
    ("one of two shapes left", one_of(CAR, VAN), CAR, "BRRB"),
    ("a shape or a further one", thing("doors", doors=INT), one_of(thing("doors", doors=INT), LORRY), "SBBS"),
    (
        "shapes beside what they share",
        {**thing("plate", plate=TEXT), **one_of(CAR, VAN)},
        {**thing("plate", plate=TEXT), **one_of(CAR, VAN, BUS)},
        "SBBS",
    ),
    (
        "one of two shapes left beside what they share",
        all_of(thing("plate", plate=TEXT), one_of(LORRY, thing("seats", seats=INT))),
        thing("plate", "seats", plate=TEXT, seats=INT),
        "BSSB",
    ),
    (
        "optional property of a variant",
        one_of(LORRY, CAR),
        one_of(thing("axles", axles=INT, load=INT), CAR),
        "SRSB",
    ),
    (
        "variants that come to overlap",
        one_of(thing("k", k={"enum": ["x"]}), thing("k", k={"enum": ["y"]})),
        one_of(thing("k", k={"enum": ["x", "y"]}), thing("k", k={"enum": ["y"]})),
        "RSSR",
    ),
    # what speaks of the rest
    (
        "pattern of names in a closed object",
        {**thing(closed=True), "patternProperties": {"^x": INT}},
        thing(closed=True),
        "BSSB",
    ),
    ("names of a shorter kind", names(pattern="^[a-z]+$"), names(pattern="^[a-f]+$"), "BSSB"),
    ("names listed", OBJECT, names(enum=["a", "b"]), "BSSB"),
    ("described, then anything", thing(a=thing("b", b=TEXT)), thing(a={}), "SBBS"),
    (
        "content described",
        text(contentMediaType="application/json"),
        text(contentMediaType="application/json", contentSchema=thing("a", a=TEXT)),
        "BSSB",
    ),
    ("float to double", number(format="float"), number(format="double"), "SBBS"),
    ("number to float in a list", listed(NUMBER), listed(number(format="float")), "BSSB"),
    # words beside the values
    (
        "value gone from a list that may grow",
        text(**{"x-extensible-enum": ["a", "b"]}),
        text(**{"x-extensible-enum": ["a"]}),
        "BSSS",
    ),
    (
        "end of a property brought forward",
        thing(a=text(**{"deprecated": True, "x-sunset": "2999-02-01"})),
        thing(a=text(**{"deprecated": True, "x-sunset": "2999-01-01"})),
        "RSBS",
    ),
]


def api(
    operation: dict[str, Any] | None = None, method: str = "get", path: str = "/a/{id}", **root: Any
) -> dict[str, Any]:
    """A description of one operation."""
    plain = {"responses": {"200": {"description": "d"}}}
    return {"openapi": "3.1.0", "paths": {path: {method: {**plain, **(operation or {})}}}, **root}


def takes(*parameters: Any, **more: Any) -> dict[str, Any]:
    return api({"parameters": list(parameters)}, **more)


def query(name: str = "q", schema: Any = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": TEXT if schema is None else schema, **more}


def body(schema: Any, media_type: str = "application/json", **more: Any) -> dict[str, Any]:
    return api({"requestBody": {"content": {media_type: {"schema": schema, **more}}}}, "post")


def form_of(kinds: str, **encoding: Any) -> dict[str, Any]:
    """A form of one field of these media types."""
    return body(thing(a=TEXT), "multipart/form-data", encoding={"a": {"contentType": kinds, **encoding}})


def answer(
    schema: Any, media_type: str = "application/json", status: str = "200", **root: Any
) -> dict[str, Any]:
    return api(
        {"responses": {status: {"description": "d", "content": {media_type: {"schema": schema}}}}}, **root
    )


def answers(*statuses: str, **more: Any) -> dict[str, Any]:
    return api({"responses": {status: {"description": "d", **more} for status in statuses}})


def secured(*ways: Any, **schemes: Any) -> dict[str, Any]:
    return api({"security": list(ways)}, components={"securitySchemes": {**SCHEMES, **schemes}})


def oauth(**flows: Any) -> dict[str, Any]:
    return {
        "type": "oauth2",
        "flows": {name: {"tokenUrl": "https://t", "scopes": {}, **flow} for name, flow in flows.items()},
    }


def serving(*servers: Any) -> dict[str, Any]:
    return api(servers=list(servers))


def callback(schema: Any) -> dict[str, Any]:
    inner = {
        "requestBody": {"content": {"application/json": {"schema": schema}}},
        "responses": {"200": {"description": "d"}},
    }
    return api({"callbacks": {"done": {"{$request.body#/url}": {"post": inner}}}})


def webhook(operation: dict[str, Any]) -> dict[str, Any]:
    return api(webhooks={"done": {"post": {"responses": {"200": {"description": "d"}}, **operation}}})


def without(description: dict[str, Any], *trail: str | int) -> dict[str, Any]:
    """The same without what `trail` leads to."""
    result = copy.deepcopy(description)
    value: Any = result
    for key in trail[:-1]:
        value = value[key]
    del value[trail[-1]]
    return result


def of_30(description: dict[str, Any]) -> dict[str, Any]:
    return {**description, "openapi": "3.0.3"}


def to(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def components(**schemas: Any) -> dict[str, Any]:
    return {"components": {"schemas": schemas}}


PETS = {
    "Pet": {**thing("kind", kind=TEXT), "discriminator": {"propertyName": "kind"}},
    "Cat": all_of(to("Pet"), thing(purr=TEXT)),
    "Dog": all_of(to("Pet"), thing(bark=TEXT)),
}
SCHEMES = {
    "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "basic": {"type": "http", "scheme": "basic"},
    "bearer": {"type": "http", "scheme": "bearer"},
}
KEYS = {"securitySchemes": SCHEMES}
AN_ID = {"name": "id", "in": "path", "required": True, "schema": TEXT}
LEFT = {"headers": {"X-Left": {"schema": INT}}}
A_JSON_BODY = {"content": {"application/json": {"schema": thing(a=TEXT)}}}
REGION = {
    "url": "https://{region}.example.com",
    "variables": {"region": {"default": "eu", "enum": ["eu", "us"]}},
}
SUNSET: dict[str, Any] = {"deprecated": True, "x-sunset": "2999-01-01"}
NODE: dict[str, Any] = {
    "components": {"schemas": {"Node": thing(next={"$ref": "#/components/schemas/Node"}, a=TEXT)}}
}
A_NODE = {"$ref": "#/components/schemas/Node"}
SOONER: dict[str, Any] = {**SUNSET, "x-sunset": "2998-01-01"}
AN_OLD_HEADER = {"X-A": {"required": True, "deprecated": True, "schema": TEXT}}
TAGGED = components(A=thing("k", k=TEXT, x=TEXT), B=thing("k", k=TEXT, y=TEXT), C=thing("k", k=TEXT, x=TEXT))
A_AND_B = {"A": "#/components/schemas/A", "B": "B"}
LINK = {"links": {"next": {"operationId": "getNext"}}}

# name, old, new, the class and the class of the reverse
DESCRIPTIONS: list[tuple[str, Any, Any, str]] = [
    # parameters
    ("parameter moved from query to header", takes(query()), takes({**query(), "in": "header"}), "BB"),
    ("query parameter renamed in case", takes(query("Q")), takes(query("q")), "BB"),
    ("required cookie", takes(), takes({**query(required=True), "in": "cookie"}), "BB"),
    ("optional cookie", takes(), takes({**query(), "in": "cookie"}), "SB"),
    (
        "list no longer exploded",
        takes(query(schema=listed(TEXT))),
        takes(query(schema=listed(TEXT), explode=False)),
        "BB",
    ),
    (
        "list by pipes",
        takes(query(schema=listed(TEXT))),
        takes(query(schema=listed(TEXT), style="pipeDelimited")),
        "BB",
    ),
    ("one value no longer exploded", takes(query()), takes(query(explode=False)), "=="),
    (
        "parameter as JSON",
        takes(query(schema=OBJECT)),
        takes(without({**query(), "content": {"application/json": {"schema": OBJECT}}}, "schema")),
        "BB",
    ),
    (
        "parameter of the path item required",
        api(),
        {**api(), "paths": {"/a/{id}": {**api()["paths"]["/a/{id}"], "parameters": [query(required=True)]}}},
        "BB",
    ),
    (
        "operation overrides the path item",
        takes(query(schema=INT)),
        {
            **api(),
            "paths": {
                "/a/{id}": {
                    "parameters": [query(schema=OBJECT)],
                    "get": takes(query(schema=INT))["paths"]["/a/{id}"]["get"],
                }
            },
        },
        "==",
    ),
    ("path parameter narrowed", takes(AN_ID), takes({**AN_ID, "schema": INT}), "BS"),
    ("path parameter described at last", api(), takes(AN_ID), "=="),
    ("path parameter without schema", takes(without(AN_ID, "schema")), takes(AN_ID), "=="),
    ("max length of a parameter", takes(query()), takes(query(schema=text(maxLength=3))), "BS"),
    (
        "list parameter shorter",
        takes(query(schema=listed(TEXT))),
        takes(query(schema=listed(TEXT, maxItems=3))),
        "BS",
    ),
    ("parameter nullable", takes(query(schema=INT)), takes(query(schema=one_of(INT, NULL))), "SB"),
    (
        "default of a parameter",
        takes(query(schema=integer(default=10))),
        takes(query(schema=integer(default=20))),
        "RR",
    ),
    (
        "deep object narrowed",
        takes(query(schema=thing(a=TEXT), style="deepObject")),
        takes(query(schema=thing("a", a=TEXT), style="deepObject")),
        "BS",
    ),
    ("deprecated parameter removed", takes(query(deprecated=True)), takes(), "RS"),
    ("deprecated parameter removed before its sunset", takes(query(**SUNSET)), takes(), "BS"),
    (
        "parameter by reference",
        takes(query()),
        takes({"$ref": "#/components/parameters/Q"}, components={"parameters": {"Q": query()}}),
        "==",
    ),
    ("order of parameters", takes(query("a"), query("b")), takes(query("b"), query("a")), "=="),
    (
        "ignored header parameter",
        takes(),
        takes({"name": "Accept", "in": "header", "required": True, "schema": TEXT}),
        "==",
    ),
    # paths and operations
    ("path with a slash at its end", api(path="/a"), api(path="/a/"), "BB"),
    ("path in another case", api(path="/a"), api(path="/A"), "BB"),
    ("one segment more", api(path="/a/{id}"), api(path="/a/{id}/b"), "BB"),
    ("two path parameters renamed", api(path="/a/{x}/b/{y}"), api(path="/a/{y}/b/{x}"), "=="),
    (
        "method added",
        api(path="/a"),
        {**api(path="/a"), "paths": {"/a": {**api(path="/a")["paths"]["/a"], "put": {}}}},
        "SB",
    ),
    (
        "query method",
        {"openapi": "3.2.0", "paths": {"/a": {"query": {}}}},
        {"openapi": "3.2.0", "paths": {"/a": {}}},
        "BS",
    ),
    (
        "additional method",
        {"openapi": "3.2.0", "paths": {"/a": {"additionalOperations": {"PURGE": {}}}}},
        {"openapi": "3.2.0", "paths": {"/a": {}}},
        "BS",
    ),
    ("deprecated operation removed", api({"deprecated": True}), {"openapi": "3.1.0", "paths": {}}, "RS"),
    ("operation removed before its sunset", api(SUNSET), {"openapi": "3.1.0", "paths": {}}, "BS"),
    ("sunset earlier", api(SUNSET), api({**SUNSET, "x-sunset": "2998-01-01"}), "BS"),
    ("deprecated", api(), api({"deprecated": True}), "SS"),
    ("operation id gone", api({"operationId": "a"}), api(), "SS"),
    ("tags and words", api({"tags": ["a"], "summary": "b"}), api({"tags": ["c"], "description": "d"}), "=="),
    # bodies
    (
        "property of a form required",
        body(thing(a=TEXT), "multipart/form-data"),
        body(thing("a", a=TEXT), "multipart/form-data"),
        "BS",
    ),
    (
        "part encoded otherwise",
        body(thing(a=TEXT), "multipart/form-data"),
        body(thing(a=TEXT), "multipart/form-data", encoding={"a": {"contentType": "image/png"}}),
        "BB",
    ),
    (
        "part written in another style",
        body(thing(a=listed(TEXT)), "application/x-www-form-urlencoded"),
        body(thing(a=listed(TEXT)), "application/x-www-form-urlencoded", encoding={"a": {"explode": False}}),
        "BB",
    ),
    ("vendor media type", body(TEXT), body(TEXT, "application/vnd.api+json"), "BB"),
    (
        "version in the media type",
        body(TEXT, "application/json; v=1"),
        body(TEXT, "application/json; v=2"),
        "BB",
    ),
    ("charset in the media type", body(TEXT), body(TEXT, "application/json;charset=UTF-8"), "=="),
    ("media type in capitals", body(TEXT), body(TEXT, "Application/JSON"), "=="),
    (
        "body by reference",
        api({"requestBody": A_JSON_BODY}, "post"),
        api(
            {"requestBody": {"$ref": "#/components/requestBodies/B"}},
            "post",
            components={"requestBodies": {"B": A_JSON_BODY}},
        ),
        "==",
    ),
    (
        "optional body, said",
        api({"requestBody": A_JSON_BODY}, "post"),
        api({"requestBody": {**A_JSON_BODY, "required": False}}, "post"),
        "==",
    ),
    (
        "schema of a body removed",
        body(thing("a", a=TEXT)),
        without(
            body(TEXT), "paths", "/a/{id}", "post", "requestBody", "content", "application/json", "schema"
        ),
        "SB",
    ),
    (
        "XML name",
        body({**thing(a=TEXT), "xml": {"name": "a"}}, "application/xml"),
        body({**thing(a=TEXT), "xml": {"name": "b"}}, "application/xml"),
        "BB",
    ),
    (
        "XML name of what travels as JSON",
        body({**thing(a=TEXT), "xml": {"name": "a"}}),
        body({**thing(a=TEXT), "xml": {"name": "b"}}),
        "==",
    ),
    # answers
    ("range to one status", answers("2XX"), answers("200"), "SR"),
    ("range in small letters", answers("4XX"), answers("4xx"), "=="),
    ("default added", answers("200"), answers("200", "default"), "SR"),
    ("default made plain", answers("200", "default"), answers("200", "400", "default"), "=="),
    ("empty success added", answers("200"), answers("200", "204"), "RB"),
    ("success renumbered", answers("200"), answers("201"), "BB"),
    ("body of an answer removed", answer(TEXT), answers("200"), "BS"),
    ("error body narrowed", answer(thing(a=TEXT), status="400"), answer(thing(), status="400"), "BS"),
    (
        "default body changed",
        answer(thing(a=TEXT), status="default"),
        answer(thing(a=INT), status="default"),
        "BB",
    ),
    ("answer as text", answer(TEXT), answer(TEXT, "text/plain"), "BB"),
    (
        "answer by reference",
        answers("200", **LEFT),
        api(
            {"responses": {"200": {"$ref": "#/components/responses/R"}}},
            components={"responses": {"R": {"description": "d", **LEFT}}},
        ),
        "==",
    ),
    (
        "header narrowed",
        answers("200", headers={"X-Left": {"schema": INT}}),
        answers("200", headers={"X-Left": {"schema": integer(minimum=0)}}),
        "SB",
    ),
    (
        "header by reference",
        answers("200", **LEFT),
        {
            **answers("200", headers={"X-Left": {"$ref": "#/components/headers/L"}}),
            "components": {"headers": {"L": {"schema": INT}}},
        },
        "==",
    ),
    ("header removed", answers("200", **LEFT), answers("200"), "RS"),
    ("link removed", answers("200", **LEFT, **LINK), answers("200", **LEFT), "RS"),
    (
        "link elsewhere",
        answers("200", **LINK),
        answers("200", links={"next": {"operationId": "getLast"}}),
        "RR",
    ),
    (
        "events of a stream",
        answer(TEXT, "text/event-stream"),
        api(
            {
                "responses": {
                    "200": {"description": "d", "content": {"text/event-stream": {"itemSchema": TEXT}}}
                }
            }
        ),
        "BB",
    ),
    # credentials
    (
        "credentials for all, said at each",
        api(security=[{"key": []}], components=KEYS),
        secured({"key": []}),
        "==",
    ),
    ("credentials wanted", api(components=KEYS), secured({"key": []}), "BS"),
    ("nobody is asked, said", api(), secured({}), "=="),
    ("two of them wanted", secured({"key": []}), secured({"key": [], "basic": []}), "BS"),
    ("either instead of both", secured({"key": [], "basic": []}), secured({"key": []}, {"basic": []}), "SB"),
    ("basic to bearer", secured({"basic": []}), secured({"bearer": []}), "BB"),
    (
        "form of the bearer",
        secured({"bearer": []}),
        secured({"bearer": []}, bearer={"type": "http", "scheme": "Bearer", "bearerFormat": "JWT"}),
        "==",
    ),
    (
        "key in the query",
        secured({"key": []}),
        secured({"key": []}, key={"type": "apiKey", "in": "query", "name": "X-Key"}),
        "BB",
    ),
    (
        "flow removed",
        secured({"o": []}, o=oauth(clientCredentials={}, password={})),
        secured({"o": []}, o=oauth(password={})),
        "BS",
    ),
    (
        "tokens from elsewhere",
        secured({"o": []}, o=oauth(password={})),
        secured({"o": []}, o=oauth(password={"tokenUrl": "https://u"})),
        "BB",
    ),
    (
        "scope listed",
        secured({"o": []}, o=oauth(password={})),
        secured({"o": []}, o=oauth(password={"scopes": {"a": "b"}})),
        "==",
    ),
    (
        "scope wanted",
        secured({"o": []}, o=oauth(password={})),
        secured({"o": ["a"]}, o=oauth(password={})),
        "BS",
    ),
    (
        "identity from elsewhere",
        secured({"o": []}, o={"type": "openIdConnect", "openIdConnectUrl": "https://a"}),
        secured({"o": []}, o={"type": "openIdConnect", "openIdConnectUrl": "https://b"}),
        "BB",
    ),
    # base addresses
    (
        "server variable loses a value",
        serving(REGION),
        serving({**REGION, "variables": {"region": {"default": "eu", "enum": ["eu"]}}}),
        "RS",
    ),
    (
        "server variable with another default",
        serving(REGION),
        serving({**REGION, "variables": {"region": {"default": "ap"}}}),
        "RR",
    ),
    ("order of servers", serving({"url": "/a"}, {"url": "/b"}), serving({"url": "/b"}, {"url": "/a"}), "=="),
    (
        "server of an operation",
        api(servers=[{"url": "/a"}]),
        api({"servers": [{"url": "/b"}]}, servers=[{"url": "/a"}]),
        "RR",
    ),
    # what the host sends
    ("callback sends more values", callback({"enum": ["a"]}), callback({"enum": ["a", "b"]}), "BS"),
    ("callback sends no property", callback(thing(a=TEXT)), callback(thing()), "BS"),
    ("callback removed", callback(TEXT), api(), "BS"),
    ("webhook removed", webhook({}), api(), "BS"),
    (
        "webhook demands another status",
        webhook({"responses": {"200": {"description": "d"}}}),
        webhook({"responses": {"204": {"description": "d"}}}),
        "BB",
    ),
    (
        "webhook sends a required header",
        webhook({}),
        webhook({"parameters": [{"name": "X-S", "in": "header", "required": True, "schema": TEXT}]}),
        "SB",
    ),
    # references
    (
        "recursion narrowed",
        answer(A_NODE, **NODE),
        answer(A_NODE, components={"schemas": {"Node": thing(next=A_NODE, a=INT)}}),
        "BB",
    ),
    ("recursion unrolled", answer(A_NODE, **NODE), answer(thing(a=TEXT, next=A_NODE), **NODE), "=="),
    (
        "base class introduced",
        answer(thing(a=TEXT, b=INT)),
        answer(
            all_of({"$ref": "#/components/schemas/Base"}, thing(b=INT)),
            components={"schemas": {"Base": thing(a=TEXT)}},
        ),
        "==",
    ),
    (
        "words beside a reference",
        answer({"$ref": "#/components/schemas/T"}, components={"schemas": {"T": TEXT}}),
        answer({"$ref": "#/components/schemas/T", "description": "d"}, components={"schemas": {"T": TEXT}}),
        "==",
    ),
    (
        "bound beside a reference",
        answer({"$ref": "#/components/schemas/T"}, components={"schemas": {"T": TEXT}}),
        answer({"$ref": "#/components/schemas/T", "maxLength": 5}, components={"schemas": {"T": TEXT}}),
        "SB",
    ),
    (
        "reference by anchor",
        answer({"$ref": "#t"}, components={"schemas": {"T": text(**{"$anchor": "t"})}}),
        answer(TEXT),
        "==",
    ),
    (
        "reference by id",
        answer(
            {"$ref": "https://example.com/t"},
            components={"schemas": {"T": integer(**{"$id": "https://example.com/t"})}},
        ),
        answer(INT),
        "==",
    ),
    (
        "dynamic reference",
        answer({"$dynamicRef": "#t"}, components={"schemas": {"T": integer(**{"$dynamicAnchor": "t"})}}),
        answer(INT),
        "==",
    ),
    (
        "path item by reference",
        api(),
        {
            **api(),
            "paths": {"/a/{id}": {"$ref": "#/components/pathItems/A"}},
            "components": {"pathItems": {"A": api()["paths"]["/a/{id}"]}},
        },
        "==",
    ),
    (
        "escaped reference",
        answer({"$ref": "#/components/schemas/a~1b%20c"}, components={"schemas": {"a/b c": TEXT}}),
        answer(TEXT),
        "==",
    ),
    (
        "nullable beside a reference of 3.0",
        {
            **answer({"$ref": "#/components/schemas/T"}, components={"schemas": {"T": TEXT}}),
            "openapi": "3.0.3",
        },
        {
            **answer(
                {"$ref": "#/components/schemas/T", "nullable": True}, components={"schemas": {"T": TEXT}}
            ),
            "openapi": "3.0.3",
        },
        "==",
    ),
    (
        "nullable in 3.0",
        {**answer(TEXT), "openapi": "3.0.3"},
        {**answer(text(nullable=True)), "openapi": "3.0.3"},
        "BS",
    ),
    ("edition alone", {**answer(TEXT), "openapi": "3.0.3"}, {**answer(TEXT), "openapi": "3.2.0"}, "=="),
    (
        "bytes of 3.0",
        {**answer(text(format="byte")), "openapi": "3.0.3"},
        answer(text(contentEncoding="base64")),
        "==",
    ),
    (
        "file of 3.0",
        {**body(thing(f=text(format="binary")), "multipart/form-data"), "openapi": "3.0.3"},
        body(thing(f=text(contentMediaType="application/octet-stream")), "multipart/form-data"),
        "==",
    ),
    # a second time
    (
        "heir of a schema added",
        of_30(answer(to("Pet"), **components(**{k: PETS[k] for k in ("Pet", "Cat")}))),
        of_30(answer(to("Pet"), **components(**PETS))),
        "BS",
    ),
    (
        "heir narrowed",
        of_30(answer(to("Cat"), **components(**PETS))),
        of_30(
            answer(
                to("Cat"), **components(**{**PETS, "Cat": {"allOf": [to("Pet"), thing("purr", purr=TEXT)]}})
            )
        ),
        "SB",
    ),
    (
        "parameter schema by ref",
        takes(query(schema=to("Q")), **components(Q=text(enum=["a", "b"]))),
        takes(query(schema=to("Q")), **components(Q=text(enum=["a"]))),
        "BS",
    ),
    (
        "query object style form explode",
        takes(query(schema=thing(a=TEXT))),
        takes(query(schema=thing(a=TEXT), explode=False)),
        "BB",
    ),
    ("allowReserved", takes(query()), takes(query(allowReserved=True)), "BB"),
    (
        "whole query narrowed",
        {
            **takes(
                {
                    "name": "q",
                    "in": "querystring",
                    "content": {"application/x-www-form-urlencoded": {"schema": thing(a=TEXT)}},
                }
            ),
            "openapi": "3.2.0",
        },
        {
            **takes(
                {
                    "name": "q",
                    "in": "querystring",
                    "content": {"application/x-www-form-urlencoded": {"schema": thing("a", a=TEXT)}},
                }
            ),
            "openapi": "3.2.0",
        },
        "BS",
    ),
    (
        "parameter as JSON narrowed",
        takes({"name": "q", "in": "query", "content": {"application/json": {"schema": thing(a=TEXT)}}}),
        takes({"name": "q", "in": "query", "content": {"application/json": {"schema": thing("a", a=TEXT)}}}),
        "BS",
    ),
    (
        "response content parameters narrowed list",
        answer(listed(A_DOG)),
        answer(listed({**A_DOG, "required": ["kind"]})),
        "BS",
    ),
    (
        "array to null in response",
        answer(listed(TEXT)),
        answer({"type": ["array", "null"], "items": TEXT}),
        "BS",
    ),
    ("too many requests, said", answers("200"), answers("200", "429"), "SR"),
    ("redirect added", answers("200"), answers("200", "302"), "RR"),
    ("switching protocols", answers("200"), answers("200", "101"), "SR"),
    (
        "header required",
        answers("200", headers={"X-A": {"schema": TEXT}}),
        answers("200", headers={"X-A": {"required": True, "schema": TEXT}}),
        "SB",
    ),
    (
        "header type widened",
        answers("200", headers={"X-A": {"schema": INT}}),
        answers("200", headers={"X-A": {"schema": NUMBER}}),
        "BS",
    ),
    (
        "error media type changed",
        answer(TEXT, status="400"),
        answer(TEXT, "application/problem+json", status="400"),
        "BB",
    ),
    ("answer of any type narrowed", answer(TEXT, "*/*"), answer(TEXT), "SB"),
    ("body of any type narrowed", body(TEXT, "*/*"), body(TEXT), "BS"),
    (
        "request media type added",
        body(TEXT),
        {
            **body(TEXT),
            "paths": {
                "/a/{id}": {
                    "post": {
                        "requestBody": {
                            "content": {"application/json": {"schema": TEXT}, "text/plain": {"schema": TEXT}}
                        },
                        "responses": {"200": {"description": "d"}},
                    }
                }
            },
        },
        "SB",
    ),
    ("security removed globally", api(security=[{"key": []}], components=KEYS), api(components=KEYS), "SB"),
    ("security optional", secured({"key": []}, {}), secured({"key": []}), "BS"),
    ("way that needs more added", secured({"key": []}), secured({"key": []}, {"key": [], "basic": []}), "=="),
    (
        "cookie key",
        secured({"c": []}, c={"type": "apiKey", "in": "cookie", "name": "a"}),
        secured({"c": []}, c={"type": "apiKey", "in": "cookie", "name": "b"}),
        "BB",
    ),
    (
        "unused scheme removed",
        secured({"key": []}),
        without(secured({"key": []}), "components", "securitySchemes", "basic"),
        "==",
    ),
    ("base path changed", api(servers=[{"url": "/v1"}]), api(servers=[{"url": "/v2"}]), "RR"),
    (
        "server with words",
        api(servers=[{"url": "/v1/"}]),
        api(servers=[{"url": "/v1", "description": "x"}]),
        "==",
    ),
    ("server of the root, said", api(), api(servers=[{"url": "/"}]), "=="),
    (
        "webhook body property added",
        webhook({"requestBody": A_JSON_BODY}),
        webhook({"requestBody": {"content": {"application/json": {"schema": thing(a=TEXT, b=TEXT)}}}}),
        "SB",
    ),
    (
        "webhook required property removed",
        webhook({"requestBody": {"content": {"application/json": {"schema": thing("a", a=TEXT)}}}}),
        webhook({"requestBody": {"content": {"application/json": {"schema": thing(a=TEXT)}}}}),
        "BS",
    ),
    ("webhook added", api(), webhook({}), "SB"),
    (
        "callback elsewhere",
        callback(TEXT),
        {
            **api(
                {
                    "callbacks": {
                        "done": {
                            "{$request.body#/other}": {
                                "post": callback(TEXT)["paths"]["/a/{id}"]["get"]["callbacks"]["done"][
                                    "{$request.body#/url}"
                                ]["post"]
                            }
                        }
                    }
                }
            )
        },
        "BB",
    ),
    (
        "callback by ref",
        callback(TEXT),
        {
            **api({"callbacks": {"done": {"$ref": "#/components/callbacks/D"}}}),
            "components": {
                "callbacks": {"D": callback(TEXT)["paths"]["/a/{id}"]["get"]["callbacks"]["done"]}
            },
        },
        "==",
    ),
    (
        "schema component renamed",
        answer(to("A"), **components(A=thing(a=TEXT))),
        answer(to("B"), **components(B=thing(a=TEXT))),
        "==",
    ),
    (
        "oneOf component renamed",
        answer(one_of(to("A"), INT), **components(A=thing(a=TEXT))),
        answer(one_of(to("B"), INT), **components(B=thing(a=TEXT))),
        "==",
    ),
    (
        "mutual recursion narrowed",
        body(to("A")) | components(A=thing(b=to("B")), B=thing(a=to("A"), x=TEXT)),
        body(to("A")) | components(A=thing(b=to("B")), B=thing("x", a=to("A"), x=TEXT)),
        "BS",
    ),
    (
        "reference to itself",
        body(to("A")) | components(A=to("A")),
        body(to("A")) | components(A=to("A")),
        "==",
    ),
    ("body that leads nowhere", body(to("A")) | components(A=TEXT), body(to("Z")) | components(A=TEXT), "BB"),
    (
        "answer that leads nowhere",
        answer(to("A"), **components(A=TEXT)),
        answer(to("Z"), **components(A=TEXT)),
        "BS",
    ),
    (
        "nullable parameter of 3.0",
        of_30(takes(query(schema=text(nullable=True)))),
        of_30(takes(query())),
        "BS",
    ),
    (
        "nullable enum 3.0 response",
        of_30(answer(text(enum=["a"]))),
        of_30(answer(text(enum=["a", None], nullable=True))),
        "BS",
    ),
    (
        "exclusive bool to number",
        of_30(answer(number(minimum=0, exclusiveMinimum=True))),
        answer(number(exclusiveMinimum=0)),
        "==",
    ),
    (
        "exclusiveMinimum false 3.0",
        of_30(answer(number(minimum=0, exclusiveMinimum=False))),
        answer(number(minimum=0)),
        "==",
    ),
    ("path templating in segment", api(path="/a/{id}.json"), api(path="/a/{name}.json"), "=="),
    (
        "operation moved between tags/ids",
        api({"operationId": "x", "tags": ["t"]}),
        api({"operationId": "x"}),
        "==",
    ),
    ("end announced", api({"deprecated": True}), api(SUNSET), "SB"),
    (
        "deprecated removed past sunset",
        api({"deprecated": True, "x-sunset": "2020-01-01"}),
        {"openapi": "3.1.0", "paths": {}},
        "RS",
    ),
    (
        "summary of path item",
        api(),
        {**api(), "paths": {"/a/{id}": {**api()["paths"]["/a/{id}"], "summary": "x", "description": "y"}}},
        "==",
    ),
    ("dialect, said", api(), api(jsonSchemaDialect="https://spec.openapis.org/oas/3.1/dialect/base"), "=="),
    (
        "reference to a definition",
        answer({"$ref": "#/components/schemas/A/$defs/X"}, **components(A={"$defs": {"X": INT}})),
        answer(INT),
        "==",
    ),
    (
        "reference from one id to another",
        answer(
            to("A"),
            **components(
                A={"$id": "https://e.com/a", "properties": {"b": {"$ref": "b"}}},
                B={"$id": "https://e.com/b", "type": "integer"},
            ),
        ),
        answer(thing(b=INT)),
        "SB",
    ),
    (
        "multipart file type",
        body(thing(f=text(format="binary")), "multipart/form-data"),
        body(thing(f=text(format="byte")), "multipart/form-data"),
        "BB",
    ),
    (
        "text to binary response",
        answer(TEXT, "application/pdf"),
        answer(text(format="binary"), "application/pdf"),
        "==",
    ),
    (
        "event narrowed",
        {
            "openapi": "3.2.0",
            "paths": {
                "/a": {
                    "get": {
                        "responses": {
                            "200": {
                                "description": "d",
                                "content": {"text/event-stream": {"itemSchema": thing("a", a=TEXT)}},
                            }
                        }
                    }
                }
            },
        },
        {
            "openapi": "3.2.0",
            "paths": {
                "/a": {
                    "get": {
                        "responses": {
                            "200": {
                                "description": "d",
                                "content": {"text/event-stream": {"itemSchema": thing(a=TEXT)}},
                            }
                        }
                    }
                }
            },
        },
        "BS",
    ),
    (
        "media type by reference",
        {**answer(TEXT), "openapi": "3.2.0"},
        {
            "openapi": "3.2.0",
            "components": {"mediaTypes": {"M": {"schema": TEXT}}},
            "paths": {
                "/a/{id}": {
                    "get": {
                        "responses": {
                            "200": {
                                "description": "d",
                                "content": {"application/json": {"$ref": "#/components/mediaTypes/M"}},
                            }
                        }
                    }
                }
            },
        },
        "==",
    ),
    # a third time
    ("media type param added", body(TEXT), body(TEXT, "application/json; profile=x"), "BB"),
    (
        "header nullable wrap",
        answers("200", headers={"X-A": {"schema": INT}}),
        answers("200", headers={"X-A": {"schema": any_of(INT, NULL)}}),
        "BS",
    ),
    (
        "required parameter moved to the path",
        takes(query(required=True)),
        {**api(), "paths": {"/a/{id}": {**api()["paths"]["/a/{id}"], "parameters": [query(required=True)]}}},
        "==",
    ),
    (
        "parameter with a default required",
        takes(query(schema=text(default="x"))),
        takes(query(schema=text(default="x"), required=True)),
        "BS",
    ),
    (
        "header parameter in small letters",
        takes({"name": "X-A", "in": "header", "schema": TEXT}),
        takes({"name": "x-a", "in": "header", "schema": TEXT}),
        "==",
    ),
    (
        "enum parameter value added",
        takes(query(schema=text(enum=["a"]))),
        takes(query(schema=text(enum=["a", "b"]))),
        "SB",
    ),
    (
        "values of a list parameter",
        takes(query(schema=listed(text(enum=["a", "b"])))),
        takes(query(schema=listed(text(enum=["a"])))),
        "BS",
    ),
    (
        "response array items prop removed",
        answer(listed(thing(a=TEXT, b=TEXT))),
        answer(listed(thing(a=TEXT))),
        "BS",
    ),
    (
        "response nested map value",
        answer({**OBJECT, "additionalProperties": thing(a=TEXT)}),
        answer({**OBJECT, "additionalProperties": thing()}),
        "BS",
    ),
    ("response enum value removed", answer(text(enum=["a", "b"])), answer(text(enum=["a"])), "SB"),
    ("response prop required removed", answer(thing("a", a=TEXT)), answer(thing(a=TEXT)), "BS"),
    (
        "request prop made nullable 3.0",
        of_30(body(thing(a=TEXT))),
        of_30(body(thing(a=text(nullable=True)))),
        "SB",
    ),
    ("default response removed", answers("200", "default"), answers("200"), "RS"),
    ("failure renumbered", answers("200", "400"), answers("200", "422"), "RR"),
    (
        "api key scheme header rename case",
        secured({"key": []}),
        secured({"key": []}, key={"type": "apiKey", "in": "header", "name": "x-key"}),
        "==",
    ),
    (
        "anonymous global overridden",
        api({"security": []}, security=[{"key": []}], components=KEYS),
        api(components=KEYS),
        "==",
    ),
    (
        "oauth scope removed",
        secured({"o": ["a", "b"]}, o=oauth(password={})),
        secured({"o": ["a"]}, o=oauth(password={})),
        "SB",
    ),
    (
        "path parameter freed",
        takes({**AN_ID, "schema": to("I")}, **components(I=text(format="uuid"))),
        takes({**AN_ID, "schema": to("I")}, **components(I=TEXT)),
        "SB",
    ),
    (
        "path param renamed with enum narrowed",
        api({"parameters": [{**AN_ID, "schema": text(enum=["a", "b"])}]}),
        api({"parameters": [{**AN_ID, "name": "x", "schema": text(enum=["a"])}]}, path="/a/{x}"),
        "BS",
    ),
    (
        "form body urlencoded to json",
        body(thing(a=TEXT), "application/x-www-form-urlencoded"),
        body(thing(a=TEXT)),
        "BB",
    ),
    (
        "body ref moved requestBodies",
        api(
            {"requestBody": {"content": {"application/json": {"schema": to("A")}}}},
            "post",
            **components(A=thing(a=TEXT)),
        ),
        api({"requestBody": {"content": {"application/json": {"schema": thing(a=TEXT)}}}}, "post"),
        "==",
    ),
    (
        "allOf circular",
        answer(to("A"), **components(A={"allOf": [to("B"), thing(a=TEXT)]}, B=thing(parent=to("A")))),
        answer(to("A"), **components(A={"allOf": [to("B"), thing(a=INT)]}, B=thing(parent=to("A")))),
        "BB",
    ),
    (
        "allOf self circular same",
        answer(to("A"), **components(A={"allOf": [to("A"), thing(a=TEXT)]})),
        answer(to("A"), **components(A=thing(a=TEXT))),
        "==",
    ),
    (
        "discriminator mapping target",
        answer(
            {
                "oneOf": [to("A"), to("B")],
                "discriminator": {
                    "propertyName": "k",
                    "mapping": {"a": "#/components/schemas/A", "b": "#/components/schemas/B"},
                },
            },
            **components(A=thing("k", k=TEXT, x=TEXT), B=thing("k", k=TEXT, y=TEXT)),
        ),
        answer(
            {
                "oneOf": [to("A"), to("B")],
                "discriminator": {
                    "propertyName": "k",
                    "mapping": {"a": "#/components/schemas/B", "b": "#/components/schemas/A"},
                },
            },
            **components(A=thing("k", k=TEXT, x=TEXT), B=thing("k", k=TEXT, y=TEXT)),
        ),
        "BB",
    ),
    (
        "discriminator mapping value renamed",
        answer(
            {
                "oneOf": [to("A"), to("B")],
                "discriminator": {"propertyName": "k", "mapping": {"a": "#/components/schemas/A"}},
            },
            **components(A=thing("k", k=TEXT, x=TEXT), B=thing("k", k=TEXT, y=TEXT)),
        ),
        answer(
            {
                "oneOf": [to("A"), to("B")],
                "discriminator": {"propertyName": "k", "mapping": {"z": "#/components/schemas/A"}},
            },
            **components(A=thing("k", k=TEXT, x=TEXT), B=thing("k", k=TEXT, y=TEXT)),
        ),
        "BB",
    ),
    (
        "path order",
        {**api(path="/a"), "paths": {**api(path="/a")["paths"], **api(path="/b")["paths"]}},
        {**api(path="/a"), "paths": {**api(path="/b")["paths"], **api(path="/a")["paths"]}},
        "==",
    ),
    (
        "version of the description",
        api(info={"title": "a", "version": "1"}),
        api(info={"title": "b", "version": "2"}),
        "==",
    ),
    (
        "webhook prop type",
        webhook({"requestBody": {"content": {"application/json": {"schema": thing(a=TEXT)}}}}),
        webhook({"requestBody": {"content": {"application/json": {"schema": thing(a=INT)}}}}),
        "BB",
    ),
    (
        "webhook enum value removed",
        webhook({"requestBody": {"content": {"application/json": {"schema": text(enum=["a", "b"])}}}}),
        webhook({"requestBody": {"content": {"application/json": {"schema": text(enum=["a"])}}}}),
        "SB",
    ),
    ("schema on another host", answer({"$ref": "https://a/x"}), answer({"$ref": "https://a/y"}), "BB"),
    ("the same on another host", answer({"$ref": "https://a/x"}), answer({"$ref": "https://a/x"}), "=="),
    (
        "answer on another host",
        api({"responses": {"200": {"$ref": "https://a/x"}}}),
        api({"responses": {"200": {"$ref": "https://a/y"}}}),
        "BB",
    ),
    # what is said of a header, a field or a token
    ("deprecated header removed", answers("200", headers=AN_OLD_HEADER), answers("200"), "RS"),
    (
        "header deprecated",
        answers("200", headers={"X-A": {"schema": TEXT}}),
        answers("200", headers={"X-A": {"schema": TEXT, "deprecated": True}}),
        "SS",
    ),
    (
        "header written otherwise",
        answers("200", headers={"X-A": {"schema": thing(a=INT)}}),
        answers("200", headers={"X-A": {"schema": thing(a=INT), "explode": True}}),
        "BB",
    ),
    (
        "one value of a header, exploded",
        answers("200", headers={"X-A": {"schema": INT}}),
        answers("200", headers={"X-A": {"schema": INT, "explode": True}}),
        "==",
    ),
    ("end of a parameter brought forward", takes(query(**SUNSET)), takes(query(**SOONER)), "BS"),
    ("end of a parameter no longer said", takes(query(**SUNSET)), takes(query(deprecated=True)), "BS"),
    ("deprecation and its end withdrawn", api(SUNSET), api(), "SS"),
    ("any type of one suffix", body(TEXT, "application/a+json"), body(TEXT, "application/*+json"), "SB"),
    ("field of one type more", form_of("image/png"), form_of("image/png, image/webp"), "SB"),
    ("field of any image", form_of("image/png"), form_of("image/*"), "SB"),
    ("usual type of a field, said", body(thing(a=TEXT), "multipart/form-data"), form_of("text/plain"), "=="),
    (
        "header of a field required",
        form_of("text/plain", headers={"X-A": {"schema": TEXT}}),
        form_of("text/plain", headers={"X-A": {"schema": TEXT, "required": True}}),
        "BS",
    ),
    (
        "tokens renewed elsewhere",
        secured({"o": []}, o=oauth(password={"refreshUrl": "https://a"})),
        secured({"o": []}, o=oauth(password={"refreshUrl": "https://b"})),
        "BB",
    ),
    (
        "tokens renewed at last",
        secured({"o": []}, o=oauth(password={})),
        secured({"o": []}, o=oauth(password={"refreshUrl": "https://a"})),
        "SB",
    ),
    (
        "names of variants, said",
        answer({**one_of(to("A"), to("B")), "discriminator": {"propertyName": "k"}}, **TAGGED),
        answer(
            {**one_of(to("A"), to("B")), "discriminator": {"propertyName": "k", "mapping": A_AND_B}}, **TAGGED
        ),
        "==",
    ),
    (
        "tagged variant renamed",
        answer({**one_of(to("A"), to("B")), "discriminator": {"propertyName": "k"}}, **TAGGED),
        answer({**one_of(to("C"), to("B")), "discriminator": {"propertyName": "k"}}, **TAGGED),
        "BB",
    ),
]
