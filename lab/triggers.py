"""Faults that only show sometimes: a faulty server beside a clean one, and a trigger that chooses.

Both share accounts, counters, assets and the log, so that callers cannot tell that they are two. A trigger
looks at a request as it came, before it is read. `python -m lab.matrix pairs` measures how many such faults
the judge catches.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab.client import HELLO
from lab.faults.fault import Fault
from lab.proofs import TOOL, picture
from lab.server.app import build, plain_lab
from lab.server.lab import Lab


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a trigger sees it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def value(self) -> dict[str, Any]:
        """The JSON object that was sent; empty when there was none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation of a chat or an analysis."""
        sent = self.value.get("messages", self.value.get("prompt"))
        return [message for message in sent if isinstance(message, dict)] if isinstance(sent, list) else []

    @property
    def credential(self) -> str:
        """`jwt`, `key`, `client` or `address`: how the request identifies its caller."""
        _, _, token = self.headers.get("authorization", "").partition(" ")
        if token:
            return "key" if token.startswith("ipa_live_") else "jwt"
        return "client" if self.headers.get("x-client-id") else "address"


Holds = Callable[[Request], bool]


@dataclass(frozen=True, slots=True)
class Trigger:
    """When a fault shows. `make` returns a fresh condition, since some of them count. `fixed` ones hold for
    every request of a kind, or for all but the first `late` ones; the others for some of all requests.
    `fields` in the body of one of `paths` make it hold."""

    name: str
    make: Callable[[], Holds]
    fixed: bool = True
    late: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict)
    paths: tuple[str, ...] = ()


def _always(holds: Holds) -> Callable[[], Holds]:
    return lambda: holds


def _every(count: int) -> Callable[[], Holds]:
    def make() -> Holds:
        seen: Counter[str] = Counter()

        def holds(request: Request) -> bool:
            route = f"{request.method} {request.path.split('/')[1:3]}"
            seen[route] += 1
            return seen[route] % count == 0

        return holds

    return make


def _chance(share: float, seed: int) -> Callable[[], Holds]:
    def make() -> Holds:
        dice = random.Random(seed)
        return lambda request: dice.random() < share

    return make


def _after(count: int) -> Callable[[], Holds]:
    def make() -> Holds:
        left = [count]

        def holds(request: Request) -> bool:
            left[0] -= 1
            return left[0] < 0

        return holds

    return make


def _has_nested_schema(request: Request) -> bool:
    tools = request.value.get("tools")
    return isinstance(tools, list) and any('"array"' in json.dumps(tool) for tool in tools)


TOOL_HISTORY = [
    *HELLO,
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "get_weather", "arguments": '{"city": "Oslo", "days": 1}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "Rain."},
]
NESTED_TOOL = {
    "type": "function",
    "function": {
        "name": "plan_trip",
        "parameters": {
            "type": "object",
            "properties": {
                "stops": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"city": {"type": "string"}},
                        "required": ["city"],
                    },
                    "minItems": 1,
                }
            },
            "required": ["stops"],
        },
    },
}


CHAT = ("/gen/chat/completions",)
DRAWN = ("/gen/image", "/gen/video")
PROMPTED = (*DRAWN, "/gen/video/airforce", "/gen/sfx", "/gen/tts")


def _form(name: str, paths: tuple[str, ...], holds: Holds, **fields: Any) -> Trigger:
    return Trigger(name, _always(holds), fields=fields, paths=paths)


TRIGGERS: dict[str, Trigger] = {
    trigger.name: trigger
    for trigger in (
        *(
            Trigger(f"only-{kind}", _always(lambda request, kind=kind: request.credential == kind))  # type: ignore[misc]
            for kind in ("jwt", "key", "client", "address")
        ),
        Trigger("only-get", _always(lambda request: request.method == "GET")),
        Trigger("only-post", _always(lambda request: request.method == "POST")),
        _form("only-streams", CHAT, lambda request: request.value.get("stream") is True, stream=True),
        _form("only-tools", CHAT, lambda request: bool(request.value.get("tools")), tools=[TOOL]),
        _form("only-pictures", DRAWN, lambda request: b"base64," in request.body, image_urls=[picture()]),
        _form(
            "only-long",
            (*PROMPTED, *CHAT),
            lambda request: len(request.body) + len(request.path) > 400,
            padding="word " * 100,
        ),
        _form(
            "only-unicode",
            (*PROMPTED, *CHAT),
            lambda request: b"\\u" in request.body or "%C3" in request.path,
            note="é",
        ),
        _form("only-history", CHAT, lambda request: len(request.messages) > 1, messages=HELLO * 3),
        _form(
            "only-system-role",
            CHAT,
            lambda request: any(message.get("role") == "system" for message in request.messages),
            messages=[{"role": "system", "content": "Be brief."}, *HELLO],
        ),
        _form(
            "only-tool-results",
            CHAT,
            lambda request: any(message.get("role") == "tool" for message in request.messages),
            messages=TOOL_HISTORY,
        ),
        _form("only-nested-schemas", CHAT, _has_nested_schema, tools=[NESTED_TOOL]),
        Trigger("after-50", _after(50), late=50),
        Trigger("after-200", _after(200), late=200),
        Trigger("every-3rd", _every(3), fixed=False),
        Trigger("every-10th", _every(10), fixed=False),
        Trigger("one-in-ten", _chance(0.1, 1), fixed=False),
    )
}


def sometimes(fault: Fault, trigger: Trigger) -> Callable[[Lab], None]:
    """A change of a lab (for `running(prepare=...)`) that lets `fault` show when `trigger` holds."""

    def prepare(lab: Lab) -> None:
        faulty = plain_lab(lab.credentials)
        faulty.ledger, faulty.assets, faulty.requests = lab.ledger, lab.assets, []
        fault.apply(faulty)
        holds = trigger.make()

        def beside(clean: ASGIApp) -> ASGIApp:
            other = build(faulty)

            async def chosen(scope: Scope, receive: Receive, send: Send) -> None:
                body = await _whole(receive)
                path = scope["raw_path"].decode("latin-1") + "?" + scope["query_string"].decode("latin-1")
                headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
                request = Request(scope["method"], path, headers, body)
                await (other if holds(request) else clean)(scope, _again(body, receive), send)

            return chosen

        lab.middleware.append(beside)

    return prepare


async def _whole(receive: Receive) -> bytes:
    pieces, more = [], True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


def _again(body: bytes, receive: Receive) -> Receive:
    """What has been read, to be read once more."""
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
