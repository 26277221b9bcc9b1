"""Pairs of revisions with the class of the change and of its reverse, by kind.

Classes are letters: B breaking, R risky, S safe, and = where nothing differs. A pair of schemas has four:
the request, its reverse, the response, its reverse.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

TEXT: dict[str, Any] = {"type": "string"}
INT: dict[str, Any] = {"type": "integer"}
NULL: dict[str, Any] = {"type": "null"}


def thing(*required: str, closed: bool = False, **properties: Any) -> dict[str, Any]:
    """An object schema."""
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    if closed:
        schema["additionalProperties"] = False
    return schema


def one_of(*branches: Any) -> dict[str, Any]:
    return {"oneOf": list(branches)}


def listed(items: Any, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


A_DOG = thing("bark", "kind", bark=TEXT, kind={"const": "dog"})
A_CAT = thing("purr", "kind", purr=TEXT, kind={"const": "cat"})
READ_ONLY = {"type": "string", "readOnly": True}
WRITE_ONLY = {"type": "string", "writeOnly": True}

# name, old, new, classes
SCHEMAS: list[tuple[str, Any, Any, str]] = [
    # what differs
    ("max length", TEXT, {"type": "string", "maxLength": 5}, "BSSB"),
    ("max length lower", {"type": "string", "maxLength": 9}, {"type": "string", "maxLength": 5}, "BSSB"),
    ("min length", TEXT, {"type": "string", "minLength": 1}, "BSSB"),
    ("maximum", {"type": "number", "maximum": 9}, {"type": "number", "maximum": 5}, "BSSB"),
    ("exclusive", {"type": "number", "maximum": 9}, {"type": "number", "exclusiveMaximum": 9}, "BSSB"),
    ("max items", listed(TEXT, maxItems=3), listed(TEXT, maxItems=2), "BSSB"),
    ("min items", listed(TEXT), listed(TEXT, minItems=1), "BSSB"),
    ("max properties", {"type": "object"}, {"type": "object", "maxProperties": 3}, "BSSB"),
    ("multiple", {"type": "integer", "multipleOf": 2}, {"type": "integer", "multipleOf": 4}, "BSSB"),
    ("odd multiple", {"type": "integer", "multipleOf": 2}, {"type": "integer", "multipleOf": 3}, "BBBB"),
    ("unique", listed(TEXT), listed(TEXT, uniqueItems=True), "BSSB"),
    ("pattern", TEXT, {"type": "string", "pattern": "^a"}, "BSSB"),
    ("other pattern", {"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^b"}, "BBBB"),
    (
        "longer pattern",
        {"type": "string", "pattern": "^[a-z]{1,5}$"},
        {"type": "string", "pattern": "^[a-z]{1,3}$"},
        "BSSB",
    ),
    ("format", TEXT, {"type": "string", "format": "date"}, "BSSB"),
    ("other format", {"type": "string", "format": "date"}, {"type": "string", "format": "uuid"}, "BBBB"),
    ("int64", {"type": "integer", "format": "int64"}, {"type": "integer", "format": "int32"}, "BSSB"),
    ("number to integer", {"type": "number"}, INT, "BSSB"),
    ("text to integer", TEXT, INT, "BBBB"),
    ("text to list", TEXT, listed(TEXT), "BBBB"),
    ("one type less", {"type": ["string", "integer"]}, TEXT, "BSSB"),
    ("null refused", {"type": ["string", "null"]}, TEXT, "BSSB"),
    ("null refused, oneOf", one_of(TEXT, NULL), TEXT, "BSSB"),
    ("enum introduced", TEXT, {"type": "string", "enum": ["a"]}, "BSSB"),
    ("enum value removed", {"enum": ["a", "b"]}, {"enum": ["a"]}, "BSSB"),
    ("enum value replaced", {"enum": ["a", "b"]}, {"enum": ["a", "c"]}, "BBBB"),
    ("required", thing(a=TEXT), thing("a", a=TEXT), "BSSB"),
    (
        "required with default",
        thing(a={"type": "string", "default": "x"}),
        thing("a", a={"type": "string", "default": "x"}),
        "BSSB",
    ),
    ("optional property", thing(a=TEXT), thing(a=TEXT, b=TEXT), "SRSB"),
    ("required property", thing(a=TEXT), thing("b", a=TEXT, b=TEXT), "BRSB"),
    ("property of a closed object", thing(a=TEXT, closed=True), thing(a=TEXT, b=TEXT, closed=True), "SBBB"),
    ("closed", thing(a=TEXT), thing(a=TEXT, closed=True), "BSSB"),
    (
        "map",
        {"type": "object", "additionalProperties": TEXT},
        {"type": "object", "additionalProperties": {"type": "string", "maxLength": 3}},
        "BSSB",
    ),
    ("items", listed(TEXT), listed({"type": "string", "maxLength": 5}), "BSSB"),
    ("deep", thing(a=listed(thing(b=TEXT))), thing(a=listed(thing(b={"enum": ["x"]}))), "BSSB"),
    ("tuple", {"type": "array", "prefixItems": [TEXT]}, {"type": "array", "prefixItems": [INT]}, "BBBB"),
    ("variant removed", one_of(A_DOG, A_CAT, INT), one_of(A_DOG, INT), "BSSB"),
    ("one variant left", one_of(A_DOG, A_CAT), A_DOG, "BSSB"),
    ("variant of other types", one_of(TEXT, INT, {"type": "boolean"}), one_of(TEXT, INT), "BSSB"),
    ("below oneOf", one_of(thing(a=TEXT), INT), one_of(thing(a={"enum": ["x"]}), INT), "BSSB"),
    ("below anyOf", {"anyOf": [thing(a=TEXT), INT]}, {"anyOf": [thing("a", a=TEXT), INT]}, "BSSB"),
    ("below allOf", {"allOf": [thing(a=TEXT)]}, {"allOf": [thing("a", a=TEXT)]}, "BSSB"),
    ("condition", thing(a=TEXT), {**thing(a=TEXT), "dependentRequired": {"a": ["b"]}}, "BSSB"),
    ("not", TEXT, {"type": "string", "not": {"const": "x"}}, "BSSB"),
    ("default", {"type": "integer", "default": 1}, {"type": "integer", "default": 2}, "RRSS"),
    ("deprecated", thing(a=TEXT), thing(a={"type": "string", "deprecated": True}), "SSSS"),
    ("removed when deprecated", thing(a={"type": "string", "deprecated": True}), thing(), "RSRS"),
    ("read only removed", thing(a=READ_ONLY), thing(), "==BS"),
    ("write only removed", thing(a=WRITE_ONLY), thing(), "RS=="),
    ("read only required", thing(a=READ_ONLY), thing("a", a=READ_ONLY), "==SB"),
    ("refused", {}, {"not": {}}, "BSSB"),
    # the same in other words
    ("allOf flattened", {"allOf": [thing(a=TEXT), thing(b=INT)]}, thing(a=TEXT, b=INT), "===="),
    ("required beside allOf", {"allOf": [thing(a=TEXT)], "required": ["a"]}, thing("a", a=TEXT), "===="),
    ("allOf of one", {"allOf": [TEXT]}, TEXT, "===="),
    ("null by oneOf", one_of(TEXT, NULL), {"type": ["null", "string"]}, "===="),
    (
        "null by anyOf",
        {"anyOf": [NULL, thing(a=TEXT)]},
        {**thing(a=TEXT), "type": ["object", "null"]},
        "====",
    ),
    ("null in an enum", one_of({"enum": ["a"]}, NULL), {"enum": ["a", None]}, "===="),
    ("const", {"const": "a"}, {"enum": ["a"]}, "===="),
    ("typed enum", {"type": "string", "enum": ["a"]}, {"enum": ["a"]}, "===="),
    ("enum order", {"enum": ["a", "b"]}, {"enum": ["b", "a"]}, "===="),
    ("integer bound", {"type": "integer", "exclusiveMinimum": 0}, {"type": "integer", "minimum": 1}, "===="),
    ("types by anyOf", {"anyOf": [TEXT, INT]}, {"type": ["integer", "string"]}, "===="),
    ("open said", thing(a=TEXT), {**thing(a=TEXT), "additionalProperties": True}, "===="),
    ("zero bounds", TEXT, {"type": "string", "minLength": 0}, "===="),
    ("oneOf order", one_of(A_DOG, A_CAT), one_of(A_CAT, A_DOG), "===="),
    ("words", {**TEXT, "description": "x", "example": "y"}, {**TEXT, "title": "z"}, "===="),
    ("boundless pattern", TEXT, {"type": "string", "pattern": ".*"}, "===="),
    (
        "closed by unevaluated",
        {"allOf": [thing(a=TEXT)], "unevaluatedProperties": False},
        thing(a=TEXT, closed=True),
        "====",
    ),
]

Change = Callable[[dict[str, Any]], object]


def base() -> dict[str, Any]:
    """A small description with something of everything."""
    return copy.deepcopy(
        {
            "openapi": "3.1.0",
            "info": {"title": "t", "version": "1"},
            "servers": [{"url": "https://api.example.com"}],
            "paths": {
                "/things/{id}": {
                    "get": {
                        "operationId": "getThing",
                        "parameters": [
                            {"name": "id", "in": "path", "required": True, "schema": TEXT},
                            {"name": "q", "in": "query", "schema": TEXT},
                            {"name": "X-Trace", "in": "header", "schema": TEXT},
                        ],
                        "security": [{"key": []}, {"token": ["read", "write"]}],
                        "responses": {
                            "200": {
                                "description": "d",
                                "headers": {"X-Left": {"required": True, "schema": INT}},
                                "content": {
                                    "application/json": {"schema": {"$ref": "#/components/schemas/Thing"}},
                                    "text/csv": {},
                                },
                            },
                            "404": {"description": "d"},
                        },
                    },
                    "post": {
                        "requestBody": {
                            "content": {
                                "application/json": {"schema": {"$ref": "#/components/schemas/Thing"}},
                                "text/csv": {"schema": TEXT},
                            }
                        },
                        "responses": {"301": {"description": "d"}, "308": {"description": "d"}},
                    },
                }
            },
            "components": {
                "schemas": {"Thing": {**thing(a=TEXT, inner={"$ref": "#/components/schemas/Thing"})}},
                "securitySchemes": {
                    "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
                    "token": {
                        "type": "oauth2",
                        "flows": {"clientCredentials": {"tokenUrl": "https://t", "scopes": {}}},
                    },
                },
            },
        }
    )


def get(document: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = document["paths"]["/things/{id}"]["get"]
    return operation


def post(document: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = document["paths"]["/things/{id}"]["post"]
    return operation


def ok(document: dict[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = get(document)["responses"]["200"]
    return response


def _rename_path(document: dict[str, Any]) -> None:
    document["paths"] = {"/things/{key}": document["paths"].pop("/things/{id}")}
    document["paths"]["/things/{key}"]["get"]["parameters"][0]["name"] = "key"


def _move_parameters(document: dict[str, Any]) -> None:
    item = document["paths"]["/things/{id}"]
    item["parameters"] = [item["get"]["parameters"].pop(0)]


def _rename_scheme(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    schemes["apiKey"] = schemes.pop("key")
    get(document)["security"] = [{"token": ["write", "read"]}, {"apiKey": []}]


def _move_schema(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["Other"] = {
        **thing(a=TEXT, inner={"$ref": "#/components/schemas/Other"})
    }
    ok(document)["content"]["application/json"]["schema"] = {"$ref": "#/components/schemas/Other"}


def _inline(document: dict[str, Any]) -> None:
    ok(document)["content"]["application/json"]["schema"] = document["components"]["schemas"]["Thing"]


# name, change, class, class of the reverse
DOCUMENTS: list[tuple[str, Change, str]] = [
    ("operation removed", lambda d: d["paths"]["/things/{id}"].pop("post"), "BS"),
    ("path removed", lambda d: d["paths"].clear(), "BS"),
    ("operation id", lambda d: get(d).update(operationId="readThing"), "SS"),
    ("operation deprecated", lambda d: get(d).update(deprecated=True), "SS"),
    ("not deprecated, said", lambda d: get(d).update(deprecated=False), "=="),
    ("optional parameter removed", lambda d: get(d)["parameters"].pop(1), "BS"),
    ("header parameter removed", lambda d: get(d)["parameters"].pop(2), "BS"),
    ("header in lower case", lambda d: get(d)["parameters"][2].update(name="x-trace"), "=="),
    ("parameter required", lambda d: get(d)["parameters"][1].update(required=True), "BS"),
    ("parameter not required, said", lambda d: get(d)["parameters"][1].update(required=False), "=="),
    (
        "required parameter added",
        lambda d: get(d)["parameters"].append({"name": "n", "in": "query", "required": True, "schema": INT}),
        "BB",
    ),
    ("parameter narrowed", lambda d: get(d)["parameters"][1].update(schema={"enum": ["a"]}), "BS"),
    ("parameter takes numbers", lambda d: get(d)["parameters"][1].update(schema=INT), "BS"),
    ("usual style, said", lambda d: get(d)["parameters"][1].update(style="form", explode=True), "=="),
    ("other style", lambda d: get(d)["parameters"][1].update(style="deepObject"), "BB"),
    ("parameter deprecated", lambda d: get(d)["parameters"][1].update(deprecated=True), "SS"),
    ("empty value admitted", lambda d: get(d)["parameters"][1].update(allowEmptyValue=True), "SB"),
    ("path parameter renamed", _rename_path, "=="),
    ("parameters moved to the path", _move_parameters, "=="),
    ("body required", lambda d: post(d)["requestBody"].update(required=True), "BS"),
    ("body removed", lambda d: post(d).pop("requestBody"), "BS"),
    ("request media type removed", lambda d: post(d)["requestBody"]["content"].pop("text/csv"), "BS"),
    ("response media type removed", lambda d: ok(d)["content"].pop("text/csv"), "BS"),
    (
        "response media type widened",
        lambda d: ok(d)["content"].update({"text/*": ok(d)["content"].pop("text/csv")}),
        "BS",
    ),
    (
        "request media type widened",
        lambda d: post(d)["requestBody"]["content"].update(
            {"text/*": post(d)["requestBody"]["content"].pop("text/csv")}
        ),
        "SB",
    ),
    (
        "charset said",
        lambda d: ok(d)["content"].update({"text/csv; charset=utf-8": ok(d)["content"].pop("text/csv")}),
        "==",
    ),
    ("success status removed", lambda d: get(d)["responses"].pop("200"), "BR"),
    (
        "success status replaced",
        lambda d: get(d)["responses"].update({"201": get(d)["responses"].pop("200")}),
        "BB",
    ),
    ("failure status removed", lambda d: get(d)["responses"].pop("404"), "RS"),
    (
        "failure status as a range",
        lambda d: get(d)["responses"].update({"4XX": get(d)["responses"].pop("404")}),
        "==",
    ),
    ("failure status added", lambda d: get(d)["responses"].update({"402": {"description": "d"}}), "SR"),
    ("one of two permanent redirects", lambda d: post(d)["responses"].pop("301"), "=R"),
    (
        "redirect not for good",
        lambda d: post(d).update(responses={"302": {"description": "d"}}),
        "BR",
    ),
    ("header removed", lambda d: ok(d)["headers"].clear(), "BS"),
    ("header optional", lambda d: ok(d)["headers"]["X-Left"].update(required=False), "BS"),
    (
        "header name in lower case",
        lambda d: ok(d).update(headers={"x-left": ok(d)["headers"]["X-Left"]}),
        "==",
    ),
    ("header of another type", lambda d: ok(d)["headers"]["X-Left"].update(schema=TEXT), "BB"),
    ("credentials dropped", lambda d: get(d).update(security=[]), "SB"),
    ("one way removed", lambda d: get(d)["security"].pop(), "BS"),
    ("one scope more", lambda d: get(d)["security"][1].update(token=["read", "write", "own"]), "BS"),
    ("anonymous too", lambda d: get(d)["security"].append({}), "SB"),
    ("scheme renamed, order changed", _rename_scheme, "=="),
    (
        "key under another name",
        lambda d: d["components"]["securitySchemes"]["key"].update(name="X-Other"),
        "BB",
    ),
    ("server removed", lambda d: d.update(servers=[{"url": "https://other.example.com"}]), "RR"),
    ("server with a slash", lambda d: d.update(servers=[{"url": "https://api.example.com/"}]), "=="),
    ("schema moved", _move_schema, "=="),
    ("schema inlined", _inline, "=="),
    ("unused component", lambda d: d["components"]["schemas"].update(Unused=TEXT), "=="),
    ("words", lambda d: d.update(info={"title": "u", "version": "2"}, tags=[{"name": "x"}]), "=="),
    (
        "recursive property narrowed",
        lambda d: d["components"]["schemas"]["Thing"]["properties"].update(a={"enum": ["x"]}),
        "BB",
    ),
]


def plan(document: dict[str, Any], index: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = document["x-lightning-plans"]["plans"][index]
    return found


def _duration(document: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = document["components"]["schemas"]["Duration"]
    return schema


def _refuse(document: dict[str, Any]) -> None:
    del _duration(document)["x-lightning-clamp"]
    _duration(document).update(minimum=1, maximum=10)


def _list(document: dict[str, Any]) -> None:
    del _duration(document)["x-lightning-clamp"]
    _duration(document).update(enum=[5, 10])


def failure(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["x-lightning-errors"]["unauthorized"]
    return found


def asset(document: dict[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = document["paths"]["/asset-cdn/assets/{image_id}"]["get"]["responses"]["200"]
    return response


CHAT = ("/gen/chat/completions", "post")
# Changes of our own description; the class and the class of the reverse.
MEANING: list[tuple[str, Change, str]] = [
    ("limit lowered", lambda d: plan(d)["limits"].update(imagesDaily=40), "BS"),
    ("limit introduced", lambda d: plan(d)["limits"].update(cloudChatDaily=1000), "BS"),
    ("plan removed", lambda d: d["x-lightning-plans"]["plans"].pop(2), "BS"),
    ("price raised", lambda d: plan(d).update(price="10.99"), "RS"),
    ("price rewritten", lambda d: plan(d).update(price="9.990"), "RR"),
    ("plan renamed", lambda d: plan(d).update(name="Lighter"), "RR"),
    ("plan sold elsewhere", lambda d: plan(d).update(url="https://buy.example.com"), "SS"),
    ("default plan", lambda d: d["x-lightning-plans"].update(default="light"), "BB"),
    ("window", lambda d: d["x-lightning-metrics"]["imagesDaily"].update(window="week"), "BB"),
    ("period", lambda d: d["x-lightning-metrics"]["imagesDaily"].update(period="day"), "BB"),
    ("metric removed", lambda d: d["x-lightning-metrics"].pop("audioWeekly"), "BS"),
    (
        "other metric",
        lambda d: d["paths"]["/gen/sfx"]["post"].update({"x-lightning-metric": "imagesDaily"}),
        "BB",
    ),
    (
        "charged at last",
        lambda d: d["paths"]["/gen/prompt_analyze"]["post"].update({"x-lightning-metric": "cloudChatDaily"}),
        "BS",
    ),
    (
        "less text",
        lambda d: d["paths"][CHAT[0]][CHAT[1]]["x-lightning-text-limit"].update(characters=32000),
        "BS",
    ),
    ("no text limit", lambda d: d["paths"][CHAT[0]][CHAT[1]].pop("x-lightning-text-limit"), "SB"),
    ("smaller bodies", lambda d: d.update({"x-lightning-body-limit-bytes": 1024}), "BS"),
    ("shorter lives", lambda d: d.update({"x-lightning-asset-lifetime-seconds": 60}), "BS"),
    ("shorter ids", lambda d: d.update({"x-lightning-client-id-pattern": "^[A-Za-z0-9._:-]{16,64}$"}), "BS"),
    ("other ids", lambda d: d.update({"x-lightning-client-id-pattern": "^(a|b)$"}), "BB"),
    ("failure status", lambda d: d["x-lightning-errors"].update(quota_exhausted=402), "BB"),
    ("failure removed", lambda d: d["x-lightning-errors"].pop("too_large"), "RR"),
    (
        "asset type",
        lambda d: d["paths"]["/gen/image"]["post"].update({"x-lightning-media-type": "image/webp"}),
        "BB",
    ),
    ("clamp narrowed", lambda d: _duration(d)["x-lightning-clamp"].update(maximum=8), "BS"),
    ("clamp turned into refusal", _refuse, "BS"),
    ("clamp removed", lambda d: _duration(d).pop("x-lightning-clamp"), "RB"),
    ("fewer pictures", lambda d: d["components"]["schemas"]["ImageUrls"].update(maxItems=1), "BS"),
    ("asset is a video", lambda d: asset(d).update(content={"video/mp4": {}}), "BB"),
    ("no metadata event", lambda d: d["components"]["schemas"]["Stream"]["allOf"].pop(0), "BS"),
    (
        "metadata without a name",
        lambda d: d["components"]["schemas"]["MetadataEvent"]["properties"]["data"]["contentSchema"].pop(
            "required"
        ),
        "BB",
    ),
    (
        "redirect not for good",
        lambda d: d["paths"]["/"]["get"].update(responses={"302": {"description": "d"}}),
        "BR",
    ),
    ("a fact nobody knows", lambda d: d.update({"x-lightning-mood": "good"}), "RB"),
    ("limit not named", lambda d: plan(d)["limits"].pop("imagesDaily"), "BR"),
    ("limit to nothing", lambda d: plan(d)["limits"].update(imagesDaily=0), "BS"),
    ("order of plans", lambda d: d["x-lightning-plans"]["plans"].reverse(), "=="),
    ("price lowered", lambda d: plan(d).update(price="8.99"), "SR"),
    ("charge dropped", lambda d: d["paths"]["/gen/sfx"]["post"].pop("x-lightning-metric"), "SB"),
    ("fewer bytes", lambda d: d["paths"][CHAT[0]][CHAT[1]]["x-lightning-text-limit"].update(bytes=9), "BS"),
    ("clamp shifted", lambda d: _duration(d)["x-lightning-clamp"].update(minimum=2, maximum=20), "BB"),
    ("clamp to a list", _list, "BS"),
    ("status of a failure", lambda d: failure(d).update(status=403), "BB"),
    ("words of a failure", lambda d: failure(d).update(message="No."), "SS"),
    ("codes of a failure", lambda d: failure(d).pop("codes"), "RR"),
    ("only for users", lambda d: d["paths"]["/tiers"]["get"].update(security=[{"bearerAuth": []}]), "BS"),
    ("section", lambda d: d["paths"]["/usage"]["get"].update({"x-lightning-section": "Headers"}), "SS"),
]


def promise(data: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in data["requirements"] if entry["id"] == name)
    return found


REQUIREMENTS: list[tuple[str, Change, str]] = [
    ("documented removed", lambda d: d["requirements"].remove(promise(d, "ID-1")), "BR"),
    ("observed removed", lambda d: d["requirements"].remove(promise(d, "OBS-4")), "RS"),
    ("level lowered", lambda d: promise(d, "ID-1").update(level="observed"), "BS"),
    ("advice of another source", lambda d: promise(d, "OBS-4").update(level="assumed"), "RR"),
    ("identity rule", lambda d: promise(d, "ID-3").update(statement="The address alone decides."), "BB"),
    ("advice reworded", lambda d: promise(d, "OBS-4").update(statement="Auto is refused."), "RR"),
    ("operation freed", lambda d: promise(d, "ID-1")["operations"].pop(), "BS"),
    (
        "line breaks",
        lambda d: promise(d, "ID-1").update(statement=promise(d, "ID-1")["statement"] + "\n"),
        "==",
    ),
    ("other lines", lambda d: promise(d, "ID-1").update(lines=[[1, 1]]), "=="),
]
