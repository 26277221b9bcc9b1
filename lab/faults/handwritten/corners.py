"""Handwritten faults in corners: a promise broken only for some callers, in some forms, or a moment later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lab.client import Client
from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import FREE, KEY, MEDIA_GET, PAID, REVOKED, WEATHER, Run, before_checks, crash_when
from lab.proofs import TOOL, Proof, all_of, at_once, charged, chat, decoded, exhaust, read, spent, streamed
from lab.server.lab import Call, Identity, Json, Lab, Refusal, Reply, Stream

BOOK = Book("handwritten")
LATE = 0.3


def _charge(lab: Lab, called: Call, key: str) -> None:
    metric = called.operation.metric
    if metric:
        lab.ledger.add(key, metric, lab.window_of(metric, lab.clock()))


def _later(lab: Lab, called: Call, key: str) -> None:
    asyncio.get_running_loop().call_later(LATE, _charge, lab, called, key)


# --- what is charged, and when --------------------------------------------------------------------------


async def _charged_again(lab: Lab, called: Call, run: Run) -> None:
    await run()
    if called.charged:
        _later(lab, called, called.identity.key)


def _and_later(proof: Proof) -> Proof:
    """What is seen, and what /usage says once the background has done its work."""

    def prove(c: Client) -> Any:
        first = proof(c)
        time.sleep(2 * LATE)
        return first, c.used()

    return prove


def _nameless(c: Client, kind: str = "image") -> int:
    """The status of a generation without a client id."""
    return c.post(f"/gen/{kind}", {"prompt": "a fox"}, client="").status


BOOK.add(
    "charged-twice-a-moment-later",
    "CHAT-11 IMG-6 VID-7 AIR-3 SFX-3 TTS-3",
    "a second unit is taken a moment after the answer",
    seams.around("charge", _charged_again),
    _and_later(charged("createImage")),
    "sample",
)


def _refusals_charged(lab: Lab, called: Call, reply: Reply) -> Reply:
    if isinstance(reply, Json) and reply.refused == "invalid" and called.identity.key != "nobody":
        _later(lab, called, called.identity.key)
    return reply


BOOK.add(
    "invalid-payload-charged-a-moment-later",
    "RATE-2",
    "a 400 consumes a unit, counted in the background",
    seams.change(_refusals_charged),
    _and_later(spent(lambda c: c.post("/gen/image", {}))),
)


def _options_charged(lab: Lab, called: Call, reply: Reply) -> Reply:
    essential = called.arguments.get("prompt") or called.arguments.get("messages")
    if isinstance(reply, Json) and reply.refused == "invalid" and essential:
        _charge(lab, called, called.identity.key)
    return reply


BOOK.add(
    "wrong-option-charged",
    "RATE-2",
    "a 400 for an optional field consumes a unit",
    seams.change(_options_charged),
    spent(lambda c: c.make("image", image_urls=5)),
)


def _accounts_charged(lab: Lab, called: Call, reply: Reply) -> Reply:
    if isinstance(reply, Json) and reply.refused == "invalid" and called.identity.key.startswith("user:"):
        _charge(lab, called, called.identity.key)
    return reply


BOOK.add(
    "invalid-payload-charged-to-accounts",
    "RATE-2",
    "a 400 consumes a unit of signed-in users only",
    seams.change(_accounts_charged),
    spent(lambda c: c.post("/gen/image", {}, FREE), FREE),
    credentials=FREE,
)


def _free_of_charge(operations: str, *tokens: str) -> seams.Apply:
    """These credentials pay nothing on these operations."""
    chosen = seams.ids(operations)

    async def maybe(lab: Lab, called: Call, run: Run) -> None:
        header = called.request.headers.get("authorization", "")
        bearers = {f"Bearer {lab.credentials.get(name)}" for name in tokens}
        if called.operation.id not in chosen or header not in bearers:
            await run()

    return seams.around("charge", maybe)


BOOK.add(
    "chats-by-key-free",
    "CHAT-11",
    "a chat by API key is not counted",
    _free_of_charge("createChatCompletion", KEY),
    charged("createChatCompletion", KEY),
    "sample",
    KEY,
)
BOOK.add(
    "images-by-token-free",
    "IMG-6",
    "an image by access token is not counted",
    _free_of_charge("createImage getImage", PAID),
    charged("createImage", PAID),
    "sample",
    PAID,
)
BOOK.add(
    "sounds-of-accounts-free",
    "SFX-3",
    "a sound of a signed-in user is not counted",
    _free_of_charge("createSfx getSfx", PAID, KEY, FREE),
    charged("createSfx", PAID),
    "sample",
    PAID,
)


def _client_pays(lab: Lab, called: Call, who: Identity) -> Identity:
    client = called.request.headers.get("x-client-id", "")
    if who.auth_type and client and called.operation.metric and called.operation.metric != "cloudChatDaily":
        return replace(who, key=f"client:{client}")
    return who


BOOK.add(
    "media-beside-client-id-charged-to-it",
    "IMG-6 VID-7 SFX-3 ID-5",
    "media by a bearer beside a client id are charged to the client id",
    seams.resolve(_client_pays),
    lambda c: (c.make("image", PAID).status, c.used(PAID)),
    "sample",
    PAID,
)

BOOK.add(
    "one-ledger-for-accounts",
    "RATE-1",
    "all signed-in users share one counter",
    seams.resolve(lambda _l, _c, who: replace(who, key="user:any") if who.auth_type else who),
    lambda c: (c.chat(PAID).status, c.used(FREE)),
    "sample",
    f"{PAID} {FREE}",
)


# --- callers without a client id ------------------------------------------------------------------------


def _by_address(called: Call) -> bool:
    return called.identity.key.startswith("address:")


async def _address_free(lab: Lab, called: Call, run: Run) -> None:
    if not (_by_address(called) and called.operation.metric == "imagesDaily"):
        await run()


BOOK.add(
    "images-without-client-id-free",
    "ID-3",
    "an image without a client id is not counted",
    seams.around("charge", _address_free),
    lambda c: (_nameless(c), c.used(client="")),
    "sample",
)
BOOK.add(
    "media-needs-client-id",
    "ID-3",
    "media without a client id are refused as invalid",
    seams.refuse_when("createImage createVideo createSfx createTts", _by_address),
    _nameless,
    "sample",
)


def _endless(wanted: Callable[[Call], bool]) -> seams.Apply:
    """No limits for these calls, which are counted all the same."""

    async def uncapped(lab: Lab, called: Call, run: Run) -> None:
        if wanted(called) and called.operation.metric:
            called.charged += 1
            _charge(lab, called, called.identity.key)
        else:
            await run()

    return seams.around("charge", uncapped)


BOOK.add(
    "no-limits-without-client-id",
    "RATE-4",
    "callers without a client id are served beyond their limits",
    _endless(_by_address),
    lambda c: [_nameless(c, "sfx") for _ in range(2)],
    "exhaust",
)
BOOK.add(
    "no-limits-for-users",
    "RATE-4",
    "signed-in users are served beyond their limits",
    _endless(lambda called: called.identity.key.startswith("user:")),
    exhaust("createSfx", 2, auth=FREE),
    "exhaust",
    FREE,
)


async def _ask_for_a_bearer(_: Lab, called: Call, run: Run) -> None:
    await run()
    if called.operation.id in seams.ids(MEDIA_GET) and called.identity.auth_type is None:
        raise Refusal("credential", "Sign in first")


BOOK.add(
    "media-by-get-need-bearer",
    "ID-4",
    "media by GET ask for a bearer",
    seams.around("identify", _ask_for_a_bearer),
    lambda c: c.fetch("image").status,
    "sample",
)


# --- races and limits -----------------------------------------------------------------------------------


def _racing(operations: str) -> seams.Apply:
    """Look at the counter, wait a little, then count."""
    chosen = seams.ids(operations)

    async def racy(lab: Lab, called: Call, run: Run) -> None:
        metric = lab.metric_of[called.operation.id]
        if called.operation.id not in chosen or metric is None:
            await run()
            return
        limit = lab.limit_of(called.identity, metric)
        if limit is not None and lab.used_of(called.identity, metric) >= limit:
            raise Refusal("exhausted", f"The limit of {metric} is reached")
        await asyncio.sleep(0.05)
        called.charged += 1
        _charge(lab, called, called.identity.key)

    return seams.around("charge", racy)


for _name, _operations, _call in (
    ("alternate-videos", "createAirforceVideo getAirforceVideo", "createAirforceVideo"),
    ("speech", "createTts getTts", "createTts"),
    ("images", "createImage getImage", "createImage"),
    ("chats", "createChatCompletion", "createChatCompletion"),
):
    BOOK.add(
        f"race-on-{_name}",
        "RATE-6",
        f"{_name} at the same time pass the limit",
        _racing(_operations),
        at_once(_call, 60 if _name == "chats" else 12),
        "exhaust",
    )


def _one_remains(payload: Any) -> Any:
    for entry in payload["usage"].values():
        if entry["remaining"] is not None:
            entry["remaining"] = max(1, entry["remaining"])
    return payload


BOOK.add(
    "one-always-remains",
    "USE-4",
    "remaining never falls below one",
    seams.edit("getUsage", _one_remains),
    exhaust("createSfx", 1, lambda c: c.usage()["audioWeekly"]),
    "sample",
)


# --- refusals of streams, and sizes ---------------------------------------------------------------------


def _as_stream(kinds: str) -> seams.Apply:
    """A refusal of a streamed chat is a stream of one error event, with status 200."""

    def streamed(called: Call, reply: Json) -> Reply:
        if b'"stream": true' not in called.raw and b'"stream":true' not in called.raw:
            return reply
        return Stream([{"error": {"message": "No"}}, "[DONE]"])

    return seams.refusal(kinds, streamed, "createChatCompletion")


def _reading_first(apply: seams.Apply) -> seams.Apply:
    """With the body read before the caller is known, so that it can be looked at."""

    def first(lab: Lab) -> None:
        lab.order = ["read", *(step for step in lab.order if step != "read")]
        apply(lab)

    return first


BOOK.add(
    "bad-bearer-is-told-in-the-stream",
    "AUTH-4 AUTH-5 AUTH-6",
    "a streamed chat with a bad bearer is 200 and tells of it in an event",
    _reading_first(_as_stream("credential")),
    all_of(
        lambda c: c.chat("bad", stream=True).status,
        lambda c: c.chat(REVOKED, stream=True).status,
    ),
)
BOOK.add(
    "oversize-is-told-in-the-stream",
    "FAIL-2",
    "a streamed chat that is too large is 200 and tells of it in an event",
    _as_stream("oversize"),
    lambda c: c.chat(messages=[{"role": "user", "content": "word " * 60_000}], stream=True).status,
)


async def _only_the_last(lab: Lab, called: Call, run: Run) -> None:
    plain = called.arguments.get("messages")
    if isinstance(plain, list) and len(plain) > 1:
        called.arguments["messages"] = plain[-1:]
        await run()
        called.arguments["messages"] = plain
    else:
        await run()


BOOK.add(
    "size-of-last-message-only",
    "FAIL-2",
    "only the last message of a chat is measured",
    seams.around("size", _only_the_last),
    lambda c: (
        c.chat(
            messages=[{"role": "user", "content": "word " * 60_000}] * 2
            + [{"role": "user", "content": "Go on."}]
        ).status
    ),
)


async def _only_strings(lab: Lab, called: Call, run: Run) -> None:
    messages = called.arguments.get("messages")
    if isinstance(messages, list) and any(isinstance(m.get("content"), list) for m in messages):
        return
    await run()


BOOK.add(
    "size-of-parts-not-measured",
    "FAIL-2",
    "text in content parts is not measured",
    seams.around("size", _only_strings),
    lambda c: (
        c.chat(messages=[{"role": "user", "content": [{"type": "text", "text": "word " * 60_000}]}]).status
    ),
)


def _plain_text(_: Call, reply: Reply) -> Reply:
    reply.content_type = "text/plain"
    return reply


BOOK.add(
    "subscription-as-text",
    "HDR-1",
    "/subscription is sent as text/plain",
    seams.success("getSubscription", _plain_text),
    read("/subscription", PAID),
    credentials=PAID,
)


# --- bearers and what stands beside them ----------------------------------------------------------------


async def _signature_only(lab: Lab, called: Call, run: Run) -> None:
    token = called.request.headers.get("authorization", "").removeprefix("Bearer ")
    signature = token.rpartition(".")[2]
    if token.count(".") == 2 and called.operation.auth != "none":
        for known, who in lab.accounts.items():
            if known.count(".") == 2 and known.rpartition(".")[2] == signature:
                called.identity = who
                return
    await run()


def _with_other_claims(c: Client) -> int:
    header, _, signature = c.credentials[PAID].split(".")
    return c.get("/usage", f"{header}.e30.{signature}").status


BOOK.add(
    "claims-not-signed",
    "AUTH-4",
    "a token with other claims and the signature of a good one is accepted",
    seams.around("identify", _signature_only),
    _with_other_claims,
    credentials=PAID,
)


async def _one_or_the_other(lab: Lab, called: Call, run: Run) -> None:
    headers = called.request.headers
    if called.operation.auth != "none" and "authorization" in headers and "x-client-id" in headers:
        raise Refusal("invalid", "Send a bearer or a client id")
    await run()


BOOK.add(
    "bearer-beside-client-id-400",
    "ID-5 AUTH-4",
    "a bearer and a client id in one request are refused as invalid",
    seams.around("identify", _one_or_the_other),
    lambda c: c.get("/usage", PAID).status,
    credentials=PAID,
)


def _no_json(_: Lab, called: Call, reply: Reply) -> Reply:
    wanted = called.request.headers.get("accept", "")
    if isinstance(reply, Json) and reply.status == 200 and wanted.startswith("application/json"):
        return Json({"detail": "Not acceptable"}, 406, refused="accept")
    return reply


BOOK.add(
    "json-not-acceptable",
    "HDR-1",
    "a client that accepts JSON is answered with 406",
    seams.change(_no_json),
    lambda c: c.send("GET", "/tiers", None, {"Accept": "application/json"}).status,
)

# --- prompts, durations, addresses, options -------------------------------------------------------------


def _beyond_latin(called: Call) -> bool:
    return any(ord(letter) > 0x2000 for letter in str(called.arguments.get("prompt")))


BOOK.add(
    "speech-in-ascii-only",
    "TTS-1",
    "text beyond Latin breaks speech",
    crash_when("createTts", _beyond_latin),
    lambda c: c.make("tts", prompt="灯台").status,
    "sample",
)

BOOK.add(
    "negative-duration-turned-round",
    "VID-5",
    "a negative duration counts without its sign",
    lambda lab: before_checks(
        lab, "createVideo", "duration", lambda value: abs(value) if isinstance(value, int) else value
    ),
    lambda c: decoded(c.make("video", duration=-5).body),
    "sample",
)

BOOK.add(
    "addresses-of-images-refused",
    "IMG-4 VID-6",
    "an address as image input is refused as invalid, whatever is found there",
    seams.refuse_when(
        "createImage createVideo",
        lambda called: any(str(item).startswith("http") for item in called.arguments.get("image_urls") or []),
    ),
    lambda c: c.make("image", image_urls=["https://example.com/a.png"]).status,
    "sample",
)


BOOK.add(
    "no-system-role",
    "CHAT-2",
    "a system message is refused",
    seams.refuse_when(
        "createChatCompletion",
        lambda called: any(
            isinstance(item, dict) and item.get("role") == "system"
            for item in called.arguments.get("messages") or []
        ),
    ),
    lambda c: c.chat(messages=[{"role": "system", "content": "Be brief."}]).status,
    "sample",
)


def _at_the_limit(c: Client) -> int:
    for _ in range(50):
        c.chat()
    return c.chat(tools=[TOOL]).status


BOOK.add(
    "no-limit-with-tools",
    "RATE-4",
    "a chat with tools is served beyond the limit",
    _endless(lambda called: bool(called.arguments.get("tools"))),
    _at_the_limit,
    "exhaust",
)


def _without_ids(payload: Any) -> Any:
    for choice in payload["choices"]:
        for tool_call in choice["message"].get("tool_calls") or []:
            del tool_call["id"]
    return payload


BOOK.add(
    "tool-calls-without-id",
    "CHAT-8",
    "a tool call has no id",
    seams.edit("createChatCompletion", _without_ids),
    chat(**WEATHER),
    "sample",
)


def _streamed_without_ids(events: list[Any]) -> list[Any]:
    for event in events:
        for choice in event.get("choices", []) if isinstance(event, dict) else []:
            for fragment in choice["delta"].get("tool_calls") or []:
                fragment.pop("id", None)
    return events


BOOK.add(
    "streamed-tool-calls-without-id",
    "CHAT-8",
    "a tool call in a stream has no id",
    seams.events(_streamed_without_ids),
    streamed(**WEATHER),
    "sample",
)
