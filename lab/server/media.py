"""Small renderings that decode. Each distinct file is made once in a process."""

from __future__ import annotations

import hashlib
import io
import math
import secrets
import struct
from functools import lru_cache
from typing import Any

import av
from PIL import Image

from lab.server.lab import Call, Data, Handler, Lab, Refusal, Reply

SIZES = {"3:2": (96, 64), "2:3": (64, 96), "1:1": (64, 64)}


@lru_cache(maxsize=512)
def image(seed: str, format: str = "JPEG") -> bytes:
    """A 64x64 picture whose colour depends on the seed."""
    red, green, blue = hashlib.sha256(seed.encode()).digest()[:3]
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (red, green, blue)).save(out, format)
    return out.getvalue()


def frame_of(picture: Image.Image) -> av.VideoFrame:
    frame: Any = av.VideoFrame
    made: av.VideoFrame = frame.from_image(picture)
    return made


@lru_cache(maxsize=128)
def video(ratio: str, seconds: int, container: str = "mp4", codec: str = "libx264") -> bytes:
    """A video of this ratio that lasts this many seconds, at four frames a second."""
    width, height = SIZES[ratio]
    out = io.BytesIO()
    with av.open(out, "w", format=container) as film:
        track: Any = film.add_stream(codec, rate=4)
        track.width, track.height, track.pix_fmt = width, height, "yuv420p"
        if codec == "libx264":
            track.options = {"preset": "ultrafast", "crf": "40"}
        for number in range(4 * seconds):
            shade = Image.new("RGB", (width, height), (number * 6 % 256, 90, 160))
            film.mux(track.encode(frame_of(shade)))
        film.mux(track.encode(None))
    return out.getvalue()


@lru_cache(maxsize=16)
def audio(container: str = "mp3", codec: str = "libmp3lame", seconds: float = 1.0) -> bytes:
    """A short tone."""
    rate = 16_000
    out = io.BytesIO()
    with av.open(out, "w", format=container) as sound:
        track: Any = sound.add_stream(codec, rate=rate)
        track.layout = "mono"
        tone = b"".join(
            struct.pack("<h", int(9_000 * math.sin(2 * math.pi * 440 * n / rate)))
            for n in range(int(rate * seconds))
        )
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(tone) // 2)
        frame.planes[0].update(tone)
        frame.sample_rate = rate
        sizes = av.AudioResampler(
            format=track.format, layout="mono", rate=rate, frame_size=track.frame_size or None
        )
        for piece in (*sizes.resample(frame), *sizes.resample(None)):
            sound.mux(track.encode(piece))
        sound.mux(track.encode(None))
    return out.getvalue()


def _store(lab: Lab, call: Call) -> list[tuple[str, str]]:
    """Store the images that came as base64; returns the headers that say where they are."""
    headers = []
    for picture in call.images:
        name = secrets.token_urlsafe(12)
        lab.assets[name] = (picture, "image/png")
        headers.append(("X-Asset-Url", f"{call.request.base_url}asset-cdn/assets/{name}"))
    return headers


async def make_image(lab: Lab, call: Call) -> Reply:
    seed = f"{call.arguments['prompt']}|{call.arguments.get('mode')}"
    return Data(image(seed), "image/jpeg", headers=_store(lab, call))


async def make_video(lab: Lab, call: Call) -> Reply:
    ratio = call.arguments.get("ratio") or "3:2"
    return Data(video(ratio, call.arguments["duration"]), "video/mp4", headers=_store(lab, call))


async def make_audio(_lab: Lab, _call: Call) -> Reply:
    return Data(audio(), "audio/mpeg")


async def get_asset(lab: Lab, call: Call) -> Reply:
    found = lab.assets.get(call.arguments["image_id"])
    if found is None:
        raise Refusal("missing", "No such asset")
    return Data(*found)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("createImage", "getImage"), make_image),
    **dict.fromkeys(("createVideo", "getVideo", "createAirforceVideo", "getAirforceVideo"), make_video),
    **dict.fromkeys(("createSfx", "getSfx", "createTts", "getTts"), make_audio),
    "getAsset": get_asset,
}
