"""What bytes really are: the kind by their signature, and whether they are whole.

Any codec and container will do; only a claim that the bytes do not keep is a fault. Pictures are decoded.
Of videos and sounds the container is walked to its end (`containers.py`), which demands no codec; `measure`
decodes as far as our library can.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import av
import av.error
from PIL import Image

from contract_tests.containers import INSPECTORS


@dataclass(frozen=True, slots=True)
class Kind:
    """A recognised format: its family (image, video, audio, container) and its name."""

    family: str
    name: str


def recognise(data: bytes) -> Kind | None:
    """The format of `data` by its first bytes, or None. Containers of video or audio are "container"."""
    head = data[:64]
    fixed = (
        (b"\x89PNG\r\n\x1a\n", "image", "png"),
        (b"\xff\xd8\xff", "image", "jpeg"),
        (b"GIF8", "image", "gif"),
        (b"BM", "image", "bmp"),
        (b"II*\0", "image", "tiff"),
        (b"MM\0*", "image", "tiff"),
        (b"\x1aE\xdf\xa3", "container", "webm"),
        (b"OggS", "container", "ogg"),
        (b"ID3", "audio", "mp3"),
        (b"fLaC", "audio", "flac"),
        (b"ADIF", "audio", "aac"),
        (b"#!AMR", "audio", "amr"),
        (b"FLV", "video", "flv"),
        (b"\0\0\x01\xba", "video", "mpeg"),
        (b"caff", "audio", "caf"),
        (b"\0\0\x01\xb3", "video", "mpeg"),
    )
    for magic, family, name in fixed:
        if head.startswith(magic):
            return Kind(family, name)
    if head[:4] in {b"RIFF", b"RIFX"}:
        return {
            b"WEBP": Kind("image", "webp"),
            b"WAVE": Kind("audio", "wav"),
            b"AVI ": Kind("video", "avi"),
        }.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return Kind("audio", "aiff")
    if head[4:8] == b"ftyp":
        pictures = head[8:12] in {b"avif", b"avis", b"heic", b"heix", b"mif1"}
        return Kind("image", "avif") if pictures else Kind("container", "mp4")
    if head[4:8] in {b"moov", b"mdat", b"wide", b"free", b"skip"}:  # QuickTime, of before there was ftyp.
        return Kind("container", "mp4")
    if head[:1] == b"\x47" and data[188:189] == b"\x47" and data[376:377] in {b"", b"\x47"}:
        return Kind("container", "ts")
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return Kind("audio", "aac" if head[1] & 0xF6 == 0xF0 else "mp3")
    if head.lstrip()[:4].lower() == b"<svg" or (head.startswith(b"<?xml") and b"<svg" in data[:512]):
        return Kind("image", "svg")
    return None


def flaw(data: bytes, family: str, media_type: str) -> str | None:
    """Why `data` is not a whole piece of `family` ("image", "video", "audio"), or None when it is.

    `media_type` is what the answer claims; application/octet-stream claims nothing.
    """
    if not data:
        return "the body is empty"
    claimed_family = media_type.partition("/")[0]
    if (
        media_type not in {"", "application/octet-stream", "binary/octet-stream", "application/ogg"}
        and claimed_family != family
    ):
        return f"the content type is {media_type!r}, not {family}/*"
    kind = recognise(data)
    if kind is None:
        return f"the bytes are of no {family} format we know (they begin with {data[:12].hex(' ')})"
    if kind.family != family and (kind.family != "container" or family == "image"):
        return f"the bytes are {kind.name} ({kind.family}), not {family}"
    if _contradicts(kind.name, media_type):
        return f"the bytes are {kind.name}, but the content type claims {media_type}"
    inspect = INSPECTORS.get(kind.name) or (_picture if family == "image" else None)
    problem = inspect(data) if inspect else None
    if problem is None and kind.family == "container" and family not in (_families(data) or {family}):
        return f"the bytes are {kind.name} without {family} in it"
    return problem


# Types that name one format; a type that is not here is not held against the bytes.
_CLAIMS = {
    "image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp",
    "image/bmp": "bmp", "image/svg+xml": "svg", "image/tiff": "tiff", "image/avif": "avif",
    "video/mp4": "mp4", "audio/mp4": "mp4", "video/webm": "webm", "audio/webm": "webm", "video/ogg": "ogg",
    "audio/ogg": "ogg", "audio/mpeg": "mp3", "audio/mp3": "mp3", "video/mpeg": "mpeg", "audio/wav": "wav",
    "audio/x-wav": "wav", "audio/wave": "wav", "audio/vnd.wave": "wav", "audio/flac": "flac",
    "audio/x-flac": "flac", "audio/aiff": "aiff",
}  # fmt: skip


def _contradicts(name: str, media_type: str) -> bool:
    claimed = _CLAIMS.get(media_type)
    return claimed is not None and claimed != name


def _picture(data: bytes) -> str | None:
    if (kind := recognise(data)) and kind.name == "svg":
        return None
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
    except Image.DecompressionBombError:
        return None  # Larger than our library decodes, which is no fault of the picture.
    except Exception as problem:  # Its decoders raise whatever came to their minds.
        return f"the picture cannot be decoded: {problem}"
    return None


def _families(data: bytes) -> set[str] | None:
    """What streams a container has: "video", "audio"; None when our library cannot tell."""
    try:
        with av.open(io.BytesIO(data), "r") as container:
            return {stream.type for stream in container.streams} or None
    except (av.error.FFmpegError, OSError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Measure:
    """What decoding shows: seconds, and for a video its width and height in pixels (else 0)."""

    seconds: float
    width: int = 0
    height: int = 0


def measure(data: bytes) -> Measure | None:
    """Decode video or audio to its end; None when our library cannot."""
    try:
        with av.open(io.BytesIO(data), "r") as container:
            end, frames, width, height = 0.0, 0, 0, 0
            if container.streams.video:
                for picture in container.decode(container.streams.video[0]):
                    frames, width, height = frames + 1, picture.width, picture.height
                    end = max(end, picture.time or 0.0)
            elif container.streams.audio:
                for sound in container.decode(container.streams.audio[0]):
                    frames, end = frames + 1, max(end, sound.time or 0.0)
            if not frames:
                return None
            declared = container.duration / av.time_base if container.duration else end
            return Measure(max(end, declared), width, height)
    except (av.error.FFmpegError, OSError, ValueError):
        return None
