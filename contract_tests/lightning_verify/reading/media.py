"""What bytes really are: their format by the signature, and whether they are complete.

Any codec and container will do; only a claim that the bytes do not keep is a fault. Pictures are decoded.
Containers of video and sound are walked to their end (`containers.py`), which needs no codec; `measure`
decodes as far as our library can. The document does not say that media travel as bare bytes, so JSON that
holds the bytes is opened first (`delivered`).
"""

from __future__ import annotations

import base64
import binascii
import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
import av.error
from PIL import Image

from lightning_verify.reading.containers import INSPECTORS, png
from lightning_verify.reading.json_text import parsed


@dataclass(frozen=True, slots=True)
class Kind:
    """A recognised format: its family (image, video, audio, container, document) and its name."""

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
        (b".snd", "audio", "au"),
        (b"MThd", "audio", "midi"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "image", "jxl"),
        (b"%PDF-", "document", "pdf"),
        (b"\x1f\x8b\x08", "document", "gzip"),
    )
    for magic, family, name in fixed:
        if head.startswith(magic):
            return Kind(family, name)
    if head[:4] in {b"RIFF", b"RIFX", b"RF64", b"BW64"}:
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


# Types that say no more than that bytes are coming.
_NEUTRAL = {"", "application/octet-stream", "binary/octet-stream"}
# Containers have types of their own, whatever is in them.
_CONTAINER_TYPES = {"application/mp4", "application/ogg"}


def flaw(data: bytes, family: str, media_type: str) -> str | None:
    """Why `data` is not a complete file of `family` ("image", "video", "audio"), or None when it is.
    `media_type` is what the answer claims; application/octet-stream claims nothing. For bytes that `unknown`
    gives up on, it only says that we do not know them."""
    if not data:
        return "the body is empty"
    if not _claims_family(media_type, family):
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


def _claims_family(media_type: str, family: str) -> bool:
    if media_type in _NEUTRAL or media_type.partition("/")[0] == family:
        return True
    return media_type in _CONTAINER_TYPES and family != "image"


# Samples without any header: whatever their first bytes look like is chance.
_RAW = re.compile(r"audio/(x-)?(l(8|16|20|24|32)|pcm|pcma|pcmu|raw)")
# Signatures of two bytes or less, which samples may begin with.
_WEAK = {"mp3", "aac", "bmp", "ts"}
_TOO_SHORT = 16


def unknown(data: bytes, family: str, media_type: str) -> str | None:
    """Why only the host can tell whether `data` is a file of `family`, or None when `flaw` can. That is so
    for bytes without a signature that we know, under a type of the right family that we cannot check either.
    Text is never media, and a type that we know must be what it says."""
    if media_type in _NEUTRAL or media_type in _CLAIMS or not _claims_family(media_type, family):
        return None
    if len(data) < _TOO_SHORT or _is_text(data):
        return None
    kind = recognise(data)
    raw = _RAW.fullmatch(media_type) is not None and (kind is None or kind.name in _WEAK)
    if kind is not None and not raw:
        return None
    return f"the bytes are {media_type}, which we cannot check (they begin with {data[:12].hex(' ')})"


def _is_text(data: bytes) -> bool:
    """Whether bytes are words of some kind: JSON, a page, a message."""
    head = data[:2048]
    if head.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    if re.match(rb"\s*(<[!?a-zA-Z]|[{\[]\s*[\"{\[\]}])", head):
        return True
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return not re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]", text)


# --- media in JSON ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivered:
    """The bytes of an answer and the type they claim; `elsewhere` when they are at an address instead."""

    data: bytes
    media_type: str
    elsewhere: str | None = None


_DATA_URI = re.compile(
    r"data:([\w.+-]+/[\w.+-]+)?((?:;[^,;]*)*?);base64,([A-Za-z0-9+/_=\s%-]*)", re.IGNORECASE
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-][A-Za-z0-9+/_\s-]{62,}={0,2}\s*")
_LONGER_THAN_AN_ID = 512
# Whole, or of the host itself; what an error names beside its message is the route that was asked.
_ADDRESS = re.compile(r"https?://[^\s/]+/\S*|/(?!gen/)[^\s/]\S*", re.IGNORECASE)


def delivered(body: bytes, family: str, media_type: str) -> Delivered:
    """The media of an answer: its body, or what its JSON holds."""
    bare = Delivered(body, media_type)
    if media_type not in {"application/json", "text/json"} and not media_type.endswith("+json"):
        return bare
    if media_type.startswith("image/"):  # Such as image/svg+json, if there ever is one.
        return bare
    document = parsed(body)
    texts = list(_texts(document))
    found = [piece for text in texts if (piece := _packed(text, family))]
    whole = (piece for piece in found if flaw(piece.data, family, piece.media_type) is None)
    # A preview beside a film is no flaw; where nothing is as it should be, the largest piece is meant.
    if best := next(whole, None) or max(found, key=lambda piece: len(piece.data), default=None):
        return best
    failed = isinstance(document, dict) and document.get("error")
    address = next((text for text in texts if _ADDRESS.fullmatch(text)), None)
    return bare if failed or address is None else Delivered(b"", media_type, address)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    todo = [value]
    while todo:
        match todo.pop():
            case str() as text:
                yield text
            case list() as items:
                todo += reversed(items)
            case dict() as items:
                todo += reversed(items.values())


def _packed(text: str, family: str) -> Delivered | None:
    """The bytes that a text holds as base64, bare or as a data URI. Bare ones have no type but their field's
    name; ids and digests, which look like base64 too, are short."""
    if match := _DATA_URI.fullmatch(text.strip()):
        media_type, payload = (match[1] or "").lower(), match[3].replace("%2B", "+").replace("%3D", "=")
    elif _BASE64.fullmatch(text):
        media_type, payload = f"{family}/*", text
    else:
        return None
    payload = re.sub(r"\s", "", payload).translate(str.maketrans("-_", "+/"))
    try:
        data = base64.b64decode(payload + "=" * (-len(payload) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    is_base64 = match is not None or len(text) >= _LONGER_THAN_AN_ID or recognise(data) is not None
    return Delivered(data, media_type) if is_base64 else None


# Types that name one format; a type that is not here is not held against the bytes.
_CLAIMS = {
    "image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp",
    "image/bmp": "bmp", "image/svg+xml": "svg", "image/tiff": "tiff", "image/avif": "avif",
    "video/mp4": "mp4", "audio/mp4": "mp4", "video/webm": "webm", "audio/webm": "webm", "video/ogg": "ogg",
    "audio/ogg": "ogg", "audio/mpeg": "mp3", "audio/mp3": "mp3", "video/mpeg": "mpeg", "audio/wav": "wav",
    "audio/x-wav": "wav", "audio/wave": "wav", "audio/vnd.wave": "wav", "audio/flac": "flac",
    "audio/x-flac": "flac", "audio/aiff": "aiff", "application/mp4": "mp4", "application/ogg": "ogg",
}  # fmt: skip


def _contradicts(name: str, media_type: str) -> bool:
    claimed = _CLAIMS.get(media_type)
    return claimed is not None and claimed != name


def _picture(data: bytes) -> str | None:
    kind = recognise(data)
    if kind and kind.name == "svg":
        return None
    if kind and kind.name == "png" and (problem := png(data)):
        return problem
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
    except Image.DecompressionBombError:
        return None  # Larger than our library decodes, which is no fault of the picture.
    except Exception as problem:  # Its decoders raise whatever came to their minds.
        return f"the picture cannot be decoded: {problem}"
    return None


def _families(data: bytes) -> set[str] | None:
    """The kinds of streams in a container: "video", "audio"; None when our library cannot tell."""
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


def seconds_of(data: bytes) -> float | None:
    """How long a video lasts, as its container tells or else as decoding shows; None when neither does."""
    try:
        with av.open(io.BytesIO(data), "r") as container:
            if container.duration and container.streams.video:
                return float(container.duration / av.time_base)
    except (av.error.FFmpegError, OSError, ValueError):
        return None
    measured = measure(data)
    return measured.seconds if measured and measured.height else None
