"""What bytes really are: the kind by their signature, and whether they are whole.

Any codec and container will do; only a claim that the bytes do not keep is a fault. Pictures are decoded.
Of videos and sounds the container is walked to its end, which finds what is cut or made up without
demanding a codec; `duration` decodes as far as our library can.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass

import av
import av.error
from PIL import Image, UnidentifiedImageError


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
        (b"ID3", "audio", "mpeg"),
        (b"fLaC", "audio", "flac"),
        (b"ADIF", "audio", "aac"),
        (b"#!AMR", "audio", "amr"),
        (b"FLV", "video", "flv"),
        (b"\0\0\x01\xba", "video", "mpeg"),
        (b"caff", "audio", "caf"),
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
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return Kind("audio", "aac" if head[1] & 0xF6 == 0xF0 else "mpeg")
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
    if kind.family not in {family, "container"}:
        return f"the bytes are {kind.name} ({kind.family}), not {family}"
    if _contradicts(kind.name, media_type):
        return f"the bytes are {kind.name}, but the content type claims {media_type}"
    inspect = _INSPECTORS.get("image" if family == "image" else kind.name)
    return inspect(data) if inspect else None


# Subtypes that name one format; a subtype that is not here is not held against the bytes.
_SUBTYPES = {
    "png": "png", "jpeg": "jpeg", "jpg": "jpeg", "gif": "gif", "webp": "webp", "bmp": "bmp", "svg+xml": "svg",
    "mp4": "mp4", "webm": "webm", "ogg": "ogg", "mpeg": "mpeg", "mp3": "mpeg", "wav": "wav", "x-wav": "wav",
    "wave": "wav", "vnd.wave": "wav", "flac": "flac", "x-flac": "flac",
}  # fmt: skip


def _contradicts(name: str, media_type: str) -> bool:
    claimed = _SUBTYPES.get(media_type.partition("/")[2])
    return claimed is not None and claimed != name


def _picture(data: bytes) -> str | None:
    if (kind := recognise(data)) and kind.name in {"svg", "avif"}:
        return None
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as problem:
        return f"the picture cannot be decoded: {problem}"
    return None


def _mp4(data: bytes) -> str | None:
    """Boxes must follow each other to the last byte, with a movie header and media data among them."""
    position, kinds = 0, set[bytes]()
    while position < len(data):
        if position + 8 > len(data):
            return "the file ends inside the header of a box"
        size, kind = struct.unpack_from(">I4s", data, position)
        if size == 1 and position + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, position + 8)
        elif size == 0:
            size = len(data) - position
        if size < 8 or position + size > len(data):
            return f"the box {kind!r} claims {size} bytes, of which {len(data) - position} are there"
        kinds.add(kind)
        position += size
    if not kinds & {b"moov", b"moof"}:
        return "the file has no movie header (moov)"
    if b"mdat" not in kinds:
        return "the file has no media data (mdat)"
    return None


def _wav(data: bytes) -> str | None:
    position, frames = 12, None
    while position + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, position)
        if kind == b"data":
            there = len(data) - position - 8
            # Writers that stream put the greatest number there.
            if size < 0xFFFFFF00 and size > there:
                return f"the data chunk claims {size} bytes, of which {there} are there"
            frames = min(size, there)
            break
        position += 8 + size + size % 2
    return None if frames else "the file has no sound data"


def _mp3(data: bytes) -> str | None:
    position = 0
    if data[:3] == b"ID3" and len(data) > 10:
        size = 0
        for byte in data[6:10]:
            size = size << 7 | byte & 0x7F
        position = 10 + size
    sync = data[position : position + 2]
    if len(sync) < 2 or sync[0] != 0xFF or sync[1] & 0xE0 != 0xE0:
        return "no audio frame follows the tag"
    return None


def _ogg(data: bytes) -> str | None:
    position = 0
    while position < len(data):
        if data[position : position + 4] != b"OggS" or position + 27 > len(data):
            return f"no page begins at byte {position}"
        segments = data[position + 26]
        table = data[position + 27 : position + 27 + segments]
        position += 27 + segments + sum(table)
    return None if position == len(data) else "the last page is cut off"


_INSPECTORS: dict[str, Callable[[bytes], str | None]] = {
    "image": _picture, "mp4": _mp4, "wav": _wav, "mpeg": _mp3, "ogg": _ogg,
}  # fmt: skip


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
