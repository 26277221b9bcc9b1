"""What others answer in a host's place now and then: CDNs, load balancers, sleeping spaces, portals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count, cycle

from starlette.types import ASGIApp, Receive, Scope, Send

from lab.server.lab import Lab

_HTML = {"content-type": "text/html; charset=utf-8"}
_TEXT = {"content-type": "text/plain; charset=utf-8"}
_CLOUDFLARE = {"server": "cloudflare"}
_PORTAL = {"location": "http://portal.example/login?back=1"}


@dataclass(frozen=True, slots=True)
class Gateway:
    """One answer that is not the host's."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def answer(self, scope: Scope, send: Send) -> None:
        """Send it in answer to a request."""
        headers = {**self.headers, "content-length": str(len(self.body))}
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": pairs})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})


def _page(status: int, title: str, rest: str = "", **headers: str) -> Gateway:
    text = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{rest}</body></html>"
    return Gateway(status, {**_HTML, **headers}, text.encode())


def _nginx(status: int, words: str, **headers: str) -> Gateway:
    title = f"{status} {words}"
    lines = (
        "<html>",
        f"<head><title>{title}</title></head>",
        f"<body><center><h1>{title}</h1></center>",
        "<hr><center>nginx</center>",
        "</body></html>",
    )
    return Gateway(
        status, {"content-type": "text/html", "server": "nginx", **headers}, "\r\n".join(lines).encode()
    )


GATEWAYS: dict[str, Gateway] = {
    "origin unknown error": _page(520, "520: Web server is returning an unknown error", **_CLOUDFLARE),
    "origin timed out": Gateway(522, {**_TEXT, **_CLOUDFLARE}, b"error code: 522"),
    "origin too slow": Gateway(524, _CLOUDFLARE),
    "challenge": _page(403, "Just a moment...", **_CLOUDFLARE, **{"cf-mitigated": "challenge"}),
    "challenge as 503": _page(503, "Just a moment...", **_CLOUDFLARE),
    "blocked": Gateway(403, {**_TEXT, **_CLOUDFLARE}, b"error code: 1020"),
    "limited by the CDN": _page(429, "Access denied", "Error 1015, Ray ID: 1", **_CLOUDFLARE),
    "denied by the CDN": _page(403, "Access Denied", "errors.edgesuite.net", server="AkamaiGHost"),
    "space asleep": _page(503, "Your space is sleeping"),
    "space asleep in JSON": Gateway(
        503, {"content-type": "application/json"}, b'{"error":"Space is sleeping"}'
    ),
    "space being built": _page(200, "Preparing Space"),
    "space not found": _page(404, "404: this page is not there"),
    "nobody behind the balancer": Gateway(
        503, _HTML, b"<html><body><h1>503 Service Unavailable</h1></body></html>"
    ),
    "balancer's bad gateway": _page(502, "502 Bad Gateway", server="awselb/2.0"),
    "balancer's bad request": Gateway(400, _HTML, b"<html><body><h1>400 Bad request</h1></body></html>"),
    "unknown to the router": Gateway(404, _TEXT, b"404 page not found\n"),
    "bad request in words": Gateway(400, _TEXT, b"400 Bad Request"),
    "upstream reset": Gateway(503, _TEXT, b"upstream connect error or disconnect/reset before headers"),
    "nginx failing": _nginx(500, "Internal Server Error"),
    "nginx refusing": _nginx(400, "Bad Request"),
    "firewall": _nginx(403, "Forbidden"),
    "nginx's limit": _nginx(429, "Too Many Requests"),
    "door of staging": _nginx(401, "Authorization Required", **{"www-authenticate": 'Basic realm="staging"'}),
    "portal": Gateway(302, _PORTAL),
    "portal for good": Gateway(301, _PORTAL),
    "portal, same method": Gateway(307, _PORTAL),
    "portal's own status": _page(511, "Network Authentication Required"),
    "portal's page": _page(200, "Welcome to the hotel"),
}

Turn = Callable[[int], bool]


def answering(gateways: list[Gateway], turn: Turn) -> Callable[[Lab], None]:
    """The gateways take turns to answer those requests for whose number `turn` holds."""

    def wrap(app: ASGIApp) -> ASGIApp:
        numbers, answers = count(), cycle(gateways)

        async def between(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not turn(next(numbers)):
                await app(scope, receive, send)
                return
            await next(answers).answer(scope, send)

        return between

    return lambda lab: lab.middleware.append(wrap)
