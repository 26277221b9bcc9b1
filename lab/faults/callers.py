"""Callers: credentials by name, and ways to change whom a server takes a caller for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab import seams
from lab.client import Client
from lab.seams import Run
from lab.server.lab import Call, Identity, Lab, Refusal

PAID, KEY, FREE = "LIGHTNING_JWT", "LIGHTNING_API_KEY", "LIGHTNING_FREE_JWT"
EXPIRED, STALE, REVOKED = "LIGHTNING_EXPIRED_JWT", "LIGHTNING_EXPIRED_API_KEY", "LIGHTNING_REVOKED_API_KEY"


def shows(lab: Lab, called: Call, *names: str) -> bool:
    """Whether the request carries one of these credentials as its bearer."""
    header = called.request.headers.get("authorization", "")
    return header in {f"Bearer {lab.credentials.get(name)}" for name in names}


def on(operations: str, name: str, function: Callable[[Lab, Call], None]) -> seams.Apply:
    """Like `only`, on these operations."""
    chosen = seams.ids(operations)

    async def step(lab: Lab, called: Call, run: Run) -> None:
        if called.operation.id in chosen and shows(lab, called, name):
            function(lab, called)
        else:
            await run()

    return seams.around("identify", step)


def anonymous(function: Callable[[Lab, Call, Identity], Identity]) -> seams.Apply:
    """Change who a caller without a bearer is taken for."""
    return seams.resolve(lambda lab, called, who: who if who.auth_type else function(lab, called, who))


def nobody_because(kind: str) -> Identity:
    raise Refusal(kind, "Not like this")


async def serve_as_free(lab: Lab, called: Call, run: Callable[[], Any]) -> None:
    try:
        await run()
    except Refusal:
        called.identity = Identity("client:" + called.request.headers.get("x-client-id", "?"), "free")


def lenient(operations: str) -> seams.Apply:
    """Serve callers with a bad bearer as free callers, on these operations."""
    chosen = seams.ids(operations)

    async def step(lab: Lab, called: Call, run: Callable[[], Any]) -> None:
        if called.operation.id in chosen:
            await serve_as_free(lab, called, run)
        else:
            await run()

    return seams.around("identify", step)


def only(name: str, function: Callable[[Lab, Call], None]) -> seams.Apply:
    """Do something else when the request carries this credential."""

    async def step(lab: Lab, called: Call, run: Callable[[], Any]) -> None:
        if called.operation.auth != "none" and shows(lab, called, name):
            function(lab, called)
        else:
            await run()

    return seams.around("identify", step)


def nameless(c: Client, kind: str = "image") -> int:
    """The status of a generation without a client id."""
    return c.post(f"/gen/{kind}", {"prompt": "a fox"}, client="").status


def by_address(called: Call) -> bool:
    return called.identity.key.startswith("address:")
