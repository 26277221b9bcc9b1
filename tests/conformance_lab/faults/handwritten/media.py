"""Handwritten faults: images, videos, sounds and assets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.conformance_lab import media
from tests.conformance_lab.faults import seams
from tests.conformance_lab.faults.common import (
    PAID,
    Run,
    anonymous,
    nobody_because,
    on,
)
from tests.conformance_lab.faults.fault import Book
from tests.conformance_lab.lab import Call, Data, Json, Lab, Refusal, Reply
from tests.conformance_lab.proofs import (
    asset,
    charged,
    generated,
    picture,
    read,
)

BOOK = Book("handwritten")

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
        f"{_kind} comes as JSON with an address",
        seams.instead(_operations, lambda c: Json({"url": "https://example.com/made.bin"})),
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
