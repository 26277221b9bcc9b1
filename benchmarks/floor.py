"""The bare aiohttp application: routes that give back bytes made before, and nothing else.

Law: no validation, no identity, no counting; it only reads the request, because the mock has to do that too.
What a mock does above this is what its features cost.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from aiohttp import web
from multidict import CIMultiDict

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A reply to give: its headers and its body, whole (one piece) or written piece by piece."""

    method: str
    path: str
    headers: dict[str, str]
    pieces: tuple[bytes, ...]
    streamed: bool


def save(replies: Sequence[Recorded], path: Path) -> None:
    """Write replies to a file for this program to read."""
    rows = [
        {**asdict(reply), "pieces": [base64.b64encode(piece).decode() for piece in reply.pieces]}
        for reply in replies
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")


def load(path: Path) -> list[Recorded]:
    """The replies of a file."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [
        Recorded(**{**row, "pieces": tuple(base64.b64decode(piece) for piece in row["pieces"])})
        for row in rows
    ]


def whole(reply: Recorded) -> Handler:
    headers, body = CIMultiDict(reply.headers), reply.pieces[0]

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(body=body, headers=headers)

    return handle


def streamed(reply: Recorded) -> Handler:
    headers, pieces = CIMultiDict(reply.headers), reply.pieces

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        await response.write_eof()
        return response

    return handle


async def serve(replies: Sequence[Recorded]) -> None:
    """Serve until the process is ended."""
    app = web.Application()
    for reply in replies:
        app.router.add_route(reply.method, reply.path, (streamed if reply.streamed else whole)(reply))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"floor at http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(load(Path(sys.argv[1]))))
