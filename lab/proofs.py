"""Observations that tell a faulty server from the clean one: each returns a value to compare."""

from __future__ import annotations

import base64
import io
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import av
from PIL import Image

from lab.client import Answer, Client
from lab.server import facts

Proof = Callable[[Client], Any]

LATE = 0.3
"""Seconds after an answer at which a faulty background task charges."""

KINDS = {
    operation.id: operation.path.removeprefix("/gen/").removesuffix("/{prompt:path}")
    for operation in facts.OPERATIONS
    if operation.text == "media"
}
PATHS = {
    "getSubscription": "/subscription",
    "getUsage": "/usage",
    "getTierConfig": "/tier-config",
    "listTiers": "/tiers",
    "listModels": "/models",
    "getStatus": "/status",
    "getSite": "/",
}

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city", "days"],
        },
    },
}
OTHER_TOOL = {
    "type": "function",
    "function": {
        "name": "set_alarm",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
    },
}

_VOLATILE = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)?|chatcmpl-[0-9a-f]+|call_[0-9a-f]+|127\.0\.0\.1:\d+|\b\d{10}\b"
)


def picture(colour: str = "red") -> str:
    """A small base64 PNG as a data URI."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def scrub(value: Any) -> Any:
    """A value without what differs between two runs of one server: times, ids and ports."""
    if isinstance(value, dict):
        return {key: scrub(item) for key, item in value.items()}
    if isinstance(value, list):
        return [scrub(item) for item in value]
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return _VOLATILE.sub("~", value)
    return "~" if isinstance(value, int) and value > 1_000_000_000 else value


def seen(answer: Answer) -> Any:
    """Status, type and scrubbed JSON; for other bodies whether they decode."""
    if answer.type == "application/json":
        return answer.status, answer.type, scrub(answer.json)
    if answer.type.startswith(("image/", "video/", "audio/")):
        return answer.status, answer.type, decoded(answer.body)
    return answer.status, answer.type, scrub(answer.body[:200].decode(errors="replace"))


def decoded(body: bytes) -> str:
    """What these bytes are when decoded to the end, or `broken`."""
    if not body:
        return "empty"
    try:
        with Image.open(io.BytesIO(body)) as image:
            image.load()
            return f"image {image.format}"
    except (OSError, SyntaxError):
        pass
    try:
        with av.open(io.BytesIO(body), "r") as film:
            streams = film.streams.video or film.streams.audio
            count = len(list(film.decode(streams[0])))
            return f"{streams[0].type} {count}"
    except (av.FFmpegError, ValueError, IndexError):
        return "broken"


def read(path: str, auth: str | None = None, **more: Any) -> Proof:
    return lambda c: seen(c.get(path, auth, **more))


UNKNOWN_ASSET = read("/asset-cdn/assets/nothing-stored-here")
"""The answer to an asset that was never stored."""


def chat(auth: str | None = None, **fields: Any) -> Proof:
    return lambda c: seen(c.chat(auth, **fields))


def streamed(auth: str | None = None, **fields: Any) -> Proof:
    """Status, type and scrubbed events of a streamed chat."""

    def proof(c: Client) -> Any:
        answer = c.chat(auth, stream=True, **fields)
        return answer.status, answer.type, [scrub(event) for event in answer.events], answer.body[-20:]

    return proof


def post(path: str, value: Any = None, auth: str | None = None, **more: Any) -> Proof:
    return lambda c: seen(c.post(path, value, auth, **more))


def call(c: Client, operation: str, auth: str | None = None, **fields: Any) -> Answer:
    """One generation by operation id."""
    if operation == "createChatCompletion":
        return c.chat(auth, **fields)
    if operation.startswith("get"):
        return c.generate_by_get(KINDS[operation], auth, **fields)
    return c.generate(KINDS[operation], auth, **fields)


def generated(operation: str, auth: str | None = None, **fields: Any) -> Proof:
    return lambda c: seen(call(c, operation, auth, **fields))


def charged(operation: str, auth: str | None = None, times: int = 1, **fields: Any) -> Proof:
    """Statuses of some generations and what /usage says afterwards."""

    def proof(c: Client) -> Any:
        statuses = [call(c, operation, auth, **fields).status for _ in range(times)]
        return statuses, c.used(auth)

    return proof


def spent(action: Callable[[Client], Any], auth: str | None = None) -> Proof:
    """What /usage says after an action."""

    def proof(c: Client) -> Any:
        action(c)
        return c.used(auth)

    return proof


def exhaust(operation: str, times: int, then: Callable[[Client], Any] | None = None, **fields: Any) -> Proof:
    """The statuses of many generations, and then one more look."""

    def proof(c: Client) -> Any:
        statuses = [call(c, operation, **fields).status for _ in range(times)]
        return statuses, then(c) if then else c.used()

    return proof


def at_once(operation: str, times: int, **fields: Any) -> Proof:
    """How many of several simultaneous calls were served."""

    def proof(c: Client) -> Any:
        with ThreadPoolExecutor(times) as pool:
            return sorted(a.status for a in pool.map(lambda _: call(c, operation, **fields), range(times)))

    return proof


def bad_bearer(operation: str, token: str = "not-a-credential") -> Proof:
    """The answer of this operation to a bad bearer."""

    def proof(c: Client) -> Any:
        if operation in PATHS:
            return c.get(PATHS[operation], token).status
        if operation == "analyzePrompt":
            return c.post(
                "/gen/prompt_analyze", {"prompt": [{"role": "user", "content": "Hi"}]}, token
            ).status
        return call(c, operation, token).status

    return proof


def asset(c: Client, kind: str = "image", colour: str = "red") -> Answer:
    """Store one image and fetch it."""
    made = c.generate(kind, image_urls=[picture(colour)])
    address = made.header("x-asset-url")
    if not address:
        return Answer(0)
    return c.get("/" + address.split("/", 3)[3])


def all_of(*proofs: Proof) -> Proof:
    return lambda c: [proof(c) for proof in proofs]


def and_later(proof: Proof) -> Proof:
    """What is seen, and what /usage says once background work is done."""

    def prove(c: Client) -> Any:
        first = proof(c)
        time.sleep(2 * LATE)
        return first, c.used()

    return prove
