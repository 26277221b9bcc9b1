"""Faults: stored images."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lab import seams
from lab.client import Client
from lab.faults.fault import FaultSet
from lab.proofs import UNKNOWN_ASSET, asset, picture
from lab.server import media
from lab.server.lab import Call, Data, Json, Lab, Reply

FAULTS = FaultSet()


def _assets_of(c: Client, kind: str) -> list[tuple[int, str, bytes]]:
    """Status, type and first bytes of both stored inputs of one generation."""
    made = c.generate(kind, image_urls=[picture("red"), picture("blue")])
    paths = ["/" + v.split("/", 3)[3] for name, v in made.headers if name.lower() == "x-asset-url"]
    return [(found.status, found.type, found.body[:4]) for found in map(c.get, paths)]


def _lose_all(lab: Lab) -> None:
    def change(inner: Lab, called: Call, reply: Reply) -> Reply:
        if called.operation.id == "createVideo":
            for name, value in reply.headers:
                if name == "X-Asset-Url":
                    inner.assets.pop(value.rsplit("/", 1)[1], None)
        return reply

    lab.changes.append(change)


FAULTS.handwritten("CDN-1", lambda c: _assets_of(c, "video"), spend="sample").add(
    "video-assets-not-kept: the base64 images of a video are announced but not kept", _lose_all
)


def _passed_on(lab: Lab) -> None:
    """Store what was sent instead of its PNG form."""
    for operation in ("createImage", "createVideo"):

        def store(_: Lab, called: Call) -> None:
            sent = [text.partition(",")[2] or text for text in called.arguments.get("image_urls") or []]
            called.images = [base64.b64decode(text) for text in sent if not text.startswith("http")]

        lab.checks[operation] = {**lab.checks[operation], "fault": store}


def _stored_jpeg(c: Client) -> Any:
    jpeg = base64.b64encode(media.image("sent")).decode()
    made = c.generate("image", image_urls=[jpeg])
    return c.get("/" + str(made.header("x-asset-url")).split("/", 3)[3]).body[:4]


FAULTS.handwritten("CDN-1", _stored_jpeg, spend="sample").add(
    "asset-as-it-was-sent: an asset is what was sent, under the name of PNG, JPEG or not", _passed_on
)


def _other_asset(content: Callable[[], bytes], content_type: str) -> seams.Apply:
    return seams.data(
        "getAsset", lambda _c, reply: replace(reply, content=content(), content_type=content_type)
    )


FAULTS.handwritten("CDN-1", lambda c: (asset(c).type, asset(c).body[:4]), spend="sample").add(
    "asset-as-jpeg: an asset is served as JPEG", _other_asset(lambda: media.image("asset"), "image/jpeg")
).add(
    "asset-jpeg-named-png: an asset is called PNG but is JPEG",
    _other_asset(lambda: media.image("asset"), "image/png"),
)


def _any_asset(make: Callable[[], Reply]) -> Callable[[Lab], None]:
    def apply(lab: Lab) -> None:
        inner = lab.handlers["getAsset"]

        async def handler(lab_: Lab, called: Call) -> Reply:
            return await inner(lab_, called) if called.arguments["image_id"] in lab_.assets else make()

        lab.handlers["getAsset"] = handler

    return apply


FAULTS.handwritten("CDN-2", UNKNOWN_ASSET).add(
    "unknown-asset-placeholder: an unknown asset is a grey picture with 200",
    _any_asset(lambda: Data(media.image("grey", "PNG"), "image/png")),
)


def _by_prefix(c: Any) -> Any:
    made = c.generate("image", image_urls=[picture()])
    path = "/" + made.header("x-asset-url").split("/", 3)[3]
    return c.get(path[:-4] + "zzzz").status


def _prefix(lab: Lab) -> None:
    inner = lab.handlers["getAsset"]

    async def handler(lab_: Lab, called: Call) -> Reply:
        asked = called.arguments["image_id"]
        called.arguments["image_id"] = next((name for name in lab_.assets if name[:4] == asked[:4]), asked)
        return await inner(lab_, called)

    lab.handlers["getAsset"] = handler


FAULTS.reported("CDN-2", _by_prefix, spend="sample").add(
    "asset-by-prefix: the first characters of an id are enough to get the asset", _prefix
)


class _Nothing(dict[str, tuple[bytes, str]]):
    def __setitem__(self, key: str, value: tuple[bytes, str]) -> None:
        return


FAULTS.handwritten("IMG-5", lambda c: asset(c).status, spend="sample").add(
    "asset-not-kept: base64 images are announced but not kept", lambda lab: setattr(lab, "assets", _Nothing())
).add(
    "asset-500: an asset is announced, and 500 when it is fetched",
    seams.instead("getAsset", lambda c: Json({"detail": "Internal Server Error"}, 500)),
).add(
    "asset-for-its-owner-only: an asset is 401 without a bearer",
    seams.instead("getAsset", lambda c: Json({"detail": "Sign in"}, 401)),
)


class _First(dict[str, tuple[bytes, str]]):
    def __setitem__(self, key: str, value: tuple[bytes, str]) -> None:
        first = next(iter(self.values()), value)
        super().__setitem__(key, first)


FAULTS.handwritten("IMG-5", lambda c: [asset(c, colour=x).body for x in ("red", "blue")], spend="sample").add(
    "asset-is-another-image: every asset is the first one that was stored",
    lambda lab: setattr(lab, "assets", _First()),
)


def _lose_second(lab: Lab, kind: str) -> None:
    def change(inner: Lab, called: Call, reply: Reply) -> Reply:
        addresses = [value for name, value in reply.headers if name == "X-Asset-Url"]
        if called.operation.id == f"create{kind}" and len(addresses) > 1:
            inner.assets.pop(addresses[1].rsplit("/", 1)[1], None)
        return reply

    lab.changes.append(change)


FAULTS.handwritten("IMG-5", lambda c: _assets_of(c, "image"), spend="sample").add(
    "asset-second-not-kept: of two base64 images only the first is kept",
    lambda lab: _lose_second(lab, "Image"),
)


def _once(lab: Lab) -> None:
    inner = lab.handlers["getAsset"]

    async def handler(lab_: Lab, called: Call) -> Reply:
        reply = await inner(lab_, called)
        lab_.assets.pop(called.arguments["image_id"], None)
        return reply

    lab.handlers["getAsset"] = handler


def _twice(c: Any) -> Any:
    made = c.generate("image", image_urls=[picture()])
    path = "/" + made.header("x-asset-url").split("/", 3)[3]
    return [c.get(path).status for _ in range(2)]


FAULTS.reported("IMG-5", _twice, spend="sample").add("asset-once: an asset can be fetched once", _once)
