"""Trackers faults: who is let in."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable
from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import EXPIRED, FREE, KEY, MEDIA_GET, PAID, REVOKED, Run, crash, only
from lab.proofs import bad_bearer, chat, generated, read
from lab.server.identity import bearer
from lab.server.lab import Call, Identity, Lab, Refusal

BOOK = Book("trackers")

# An exception of the token library is not caught: wso2/product-apim#8637, METR/inspect-action#156,
# Frachtwerk/essencium-backend#202.
BOOK.add(
    "bad-bearer-500",
    "AUTH-4 AUTH-5",
    "a bearer that cannot be decoded is 500",
    seams.refused_with("credential", 500),
    bad_bearer("getUsage"),
)

BOOK.add(
    "expired-jwt-500",
    "AUTH-5",
    "an expired access token is 500",
    only(EXPIRED, crash()),
    read("/usage", EXPIRED),
    credentials=EXPIRED,
)

BOOK.add(
    "api-key-500",
    "AUTH-2",
    "an API key goes through the token decoder, which fails on it",
    only(KEY, crash()),
    read("/usage", KEY),
    credentials=KEY,
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


BOOK.add(
    "jwt-alg-none-accepted",
    "AUTH-4",
    "an access token whose header says alg none is accepted",
    also_accept(_unsigned),
    lambda c: c.get("/usage", forged(c, "none", "")).status,
    credentials=PAID,
)


def _unverified(lab: Lab, token: str) -> Identity | None:
    expired = _claims(token)[1].get("exp", 0) < time.time()
    return None if expired else _subject(lab, token)


BOOK.add(
    "jwt-signature-not-checked",
    "AUTH-4",
    "the signature of an access token is not checked",
    also_accept(_unverified),
    lambda c: c.get("/usage", forged(c, None, "AAAA")).status,
    credentials=PAID,
)


def _by_payload(lab: Lab, token: str) -> Identity | None:
    """The signature is not looked at, but the first two parts are those of a good token."""
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


BOOK.add(
    "jwt-signature-cut-accepted",
    "AUTH-4",
    "any signature will do when header and payload are those of a good token",
    also_accept(_by_payload),
    lambda c: c.get("/usage", forged(c, None, "AAAA")).status,
    credentials=PAID,
)

# Keys looked up in a column that does not tell case, or by their stored prefix alone.
BOOK.add(
    "api-key-case-insensitive",
    "AUTH-4",
    "an API key is good in upper and lower case",
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
    lambda c: c.get("/usage", c.credentials[KEY].swapcase()).status,
    credentials=KEY,
)

BOOK.add(
    "api-key-by-prefix",
    "AUTH-4",
    "the first sixteen characters of an API key are enough",
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
    lambda c: c.get("/usage", c.credentials[KEY][:-4] + "zzzz").status,
    credentials=KEY,
)

# A refusal that is hidden in a success, as GraphQL-minded gateways send it.
BOOK.add(
    "bad-bearer-200",
    "AUTH-4 AUTH-5 AUTH-6",
    "a bad bearer is answered with 200 and an error in the body",
    seams.refused_with("credential", 200),
    bad_bearer("getUsage"),
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


BOOK.add(
    "revoked-key-cached",
    "AUTH-6",
    "a revoked API key is good for two more requests, out of a cache",
    _cached(2),
    read("/usage", REVOKED),
    credentials=REVOKED,
)

BOOK.add(
    "revoked-key-500",
    "AUTH-6",
    "a revoked API key is 500, its row is gone",
    only(REVOKED, crash()),
    read("/usage", REVOKED),
    credentials=REVOKED,
)


# A guard that was attached to some of the routes only.
def _refused_on(operations: str, name: str) -> seams.Apply:
    chosen = seams.ids(operations)

    async def step(lab: Lab, called: Call, run: Run) -> None:
        if called.operation.id in chosen and bearer(called.request) == lab.credentials.get(name, object()):
            raise Refusal("credential", "This kind of credential is not for this route")
        await run()

    return seams.around("identify", step)


BOOK.add(
    "jwt-refused-on-get-media",
    "AUTH-1",
    "the GET forms of generation refuse access tokens",
    _refused_on(MEDIA_GET, PAID),
    generated("getImage", PAID),
    "sample",
    PAID,
)

BOOK.add(
    "api-key-not-for-account",
    "AUTH-2 AUTH-3",
    "an API key generates but may not read /usage and /subscription",
    _refused_on("getUsage getSubscription", KEY),
    read("/usage", KEY),
    credentials=KEY,
)

BOOK.add(
    "jwt-not-for-chat",
    "AUTH-1 AUTH-3",
    "chat takes API keys only",
    _refused_on("createChatCompletion", PAID),
    chat(PAID),
    "sample",
    PAID,
)

BOOK.add(
    "free-jwt-refused",
    "AUTH-1",
    "an access token is good only for users who pay",
    only(FREE, crash(401)),
    read("/usage", FREE),
    credentials=FREE,
)
