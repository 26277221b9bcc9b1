"""What several groups of faults share: credentials by name, prompts, and ways to change who a caller is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from lab.faults import seams
from lab.proofs import TOOL, picture, read
from lab.server.lab import Call, Identity, Lab, Refusal

PAID, KEY, FREE = "LIGHTNING_JWT", "LIGHTNING_API_KEY", "LIGHTNING_FREE_JWT"

EXPIRED, STALE, REVOKED = "LIGHTNING_EXPIRED_JWT", "LIGHTNING_EXPIRED_API_KEY", "LIGHTNING_REVOKED_API_KEY"

Run = Callable[[], Awaitable[None]]

MEDIA_GET = "getImage getVideo getAirforceVideo getSfx getTts"

CODE = [{"role": "user", "content": "Fix this bug:\n```python\ndef f(x):\n    return x +\n```"}]

SEEN = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": picture()}},
        ],
    }
]

EASY = [{"role": "user", "content": "Hi"}]


def on(operations: str, name: str, function: Callable[[Lab, Call], None]) -> seams.Apply:
    """As `only`, on these operations."""
    chosen = seams.ids(operations)

    async def step(lab: Lab, called: Call, run: Run) -> None:
        header = called.request.headers.get("authorization", "")
        if called.operation.id in chosen and header == f"Bearer {lab.credentials.get(name)}":
            function(lab, called)
        else:
            await run()

    return seams.around("identify", step)


def anonymous(function: Callable[[Lab, Call, Identity], Identity]) -> seams.Apply:
    """Change who a caller without a bearer is."""
    return seams.resolve(lambda lab, called, who: who if who.auth_type else function(lab, called, who))


def nobody_because(kind: str) -> Identity:
    raise Refusal(kind, "Not like this")


def listed(value: Any) -> Any:
    return value if isinstance(value, list) else [{"role": "user", "content": str(value)}]


def before_checks(lab: Lab, operation: str, field: str, function: Callable[[Any], Any]) -> None:
    plain = lab.checks[operation]

    def first(_: Lab, called: Call) -> None:
        called.arguments[field] = function(called.arguments.get(field))

    lab.checks[operation] = {"fault": first, **plain}


WEATHER: dict[str, Any] = {"tools": [TOOL], "tool_choice": "required"}

SUBSCRIPTION = read("/subscription", PAID)

USAGE = read("/usage")

TIER_CONFIG = read("/tier-config")

TIERS = read("/tiers")


async def serve_as_free(lab: Lab, called: Call, run: Callable[[], Any]) -> None:
    try:
        await run()
    except Refusal:
        called.identity = Identity("client:" + called.request.headers.get("x-client-id", "?"), "free")


def lenient(operations: str) -> seams.Apply:
    """Serve whoever has a bad bearer as a free caller, on these operations."""
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
        header = called.request.headers.get("authorization", "")
        if called.operation.auth != "none" and header == f"Bearer {lab.credentials.get(name)}":
            function(lab, called)
        else:
            await run()

    return seams.around("identify", step)


def crash(status: int = 500) -> Callable[[Lab, Call], None]:
    """Fail as an unhandled exception would."""

    def function(lab: Lab, _: Call) -> None:
        lab.status_of["crash"] = status
        raise Refusal("crash", "Internal Server Error")

    return function


def crash_when(operations: str, condition: Callable[[Call], bool]) -> seams.Apply:
    """Crash before any check, as an attribute access on the wrong type does."""

    def apply(lab: Lab) -> None:
        for operation in seams.ids(operations):

            def first(inner: Lab, called: Call) -> None:
                if condition(called):
                    crash()(inner, called)

            lab.checks[operation] = {"fault": first, **lab.checks[operation]}

    return apply


def dot() -> str:
    return "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
