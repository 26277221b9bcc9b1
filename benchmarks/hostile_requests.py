"""Requests that ask for more work than they look like, for one mock that must not mind any of them.

Each is a method, a path, headers and a body; the bodies are made when they are asked for.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from typing import Any, NamedTuple

CHAT = "/gen/chat/completions"
ANALYZE = "/gen/prompt_analyze"
IMAGE = "/gen/image"
MIB = 1024 * 1024
LIMIT = 32 * MIB
LONG_PROMPT = ("Weather " + "word A 'b' 12 “x” " * 2000)[:32_000]


class HostileRequest(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: Callable[[], bytes]


def send(request: HostileRequest, port: int, key: str, timeout: float) -> tuple[int, bytes]:
    """Status and body of the answer to it. Raises OSError or HTTPException when there is none in so many
    seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    body = request.body()
    headers = {"Authorization": f"Bearer {key}", "Content-Length": str(len(body)), **request.headers}
    try:
        connection.putrequest(request.method, request.path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        # A refusal may come before the body is wanted.
        with suppress(ConnectionError):
            connection.send(body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def post(path: str, body: Callable[[], bytes], **headers: str) -> HostileRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HostileRequest("POST", path, {"Content-Type": "application/json", **named}, body)


def chat(prompt: str = "Weather", **fields: Any) -> HostileRequest:
    return post(
        CHAT, lambda: json.dumps({"messages": [{"role": "user", "content": prompt}], **fields}).encode()
    )


def formatted(schema: Any, prompt: str = "Weather", **fields: Any) -> HostileRequest:
    asked = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    return chat(prompt, response_format=asked, **fields)


def tool(parameters: Any, name: str = "weather", description: str = "") -> dict[str, Any]:
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


def called(parameters: Any, prompt: str = "Weather", **fields: Any) -> HostileRequest:
    return chat(prompt, tools=[tool(parameters)], tool_choice="required", **fields)


def doubling(keyword: str, levels: int = 40, root: str = "not", wrap: str | None = None) -> dict[str, Any]:
    definitions: dict[str, Any] = {"d0": {"type": "string"}}
    for level in range(1, levels + 1):
        below = {"$ref": f"#/$defs/d{level - 1}"}
        inner = {"properties": {wrap: below}, "required": [wrap]} if wrap else below
        definitions[f"d{level}"] = {keyword: [inner, inner]}
    return {
        "$defs": definitions,
        root: {"$ref": f"#/$defs/d{levels}"} if root == "not" else [definitions[f"d{levels}"]],
    }


def embedded(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema inside another one, from whose root its references do not count."""
    return {"type": "string", "allOf": [{"$id": "http://a/b", **schema}]}


def repeated(value: Any, keyword: dict[str, Any], times: int = 3000) -> dict[str, Any]:
    """A value held against one keyword many times over."""
    often = [{"$ref": "#/$defs/x"}] * times + [{"type": "null"}]
    return {"$defs": {"x": keyword}, "const": value, "not": {"allOf": often}}


def written_out(keyword: str, levels: int = 40) -> dict[str, Any]:
    """Twice what is below, for a compiler that writes it out to know what is evaluated."""
    definitions: dict[str, Any] = {"d0": {"type": "object"}}
    for level in range(1, levels):
        below = {"$ref": f"#/$defs/d{level - 1}"}
        inner = {"a": below, "b": below} if keyword == "dependentSchemas" else [below, below]
        definitions[f"d{level}"] = {keyword: inner, "unevaluatedProperties": False}
    return {"$defs": definitions, "$ref": f"#/$defs/d{levels - 1}"}


def unevaluated(levels: int = 40) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}
    for _ in range(levels):
        schema = {"type": "object", "allOf": [schema], "unevaluatedProperties": {"type": "string"}}
    return schema


def filled(head: bytes, filler: bytes, tail: bytes, size: int = LIMIT) -> Callable[[], bytes]:
    return lambda: head + filler * ((size - len(head) - len(tail)) // len(filler)) + tail


@cache
def bomb(coding: str) -> bytes:
    """A mebibyte of blanks, packed in about a kilobyte, a thousand times over. Brotli and Zstandard are no
    codings that the mock reads, whatever they hold."""
    packing = zlib.compressobj(9, wbits=15 if coding == "deflate" else 31)
    block = b" " * MIB
    head = packing.compress(block) + packing.flush(zlib.Z_FULL_FLUSH)
    # After a full flush the same is packed in the same bytes.
    again = packing.compress(block) + packing.flush(zlib.Z_FULL_FLUSH)
    packed = head + again * 1023 + packing.flush()
    return gzip.compress(packed) if coding == "gzip, gzip" else packed


def png_of(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(data, 9))
        + chunk(b"IEND", b"")
    )


def pictured(make: Callable[[], str]) -> HostileRequest:
    return post(IMAGE, lambda: json.dumps({"prompt": "A harbour", "image_urls": [make()]}).encode())


USER = b'{"messages": [{"role": "user", "content": "hello"}], "x": '
PARTS = b'{"messages": [{"role": "user", "content": ['
BIG_ENUM = {
    "type": "object",
    "required": ["a"],
    "properties": {"a": {"enum": [f"option number {i}" for i in range(1000)]}},
}
NAMES = [f"p{i}" for i in range(20_000)]
BIG_CONST = {"a": ["x" * 50] * 4000}


def hostile_requests() -> Iterator[tuple[str, HostileRequest]]:
    """Each with a name."""
    for keyword in ("anyOf", "oneOf", "allOf"):
        yield f"{keyword} doubles, as a format", formatted(doubling(keyword))
        yield f"{keyword} doubles, for a tool", called(doubling(keyword))
        yield f"{keyword} doubles at the root", formatted(doubling(keyword, root=keyword))
        yield f"{keyword} doubles with depth", called(doubling(keyword, root=keyword, wrap="a"))
        yield f"{keyword} doubles in a resource of its own", formatted(embedded(doubling(keyword)))
    for keyword in ("anyOf", "oneOf", "allOf", "dependentSchemas"):
        yield f"{keyword} written out", formatted(written_out(keyword))
    yield "nested unevaluated", formatted(unevaluated())
    yield "a schema of itself", formatted({"anyOf": [{"$ref": "#"}, {"$ref": "#"}], "not": {"$ref": "#"}})
    chain = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(6000)}
    yield (
        "a chain of references",
        formatted({"$ref": "#/$defs/d0", "$defs": {**chain, "d6000": {"type": "string"}}}),
    )
    yield "a big enum and a long prompt", formatted(BIG_ENUM, LONG_PROMPT)
    yield "a big enum, n times", formatted(BIG_ENUM, LONG_PROMPT, n=8)
    many = {"type": "object", "required": NAMES, "properties": {name: {"type": "string"} for name in NAMES}}
    yield "20,000 required properties", formatted(many)
    yield "20,000 required names", called({"type": "object", "required": NAMES})
    yield "20,000 dependent names", called({"required": ["p0"], "dependentRequired": {"p0": NAMES}})
    pairs, members = [[i, i] for i in range(10_000)], dict.fromkeys(NAMES[:6000], 1)
    for keyword, value, costly in (
        ("uniqueItems", pairs, {"uniqueItems": True}),
        ("format", "{a}" * 30_000, {"format": "uri-template"}),
        ("dependentRequired", members, {"dependentRequired": {"p0": list(members)}}),
        ("multipleOf", 1e308, {"multipleOf": 5e-324}),
    ):
        yield f"{keyword} of a large value, again and again", formatted(repeated(value, costly))
    for count in (500, 5000):
        tools = [
            tool(
                {"type": "object", "properties": {"a": {"type": "string"}}},
                f"weather_{i}",
                "the weather of the world " * 20,
            )
            for i in range(count)
        ]
        yield f"{count} tools", chat(LONG_PROMPT, tools=tools)
        named = " ".join(f"weather_{i}" for i in range(count))[:32_000]
        yield f"{count} tools named", chat(named, tools=tools)
    yield "a long tool name", chat(tools=[tool({}, "a" * 20 * MIB)])
    yield "a long tool description", chat(tools=[tool({}, "b", "a b weather " * 2 * MIB)])
    yield "a schema of 30 MiB", called({"description": "x" * 30 * MIB})
    yield (
        "a big const in many items",
        called({"required": ["a"], "properties": {"a": {"minItems": 200, "items": {"const": BIG_CONST}}}}),
    )
    yield (
        "unique items of few values",
        called(
            {
                "required": ["a"],
                "properties": {
                    "a": {"minItems": 200, "uniqueItems": True, "items": {"enum": [BIG_CONST, [BIG_CONST]]}}
                },
            }
        ),
    )
    for bound in ("minItems", "minLength", "minProperties", "multipleOf", "minContains", "minimum"):
        for number in (1e308, 2**64, 10**9):
            yield (
                f"{bound} {number}",
                called(
                    {
                        "type": "object",
                        "required": ["a"],
                        "properties": {"a": {bound: number, "contains": {}}},
                    }
                ),
            )
    long_texts = {"type": "array", "minItems": 200, "items": {"type": "string", "minLength": 20_000}}
    yield "200 texts of 20,000", called({"required": ["a"], "properties": {"a": long_texts}}, stream=True)
    for pattern in (
        "(a+)+$",
        "^(?=(a+)+$)b",
        r"((a+)+)\1$",
        r"^(?!(x+x+)+y).{3000}$",
        r"(\pL{1000}){10}",
        "((a{100}){100}){100}",
        "(a|" * 100 + ")" * 100,
        "[" * 5000,
        "(^{4000}){4000}",
        r"\ud800",
        r"[\ud800-\udfff]",
        "(?:(?:(?:a{9}){9}){9}){9}",
        "[^b]" * 5000,
        "(?=[^b]*b)c",
    ):
        yield (
            f"pattern {pattern[:24]}",
            called(
                {
                    "required": ["a"],
                    "properties": {"a": {"type": "string", "pattern": pattern, "minLength": 5000}},
                }
            ),
        )
    yield (
        "5,000 patterns",
        called(
            {
                "required": ["a"],
                "properties": {f"p{i}": {"pattern": r"\pL{90}" + str(i)} for i in range(5000)},
            }
        ),
    )
    yield (
        "3,000 pattern properties",
        called({"required": NAMES[:3000], "patternProperties": {f"^(?=p).*{i}": {} for i in range(3000)}}),
    )
    yield "regex format", called({"const": r"(\pL{1000}){10}", "format": "regex"})
    fields = {f"k{i}": 1 for i in range(99_000)}
    yield "a choice of tool with 99,000 fields", chat(tool_choice=fields)
    yield "a choice of tool of 31 MiB", chat(tool_choice="a" * 31 * MIB)
    yield "a fault that is a list", post("/__mock__/faults", filled(b"[", b"0,", b"0]", 390_000))
    yield "100,000 stops", chat(stop=[f"stop {i}" for i in range(100_000)])
    yield "n beyond all", chat(n=10**9)
    yield "deep arrays", post(CHAT, filled(USER, b"[", b""))
    yield "flat arrays", post(CHAT, filled(USER + b"[", b"[],", b"[]]}"))
    yield "flat objects", post(CHAT, filled(USER + b"[", b"{},", b"{}]}"))
    yield "numbers", post(CHAT, filled(USER + b"[", b"0,", b"0]}"))
    yield "one long number", post(CHAT, filled(USER, b"1", b"}"))
    yield "one long fraction", post(CHAT, filled(USER + b"0.", b"1", b"}"))
    yield "long numbers and NaN", post(CHAT, filled(USER + b"[1e999,", b"1" * 1000 + b",", b"NaN]}", 1 * MIB))
    yield "blanks", post(CHAT, filled(USER, b" ", b"0}"))
    for name, filler in (
        ("a", b"a"),
        ("comma", b","),
        ("accent", "é".encode()),
        ("emoji", "😀".encode()),
        ("escape", b"\\n"),
        ("escaped quote", b'\\"'),
    ):
        yield f"32 MiB of {name}", post(CHAT, filled(USER + b'"', filler, b'"}'))
        yield f"a prompt of 32 MiB of {name}", post(CHAT, filled(PARTS[:-1] + b'"', filler, b'"}]}'))
        yield (
            f"a role of 32 MiB of {name}",
            post(CHAT, filled(b'{"messages": [{"content": "a", "role": "', filler, b'"}]}')),
        )
    yield "32 MiB of brackets in a text", post(CHAT, filled(USER + b'"', b"[", b'"}'))
    yield "a long key", post(CHAT, filled(b'{"messages": [{"', b"a", b'": 1}]}'))
    for count in (60_000, 900_000):
        yield f"{count} empty parts", post(CHAT, lambda count=count: PARTS + b"{}," * count + b"{}]}]}")  # type: ignore[misc]
        yield (
            f"{count} empty texts",
            post(
                CHAT,
                lambda count=count: (  # type: ignore[misc]
                    PARTS + b'{"type":"text","text":""},' * count + b'{"type":"text","text":""}]}]}'
                ),
            ),
        )
        yield (
            f"{count} messages",
            post(
                CHAT,
                lambda count=count: (  # type: ignore[misc]
                    b'{"messages": ['
                    + b'{"role":"user","content":""},' * count
                    + b'{"role":"user","content":""}]}'
                ),
            ),
        )
        yield (
            f"{count} analysed",
            post(
                ANALYZE,
                lambda count=count: (  # type: ignore[misc]
                    b'{"prompt": ['
                    + b'{"role":"user","content":""},' * count
                    + b'{"role":"user","content":""}]}'
                ),
            ),
        )
    calling = b'{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"b","arguments":"{}"}}]},'
    turn = calling + b'{"role":"tool","tool_call_id":"a","content":""},'
    yield (
        "a long tool history",
        post(
            CHAT,
            lambda: (
                b'{"stream":true,"messages": ['
                + turn * 12_000
                + b'{"role":"tool","tool_call_id":"a","content":""}]}'
            ),
        ),
    )
    yield (
        "many tool results",
        post(
            CHAT,
            lambda: (
                b'{"stream":true,"messages": ['
                + b'{"role":"tool","tool_call_id":"a","content":""},' * 40_000
                + b'{"role":"tool","content":""}]}'
            ),
        ),
    )
    for path in (CHAT, "/nowhere", "/__mock__/users", "/usage", "/__mock__/nowhere"):
        for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip"):
            yield f"{coding} bomb at {path}", post(path, partial(bomb, coding), Content_Encoding=coding)
    yield (
        "many gzip members",
        post(CHAT, lambda: gzip.compress(b" ") * (LIMIT // 24), Content_Encoding="gzip"),
    )
    yield (
        "gzip of values",
        post(CHAT, lambda: gzip.compress(PARTS + b"{}," * 90_000 + b"{}]}]}"), Content_Encoding="gzip"),
    )
    for size in (12_000, 3_900):
        yield (
            f"a picture of {size} squared",
            pictured(
                lambda size=size: base64.b64encode(png_of(size, size, b"\0" * (size + 1) * size)).decode()  # type: ignore[misc]
            ),
        )
    yield (
        "a picture of many pixels, cut",
        pictured(lambda: base64.b64encode(png_of(4000, 4000, b"\0")).decode()),
    )
    yield "30 MiB of base64", pictured(lambda: "iVBOR" + "A" * 30 * MIB)
    yield "30 MiB of percent signs", pictured(lambda: "data:image/png;base64," + "%2B" * 10 * MIB)
    yield "30 MiB of blanks", pictured(lambda: " " * 30 * MIB)
    yield "30 MiB of address", pictured(lambda: "http://a/" + "[" * 30 * MIB)
    yield "30 MiB of data head", pictured(lambda: "data:" + ";" * 30 * MIB)
    for path in (
        "/usage?" + "a=1&" * 60_000,
        "/gen/image/a?" + "mode=%41&" * 20_000,
        "/gen/image/" + "%41" * 60_000,
        "/gen/image/" + "/" * 200_000,
        "/__mock__/users?" + "a=1&" * 60_000,
        "/__mock__/" + "../" * 60_000,
        "/gen/image/a?" + "image_urls=http://a&" * 10_000,
        "/gen/image/a?duration=" + "9" * 200_000,
    ):
        yield f"path {path[:30]}", HostileRequest("GET", path, {}, lambda: b"")
    for name in (
        "Authorization",
        "X-Client-ID",
        "User-Agent",
        "Content-Type",
        "Accept",
        "Cookie",
        "Origin",
        "Host",
    ):
        yield (
            f"a long {name}",
            HostileRequest("GET", "/usage", {name: "Bearer " + "eyJ." * 15_000}, lambda: b""),
        )
    yield "many headers", HostileRequest("GET", "/usage", {f"X-{i}": "a" for i in range(10_000)}, lambda: b"")
    yield "a snapshot of 32 MiB", post("/__mock__/restore", filled(b'{"ledger": [', b"{},", b"{}]}"))
    yield "a user of 32 MiB", post("/__mock__/users", filled(b'{"email": "', b"a", b'"}'))
