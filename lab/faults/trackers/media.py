"""Trackers faults: images, videos, sounds and assets."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import dot
from lab.proofs import asset, generated
from lab.server.lab import Call, Lab, Reply

BOOK = Book("trackers")

# A 200 is not an image: MCERQUA/OpenVoiceUI#470 found seventy error texts saved as pictures.
BOOK.add(
    "image-error-as-200",
    "IMG-2",
    "an image is 200 with the provider's error as JSON, sent as image/jpeg",
    seams.data("createImage getImage", lambda _c, r: replace(r, content=b'{"error":"model is deprecated"}')),
    generated("createImage"),
    "sample",
)

BOOK.add(
    "image-as-base64-text",
    "IMG-2",
    "an image is sent as base64 text",
    seams.data("createImage getImage", lambda _c, r: replace(r, content=base64.b64encode(r.content))),
    generated("createImage"),
    "sample",
)

BOOK.add(
    "video-error-page",
    "VID-2",
    "a video is 200 with a proxy's error page",
    seams.instead("createVideo getVideo", lambda c: seams.html()),
    generated("createVideo"),
    "sample",
)

BOOK.add(
    "airforce-error-as-200",
    "AIR-1",
    "a video of the alternate route is 200 with an error as JSON, as video/mp4",
    seams.data("createAirforceVideo getAirforceVideo", lambda _c, r: replace(r, content=b'{"error":"busy"}')),
    generated("createAirforceVideo"),
    "sample",
)


def _once(lab: Lab) -> None:
    inner = lab.handlers["getAsset"]

    async def handler(lab_: Lab, called: Call) -> Reply:
        reply = await inner(lab_, called)
        lab_.assets.pop(called.arguments["image_id"], None)
        return reply

    lab.handlers["getAsset"] = handler


def _twice(c: Any) -> Any:
    made = c.make("image", image_urls=[dot()])
    path = "/" + made.header("x-asset-url").split("/", 3)[3]
    return [c.get(path).status for _ in range(2)]


BOOK.add(
    "asset-once",
    "IMG-5",
    "an asset can be fetched once",
    _once,
    _twice,
    "sample",
)

BOOK.add(
    "asset-as-octets",
    "CDN-1",
    "an asset is sent as application/octet-stream",
    seams.data("getAsset", lambda _c, r: replace(r, content_type="application/octet-stream")),
    lambda c: asset(c).type,
    "sample",
)


def _by_prefix(c: Any) -> Any:
    made = c.make("image", image_urls=[dot()])
    path = "/" + made.header("x-asset-url").split("/", 3)[3]
    return c.get(path[:-4] + "zzzz").status


def _prefix(lab: Lab) -> None:
    inner = lab.handlers["getAsset"]

    async def handler(lab_: Lab, called: Call) -> Reply:
        asked = called.arguments["image_id"]
        called.arguments["image_id"] = next((name for name in lab_.assets if name[:4] == asked[:4]), asked)
        return await inner(lab_, called)

    lab.handlers["getAsset"] = handler


BOOK.add(
    "asset-by-prefix",
    "CDN-2",
    "the first characters of an id are enough to get the asset",
    _prefix,
    _by_prefix,
    "sample",
)


def _page(status: int) -> Callable[[Call], Reply]:
    return lambda _: seams.html(status)


# Upstream trouble that is passed on as it came: gateways answer 502 to 504 with pages of their proxies.
for _status, _operation, _requirement in (
    (502, "createSfx getSfx", "SFX-1"),
    (504, "createAirforceVideo getAirforceVideo", "AIR-1"),
):
    BOOK.add(
        f"upstream-{_status}",
        f"FAIL-3 {_requirement}",
        f"a failure of the provider is {_status} with a proxy's page on {_operation.split()[0]}",
        seams.instead(_operation, _page(_status)),
        generated(_operation.split()[0]),
        "sample",
    )
