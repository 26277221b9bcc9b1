"""Mechanical faults: who is let in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import PAID, USAGE, lenient, only
from lab.faults.seams import refused_with
from lab.proofs import bad_bearer, call, read
from lab.server.lab import Call, Identity, Lab, Refusal, Reply

BOOK = Book("mechanical")

for _operation in (
    "getUsage",
    "createChatCompletion",
    "createImage",
    "getImage",
    "createVideo",
    "getVideo",
    "createSfx",
    "getSfx",
    "createTts",
    "getTts",
    "analyzePrompt",
):
    BOOK.add(
        f"bad-bearer-served-on-{_operation}",
        "AUTH-4 AUTH-5 AUTH-6",
        f"a bad bearer falls through to the free tier on {_operation}",
        lenient(_operation),
        bad_bearer(_operation),
    )

for _operation in ("createAirforceVideo", "getAirforceVideo"):
    BOOK.add(
        f"bad-bearer-served-on-{_operation}",
        "AIR-2 AUTH-4",
        f"a bad bearer falls through to the free tier on {_operation}",
        lenient(_operation),
        bad_bearer(_operation),
    )

for _status in (403, 400):
    BOOK.add(
        f"bad-bearer-{_status}",
        "AUTH-4 AUTH-5 AUTH-6",
        f"a bad bearer is answered with {_status}",
        refused_with("credential", _status),
        bad_bearer("getUsage"),
    )


def refuse(kind: str) -> Callable[[Lab, Call], None]:
    def function(_: Lab, __: Call) -> None:
        raise Refusal(kind, "This credential is not good")

    return function


BOOK.add(
    "jwt-refused",
    "AUTH-1",
    "every access token is 401",
    only(PAID, refuse("credential")),
    read("/usage", PAID),
    credentials=PAID,
)

BOOK.add(
    "api-key-refused",
    "AUTH-2",
    "every API key is 401",
    only("LIGHTNING_API_KEY", refuse("credential")),
    read("/usage", "LIGHTNING_API_KEY"),
    credentials="LIGHTNING_API_KEY",
)


def _become(token: str, auth_type: str) -> Callable[[Lab, Call], None]:
    def function(_: Lab, called: Call) -> None:
        called.identity = Identity("user:paid", "light", auth_type, "paid@example.com")

    return function


def _status_for(name: str, status: int) -> seams.Apply:
    def other(inner: Lab, called: Call, reply: Reply) -> Reply:
        header = called.request.headers.get("authorization", "")
        if reply.status == 401 and header == f"Bearer {inner.credentials.get(name)}":
            reply.status = status
        return reply

    return seams.change(other)


for _name, _requirement, _auth in (
    ("LIGHTNING_EXPIRED_JWT", "AUTH-5", "jwt"),
    ("LIGHTNING_EXPIRED_API_KEY", "AUTH-5", "api_key"),
    ("LIGHTNING_REVOKED_API_KEY", "AUTH-6", "api_key"),
):
    _slug = _name.removeprefix("LIGHTNING_").lower().replace("_", "-")
    BOOK.add(
        f"{_slug}-accepted",
        _requirement,
        f"the {_slug.replace('-', ' ')} is still good",
        only(_name, _become(_name, _auth)),
        read("/usage", _name),
        credentials=_name,
    )
    BOOK.add(
        f"{_slug}-403",
        _requirement,
        f"the {_slug.replace('-', ' ')} is answered with 403",
        _status_for(_name, 403),
        read("/usage", _name),
        credentials=_name,
    )


def _address(called: Call) -> str:
    return f"address:{called.request.headers.get('user-agent', '')}"


def _anonymous(function: Callable[[Call, str], str]) -> seams.Apply:
    """Give callers without a bearer another ledger key; the function gets the call and the plain key."""

    def other(_: Lab, called: Call, who: Identity) -> Identity:
        return who if who.auth_type else replace(who, key=function(called, who.key))

    return seams.resolve(other)


BOOK.add(
    "client-id-ignored",
    "ID-1 ID-2",
    "X-Client-ID is ignored, address and user agent decide",
    _anonymous(lambda called, _: _address(called)),
    lambda c: (
        call(c, "createImage").status,
        c.used(client="ipc-someone-else-entirely"),
        c.used(agent="b/2"),
    ),
    "sample",
)

BOOK.add(
    "user-agent-ignored",
    "ID-3",
    "without a client id only the address decides",
    _anonymous(lambda _, key: key if key.startswith("client:") else "address:127.0.0.1"),
    lambda c: (c.post("/gen/image", {"prompt": "x"}, client="").status, c.used(client="", agent="b/2")),
    "sample",
)

BOOK.add(
    "anonymous-on-light-plan",
    "ID-4",
    "callers without a bearer get the light plan",
    seams.resolve(lambda _l, _c, who: who if who.auth_type else replace(who, plan="light")),
    USAGE,
)


def _anonymous_refused(lab: Lab, kind: str) -> None:
    def other(_: Lab, __: Call, who: Identity) -> Identity:
        if who.auth_type is None:
            raise Refusal(kind, "Sign in first")
        return who

    seams.resolve(other)(lab)


BOOK.add(
    "anonymous-401",
    "ID-4 ID-3",
    "callers without a bearer are 401",
    lambda lab: _anonymous_refused(lab, "credential"),
    USAGE,
)
