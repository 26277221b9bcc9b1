"""The bare aiohttp application: routes that give back bytes made before, and nothing else.

Law: no validation, no identity, no counting. It reads a request and decodes its JSON, because nothing can
answer a chat without knowing whether it is to be streamed. What the mock costs above this is what its
features cost.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

import orjson
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


def handler(whole: Recorded, streamed: Recorded | None) -> Handler:
    """Answers one route with one reply, or with another one when the body asks for a stream."""
    headers, body = CIMultiDict(whole.headers), whole.pieces[0]
    pieces = streamed.pieces if streamed is not None else ()
    stream_headers = CIMultiDict(streamed.headers if streamed is not None else {})

    async def get(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers=headers)

    async def post(request: web.Request) -> web.StreamResponse:
        asked = orjson.loads(await request.read())
        if not asked.get("stream"):
            return web.Response(body=body, headers=headers)
        response = web.StreamResponse(headers=stream_headers)
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        await response.write_eof()
        return response

    return get if whole.method == "GET" else post


async def serve(replies: Sequence[Recorded]) -> None:
    """Serve until the process is ended."""
    streams = {reply.path: reply for reply in replies if reply.streamed}
    app = web.Application()
    for reply in replies:
        if not reply.streamed:
            app.router.add_route(reply.method, reply.path, handler(reply, streams.get(reply.path)))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"floor at http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


def main(replies: str, loop: str = "asyncio") -> None:
    """Serve the replies of a file, on asyncio's own loop or on uvloop."""
    factory = import_module("uvloop").new_event_loop if loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(load(Path(replies))))


if __name__ == "__main__":
    main(*sys.argv[1:])
