"""What stands in front of and behind a conforming server: negotiation, burst limits, upstreams."""

from __future__ import annotations

import time
from collections import deque

from starlette.types import ASGIApp, Receive, Scope, Send

from lab import seams
from lab.client import Client
from lab.server.lab import Call, Data, Json, Lab, Refusal, Reply, Stream
from lab.variants.variant import VariantSet

VARIANTS = VariantSet()

BURST, SECONDS = 40, 1.0


def _negotiate(_: Lab, call: Call, reply: Reply) -> Reply:
    """Nothing is sent of a type that the caller does not accept, as some frameworks have it."""
    wanted = call.request.headers.get("accept", "*/*")
    kind = reply.content_type.partition(";")[0]
    fits = "*/*" in wanted or kind in wanted or f"{kind.partition('/')[0]}/*" in wanted
    if not fits and isinstance(reply, Data | Stream) and reply.status == 200:
        return Json({"detail": "Not acceptable"}, 406)
    return reply


VARIANTS.group(
    "", lambda c: c.send("GET", "/gen/image/a%20fox", None, {"Accept": "application/json"}).status
).add(
    "negotiates: what is not of a type that the caller accepts is answered with 406", seams.change(_negotiate)
)


def _bursts(retry_after: str) -> seams.Apply:
    """So many requests in so many seconds for all callers together; beyond that, 429 with a moment to
    wait."""

    def wrap(app: ASGIApp) -> ASGIApp:
        recent: deque[float] = deque(maxlen=BURST)

        async def limited(scope: Scope, receive: Receive, send: Send) -> None:
            now = time.monotonic()
            if len(recent) == BURST and now - recent[0] < SECONDS:
                headers = [(b"content-type", b"application/json"), (b"retry-after", retry_after.encode())]
                await send({"type": "http.response.start", "status": 429, "headers": headers})
                await send({"type": "http.response.body", "body": b'{"detail":"Slow down"}'})
                return
            recent.append(now)
            await app(scope, receive, send)

        return limited

    return lambda lab: lab.middleware.append(wrap)


def _slashes(app: ASGIApp) -> ASGIApp:
    """The free documents are at addresses that end in a slash, and the documented ones lead there."""
    plain = {"/usage", "/subscription", "/tiers", "/tier-config", "/models"}

    async def between(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path in plain and scope["method"] == "GET":
            headers = [(b"location", f"{path}/".encode())]
            await send({"type": "http.response.start", "status": 307, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        if path.removesuffix("/") in plain:
            scope = {**scope, "path": path.removesuffix("/"), "raw_path": path.removesuffix("/").encode()}
        await app(scope, receive, send)

    return between


VARIANTS.group("", lambda c: c.get("/tiers").status).add(
    "documents-at-a-slash: the free documents redirect to the same address with a slash",
    lambda lab: lab.middleware.append(_slashes),
)


def _hurried(c: Client) -> bool:
    """Whether so many requests are slowed down."""
    for _ in range(2 * BURST):
        c.get("/status")
    return c.slowed > 0


VARIANTS.group("", _hurried).add(
    "burst-limit: more than forty requests a second are answered with 429 and Retry-After: 1", _bursts("1")
)


def _strict_upstream(lab: Lab) -> None:
    """Any array of messages is passed on; the upstream does not accept an empty one."""

    def empty(_: Lab, call: Call) -> None:
        messages = call.arguments.get("messages")
        if messages == [] or (
            isinstance(messages, list)
            and any(isinstance(m, dict) and m.get("content") == "" for m in messages)
        ):
            lab.status_of["upstream"] = 500
            raise Refusal("upstream", "The provider refused the messages")

    lab.checks["createChatCompletion"] = {"empty": empty, **lab.checks["createChatCompletion"]}


VARIANTS.group(
    "empty-messages-served", lambda c: c.post("/gen/chat/completions", {"messages": []}).status
).add(
    "empty-messages-fail-upstream: an empty array of messages, or an empty one in it, is sent to an upstream "
    "that fails at it",
    _strict_upstream,
)


def _counting_down(lab: Lab) -> None:
    def change(payload: dict[str, dict[str, dict[str, object]]]) -> object:
        left = 86_400 - time.time() % 86_400
        for entry in payload["usage"].values():
            entry["window"] = f"resets in {left:.3f} s"
        return payload

    seams.edit("getUsage", change)(lab)


VARIANTS.group("window", lambda c: "resets in" in str(c.usage())).add(
    "window-counts-down: a window tells how many seconds are left of it", _counting_down
)
