"""A conforming server that gets a copy of every request, and counts what it would have charged.

Law: nobody sees its answers. Its count says what the judge caused, the faulty server's count what that server
did.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab.server import facts
from lab.server.app import build, handlers, plain_lab
from lab.server.lab import Call, Json, Lab, Reply


async def _nothing(_: Lab, __: Call) -> Reply:
    return Json({})


class Shadow:
    """The conforming copy of one server."""

    def __init__(self, credentials: Mapping[str, str]) -> None:
        self._lab = plain_lab(credentials)
        self._lab.handlers = dict.fromkeys(handlers(), _nothing)
        self._app = build(self._lab)

    def due(self) -> dict[str, int]:
        """Units by metric that a conforming server would have charged so far."""
        units = {metric: self._lab.ledger.charged(metric) for metric in facts.METRICS}
        return {metric: count for metric, count in units.items() if count}

    def follow(self, lab: Lab) -> None:
        """Get a copy of every request to this lab from now on."""
        lab.middleware.append(self._wrap)

    def _wrap(self, app: ASGIApp) -> ASGIApp:
        async def shadowed(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            messages: list[Message] = []
            while not messages or messages[-1].get("more_body"):
                messages.append(await receive())
            await self._app(dict(scope), _replay(messages, receive), _ignore)
            await app(scope, _replay(messages, receive), send)

        return shadowed


def _replay(messages: list[Message], then: Receive) -> Receive:
    rest = list(reversed(messages))

    async def receive() -> Message:
        return rest.pop() if rest else await then()

    return receive


async def _ignore(_: Message) -> None:
    pass
