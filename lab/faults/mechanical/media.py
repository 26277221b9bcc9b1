"""Mechanical faults: images, videos, sounds and assets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.proofs import Proof, generated
from lab.server.lab import Call, Data, Json, Reply

BOOK = Book("mechanical")

_MEDIA = {
    "IMG-2": ("createImage getImage", "image"),
    "VID-2": ("createVideo getVideo", "video"),
    "AIR-1": ("createAirforceVideo getAirforceVideo", "airforce"),
    "SFX-1": ("createSfx getSfx", "sfx"),
    "TTS-1": ("createTts getTts", "tts"),
    "CDN-1": ("getAsset", "asset"),
}

_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def _asset(c: Any) -> Any:
    made = c.make("image", image_urls=[_PIXEL])
    found = c.get("/" + made.header("x-asset-url").split("/", 3)[3])
    return found.status, found.type, len(found.body), found.body[:4]


def _cut(_: Call, reply: Data) -> Reply:
    return replace(reply, content=reply.content[: len(reply.content) // 3])


def _empty(_: Call, reply: Data) -> Reply:
    return replace(reply, content=b"")


for _requirement, (_operations, _slug) in _MEDIA.items():
    _proof: Proof = _asset if _slug == "asset" else generated(_operations.split()[0])
    BOOK.add(
        f"{_slug}-empty",
        _requirement,
        f"{_slug} comes with no bytes",
        seams.data(_operations, _empty),
        _proof,
        "sample",
    )
    BOOK.add(
        f"{_slug}-other-type",
        _requirement,
        f"{_slug} is sent as text/plain",
        seams.data(_operations, lambda _c, reply: replace(reply, content_type="text/plain")),
        _proof,
        "sample",
    )
    if _slug not in {"sfx", "tts"}:
        BOOK.add(
            f"{_slug}-truncated",
            _requirement,
            f"two thirds of {_slug} are missing",
            seams.data(_operations, _cut),
            _proof,
            "sample",
        )
    else:
        BOOK.add(
            f"{_slug}-garbage",
            _requirement,
            f"{_slug} is sound in name only",
            seams.data(_operations, lambda _c, reply: replace(reply, content=b"no sound at all " * 64)),
            _proof,
            "sample",
        )
    if _slug != "asset":
        _get = _operations.split()[1]
        BOOK.add(
            f"{_slug}-get-missing",
            _requirement,
            f"there is no GET of {_slug}",
            seams.instead(_get, lambda c: Json({"detail": "Not Found"}, 404)),
            generated(_get),
            "sample",
        )
