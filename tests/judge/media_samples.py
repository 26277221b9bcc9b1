"""One small file of each format that the judge recognises, made by Pillow, PyAV and the standard library."""

from __future__ import annotations

import array
import io
import math
import wave
from fractions import Fraction
from functools import cache
from typing import Any

import av
from PIL import Image

PICTURES = {
    "png": "PNG",
    "jpeg": "JPEG",
    "gif": "GIF",
    "webp": "WEBP",
    "bmp": "BMP",
    "tiff": "TIFF",
    "avif": "AVIF",
}
# Name -> (format, codec of the pictures or None, codec of the sound or None).
FILMS: dict[str, tuple[str, str | None, str | None]] = {
    "mp4": ("mp4", "libx264", None),
    "mp4 with sound": ("mp4", "libx264", "aac"),
    "mov": ("mov", "mpeg4", None),
    "webm": ("webm", "libvpx", None),
    "matroska": ("matroska", "libx264", None),
    "avi": ("avi", "mpeg4", None),
    "mpeg": ("mpeg", "mpeg1video", None),
    "ts": ("mpegts", "mpeg1video", None),
    "m4a": ("ipod", None, "aac"),
    "mp3": ("mp3", None, "libmp3lame"),
    "mp2": ("mp2", None, "mp2"),
    "aac": ("adts", None, "aac"),
    "flac": ("flac", None, "flac"),
    "opus": ("ogg", None, "libopus"),
    "webm of sound": ("webm", None, "libopus"),
    "wav": ("wav", None, "pcm_s16le"),
    "aiff": ("aiff", None, "pcm_s16be"),
    "caf": ("caf", None, "pcm_s16be"),
}
# The content types that a host may give them.
TYPES = {
    **{name: f"image/{name}" for name in PICTURES},
    "svg": "image/svg+xml",
    "mp4": "video/mp4",
    "mp4 with sound": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "matroska": "video/x-matroska",
    "avi": "video/x-msvideo",
    "mpeg": "video/mpeg",
    "ts": "video/mp2t",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "mp2": "audio/mpeg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "opus": "audio/ogg",
    "webm of sound": "audio/webm",
    "wav": "audio/wav",
    "aiff": "audio/aiff",
    "caf": "audio/x-caf",
    "wave": "audio/x-wav",
}


@cache
def sample(name: str) -> bytes:
    """The file of that name."""
    if name == "svg":
        return b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'
    if name == "wave":
        return _wave()
    if name in PICTURES:
        buffer = io.BytesIO()
        Image.radial_gradient("L").resize((64, 48)).convert("RGB").save(buffer, PICTURES[name])
        return buffer.getvalue()
    return _film(*FILMS[name])


def _wave() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(range(200)) * 40)
    return buffer.getvalue()


def _film(form: str, pictures: str | None, sound: str | None) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        video: Any = container.add_stream(pictures, rate=25) if pictures else None
        audio: Any = container.add_stream(sound, rate=48000) if sound else None
        if video:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        if audio:
            audio.layout = "mono"
            for tone in _tone(audio):
                container.mux(audio.encode(tone))
            container.mux(audio.encode(None))
        if video:
            # Our library's function has no types of its own.
            frame_of: Any = av.VideoFrame.from_image
            for number in range(25):
                picture = Image.new("RGB", (64, 48), (10 * number, 90, 200))
                container.mux(video.encode(frame_of(picture)))
            container.mux(video.encode(None))
    return buffer.getvalue()


def _tone(stream: Any) -> list[Any]:
    wave_form = array.array("h", (int(8000 * math.sin(at / 17)) for at in range(24000)))
    frame = av.AudioFrame(format="s16", layout="mono", samples=24000)
    frame.planes[0].update(wave_form.tobytes())
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    size = stream.codec_context.frame_size or None
    return list(
        av.AudioResampler(stream.codec_context.format, "mono", 48000, frame_size=size).resample(frame)
    )
