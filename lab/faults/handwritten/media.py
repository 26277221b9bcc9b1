"""Handwritten faults: images, videos, sounds and assets."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lab.client import Client
from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import PAID, Run, anonymous, crash_when, nobody_because, on
from lab.proofs import asset, charged, generated, picture, read
from lab.server import media
from lab.server.lab import Call, Data, Json, Lab, Refusal, Reply

BOOK = Book("handwritten")


def _refuse_value(operation: str, field: str, value: Any) -> seams.Apply:
    def apply(lab: Lab) -> None:
        def first(_: Lab, called: Call) -> None:
            if called.arguments.get(field) == value:
                raise Refusal("invalid", f"{field} is not supported here")

        lab.checks[operation] = {"fault": first, **lab.checks[operation]}

    return apply


for _requirement, _kind, _operations in (
    ("IMG-2", "image", "createImage getImage"),
    ("VID-2", "video", "createVideo getVideo"),
    ("AIR-1", "airforce", "createAirforceVideo getAirforceVideo"),
    ("SFX-1", "sfx", "createSfx getSfx"),
    ("TTS-1", "tts", "createTts getTts"),
):
    BOOK.add(
        f"{_kind}-as-json",
        _requirement,
        f"{_kind} comes as JSON that names a job, and where to read of jobs",
        seams.instead(_operations, lambda c: Json({"id": "job-1", "see": "https://example.com"})),
        generated(_operations.split()[0]),
        "sample",
    )

BOOK.add(
    "image-is-a-video",
    "IMG-2",
    "the image routes answer a film",
    seams.instead("createImage getImage", lambda c: Data(media.video("1:1", 1), "video/mp4")),
    generated("createImage"),
    "sample",
)

BOOK.add(
    "video-is-an-image",
    "VID-2",
    "the video routes answer a still picture",
    seams.instead("createVideo getVideo", lambda c: Data(media.image("still"), "image/jpeg")),
    generated("createVideo"),
    "sample",
)

BOOK.add(
    "sfx-is-a-film",
    "SFX-1",
    "the sound route answers a film",
    seams.instead("createSfx getSfx", lambda c: Data(media.video("1:1", 1), "video/mp4")),
    generated("createSfx"),
    "sample",
)

BOOK.add(
    "tts-is-text",
    "TTS-1",
    "speech is the prompt again, as text",
    seams.instead("createTts getTts", lambda c: Data(c.arguments["prompt"].encode(), "text/plain")),
    generated("createTts"),
    "sample",
)

BOOK.add(
    "image-base64-refused",
    "IMG-4 IMG-5",
    "base64 images are 400",
    seams.refuse_when("createImage", lambda c: bool(c.images)),
    generated("createImage", image_urls=[picture()]),
    "sample",
)

BOOK.add(
    "video-base64-refused",
    "VID-6",
    "base64 images of a video are 400",
    seams.refuse_when("createVideo", lambda c: bool(c.images)),
    generated("createVideo", image_urls=[picture()]),
    "sample",
)

for _kind, _requirement in (("Image", "IMG-4"), ("Video", "VID-6")):
    BOOK.add(
        f"{_kind.lower()}-urls-empty-refused",
        _requirement,
        f"an empty list of images is 400 on create{_kind}",
        seams.refuse_when(f"create{_kind}", lambda c: c.arguments.get("image_urls") == []),
        generated(f"create{_kind}", image_urls=[]),
        "sample",
    )
    BOOK.add(
        f"{_kind.lower()}-base64-500",
        _requirement,
        f"base64 images are 500 on create{_kind}",
        crash_when(
            f"create{_kind}",
            lambda c: any(not text.startswith("http") for text in c.arguments.get("image_urls") or []),
        ),
        generated(f"create{_kind}", image_urls=[picture()]),
        "sample",
    )

BOOK.add(
    "video-long-500",
    "VID-5",
    "a duration beyond ten seconds is 500",
    crash_when("createVideo", lambda c: c.arguments.get("duration", 0) > 10),
    generated("createVideo", duration=11),
    "sample",
)

# The GET form is often a second handler, written for one of the values.
for _name, _requirement, _operation, _field, _value in (
    ("image-get-realistic-refused", "IMG-3", "getImage", "mode", "realistic"),
    ("video-get-normal-refused", "VID-4", "getVideo", "mode", "normal"),
    ("video-get-fun-refused", "VID-4", "getVideo", "mode", "fun"),
    ("video-get-wide-refused", "VID-3", "getVideo", "ratio", "3:2"),
    ("video-get-square-refused", "VID-3", "getVideo", "ratio", "1:1"),
    ("video-get-duration-refused", "VID-5", "getVideo", "duration", 99),
):
    BOOK.add(
        _name,
        _requirement,
        f"{_field} {_value} is 400 on {_operation}",
        _refuse_value(_operation, _field, _value),
        generated(_operation, None, **{_field: _value}),
        "sample",
    )

BOOK.add(
    "image-mode-required",
    "IMG-3",
    "an image without a mode is 400",
    seams.refuse_when("createImage", lambda c: "mode" not in c.arguments),
    generated("createImage"),
    "sample",
)


class _Nothing(dict[str, tuple[bytes, str]]):
    def __setitem__(self, key: str, value: tuple[bytes, str]) -> None:
        return


BOOK.add(
    "asset-not-kept",
    "IMG-5",
    "base64 images are announced but not kept",
    lambda lab: setattr(lab, "assets", _Nothing()),
    lambda c: asset(c).status,
    "sample",
)

BOOK.add(
    "asset-500",
    "IMG-5",
    "an asset is announced, and 500 when it is fetched",
    seams.instead("getAsset", lambda c: Json({"detail": "Internal Server Error"}, 500)),
    lambda c: asset(c).status,
    "sample",
)

BOOK.add(
    "asset-for-its-owner-only",
    "IMG-5",
    "an asset is 401 without a bearer",
    seams.instead("getAsset", lambda c: Json({"detail": "Sign in"}, 401)),
    lambda c: asset(c).status,
    "sample",
)


class _First(dict[str, tuple[bytes, str]]):
    def __setitem__(self, key: str, value: tuple[bytes, str]) -> None:
        first = next(iter(self.values()), value)
        super().__setitem__(key, first)


BOOK.add(
    "asset-is-another-image",
    "IMG-5",
    "every asset is the first one that was stored",
    lambda lab: setattr(lab, "assets", _First()),
    lambda c: [asset(c, colour=x).body for x in ("red", "blue")],
    "sample",
)


def _assets_of(c: Client, kind: str) -> list[tuple[int, str, bytes]]:
    """Status, type and first bytes of both stored inputs of one generation."""
    made = c.make(kind, image_urls=[picture("red"), picture("blue")])
    paths = ["/" + v.split("/", 3)[3] for name, v in made.headers if name.lower() == "x-asset-url"]
    return [(found.status, found.type, found.body[:4]) for found in map(c.get, paths)]


def _lose_second(lab: Lab, kind: str) -> None:
    def change(inner: Lab, called: Call, reply: Reply) -> Reply:
        told = [value for name, value in reply.headers if name == "X-Asset-Url"]
        if called.operation.id == f"create{kind}" and len(told) > 1:
            inner.assets.pop(told[1].rsplit("/", 1)[1], None)
        return reply

    lab.changes.append(change)


BOOK.add(
    "asset-second-not-kept",
    "IMG-5",
    "of two base64 images only the first is kept",
    lambda lab: _lose_second(lab, "Image"),
    lambda c: _assets_of(c, "image"),
    "sample",
)


def _lose_all(lab: Lab) -> None:
    def change(inner: Lab, called: Call, reply: Reply) -> Reply:
        if called.operation.id == "createVideo":
            for name, value in reply.headers:
                if name == "X-Asset-Url":
                    inner.assets.pop(value.rsplit("/", 1)[1], None)
        return reply

    lab.changes.append(change)


BOOK.add(
    "video-assets-not-kept",
    "CDN-1",
    "the base64 images of a video are announced but not kept",
    _lose_all,
    lambda c: _assets_of(c, "video"),
    "sample",
)


def _passed_on(lab: Lab) -> None:
    """Keep what was sent instead of its PNG form."""
    for operation in ("createImage", "createVideo"):

        def store(_: Lab, called: Call) -> None:
            sent = [text.partition(",")[2] or text for text in called.arguments.get("image_urls") or []]
            called.images = [base64.b64decode(text) for text in sent if not text.startswith("http")]

        lab.checks[operation] = {**lab.checks[operation], "fault": store}


def _stored_jpeg(c: Client) -> Any:
    jpeg = base64.b64encode(media.image("sent")).decode()
    made = c.make("image", image_urls=[jpeg])
    return c.get("/" + str(made.header("x-asset-url")).split("/", 3)[3]).body[:4]


BOOK.add(
    "asset-as-it-was-sent",
    "CDN-1",
    "an asset is what was sent, under the name of PNG, JPEG or not",
    _passed_on,
    _stored_jpeg,
    "sample",
)


def _other_asset(content: Callable[[], bytes], content_type: str) -> seams.Apply:
    return seams.data(
        "getAsset", lambda _c, reply: replace(reply, content=content(), content_type=content_type)
    )


BOOK.add(
    "asset-as-jpeg",
    "CDN-1",
    "an asset is served as JPEG",
    _other_asset(lambda: media.image("asset"), "image/jpeg"),
    lambda c: (asset(c).type, asset(c).body[:4]),
    "sample",
)

BOOK.add(
    "asset-as-page",
    "CDN-1",
    "an asset is a page that shows the image",
    seams.data("getAsset", lambda _c, _r: seams.html()),
    lambda c: (asset(c).type, asset(c).body[:4]),
    "sample",
)

BOOK.add(
    "asset-jpeg-named-png",
    "CDN-1",
    "an asset is called PNG but is JPEG",
    _other_asset(lambda: media.image("asset"), "image/png"),
    lambda c: (asset(c).type, asset(c).body[:4]),
    "sample",
)

_UNKNOWN = read("/asset-cdn/assets/nothing-stored-here")


def _any_asset(make: Callable[[], Reply]) -> Callable[[Lab], None]:
    def apply(lab: Lab) -> None:
        inner = lab.handlers["getAsset"]

        async def handler(lab_: Lab, called: Call) -> Reply:
            return await inner(lab_, called) if called.arguments["image_id"] in lab_.assets else make()

        lab.handlers["getAsset"] = handler

    return apply


BOOK.add(
    "unknown-asset-placeholder",
    "CDN-2",
    "an unknown asset is a grey picture with 200",
    _any_asset(lambda: Data(media.image("grey", "PNG"), "image/png")),
    _UNKNOWN,
)

BOOK.add(
    "unknown-asset-empty",
    "CDN-2",
    "an unknown asset is an empty PNG with 200",
    _any_asset(lambda: Data(b"", "image/png")),
    _UNKNOWN,
)

BOOK.add(
    "unknown-asset-page", "CDN-2", "an unknown asset is a page with 200", _any_asset(seams.html), _UNKNOWN
)


def _refuse() -> None:
    raise Refusal("credential", "Not here")


BOOK.add(
    "airforce-good-bearer-refused",
    "AIR-2",
    "the alternate video route refuses good credentials",
    on("createAirforceVideo getAirforceVideo", PAID, lambda _l, _c: _refuse()),
    generated("createAirforceVideo", PAID),
    "sample",
    PAID,
)

BOOK.add(
    "airforce-needs-a-bearer",
    "AIR-2 ID-4",
    "the alternate video route is 401 without a bearer",
    anonymous(
        lambda _l, called, who: nobody_because("credential") if "Airforce" in called.operation.id else who
    ),
    generated("createAirforceVideo"),
    "sample",
)


def _own_metric(lab: Lab) -> None:
    async def step(inner: Lab, called: Call, run: Run) -> None:
        if "Airforce" in called.operation.id:
            called.identity = replace(called.identity, key=called.identity.key + "|airforce")
        await run()

    seams.around("charge", step)(lab)


BOOK.add(
    "airforce-own-metric",
    "AIR-3",
    "videos of the alternate route are counted apart from the others",
    _own_metric,
    charged("createAirforceVideo"),
    "sample",
)


def _speech_counter(lab: Lab) -> None:
    async def step(inner: Lab, called: Call, run: Run) -> None:
        if called.operation.id in {"createTts", "getTts"}:
            called.identity = replace(called.identity, key=called.identity.key + "|speech")
        await run()

    seams.around("charge", step)(lab)


BOOK.add(
    "tts-own-counter",
    "TTS-3",
    "speech is counted apart from sound",
    _speech_counter,
    charged("createTts"),
    "sample",
)

BOOK.add(
    "video-duration-charged",
    "VID-7",
    "a video consumes a unit for every five seconds",
    seams.charge_more(
        lambda _l, c: (
            [(c.identity.key, "videosDaily")] * ((c.arguments.get("duration", 0) - 1) // 5)
            if "Video" in c.operation.id
            else []
        )
    ),
    charged("createVideo", duration=10),
    "sample",
)

BOOK.add(
    "image-inputs-charged",
    "IMG-6",
    "an image consumes a unit more for each address it is given",
    seams.charge_more(
        lambda _l, c: (
            [(c.identity.key, "imagesDaily")] * len(c.arguments.get("image_urls") or [])
            if "Image" in c.operation.id
            else []
        )
    ),
    charged("createImage", image_urls=["https://example.com/a.png"]),
    "sample",
)
