"""Faults: what the media routes answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab import seams
from lab.faults.callers import PAID, anonymous, nobody_because, on
from lab.faults.fault import FaultSet
from lab.proofs import Proof, generated, picture
from lab.server import media
from lab.server.lab import Call, Data, Json, Refusal, Reply

FAULTS = FaultSet()

for _requirement, _kind, _operations in (
    ("IMG-2", "image", "createImage getImage"),
    ("VID-2", "video", "createVideo getVideo"),
    ("AIR-1", "airforce", "createAirforceVideo getAirforceVideo"),
    ("SFX-1", "sfx", "createSfx getSfx"),
    ("TTS-1", "tts", "createTts getTts"),
):
    FAULTS.handwritten(_requirement, generated(_operations.split()[0]), spend="sample").add(
        f"{_kind}-as-json: {_kind} comes as JSON that names a job, and where to read of jobs",
        seams.instead(_operations, lambda c: Json({"id": "job-1", "see": "https://example.com"})),
    )

_MEDIA = {
    "IMG-2": ("createImage getImage", "image"),
    "VID-2": ("createVideo getVideo", "video"),
    "AIR-1": ("createAirforceVideo getAirforceVideo", "airforce"),
    "SFX-1": ("createSfx getSfx", "sfx"),
    "TTS-1": ("createTts getTts", "tts"),
    "CDN-1": ("getAsset", "asset"),
}


def _asset(c: Any) -> Any:
    made = c.generate("image", image_urls=[picture()])
    found = c.get("/" + made.header("x-asset-url").split("/", 3)[3])
    return found.status, found.type, len(found.body), found.body[:4]


def _cut(_: Call, reply: Data) -> Reply:
    return replace(reply, content=reply.content[: len(reply.content) // 3])


def _empty(_: Call, reply: Data) -> Reply:
    return replace(reply, content=b"")


for _requirement, (_operations, _slug) in _MEDIA.items():
    _proof: Proof = _asset if _slug == "asset" else generated(_operations.split()[0])
    FAULTS.mechanical(_requirement, _proof, spend="sample").add(
        f"{_slug}-empty: {_slug} comes with no bytes", seams.data(_operations, _empty)
    )
    FAULTS.mechanical(_requirement, _proof, spend="sample").add(
        f"{_slug}-other-type: {_slug} is sent as text/plain",
        seams.data(_operations, lambda _c, reply: replace(reply, content_type="text/plain")),
    )
    if _slug not in {"sfx", "tts"}:
        FAULTS.mechanical(_requirement, _proof, spend="sample").add(
            f"{_slug}-truncated: two thirds of {_slug} are missing", seams.data(_operations, _cut)
        )
    else:
        FAULTS.mechanical(_requirement, _proof, spend="sample").add(
            f"{_slug}-garbage: {_slug} is sound in name only",
            seams.data(_operations, lambda _c, reply: replace(reply, content=b"no sound at all " * 64)),
        )
    if _slug != "asset":
        _get = _operations.split()[1]
        FAULTS.mechanical(_requirement, generated(_get), spend="sample").add(
            f"{_slug}-get-missing: there is no GET of {_slug}",
            seams.instead(_get, lambda c: Json({"detail": "Not Found"}, 404)),
        )


def _refuse() -> None:
    raise Refusal("credential", "Not here")


FAULTS.handwritten("AIR-2", generated("createAirforceVideo", PAID), spend="sample", credentials=PAID).add(
    "airforce-good-bearer-refused: the alternate video route refuses good credentials",
    on("createAirforceVideo getAirforceVideo", PAID, lambda _l, _c: _refuse()),
)

FAULTS.handwritten("AIR-2 ID-4", generated("createAirforceVideo"), spend="sample").add(
    "airforce-needs-a-bearer: the alternate video route is 401 without a bearer",
    anonymous(
        lambda _l, called, who: nobody_because("credential") if "Airforce" in called.operation.id else who
    ),
)

FAULTS.handwritten("IMG-2", generated("createImage"), spend="sample").add(
    "image-is-a-video: the image routes answer a film",
    seams.instead("createImage getImage", lambda c: Data(media.video("1:1", 1), "video/mp4")),
)

FAULTS.reported("IMG-2", generated("createImage"), spend="sample").add(
    # A 200 is not an image: MCERQUA/OpenVoiceUI#470 found seventy error texts saved as pictures.
    "image-error-as-200: an image is 200 with the provider's error as JSON, sent as image/jpeg",
    seams.data("createImage getImage", lambda _c, r: replace(r, content=b'{"error":"model is deprecated"}')),
)

FAULTS.handwritten("VID-2", generated("createVideo"), spend="sample").add(
    "video-at-a-dead-address: films are told by an address at which nothing is",
    seams.instead("createVideo getVideo", lambda c: Json({"url": f"{c.request.base_url}made/gone"})),
)

FAULTS.handwritten("SFX-1", generated("createSfx"), spend="sample").add(
    "sfx-is-a-film: the sound route answers a film",
    seams.instead("createSfx getSfx", lambda c: Data(media.video("1:1", 1), "video/mp4")),
)


def _beyond_latin(called: Call) -> bool:
    return any(ord(letter) > 0x2000 for letter in str(called.arguments.get("prompt")))


FAULTS.handwritten("TTS-1", lambda c: c.generate("tts", prompt="灯台").status, spend="sample").add(
    "speech-in-ascii-only: text beyond Latin breaks speech", seams.crash_when("createTts", _beyond_latin)
)

FAULTS.handwritten("TTS-1", generated("createTts"), spend="sample").add(
    "tts-is-text: speech is the prompt again, as text",
    seams.instead("createTts getTts", lambda c: Data(c.arguments["prompt"].encode(), "text/plain")),
)

FAULTS.handwritten("VID-2", generated("createVideo"), spend="sample").add(
    "video-is-an-image: the video routes answer a still picture",
    seams.instead("createVideo getVideo", lambda c: Data(media.image("still"), "image/jpeg")),
)
