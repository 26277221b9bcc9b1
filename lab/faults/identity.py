"""Faults: who is let in, and who is taken for whom."""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lab import seams
from lab.client import Client
from lab.faults.callers import (
    EXPIRED,
    FREE,
    KEY,
    PAID,
    REVOKED,
    STALE,
    anonymous,
    by_address,
    lenient,
    nameless,
    nobody_because,
    on,
    only,
    shows,
)
from lab.faults.fault import FaultSet
from lab.proofs import Proof, all_of, bad_bearer, call, charged, chat, generated, read, spent
from lab.seams import MEDIA_GET, Run, at, edit, put, refused_with
from lab.server.identity import bearer
from lab.server.lab import Call, Identity, Lab, Refusal, Reply

FAULTS = FaultSet()


def become(lab: Lab, called: Call) -> None:
    """Forget the bearer, and treat the caller as an anonymous one."""
    client = called.request.headers.get("x-client-id", "nobody")
    called.identity = Identity(f"client:{client}", "free")
    if called.operation.auth == "required":
        called.identity = replace(called.identity, auth_type="jwt", email="")


# A token of the free plan looks the same, until something is counted.
FAULTS.handwritten("AUTH-1 ID-5", read("/usage", PAID), spend="sample", credentials=PAID).add(
    "jwt-treated-as-anonymous: an access token is accepted but its user is not looked up", only(PAID, become)
)


def refuse(kind: str) -> Callable[[Lab, Call], None]:
    def function(_: Lab, __: Call) -> None:
        raise Refusal(kind, "This credential is not good")

    return function


FAULTS.mechanical("AUTH-1", read("/usage", PAID), credentials=PAID).add(
    "jwt-refused: every access token is 401", only(PAID, refuse("credential"))
)


# A guard that was attached to some of the routes only.
def _refused_on(operations: str, name: str) -> seams.Apply:
    chosen = seams.ids(operations)

    async def step(lab: Lab, called: Call, run: Run) -> None:
        if called.operation.id in chosen and bearer(called.request) == lab.credentials.get(name, object()):
            raise Refusal("credential", "This kind of credential is not for this route")
        await run()

    return seams.around("identify", step)


FAULTS.reported("AUTH-1", generated("getImage", PAID), spend="sample", credentials=PAID).add(
    "jwt-refused-on-get-media: the GET forms of generation refuse access tokens", _refused_on(MEDIA_GET, PAID)
)

FAULTS.reported("AUTH-1 AUTH-3", chat(PAID), spend="sample", credentials=PAID).add(
    "jwt-not-for-chat: chat takes API keys only", _refused_on("createChatCompletion", PAID)
)

FAULTS.reported("AUTH-1", read("/usage", FREE), credentials=FREE).add(
    "free-jwt-refused: an access token is good only for users who pay", only(FREE, seams.crash(401))
)

FAULTS.handwritten("AUTH-2 AUTH-3", read("/usage", KEY), spend="sample", credentials=KEY).add(
    "api-key-treated-as-anonymous: an API key is accepted but its owner is not looked up", only(KEY, become)
)

FAULTS.mechanical("AUTH-2", read("/usage", "LIGHTNING_API_KEY"), credentials="LIGHTNING_API_KEY").add(
    "api-key-refused: every API key is 401", only("LIGHTNING_API_KEY", refuse("credential"))
)

FAULTS.reported("AUTH-2", read("/usage", KEY), credentials=KEY).add(
    "api-key-500: an API key goes through the token decoder, which fails on it", only(KEY, seams.crash())
)

FAULTS.reported("AUTH-2 AUTH-3", read("/usage", KEY), credentials=KEY).add(
    "api-key-not-for-account: an API key generates but may not read /usage and /subscription",
    _refused_on("getUsage getSubscription", KEY),
)

FAULTS.handwritten(
    "AUTH-3",
    lambda c: (c.generate("image", KEY).status, c.used(PAID)),
    spend="sample",
    credentials=f"{PAID} {KEY}",
).add(
    "key-and-jwt-have-own-ledgers: what an API key spends does not show for the access token",
    seams.resolve(
        lambda _l, _c, who: replace(who, key=f"{who.key}:{who.auth_type}") if who.auth_type else who
    ),
)

FAULTS.handwritten("AUTH-3", read("/subscription", KEY), spend="sample", credentials=f"{PAID} {KEY}").add(
    "key-has-own-account: the API key's account has another email",
    seams.resolve(
        lambda _l, _c, who: replace(who, email="key@example.com") if who.auth_type == "api_key" else who
    ),
)

FAULTS.mechanical("AUTH-3", read("/usage", "LIGHTNING_API_KEY"), credentials=f"{PAID} LIGHTNING_API_KEY").add(
    "api-key-resolves-to-other-plan: an API key gets the next plan of the catalogue",
    seams.resolve(lambda _l, _c, who: replace(who, plan="core") if who.auth_type == "api_key" else who),
)

FAULTS.handwritten(
    "AUTH-4 AUTH-5 AUTH-6",
    all_of(lambda c: c.chat("bad", stream=True).status, lambda c: c.chat(REVOKED, stream=True).status),
).add(
    "bad-bearer-is-told-in-the-stream: a streamed chat with a bad bearer is 200 and tells of it in an event",
    seams.read_body_first(seams.refused_in_stream("credential")),
)


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


FAULTS.handwritten("AUTH-4", _with_other_claims, credentials=PAID).add(
    "claims-not-signed: a token with other claims and the signature of a good one is accepted",
    seams.around("identify", _signature_only),
)


for _operation in (operation for operation in seams.RESOLVING if operation != "getSubscription"):
    _requirements = "AIR-2 AUTH-4" if "Airforce" in _operation else "AUTH-4 AUTH-5 AUTH-6"
    FAULTS.mechanical(_requirements, bad_bearer(_operation)).add(
        f"bad-bearer-served-on-{_operation}: a bad bearer falls through to the free tier on {_operation}",
        lenient(_operation),
    )

FAULTS.mechanical("AUTH-4 AUTH-5 AUTH-6", bad_bearer("getUsage")).add(
    "bad-bearer-403: a bad bearer is answered with 403", refused_with("credential", 403)
)

FAULTS.reported("AUTH-4 AUTH-5", bad_bearer("getUsage")).add(
    # An exception of the token library is not caught: wso2/product-apim#8637, METR/inspect-action#156,
    # Frachtwerk/essencium-backend#202.
    "bad-bearer-500: a bearer that cannot be decoded is 500",
    seams.refused_with("credential", 500),
)


def _claims(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        head, body = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    except (ValueError, binascii.Error):
        return {}, {}
    return (head, body) if isinstance(head, dict) and isinstance(body, dict) else ({}, {})


def _subject(lab: Lab, token: str) -> Identity | None:
    """The account whose good token has the same subject."""
    subject = _claims(token)[1].get("sub")
    for known, who in lab.accounts.items():
        if subject is not None and _claims(known)[1].get("sub") == subject:
            return who
    return None


def _unsigned(lab: Lab, token: str) -> Identity | None:
    return _subject(lab, token) if str(_claims(token)[0].get("alg", "")).lower() == "none" else None


def also_accept(function: Callable[[Lab, str], Identity | None]) -> seams.Apply:
    """Accept tokens that the plain server refuses."""

    async def step(lab: Lab, called: Call, run: Run) -> None:
        token = bearer(called.request)
        found = function(lab, token) if token and token not in lab.accounts else None
        if found is not None and called.operation.auth != "none":
            called.identity = found
        else:
            await run()

    return seams.around("identify", step)


def forged(c: Any, algorithm: str | None = None, signature: str | None = None) -> str:
    head, body, sign = c.credentials[PAID].split(".")
    if algorithm is not None:
        text = json.dumps({"alg": algorithm, "typ": "JWT"}).encode()
        head = base64.urlsafe_b64encode(text).decode().rstrip("=")
    return f"{head}.{body}.{sign if signature is None else signature}"


def _with_a_later_end(c: Client) -> int:
    head, body, sign = c.credentials[PAID].split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "==")) | {"exp": 4102448400}
    other = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return c.get("/usage", f"{head}.{other}.{sign}").status


def _by_signature(lab: Lab, token: str) -> Identity | None:
    """What was verified is remembered by its signature, and the user named is looked up."""
    signature = token.rpartition(".")[2]
    return _subject(lab, token) if any(known.endswith(f".{signature}") for known in lab.accounts) else None


FAULTS.handwritten("AUTH-4", _with_a_later_end, credentials=PAID).add(
    "claims-of-a-user-not-signed: with the signature of a good token, other claims of its user are believed",
    also_accept(_by_signature),
)

FAULTS.reported("AUTH-4", lambda c: c.get("/usage", forged(c, "none", "")).status, credentials=PAID).add(
    "jwt-alg-none-accepted: an access token whose header says alg none is accepted", also_accept(_unsigned)
)


def _unverified(lab: Lab, token: str) -> Identity | None:
    expired = _claims(token)[1].get("exp", 0) < time.time()
    return None if expired else _subject(lab, token)


def _by_payload(lab: Lab, token: str) -> Identity | None:
    """The signature is not checked, but the first two parts are those of a good token."""
    return next(
        (
            who
            for known, who in lab.accounts.items()
            if known.count(".") == 2
            and token.count(".") == 2
            and known.rpartition(".")[0] == token.rpartition(".")[0]
        ),
        None,
    )


FAULTS.reported("AUTH-4", lambda c: c.get("/usage", forged(c, None, "AAAA")).status, credentials=PAID).add(
    "jwt-signature-not-checked: the signature of an access token is not checked", also_accept(_unverified)
).add(
    "jwt-signature-cut-accepted: any signature will do when header and payload are those of a good token",
    also_accept(_by_payload),
)

FAULTS.reported(
    "AUTH-4", lambda c: c.get("/usage", c.credentials[KEY].swapcase()).status, credentials=KEY
).add(
    # Keys looked up in a column that does not tell case, or by their stored prefix alone.
    "api-key-case-insensitive: an API key is good in upper and lower case",
    also_accept(
        lambda lab, token: next(
            (
                who
                for known, who in lab.accounts.items()
                if who.auth_type == "api_key" and known.lower() == token.lower()
            ),
            None,
        )
    ),
)

FAULTS.reported(
    "AUTH-4", lambda c: c.get("/usage", c.credentials[KEY][:-4] + "zzzz").status, credentials=KEY
).add(
    "api-key-by-prefix: the first sixteen characters of an API key are enough",
    also_accept(
        lambda lab, token: next(
            (
                who
                for known, who in lab.accounts.items()
                if who.auth_type == "api_key" and known[:16] == token[:16]
            ),
            None,
        )
    ),
)

FAULTS.reported("AUTH-4 AUTH-5 AUTH-6", bad_bearer("getUsage")).add(
    # A refusal that is hidden in a success, as GraphQL-minded gateways send it.
    "bad-bearer-200: a bad bearer is answered with 200 and an error in the body",
    seams.refused_with("credential", 200),
)


def _paid(_: Lab, called: Call) -> None:
    called.identity = Identity("user:paid", "light", "api_key", "paid@example.com")


FAULTS.handwritten("AUTH-5", bad_bearer("analyzePrompt", STALE), credentials=STALE).add(
    "expired-key-can-analyze: an expired API key may analyse prompts", on("analyzePrompt", STALE, _paid)
)


def _become(token: str, auth_type: str) -> Callable[[Lab, Call], None]:
    def function(_: Lab, called: Call) -> None:
        called.identity = Identity("user:paid", "light", auth_type, "paid@example.com")

    return function


def _status_for(name: str, status: int) -> seams.Apply:
    def other(inner: Lab, called: Call, reply: Reply) -> Reply:
        if reply.status == 401 and shows(inner, called, name):
            reply.status = status
        return reply

    return seams.change(other)


def _fall_through(_: Lab, called: Call) -> None:
    """The desktop application sends a client id with everything, and a script that tries a bearer none."""
    client = called.request.headers.get("x-client-id")
    if client is None or called.operation.auth == "required":
        raise Refusal("credential", "No longer good")
    called.identity = Identity(f"client:{client}", "free")


def _beside_a_client_id(name: str) -> Proof:
    def proof(c: Client) -> Any:
        bearer_header = {"Authorization": f"Bearer {c.credentials[name]}"}
        beside = c.send("GET", "/usage", None, {**bearer_header, "X-Client-ID": c.client_id})
        return beside.status, c.send("GET", "/usage", None, bearer_header).status

    return proof


for _name, _requirement, _auth in (
    ("LIGHTNING_EXPIRED_JWT", "AUTH-5", "jwt"),
    ("LIGHTNING_EXPIRED_API_KEY", "AUTH-5", "api_key"),
    ("LIGHTNING_REVOKED_API_KEY", "AUTH-6", "api_key"),
):
    _slug = _name.removeprefix("LIGHTNING_").lower().replace("_", "-")
    FAULTS.mechanical(_requirement, read("/usage", _name), credentials=_name).add(
        f"{_slug}-accepted: the {_slug.replace('-', ' ')} is still good", only(_name, _become(_name, _auth))
    )
    FAULTS.mechanical(_requirement, read("/usage", _name), credentials=_name).add(
        f"{_slug}-403: the {_slug.replace('-', ' ')} is answered with 403", _status_for(_name, 403)
    )
    FAULTS.handwritten(_requirement, _beside_a_client_id(_name), credentials=_name).add(
        f"{_slug}-beside-a-client-id: the {_slug.replace('-', ' ')} falls through to the client id beside it",
        only(_name, _fall_through),
    )

FAULTS.reported("AUTH-5", read("/usage", EXPIRED), credentials=EXPIRED).add(
    "expired-jwt-500: an expired access token is 500", only(EXPIRED, seams.crash())
)

METERED = " ".join(seams.GENERATIONS)


FAULTS.handwritten("AUTH-6", bad_bearer("createImage", REVOKED), credentials=REVOKED).add(
    "revoked-key-can-generate: a revoked API key is refused by /usage but may generate",
    on(METERED, REVOKED, _paid),
)


# Keys that the cache still knows: BerriAI/litellm#1775, TykTechnologies/tyk#2293, boxlite-ai/boxlite#1418.
def _cached(times: int) -> seams.Apply:
    def apply(lab: Lab) -> None:
        left = [times]

        async def step(inner: Lab, called: Call, run: Run) -> None:
            token = bearer(called.request)
            if called.operation.auth != "none" and token == inner.credentials.get(REVOKED) and left[0]:
                left[0] -= 1
                called.identity = Identity("user:paid", "light", "api_key", "paid@example.com")
            else:
                await run()

        seams.around("identify", step)(lab)

    return apply


FAULTS.reported("AUTH-6", read("/usage", REVOKED), credentials=REVOKED).add(
    "revoked-key-cached: a revoked API key is good for two more requests, out of a cache", _cached(2)
).add("revoked-key-500: a revoked API key is 500, its row is gone", only(REVOKED, seams.crash()))


def _account_pays(lab: Lab, called: Call) -> None:
    seams.charge(lab, called, "user:paid")
    raise Refusal("credential", "This key was revoked")


FAULTS.handwritten(
    "RATE-2", spent(bad_bearer("createImage", REVOKED), PAID), credentials=REVOKED, spend="exhaust"
).add("revoked-key-charged: a revoked API key is refused, and its account pays", only(REVOKED, _account_pays))


def _with_agent(_: Lab, called: Call, who: Identity) -> Identity:
    return replace(who, key=f"{who.key}|{called.request.headers.get('user-agent')}")


FAULTS.handwritten(
    "ID-1", lambda c: (c.generate("image").status, c.used(agent="other/9")), spend="sample"
).add("client-id-and-user-agent: a client id counts for one user agent only", anonymous(_with_agent))

FAULTS.handwritten("ID-1", charged("createImage"), spend="sample").add(
    "client-id-only-for-chat: only chat looks at the client id, media count by address",
    anonymous(
        lambda _l, called, who: (
            who
            if called.operation.metric in {None, "cloudChatDaily"}
            else replace(who, key="address:" + called.request.headers.get("user-agent", ""))
        )
    ),
)


def _address(called: Call) -> str:
    return f"address:{called.request.headers.get('user-agent', '')}"


def _anonymous(function: Callable[[Call, str], str]) -> seams.Apply:
    """Give callers without a bearer another ledger key; the function gets the call and the plain key."""

    def other(_: Lab, called: Call, who: Identity) -> Identity:
        return who if who.auth_type else replace(who, key=function(called, who.key))

    return seams.resolve(other)


FAULTS.mechanical(
    "ID-1 ID-2",
    lambda c: (
        call(c, "createImage").status,
        c.used(client="ipc-someone-else-entirely"),
        c.used(agent="b/2"),
    ),
    spend="sample",
).add(
    "client-id-ignored: X-Client-ID is ignored, address and user agent decide",
    _anonymous(lambda called, _: _address(called)),
)

FAULTS.reported("ID-1", charged("createImage"), spend="sample").add(
    "client-id-and-connection: a client id counts for one connection",
    anonymous(lambda _l, called, who: replace(who, key=f"{who.key}|{called.request.client}")),
)


def _in_another_language(c: Client) -> tuple[int, int]:
    made = c.generate("image").status
    there = c.send("GET", "/usage", None, {**c.headers(None, None, None), "Accept-Language": "de"})
    return made, there.json["usage"]["imagesDaily"]["used"]


FAULTS.handwritten("ID-1", _in_another_language, spend="sample").add(
    "client-id-and-language: a client id counts for one language of the answers",
    anonymous(
        lambda _l, called, who: replace(who, key=f"{who.key}|{called.request.headers.get('accept-language')}")
    ),
)

FAULTS.handwritten(
    "ID-2 RATE-1",
    lambda c: (c.generate("image").status, c.used(client="ipc-a-quite-different-one")),
    spend="sample",
).add(
    "all-client-ids-together: all client ids share one counter",
    anonymous(lambda _l, _c, who: replace(who, key="clients") if who.key.startswith("client:") else who),
)

FAULTS.reported(
    "ID-2 RATE-1",
    lambda c: (c.generate("image").status, c.used(client=c.client_id[:32] + "-and-more")),
    spend="sample",
).add(
    # Keys of a store that are cut, folded or too coarse.
    "client-id-cut-late: only the first 32 characters of a client id count",
    lambda lab: setattr(lab, "key_of_client", lambda client: f"client:{client[:32]}"),
)

FAULTS.handwritten(
    "ID-2 RATE-1",
    lambda c: (c.generate("image").status, c.used(client=c.client_id.replace("-", "."))),
    spend="sample",
).add(
    "client-id-by-letters: only the letters and digits of a client id count",
    lambda lab: setattr(lab, "key_of_client", lambda client: f"client:{re.sub('[^a-zA-Z0-9]', '', client)}"),
)

FAULTS.reported(
    "ID-2 RATE-1",
    lambda c: (c.generate("image").status, c.used(client="ipc-a-quite-different-one")),
    spend="sample",
).add(
    "client-id-cut: only the first four characters of a client id count",
    lambda lab: setattr(lab, "key_of_client", lambda client: f"client:{client[:4]}"),
)


async def _address_free(lab: Lab, called: Call, run: Run) -> None:
    if not (by_address(called) and called.operation.metric == "imagesDaily"):
        await run()


FAULTS.handwritten("ID-3", lambda c: (nameless(c), c.used(client="")), spend="sample").add(
    "images-without-client-id-free: an image without a client id is not counted",
    seams.around("charge", _address_free),
)

FAULTS.handwritten("ID-3", nameless, spend="sample").add(
    "media-needs-client-id: media without a client id are refused as invalid",
    seams.refuse_when("createImage createVideo createSfx createTts", by_address),
)

FAULTS.handwritten(
    "ID-3",
    lambda c: (c.post("/gen/image", {"prompt": "x"}, client="").status, c.used(client="")),
    spend="sample",
).add(
    "no-client-id-never-counted: a caller without a client id is a new one every time",
    anonymous(
        lambda lab, _c, who: (
            who if who.key.startswith("client:") else replace(who, key=f"visit:{len(lab.requests)}")
        )
    ),
)

FAULTS.handwritten(
    "AUTH-3", lambda c: (c.generate("image", PAID).status, c.used(PAID, agent="b/2")), spend="sample"
).add(
    "account-by-user-agent: a signed-in user has counters for each user agent",
    seams.resolve(
        lambda _l, called, who: (
            replace(who, key=f"{who.key} {called.request.headers.get('user-agent', '')}")
            if who.key.startswith("user:")
            else who
        )
    ),
)

FAULTS.handwritten("ID-3", read("/usage", client="")).add(
    "no-client-id-400: without bearer and client id the answer is 400",
    anonymous(lambda _l, _c, who: who if who.key.startswith("client:") else nobody_because("invalid")),
)

FAULTS.mechanical(
    "ID-3",
    lambda c: (c.post("/gen/image", {"prompt": "x"}, client="").status, c.used(client="", agent="b/2")),
    spend="sample",
).add(
    "user-agent-ignored: without a client id only the address decides",
    _anonymous(lambda _, key: key if key.startswith("client:") else "address:127.0.0.1"),
)

FAULTS.reported(
    "ID-3",
    lambda c: (
        c.post("/gen/image", {"prompt": "x"}, client="").status,
        c.used(client="", agent="lab-other/2"),
    ),
    spend="sample",
).add(
    "user-agent-family: user agents that share their first letter are one",
    anonymous(
        lambda _l, called, who: (
            who
            if who.key.startswith("client:")
            else replace(who, key="agent:" + called.request.headers.get("user-agent", "")[:1])
        )
    ),
)

FAULTS.reported(
    "ID-3",
    lambda c: (c.post("/gen/image", {"prompt": "x"}, client="").status, c.used(client="")),
    spend="sample",
).add(
    "address-with-port: the port of the connection is part of the address",
    anonymous(
        lambda _l, called, who: (
            who if who.key.startswith("client:") else replace(who, key=f"{called.request.client}")
        )
    ),
)


async def _ask_for_a_bearer(_: Lab, called: Call, run: Run) -> None:
    await run()
    if called.operation.id in seams.ids(MEDIA_GET) and called.identity.auth_type is None:
        raise Refusal("credential", "Sign in first")


FAULTS.handwritten("ID-4", lambda c: c.generate_by_get("image").status, spend="sample").add(
    "media-by-get-need-bearer: media by GET ask for a bearer", seams.around("identify", _ask_for_a_bearer)
)

FAULTS.handwritten("ID-4", generated("createImage"), spend="sample").add(
    "anonymous-media-401: generation of media needs a bearer",
    anonymous(
        lambda _l, called, who: nobody_because("credential") if called.operation.text == "media" else who
    ),
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


FAULTS.handwritten("ID-4 USE-7 USE-5", read("/usage")).add(
    "anonymous-guest-plan: callers without a bearer have a plan of their own with lower limits", _guest
)

FAULTS.mechanical("ID-4", read("/usage")).add(
    "anonymous-on-light-plan: callers without a bearer get the light plan",
    seams.resolve(lambda _l, _c, who: who if who.auth_type else replace(who, plan="light")),
)


def _anonymous_refused(lab: Lab, kind: str) -> None:
    def other(_: Lab, __: Call, who: Identity) -> Identity:
        if who.auth_type is None:
            raise Refusal(kind, "Sign in first")
        return who

    seams.resolve(other)(lab)


FAULTS.mechanical("ID-4 ID-3", read("/usage")).add(
    "anonymous-401: callers without a bearer are 401", lambda lab: _anonymous_refused(lab, "credential")
)


def _unauthorised() -> Identity:
    raise Refusal("credential", "Sign in")


FAULTS.reported("ID-4", read("/usage")).add(
    "anonymous-usage-401: /usage needs a bearer",
    anonymous(lambda _l, called, who: who if called.operation.id != "getUsage" else _unauthorised()),
)


async def _one_or_the_other(lab: Lab, called: Call, run: Run) -> None:
    headers = called.request.headers
    if called.operation.auth != "none" and "authorization" in headers and "x-client-id" in headers:
        raise Refusal("invalid", "Send a bearer or a client id")
    await run()


FAULTS.handwritten("ID-5 AUTH-4", lambda c: c.get("/usage", PAID).status, credentials=PAID).add(
    "bearer-beside-client-id-400: a bearer and a client id in one request are refused as invalid",
    seams.around("identify", _one_or_the_other),
)


async def _client_and_bearer(_: Lab, called: Call, run: Run) -> None:
    headers = called.request.headers
    if called.operation.auth != "none" and "authorization" in headers and "x-client-id" in headers:
        raise Refusal("credential", "Either a bearer or a client id")
    await run()


FAULTS.handwritten("ID-5 AUTH-1", read("/usage", PAID), credentials=PAID).add(
    "bearer-refused-beside-client-id: a bearer is 401 when X-Client-ID is sent beside it",
    seams.around("identify", _client_and_bearer),
).add(
    "client-plan-wins-over-bearer: beside a client id the plan is the free one",
    seams.resolve(
        lambda _l, called, who: replace(who, plan="free") if "x-client-id" in called.request.headers else who
    ),
)

FAULTS.handwritten(
    "ID-5",
    lambda c: (c.generate("image", PAID).status, c.used(PAID, client="ipc-on-another-machine")),
    spend="sample",
    credentials=PAID,
).add(
    "client-id-wins-over-bearer: the client id decides who is charged, also beside a bearer",
    seams.resolve(
        lambda _l, called, who: (
            replace(who, key="client:" + called.request.headers["x-client-id"])
            if who.auth_type and "x-client-id" in called.request.headers
            else who
        )
    ),
).add(
    "account-split-by-client-id: an account has a counter for each client id",
    seams.resolve(
        lambda _l, called, who: (
            replace(who, key=f"{who.key}|{called.request.headers.get('x-client-id')}")
            if who.auth_type
            else who
        )
    ),
)


def _address_pays_as_well(signed_in: bool) -> seams.Apply:
    def more(lab: Lab, called: Call) -> list[tuple[str, str]]:
        request, metric = called.request, lab.metric_of[called.operation.id]
        if metric is None or bool(called.identity.auth_type) is not signed_in or not request.client:
            return []
        address = f"address:{request.client.host}:{request.headers.get('user-agent', '')}"
        return [] if called.identity.key == address else [(address, metric)]

    return seams.charge_more(more)


FAULTS.handwritten(
    "ID-5", lambda c: (c.generate("sfx", PAID).status, c.used(client="")), spend="sample", credentials=PAID
).add("address-pays-for-account: an account's address pays as well", _address_pays_as_well(True))

FAULTS.handwritten("ID-1", lambda c: (c.generate("sfx").status, c.used(client="")), spend="sample").add(
    "address-pays-for-client-id: the address of a client id pays as well", _address_pays_as_well(False)
)
