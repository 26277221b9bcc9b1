"""Handwritten faults: what is charged and when it is refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import FREE, MEDIA_GET, Run
from lab.proofs import Proof, at_once, call, exhaust, spent
from lab.server.lab import Call, Identity, Json, Lab, Refusal, Reply

BOOK = Book("handwritten")

BOOK.add(
    "one-counter-for-everybody",
    "RATE-1 ID-2",
    "all callers share one counter",
    seams.resolve(lambda _l, _c, who: replace(who, key="everybody")),
    lambda c: (c.make("image").status, c.used(client="ipc-a-quite-different-one")),
    "sample",
)


def _shared(lab: Lab, metric: str) -> None:
    plain = lab.used_of

    def used(who: Identity, which: str) -> int:
        if which != metric:
            return plain(who, which)
        return lab.ledger.charged(metric)

    lab.used_of = used


BOOK.add(
    "videos-counted-together",
    "RATE-1",
    "the video counter is one for all callers",
    lambda lab: _shared(lab, "videosDaily"),
    lambda c: (c.make("video").status, c.used(client="ipc-a-quite-different-one")),
    "sample",
)


def _leaky(lab: Lab) -> None:
    plain = lab.used_of
    lab.used_of = lambda who, which: (
        plain(who, which)
        + (
            sum(
                n
                for (key, m), n in lab.ledger.by_identity().items()
                if m == which and key.startswith("client:")
            )
            if who.key.startswith("user:")
            else 0
        )
    )


BOOK.add(
    "anonymous-spending-shows-for-account",
    "RATE-1",
    "what anonymous callers spend shows on every account",
    _leaky,
    lambda c: (c.make("image").status, c.used(FREE)),
    "sample",
    FREE,
)


def charge_refusals(kinds: str, metric: str = "imagesDaily") -> seams.Apply:
    """Take a unit of whoever is refused like this."""
    wanted = seams.ids(kinds)

    def change(lab: Lab, called: Call, reply: Reply) -> Reply:
        if isinstance(reply, Json) and reply.refused in wanted and called.operation.metric:
            key = called.identity.key
            if key == "nobody":
                key = "client:" + called.request.headers.get("x-client-id", "")
            which = called.operation.metric
            lab.ledger.add(key, which, lab.window_of(which, lab.clock()))
        return reply

    return seams.change(change)


BOOK.add(
    "invalid-payload-charged",
    "RATE-2",
    "a 400 consumes a unit",
    charge_refusals("invalid"),
    spent(lambda c: c.post("/gen/image", {})),
)

BOOK.add(
    "bad-bearer-charged",
    "RATE-2",
    "a 401 consumes a unit of the client id beside it",
    charge_refusals("credential"),
    spent(lambda c: c.make("image", "bad")),
)

BOOK.add(
    "oversize-charged",
    "RATE-2",
    "a 413 consumes a unit",
    charge_refusals("oversize"),
    spent(lambda c: c.make("image", prompt="x" * 9_000)),
)

BOOK.add(
    "exhausted-charged",
    "RATE-2",
    "a 429 consumes a unit, so used goes past the limit",
    charge_refusals("exhausted"),
    exhaust("createSfx", 3),
    "exhaust",
)


def _charge_reading(operation: str) -> seams.Apply:
    def change(inner: Lab, called: Call, reply: Reply) -> Reply:
        if called.operation.id == operation and reply.status == 200:
            key = called.identity.key
            if key == "nobody":
                key = "client:" + called.request.headers.get("x-client-id", "")
            inner.ledger.add(key, "cloudChatDaily", inner.window_of("cloudChatDaily", inner.clock()))
        return reply

    return seams.change(change)


def _reading(path: str, auth: str | None) -> Proof:
    return lambda c: (c.get(path, auth).status, c.used(auth))


for _operation, _path in (
    ("getUsage", "/usage"),
    ("getTierConfig", "/tier-config"),
    ("getStatus", "/status"),
    ("getSubscription", "/subscription"),
):
    BOOK.add(
        f"reading-{_path.strip('/')}-charged",
        "RATE-3",
        f"reading {_path} consumes a chat unit",
        _charge_reading(_operation),
        _reading(_path, FREE if _operation == "getSubscription" else None),
        credentials=FREE if _operation == "getSubscription" else "",
    )


def _second_chance(lab: Lab) -> None:
    refused: set[str] = set()

    async def step(_: Lab, called: Call, run: Run) -> None:
        if called.identity.key in refused and called.operation.metric:
            return
        try:
            await run()
        except Refusal:
            refused.add(called.identity.key)
            raise

    seams.around("charge", step)(lab)


BOOK.add(
    "served-again-after-429",
    "RATE-4",
    "after one 429 the caller is served again",
    _second_chance,
    exhaust("createSfx", 4),
    "exhaust",
)


def _lenient_charge(lab: Lab, condition: Callable[[Call], bool]) -> None:
    async def step(_: Lab, called: Call, run: Run) -> None:
        try:
            await run()
        except Refusal:
            if not condition(called):
                raise

    seams.around("charge", step)(lab)


BOOK.add(
    "limit-only-on-post",
    "RATE-4",
    "the GET forms go on when a metric is used up",
    lambda lab: _lenient_charge(lab, lambda c: c.operation.method == "GET"),
    exhaust("createSfx", 1, lambda c: call(c, "getSfx").status),
    "exhaust",
)

BOOK.add(
    "limit-not-for-streams",
    "RATE-4",
    "streamed chats go on when chats are used up",
    lambda lab: _lenient_charge(lab, lambda c: c.arguments.get("stream") is True),
    exhaust("createChatCompletion", 50, lambda c: c.chat(stream=True).status),
    "exhaust",
)

BOOK.add(
    "exhausted-200",
    "RATE-4",
    "a used-up plan is answered with 200 and an apology",
    seams.refused_with("exhausted", 200),
    exhaust("createTts", 2),
    "exhaust",
)


def block(first: str, others: str) -> seams.Apply:
    """Once this metric is used up, these are refused as well."""

    async def step(lab: Lab, called: Call, run: Run) -> None:
        limit = lab.limit_of(called.identity, first)
        spent_all = limit is not None and lab.used_of(called.identity, first) >= limit
        if spent_all and called.operation.metric in seams.ids(others):
            raise Refusal("exhausted", "Your plan is used up")
        await run()

    return seams.around("charge", step)


BOOK.add(
    "audio-blocks-everything",
    "RATE-5",
    "when audio is used up nothing is served",
    block("audioWeekly", "cloudChatDaily imagesDaily videosDaily"),
    exhaust("createSfx", 1, lambda c: (c.make("image").status, c.chat().status)),
    "exhaust",
)

BOOK.add(
    "videos-block-images",
    "RATE-5",
    "when videos are used up images are refused",
    block("videosDaily", "imagesDaily"),
    exhaust("createVideo", 3, lambda c: c.make("image").status),
    "exhaust",
)

BOOK.add(
    "audio-blocks-chat",
    "RATE-5",
    "when audio is used up chat is refused",
    block("audioWeekly", "cloudChatDaily"),
    exhaust("createTts", 1, lambda c: c.chat().status),
    "exhaust",
)


def _racing(seconds: float, operations: str = "") -> seams.Apply:
    """Look first, wait, charge later: calls in between see the old count."""
    chosen = seams.ids(operations)

    async def step(lab: Lab, called: Call, run: Run) -> None:
        metric = lab.metric_of[called.operation.id]
        if metric is None or (chosen and called.operation.id not in chosen):
            await run()
            return
        limit = lab.limit_of(called.identity, metric)
        if limit is not None and lab.used_of(called.identity, metric) >= limit:
            raise Refusal("exhausted", "used up")
        await asyncio.sleep(seconds)
        lab.ledger.add(called.identity.key, metric, lab.window_of(metric, lab.clock()))

    return seams.around("charge", step)


BOOK.add(
    "limit-races",
    "RATE-6",
    "calls at the same time all see the last free unit",
    _racing(0.05),
    at_once("createSfx", 6),
    "exhaust",
)

BOOK.add(
    "limit-races-on-get",
    "RATE-6",
    "GET calls at the same time all see the last free unit",
    _racing(0.05, MEDIA_GET),
    at_once("getTts", 6),
    "exhaust",
)


def _later(seconds: float) -> Callable[[Any], Any]:
    def proof(c: Any) -> Any:
        first = c.make("image").status
        time.sleep(seconds)
        return first, c.used()

    return proof


def _short_lived(seconds: float) -> Callable[[Lab], None]:
    """Each unit counts for so many seconds only, as if the window slid."""

    def apply(lab: Lab) -> None:
        plain = lab.used_of
        taken: list[tuple[float, str, str]] = []

        async def step(inner: Lab, called: Call, run: Run) -> None:
            await run()
            if metric := inner.metric_of[called.operation.id]:
                taken.append((time.monotonic(), called.identity.key, metric))

        def used(who: Identity, metric: str) -> int:
            old = time.monotonic() - seconds
            return plain(who, metric) - sum(
                1 for at_, key, m in taken if (key, m) == (who.key, metric) and at_ < old
            )

        seams.around("charge", step)(lab)
        lab.used_of = used

    return apply


BOOK.add(
    "units-count-for-a-second",
    "RATE-7",
    "a unit is forgotten one second after it was taken",
    _short_lived(1.0),
    _later(1.1),
    "sample",
)


def _reset_on_read(lab: Lab) -> None:
    def change(inner: Lab, called: Call, reply: Reply) -> Reply:
        if called.operation.id == "getUsage" and reply.status == 200:
            for metric in ("cloudChatDaily", "imagesDaily", "videosDaily", "audioWeekly"):
                window = inner.window_of(metric, inner.clock())
                inner.ledger.add(
                    called.identity.key,
                    metric,
                    window,
                    -inner.ledger.used(called.identity.key, metric, window),
                )
        return reply

    lab.changes.append(change)


BOOK.add(
    "counters-reset-by-reading",
    "RATE-7",
    "reading /usage sets the counters back",
    _reset_on_read,
    lambda c: (c.make("image").status, c.used(), c.used()),
    "sample",
)
