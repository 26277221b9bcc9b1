"""Handwritten faults: who is let in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import (
    EXPIRED,
    KEY,
    MEDIA_GET,
    PAID,
    REVOKED,
    STALE,
    Run,
    anonymous,
    lenient,
    nobody_because,
    on,
    only,
)
from lab.faults.seams import at, edit, put
from lab.proofs import bad_bearer, charged, generated, read
from lab.server.lab import Call, Identity, Lab, Refusal

BOOK = Book("handwritten")


def become(lab: Lab, called: Call) -> None:
    """Forget the bearer: the caller is whoever an anonymous request would be."""
    client = called.request.headers.get("x-client-id", "nobody")
    called.identity = Identity(f"client:{client}", "free")
    if called.operation.auth == "required":
        called.identity = replace(called.identity, auth_type="jwt", email="")


BOOK.add(
    "jwt-treated-as-anonymous",
    "AUTH-1 ID-5",
    "an access token is accepted but its user is not looked up",
    only(PAID, become),
    read("/usage", PAID),
    credentials=PAID,
)

BOOK.add(
    "api-key-treated-as-anonymous",
    "AUTH-2 AUTH-3",
    "an API key is accepted but its owner is not looked up",
    only(KEY, become),
    read("/usage", KEY),
    credentials=KEY,
)


async def _client_and_bearer(_: Lab, called: Call, run: Run) -> None:
    headers = called.request.headers
    if called.operation.auth != "none" and "authorization" in headers and "x-client-id" in headers:
        raise Refusal("credential", "Either a bearer or a client id")
    await run()


BOOK.add(
    "bearer-refused-beside-client-id",
    "ID-5 AUTH-1",
    "a bearer is 401 when X-Client-ID is sent beside it",
    seams.around("identify", _client_and_bearer),
    read("/usage", PAID),
    credentials=PAID,
)

BOOK.add(
    "key-and-jwt-have-own-ledgers",
    "AUTH-3",
    "what an API key spends does not show for the access token",
    seams.resolve(
        lambda _l, _c, who: replace(who, key=f"{who.key}:{who.auth_type}") if who.auth_type else who
    ),
    lambda c: (c.make("image", KEY).status, c.used(PAID)),
    "sample",
    f"{PAID} {KEY}",
)

BOOK.add(
    "key-has-own-account",
    "AUTH-3",
    "the API key's account has another email",
    seams.resolve(
        lambda _l, _c, who: replace(who, email="key@example.com") if who.auth_type == "api_key" else who
    ),
    read("/subscription", KEY),
    credentials=f"{PAID} {KEY}",
)

RESOLVING = " ".join(seams.RESOLVING)

BOOK.add(
    "bad-bearer-falls-to-free-tier",
    "AUTH-4 AUTH-5 AUTH-6",
    "a bad bearer counts as none, everywhere",
    lenient(RESOLVING),
    bad_bearer("getUsage"),
)

BOOK.add(
    "bad-bearer-served-on-get-media",
    "AUTH-4 AUTH-5 AUTH-6",
    "the GET forms of generation do not look at the bearer",
    lenient(MEDIA_GET),
    bad_bearer("getImage"),
)

BOOK.add(
    "expired-jwt-falls-to-free-tier",
    "AUTH-5",
    "an expired access token counts as no bearer",
    only(EXPIRED, become),
    read("/usage", EXPIRED),
    credentials=EXPIRED,
)

BOOK.add(
    "revoked-key-falls-to-free-tier",
    "AUTH-6",
    "a revoked API key counts as no bearer",
    only(REVOKED, become),
    read("/usage", REVOKED),
    credentials=REVOKED,
)

METERED = " ".join(seams.GENERATIONS)


def _paid(_: Lab, called: Call) -> None:
    called.identity = Identity("user:paid", "light", "api_key", "paid@example.com")


BOOK.add(
    "revoked-key-can-generate",
    "AUTH-6",
    "a revoked API key is refused by /usage but may generate",
    on(METERED, REVOKED, _paid),
    bad_bearer("createImage", REVOKED),
    credentials=REVOKED,
)

BOOK.add(
    "expired-key-can-analyze",
    "AUTH-5",
    "an expired API key may analyse prompts",
    on("analyzePrompt", STALE, _paid),
    bad_bearer("analyzePrompt", STALE),
    credentials=STALE,
)


def _with_agent(_: Lab, called: Call, who: Identity) -> Identity:
    return replace(who, key=f"{who.key}|{called.request.headers.get('user-agent')}")


BOOK.add(
    "client-id-and-user-agent",
    "ID-1",
    "a client id counts for one user agent only",
    anonymous(_with_agent),
    lambda c: (c.make("image").status, c.used(agent="other/9")),
    "sample",
)

BOOK.add(
    "client-id-only-for-chat",
    "ID-1",
    "only chat looks at the client id, media count by address",
    anonymous(
        lambda _l, called, who: (
            who
            if called.operation.metric in {None, "cloudChatDaily"}
            else replace(who, key="address:" + called.request.headers.get("user-agent", ""))
        )
    ),
    charged("createImage"),
    "sample",
)

BOOK.add(
    "all-client-ids-together",
    "ID-2 RATE-1",
    "all client ids share one counter",
    anonymous(lambda _l, _c, who: replace(who, key="clients") if who.key.startswith("client:") else who),
    lambda c: (c.make("image").status, c.used(client="ipc-a-quite-different-one")),
    "sample",
)


def _first_come() -> seams.Apply:
    def apply(lab: Lab) -> None:
        async def step(inner: Lab, called: Call, run: Run) -> None:
            await run()
            metric = inner.metric_of[called.operation.id]
            if metric:
                inner.ledger.add("address", metric, inner.window_of(metric, inner.clock()))

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
    first = [c.make("sfx").status for _ in range(2)]
    return first, c.post("/gen/sfx", {"prompt": "x"}, client="ipc-another-caller-entirely").status


BOOK.add(
    "address-limit-for-all-clients",
    "RATE-1 ID-2",
    "callers of one address share a limit, though each shows its own",
    _first_come(),
    _two_callers,
    "exhaust",
)

BOOK.add(
    "no-client-id-never-counted",
    "ID-3",
    "a caller without a client id is a new one every time",
    anonymous(
        lambda lab, _c, who: (
            who if who.key.startswith("client:") else replace(who, key=f"visit:{len(lab.requests)}")
        )
    ),
    lambda c: (c.post("/gen/image", {"prompt": "x"}, client="").status, c.used(client="")),
    "sample",
)

BOOK.add(
    "no-client-id-400",
    "ID-3",
    "without bearer and client id the answer is 400",
    anonymous(lambda _l, _c, who: who if who.key.startswith("client:") else nobody_because("invalid")),
    read("/usage", client=""),
)

BOOK.add(
    "anonymous-media-401",
    "ID-4",
    "generation of media needs a bearer",
    anonymous(
        lambda _l, called, who: nobody_because("credential") if called.operation.text == "media" else who
    ),
    generated("createImage"),
    "sample",
)


def _guest(lab: Lab) -> None:
    plan = replace(
        lab.plans["free"], key="guest", name="Guest", limits={**lab.plans["free"].limits, "imagesDaily": 2}
    )
    shown = dict(lab.plans)
    lab.plans["guest"] = plan
    anonymous(lambda _l, _c, who: replace(who, plan="guest"))(lab)

    def hidden(_: Any) -> Any:
        return [row for row in _ if row["key"] in shown]

    edit("getTierConfig", at("plans", put(hidden)))(lab)
    edit("listTiers", hidden)(lab)


BOOK.add(
    "anonymous-guest-plan",
    "ID-4 USE-7 USE-5",
    "callers without a bearer have a plan of their own with lower limits",
    _guest,
    read("/usage"),
)

BOOK.add(
    "client-id-wins-over-bearer",
    "ID-5",
    "the client id decides who is charged, also beside a bearer",
    seams.resolve(
        lambda _l, called, who: (
            replace(who, key="client:" + called.request.headers["x-client-id"])
            if who.auth_type and "x-client-id" in called.request.headers
            else who
        )
    ),
    lambda c: (c.make("image", PAID).status, c.used(PAID, client="ipc-on-another-machine")),
    "sample",
    PAID,
)

BOOK.add(
    "account-split-by-client-id",
    "ID-5",
    "an account has a counter for each client id",
    seams.resolve(
        lambda _l, called, who: (
            replace(who, key=f"{who.key}|{called.request.headers.get('x-client-id')}")
            if who.auth_type
            else who
        )
    ),
    lambda c: (c.make("image", PAID).status, c.used(PAID, client="ipc-on-another-machine")),
    "sample",
    PAID,
)

BOOK.add(
    "client-plan-wins-over-bearer",
    "ID-5 AUTH-1",
    "beside a client id the plan is the free one",
    seams.resolve(
        lambda _l, called, who: replace(who, plan="free") if "x-client-id" in called.request.headers else who
    ),
    read("/usage", PAID),
    credentials=PAID,
)
