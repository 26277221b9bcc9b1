"""Trackers faults: what is charged and when it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import Run, dot
from lab.proofs import at_once, charged, exhaust
from lab.server.lab import Call, Identity, Json, Lab, Refusal, Reply
from lab.server.payloads import text_of

BOOK = Book("trackers")


def _more(condition: Callable[[Call], int]) -> seams.Apply:
    return seams.charge_more(
        lambda lab, c: (
            [(c.identity.key, str(c.operation.metric))] * condition(c) if c.operation.metric else []
        )
    )


# Two billing steps on one path: langgenius/dify#40613.
BOOK.add(
    "stream-charged-twice",
    "CHAT-11",
    "a streamed chat is charged at its start and at its end",
    _more(lambda c: int(c.arguments.get("stream") is True)),
    charged("createChatCompletion", stream=True),
    "sample",
)


def _first_twice(lab: Lab) -> None:
    async def step(inner: Lab, called: Call, run: Run) -> None:
        metric = inner.metric_of[called.operation.id]
        fresh = metric is not None and inner.used_of(called.identity, metric) == 0
        await run()
        if fresh and metric is not None:
            inner.ledger.add(called.identity.key, metric, inner.window_of(metric, inner.clock()))

    seams.around("charge", step)(lab)


# The seed and the increment both count: Ganesh-403/semantic-plagiarism-detector#2178.
BOOK.add(
    "first-call-counted-twice",
    "CHAT-11 IMG-6",
    "the first unit of a window is counted twice",
    _first_twice,
    charged("createImage", times=2),
    "sample",
)

# Units of another kind: wso2/api-platform#2932 mixes up tokens and requests.
BOOK.add(
    "chat-charged-by-words",
    "CHAT-11",
    "a chat consumes a unit for each word of its prompt",
    _more(
        lambda c: (
            max(0, len(text_of(c.arguments.get("messages")).split()) - 1)
            if c.operation.id == "createChatCompletion"
            else 0
        )
    ),
    charged("createChatCompletion"),
    "sample",
)

BOOK.add(
    "realistic-charged-twice",
    "IMG-6",
    "a realistic image consumes two units",
    _more(lambda c: int(c.arguments.get("mode") == "realistic")),
    charged("createImage", mode="realistic"),
    "sample",
)

BOOK.add(
    "base64-video-charged-as-image",
    "VID-7",
    "a video with a base64 image consumes an image as well",
    seams.charge_more(
        lambda _l, c: [(c.identity.key, "imagesDaily")] if c.images and "Video" in c.operation.id else []
    ),
    lambda c: (c.make("video", image_urls=[dot()]).status, c.used()),
    "sample",
)


def _never_grows(lab: Lab) -> None:
    plain = lab.used_of
    lab.used_of = lambda who, metric: (
        min(1, plain(who, metric)) if metric != "audioWeekly" else plain(who, metric)
    )


# Counters that never add up: wso2/api-platform#2936 starts a window anew with every request.
BOOK.add(
    "budget-never-grows",
    "RATE-4 IMG-6",
    "used stays at one however much is generated",
    _never_grows,
    charged("createImage", times=3),
    "sample",
)


def _workers(lab: Lab) -> None:
    def turn(inner: Lab, called: Call, who: Identity) -> Identity:
        return replace(who, key=f"{who.key}|worker{len(inner.requests) % 2}")

    seams.resolve(turn)(lab)


# Each worker process has its own memory.
BOOK.add(
    "counter-per-worker",
    "RATE-4 RATE-1",
    "two workers count for themselves and take turns",
    _workers,
    exhaust("createSfx", 4),
    "exhaust",
)

# A status that asks for money: the 402 of many resellers, PSergio984/llm_usage_tracker#7.
BOOK.add(
    "exhausted-402",
    "RATE-4",
    "a used-up plan is answered with 402",
    seams.refused_with("exhausted", 402),
    exhaust("createTts", 2),
    "exhaust",
)

# Validation after metering: ritsth/job-autofill-extension#315; failures count: sonatype/nexus-public#736.
BOOK.add(
    "unparsable-charged",
    "RATE-2",
    "a body that cannot be parsed is charged, the middleware meters first",
    lambda lab: setattr(lab, "order", ["identify", "charge", "read", "validate", "size"]),
    lambda c: (c.post("/gen/image", raw=b"{").status, c.used()),
)


def _blocked(lab: Lab) -> None:
    blocked: set[str] = set()

    async def step(_: Lab, called: Call, run: Run) -> None:
        if called.identity.key in blocked and called.operation.metric:
            raise Refusal("exhausted", "You are blocked")
        try:
            await run()
        except Refusal:
            blocked.add(called.identity.key)
            raise

    seams.around("charge", step)(lab)


BOOK.add(
    "whoever-is-blocked-stays-blocked",
    "RATE-5",
    "after one 429 every metric is refused",
    _blocked,
    exhaust("createSfx", 2, lambda c: (c.make("image").status, c.chat().status)),
    "exhaust",
)


def _late(lab: Lab) -> None:
    plain = lab.steps["charge"]

    async def look(inner: Lab, called: Call) -> None:
        metric = inner.metric_of[called.operation.id]
        limit = inner.limit_of(called.identity, metric) if metric else None
        if metric and limit is not None and inner.used_of(called.identity, metric) >= limit:
            raise Refusal("exhausted", "used up")

    lab.steps["charge"] = look
    for name, handler in list(lab.handlers.items()):
        if lab.metric_of.get(name):

            async def later(inner: Lab, called: Call, make: Any = handler) -> Reply:
                reply: Reply = await make(inner, called)
                await asyncio.sleep(0.05)
                try:
                    await plain(inner, called)
                except Refusal:
                    metric = str(inner.metric_of[called.operation.id])
                    inner.ledger.add(called.identity.key, metric, inner.window_of(metric, inner.clock()))
                return reply

            lab.handlers[name] = later


# Charged when complete: envoyproxy/ai-gateway#2394; look, wait, count: JhaSourav07/commitpulse#4130,
# TerminalWitchcraft/actix-ratelimit#16, membrane/api-gateway#3209.
BOOK.add(
    "charged-on-completion",
    "RATE-6",
    "a unit is taken when the answer is complete, so calls in between are free",
    _late,
    at_once("createTts", 6),
    "exhaust",
)


def _evicting(lab: Lab) -> None:
    last = [""]

    def change(inner: Lab, called: Call, reply: Reply) -> Reply:
        key = called.identity.key
        if key != "nobody" and key != last[0]:
            for who, metric in inner.ledger.by_identity():
                if who == last[0]:
                    window = inner.window_of(metric, inner.clock())
                    inner.ledger.add(who, metric, window, -inner.ledger.used(who, metric, window))
            last[0] = key
        return reply

    lab.changes.append(change)


# A small store that forgets, and a lifetime that starts with the last call.
BOOK.add(
    "counters-forgotten-for-new-callers",
    "RATE-7 RATE-1",
    "the store keeps one caller and forgets the others",
    _evicting,
    lambda c: (c.make("image").status, c.used(client="ipc-somebody-else-comes"), c.used()),
    "sample",
)


def _reset_on_429(lab: Lab) -> None:
    def change(inner: Lab, called: Call, reply: Reply) -> Reply:
        if isinstance(reply, Json) and reply.refused == "exhausted":
            metric = str(called.operation.metric)
            window = inner.window_of(metric, inner.clock())
            inner.ledger.add(
                called.identity.key, metric, window, -inner.ledger.used(called.identity.key, metric, window)
            )
        return reply

    lab.changes.append(change)


BOOK.add(
    "counters-reset-by-429",
    "RATE-7 RATE-4",
    "a 429 starts the window anew",
    _reset_on_429,
    exhaust("createSfx", 4),
    "exhaust",
)
