"""The proxy's page, on a port of its own: what passes, what is broken, and the reports of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from aiohttp import web

from lightning_verify.proxy.reporting import RENDERERS
from lightning_verify.report.outcome import Outcome

# The page is for this machine; another name that leads here is somebody's trick.
_HOSTS = {"127.0.0.1", "localhost", "[::1]"}
_FILES = {"page.js": "text/javascript", "page.css": "text/css"}
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the page gets what it shows; each is called outside the event loop. `write` is None if there is
    no directory to write to, and raises OSError."""

    status: Callable[[], Mapping[str, Any]]
    outcome: Callable[[], Outcome]
    write: Callable[[], None] | None


async def serve(sources: Sources, port: int) -> tuple[web.AppRunner, int]:
    """Serve the page on this machine; returns what stops it, and the port. Raises OSError."""
    application = web.Application(middlewares=[_guard])
    application.router.add_get("/", _index)
    application.router.add_get("/status.json", _status(sources))
    application.router.add_post("/reports", _write(sources))
    for name in _FILES:
        application.router.add_get(f"/{name}", _file(name))
    for name in RENDERERS:
        application.router.add_get(f"/{name}", _report(sources, name))
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError:
        await runner.cleanup()
        raise
    number: int = runner.addresses[0][1]
    return runner, number


@web.middleware
async def _guard(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    if request.host.rpartition(":")[0] not in _HOSTS and request.host not in _HOSTS:
        raise web.HTTPForbidden(text="this page is for this machine\n")
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin not in {None, f"http://{request.host}"}:
        raise web.HTTPForbidden(text="only the page itself may ask for this\n")
    response: web.StreamResponse = await handler(request)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _own(name: str) -> str:
    return resources.files("lightning_verify.proxy").joinpath(name).read_text(encoding="utf-8")


async def _index(_request: web.Request) -> web.Response:
    return web.Response(
        text=_own("page.html"), content_type="text/html", headers={"Content-Security-Policy": _POLICY}
    )


def _file(name: str) -> Callable[[web.Request], Any]:
    async def handle(_request: web.Request) -> web.Response:
        return web.Response(text=_own(name), content_type=_FILES[name])

    return handle


def _status(sources: Sources) -> Callable[[web.Request], Any]:
    async def handle(_request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(sources.status))

    return handle


def _report(sources: Sources, name: str) -> Callable[[web.Request], Any]:
    content_type, render = RENDERERS[name]

    async def handle(_request: web.Request) -> web.Response:
        text = await asyncio.to_thread(lambda: render(sources.outcome()))
        return web.Response(text=text, content_type=content_type)

    return handle


def _write(sources: Sources) -> Callable[[web.Request], Any]:
    async def handle(_request: web.Request) -> web.Response:
        if sources.write is None:
            raise web.HTTPConflict(text="there is no --report-dir to write to\n")
        try:
            await asyncio.to_thread(sources.write)
        except OSError as problem:
            raise web.HTTPInternalServerError(text=f"{problem.strerror}\n") from problem
        return web.Response(status=204)

    return handle
