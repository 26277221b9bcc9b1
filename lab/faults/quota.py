"""Faults: limits, windows and what must cost nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lab import seams
from lab.client import Client
from lab.faults.callers import FREE, PAID, by_address, nameless
from lab.faults.fault import FaultSet
from lab.proofs import TOOL, Proof, and_later, at_once, call, charged, exhaust, spent
from lab.seams import MEDIA_GET, Run, refused_with
from lab.server import facts
from lab.server.lab import Call, Identity, Json, Lab, Refusal, Reply

FAULTS = FaultSet()

FAULTS.handwritten(
    "RATE-1", lambda c: (c.chat(PAID).status, c.used(FREE)), spend="sample", credentials=f"{PAID} {FREE}"
).add(
    "one-ledger-for-accounts: all signed-in users share one counter",
    seams.resolve(lambda _l, _c, who: replace(who, key="user:any") if who.auth_type else who),
)


async def _also_for_the_paid(lab: Lab, called: Call, run: Run) -> None:
    await run()
    metric = lab.metric_of[called.operation.id]
    paid = lab.accounts[lab.credentials[PAID]]
    if metric and called.identity == lab.accounts[lab.credentials[FREE]]:
        seams.count(lab, paid.key, metric)


FAULTS.handwritten(
    "RATE-1", lambda c: (c.chat(FREE).status, c.used(PAID)), spend="sample", credentials=f"{PAID} {FREE}"
).add(
    "free-spending-counts-twice: what the free account spends is counted for the paid one as well",
    seams.around("charge", _also_for_the_paid),
)


def _first_come() -> seams.Apply:
    def apply(lab: Lab) -> None:
        async def step(inner: Lab, called: Call, run: Run) -> None:
            await run()
            metric = inner.metric_of[called.operation.id]
            if metric:
                seams.count(inner, "address", metric)

        def limit(inner: Lab, called: Call) -> None:
            metric = inner.metric_of[called.operation.id]
            if metric is None or called.identity.auth_type:
                return
            used = inner.ledger.used("address", metric, inner.window_of(metric, inner.clock()))
            if used >= int(inner.plans["free"].limits[metric] or 0):
                raise Refusal("exhausted", "Too many requests from your address")

        async def both(inner: Lab, called: Call, run: Run) -> None:
            limit(inner, called)
            await step(inner, called, run)

        seams.around("charge", both)(lab)

    return apply


def _two_callers(c: Any) -> Any:
    first = [c.generate("sfx").status for _ in range(2)]
    return first, c.post("/gen/sfx", {"prompt": "x"}, client="ipc-another-caller-entirely").status


FAULTS.handwritten("RATE-1 ID-2", _two_callers, spend="exhaust").add(
    "address-limit-for-all-clients: callers of one address share a limit, though each shows its own",
    _first_come(),
)

FAULTS.handwritten(
    "RATE-1 ID-2",
    lambda c: (c.generate("image").status, c.used(client="ipc-a-quite-different-one")),
    spend="sample",
).add(
    "one-counter-for-everybody: all callers share one counter",
    seams.resolve(lambda _l, _c, who: replace(who, key="everybody")),
)


def _shared(lab: Lab, metric: str) -> None:
    plain = lab.used_of

    def used(who: Identity, which: str) -> int:
        if which != metric:
            return plain(who, which)
        return lab.ledger.charged(metric)

    lab.used_of = used


FAULTS.handwritten(
    "RATE-1",
    lambda c: (c.generate("video").status, c.used(client="ipc-a-quite-different-one")),
    spend="sample",
).add(
    "videos-counted-together: the video counter is one for all callers",
    lambda lab: _shared(lab, "videosDaily"),
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


FAULTS.handwritten(
    "RATE-1", lambda c: (c.generate("image").status, c.used(FREE)), spend="sample", credentials=FREE
).add("anonymous-spending-shows-for-account: what anonymous callers spend shows on every account", _leaky)


def _refusals_charged(lab: Lab, called: Call, reply: Reply) -> Reply:
    if isinstance(reply, Json) and reply.refused == "invalid" and called.identity.key != "nobody":
        seams.charge_later(lab, called)
    return reply


FAULTS.handwritten("RATE-2", and_later(spent(lambda c: c.post("/gen/image", {})))).add(
    "invalid-payload-charged-a-moment-later: a 400 consumes a unit, counted in the background",
    seams.change(_refusals_charged),
)


def _options_charged(lab: Lab, called: Call, reply: Reply) -> Reply:
    essential = called.arguments.get("prompt") or called.arguments.get("messages")
    if isinstance(reply, Json) and reply.refused == "invalid" and essential:
        seams.charge(lab, called, called.identity.key)
    return reply


FAULTS.handwritten("RATE-2", spent(lambda c: c.generate("image", image_urls=5))).add(
    "wrong-option-charged: a 400 for an optional field consumes a unit", seams.change(_options_charged)
)


def _accounts_charged(lab: Lab, called: Call, reply: Reply) -> Reply:
    if isinstance(reply, Json) and reply.refused == "invalid" and called.identity.key.startswith("user:"):
        seams.charge(lab, called, called.identity.key)
    return reply


FAULTS.handwritten("RATE-2", spent(lambda c: c.post("/gen/image", {}, FREE), FREE), credentials=FREE).add(
    "invalid-payload-charged-to-accounts: a 400 consumes a unit of signed-in users only",
    seams.change(_accounts_charged),
)


def _payer(called: Call) -> str:
    """Whom a call is charged to: the client id beside it where no caller was resolved."""
    if called.identity.key == "nobody":
        return "client:" + called.request.headers.get("x-client-id", "")
    return called.identity.key


def charge_refusals(kinds: str, methods: tuple[str, ...] = ("GET", "POST")) -> seams.Apply:
    """Charge a unit for this kind of refusal of requests with these methods."""
    wanted = seams.ids(kinds)

    def change(lab: Lab, called: Call, reply: Reply) -> Reply:
        if isinstance(reply, Json) and reply.refused in wanted and called.request.method in methods:
            seams.charge(lab, called, _payer(called))
        return reply

    return seams.change(change)


FAULTS.handwritten("RATE-2", spent(lambda c: c.post("/gen/image", {}))).add(
    "invalid-payload-charged: a 400 consumes a unit", charge_refusals("invalid")
)

FAULTS.handwritten("RATE-2", spent(lambda c: c.generate("image", "bad"))).add(
    "bad-bearer-charged: a 401 consumes a unit of the client id beside it", charge_refusals("credential")
)

FAULTS.handwritten("RATE-2", spent(lambda c: c.get("/gen/image/fox", "bad")), spend="exhaust").add(
    "bad-bearer-charged-on-get: a 401 on GET consumes a unit of the client id beside it",
    charge_refusals("credential", ("GET",)),
)

FAULTS.handwritten("RATE-2", spent(lambda c: c.generate("image", prompt="x" * 9_000))).add(
    "oversize-charged: a 413 consumes a unit", charge_refusals("oversize")
)

FAULTS.handwritten("RATE-2", exhaust("createSfx", 3), spend="exhaust").add(
    "exhausted-charged: a 429 consumes a unit, so used goes past the limit", charge_refusals("exhausted")
)


def _charge_reading(operation: str) -> seams.Apply:
    def change(inner: Lab, called: Call, reply: Reply) -> Reply:
        if called.operation.id == operation and reply.status == 200:
            seams.count(inner, _payer(called), "cloudChatDaily")
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
    FAULTS.handwritten(
        "RATE-3",
        _reading(_path, FREE if _operation == "getSubscription" else None),
        credentials=FREE if _operation == "getSubscription" else "",
    ).add(
        f"reading-{_path.strip('/')}-charged: reading {_path} consumes a chat unit",
        _charge_reading(_operation),
    )


def _endless(wanted: Callable[[Call], bool]) -> seams.Apply:
    """No limits for these calls, which are counted nevertheless."""

    async def uncapped(lab: Lab, called: Call, run: Run) -> None:
        if wanted(called) and called.operation.metric:
            called.charged += 1
            seams.charge(lab, called, called.identity.key)
        else:
            await run()

    return seams.around("charge", uncapped)


FAULTS.handwritten("RATE-4", lambda c: [nameless(c, "sfx") for _ in range(2)], spend="exhaust").add(
    "no-limits-without-client-id: callers without a client id are served beyond their limits",
    _endless(by_address),
)

FAULTS.handwritten("RATE-4", exhaust("createSfx", 2, auth=FREE), spend="exhaust", credentials=FREE).add(
    "no-limits-for-users: signed-in users are served beyond their limits",
    _endless(lambda called: called.identity.key.startswith("user:")),
)


def _at_the_limit(c: Client) -> int:
    for _ in range(50):
        c.chat()
    return c.chat(tools=[TOOL]).status


FAULTS.handwritten("RATE-4", _at_the_limit, spend="exhaust").add(
    "no-limit-with-tools: a chat with tools is served beyond the limit",
    _endless(lambda called: bool(called.arguments.get("tools"))),
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


FAULTS.handwritten("RATE-4", exhaust("createSfx", 4), spend="exhaust").add(
    "served-again-after-429: after one 429 the caller is served again", _second_chance
)


def _lenient_charge(lab: Lab, condition: Callable[[Call], bool]) -> None:
    async def step(_: Lab, called: Call, run: Run) -> None:
        try:
            await run()
        except Refusal:
            if not condition(called):
                raise

    seams.around("charge", step)(lab)


FAULTS.handwritten(
    "RATE-4", exhaust("createSfx", 1, lambda c: call(c, "getSfx").status), spend="exhaust"
).add(
    "limit-only-on-post: the GET forms go on when a metric is used up",
    lambda lab: _lenient_charge(lab, lambda c: c.operation.method == "GET"),
)

FAULTS.handwritten(
    "RATE-4", exhaust("createChatCompletion", 50, lambda c: c.chat(stream=True).status), spend="exhaust"
).add(
    "limit-not-for-streams: streamed chats go on when chats are used up",
    lambda lab: _lenient_charge(lab, lambda c: c.arguments.get("stream") is True),
)

FAULTS.handwritten("RATE-4", exhaust("createTts", 2), spend="exhaust").add(
    "exhausted-200: a used-up plan is answered with 200 and an apology", seams.refused_with("exhausted", 200)
)


def _enforce(metric: str, limit: Callable[[int], int | None]) -> seams.Apply:
    """Enforce another limit than the one that is shown."""

    async def step(lab: Lab, called: Call, run: Callable[[], Any]) -> None:
        plain = lab.limit_of

        def moved(who: Identity, which: str) -> int | None:
            found = plain(who, which)
            return limit(found) if which == metric and found is not None else found

        lab.limit_of = moved
        try:
            await run()
        finally:
            lab.limit_of = plain

    return seams.around("charge", step)


for _metric_name, _operation, _times in (
    ("imagesDaily", "createImage", 12),
    ("videosDaily", "createVideo", 5),
    ("audioWeekly", "createTts", 3),
    ("cloudChatDaily", "createChatCompletion", 52),
):
    FAULTS.mechanical("RATE-4", exhaust(_operation, _times), spend="exhaust").add(
        f"{_metric_name}-limit-plus-one: one more than the limit of {_metric_name} is served",
        _enforce(_metric_name, lambda n: n + 1),
    )
    FAULTS.mechanical("RATE-4", exhaust(_operation, _times), spend="exhaust").add(
        f"{_metric_name}-limit-minus-one: one less than the limit of {_metric_name} is served",
        _enforce(_metric_name, lambda n: n - 1),
    )

for _status in (403, 503):
    FAULTS.mechanical("RATE-4", exhaust("createSfx", 2), spend="exhaust").add(
        f"exhausted-{_status}: a used-up plan is answered with {_status}", refused_with("exhausted", _status)
    )


def _never_grows(lab: Lab) -> None:
    plain = lab.used_of
    lab.used_of = lambda who, metric: (
        min(1, plain(who, metric)) if metric != "audioWeekly" else plain(who, metric)
    )


FAULTS.reported("RATE-4 IMG-6", charged("createImage", times=3), spend="sample").add(
    # Counters that never add up: wso2/api-platform#2936 starts a window anew with every request.
    "budget-never-grows: used stays at one however much is generated",
    _never_grows,
)


def _workers(lab: Lab) -> None:
    def turn(inner: Lab, called: Call, who: Identity) -> Identity:
        return replace(who, key=f"{who.key}|worker{len(inner.requests) % 2}")

    seams.resolve(turn)(lab)


FAULTS.reported("RATE-4 RATE-1", exhaust("createSfx", 4), spend="exhaust").add(
    # Each worker process has its own memory.
    "counter-per-worker: two workers count for themselves and take turns",
    _workers,
)


def block(first: str, others: str) -> seams.Apply:
    """Once this metric is used up, refuse these as well."""

    async def step(lab: Lab, called: Call, run: Run) -> None:
        limit = lab.limit_of(called.identity, first)
        spent_all = limit is not None and lab.used_of(called.identity, first) >= limit
        if spent_all and called.operation.metric in seams.ids(others):
            raise Refusal("exhausted", "Your plan is used up")
        await run()

    return seams.around("charge", step)


FAULTS.handwritten(
    "RATE-5", exhaust("createVideo", 3, lambda c: c.generate("image").status), spend="exhaust"
).add("videos-block-images: when videos are used up images are refused", block("videosDaily", "imagesDaily"))

FAULTS.handwritten("RATE-5", exhaust("createTts", 1, lambda c: c.chat().status), spend="exhaust").add(
    "audio-blocks-chat: when audio is used up chat is refused", block("audioWeekly", "cloudChatDaily")
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


FAULTS.reported(
    "RATE-5",
    exhaust("createSfx", 2, lambda c: (c.generate("image").status, c.chat().status)),
    spend="exhaust",
).add("whoever-is-blocked-stays-blocked: after one 429 every metric is refused", _blocked)


_GAP = 0.05
"""Seconds between the look at a counter and the count, in which other calls see the old one."""


def _racing(operations: str = "") -> seams.Apply:
    """Check first, wait, then charge: calls in between see the old count."""
    chosen = seams.ids(operations)

    async def step(lab: Lab, called: Call, run: Run) -> None:
        metric = lab.metric_of[called.operation.id]
        if metric is None or (chosen and called.operation.id not in chosen):
            await run()
            return
        await seams.look(lab, called)
        await asyncio.sleep(_GAP)
        seams.count(lab, called.identity.key, metric)

    return seams.around("charge", step)


FAULTS.handwritten("RATE-6", at_once("createSfx", 6), spend="exhaust").add(
    "limit-races: calls at the same time all see the last free unit", _racing()
)

FAULTS.handwritten("RATE-6", at_once("getTts", 6), spend="exhaust").add(
    "limit-races-on-get: GET calls at the same time all see the last free unit", _racing(MEDIA_GET)
)

for _name, _operations, _call in (
    ("alternate-videos", "createAirforceVideo getAirforceVideo", "createAirforceVideo"),
    ("speech", "createTts getTts", "createTts"),
    ("images", "createImage getImage", "createImage"),
    ("chats", "createChatCompletion", "createChatCompletion"),
):
    FAULTS.handwritten("RATE-6", at_once(_call, 60 if _name == "chats" else 12), spend="exhaust").add(
        f"race-on-{_name}: {_name} at the same time pass the limit", _racing(_operations)
    )


def _late(lab: Lab) -> None:
    plain = lab.steps["charge"]

    lab.steps["charge"] = seams.look
    for name, handler in list(lab.handlers.items()):
        if lab.metric_of.get(name):

            async def later(inner: Lab, called: Call, make: Any = handler) -> Reply:
                reply: Reply = await make(inner, called)
                await asyncio.sleep(_GAP)
                try:
                    await plain(inner, called)
                except Refusal:
                    seams.count(inner, called.identity.key, str(inner.metric_of[called.operation.id]))
                return reply

            lab.handlers[name] = later


FAULTS.reported("RATE-6", at_once("createTts", 6), spend="exhaust").add(
    # Charged when complete: envoyproxy/ai-gateway#2394; look, wait, count: JhaSourav07/commitpulse#4130,
    # TerminalWitchcraft/actix-ratelimit#16, membrane/api-gateway#3209.
    "charged-on-completion: a unit is taken when the answer is complete, so calls in between are free",
    _late,
)


def _later(seconds: float) -> Callable[[Any], Any]:
    def proof(c: Any) -> Any:
        first = c.generate("image").status
        time.sleep(seconds)
        return first, c.used()

    return proof


def _short_lived(seconds: float) -> Callable[[Lab], None]:
    """Each unit counts for so many seconds only, as if the window were sliding."""

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


FAULTS.handwritten("RATE-7", _later(1.1), spend="sample").add(
    "units-count-for-a-second: a unit is forgotten one second after it was taken", _short_lived(1.0)
)


def _reset_on_read(lab: Lab) -> None:
    def change(inner: Lab, called: Call, reply: Reply) -> Reply:
        if called.operation.id == "getUsage" and reply.status == 200:
            for metric in facts.METRICS:
                seams.reset(inner, called.identity.key, metric)
        return reply

    lab.changes.append(change)


FAULTS.handwritten("RATE-7", lambda c: (c.generate("image").status, c.used(), c.used()), spend="sample").add(
    "counters-reset-by-reading: reading /usage sets the counters back", _reset_on_read
)


def _evicting(lab: Lab) -> None:
    last = [""]

    def change(inner: Lab, called: Call, reply: Reply) -> Reply:
        key = called.identity.key
        if key != "nobody" and key != last[0]:
            for who, metric in inner.ledger.by_identity():
                if who == last[0]:
                    seams.reset(inner, who, metric)
            last[0] = key
        return reply

    lab.changes.append(change)


FAULTS.reported(
    "RATE-7 RATE-1",
    lambda c: (c.generate("image").status, c.used(client="ipc-somebody-else-comes"), c.used()),
    spend="sample",
).add(
    # A small store that forgets, and a lifetime that starts with the last call.
    "counters-forgotten-for-new-callers: the store keeps one caller and forgets the others",
    _evicting,
)


def _reset_on_429(lab: Lab) -> None:
    def change(inner: Lab, called: Call, reply: Reply) -> Reply:
        if isinstance(reply, Json) and reply.refused == "exhausted":
            seams.reset(inner, called.identity.key, str(called.operation.metric))
        return reply

    lab.changes.append(change)


FAULTS.reported("RATE-7 RATE-4", exhaust("createSfx", 4), spend="exhaust").add(
    "counters-reset-by-429: a 429 starts the window anew", _reset_on_429
)
