"""Walks containers of video and sound, and PNG, to their end: truncated and made-up files show without a
codec.

Each function takes the bytes of a file that begins as its format does, and returns what is wrong with it or
None. Lengths that a format allows to be unknown, as live encoders write them, are allowed here too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

# Writers that stream put zero or the greatest numbers where a length belongs.
_UNKNOWN = 0x7FFFF000


class _Cut(Exception):
    """A part claims more bytes than there are."""

    def __init__(self, part: bytes, claimed: int, there: int) -> None:
        super().__init__(f"the part {part!r} claims {claimed} bytes, of which {there} are there")


def _walk(walker: Callable[[bytes], str | None]) -> Callable[[bytes], str | None]:
    def inspect(data: bytes) -> str | None:
        try:
            return walker(data)
        except _Cut as cut:
            return str(cut)
        except (struct.error, IndexError):
            return "the file ends inside a header"

    return inspect


@_walk
def png(data: bytes) -> str | None:
    """Chunks from the signature to IEND: a decoder that has all pixels does not notice a missing end."""
    position, kind = 8, b""
    while kind != b"IEND":
        size, kind = struct.unpack_from(">I4s", data, position)
        position += size + 12
        if position > len(data):
            raise _Cut(kind, size, max(0, len(data) - position + size + 4))
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, int]]:
    """(kind, bytes of content) of the top-level boxes of an ISO media file."""
    position = 0
    while position < len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        header = 8
        if size == 1:
            (size,), header = struct.unpack_from(">Q", data, position + 8), 16
        elif size == 0:
            size = len(data) - position
        if size < header or position + size > len(data):
            raise _Cut(kind, size, len(data) - position)
        yield kind, size - header
        position += size


@_walk
def mp4(data: bytes) -> str | None:
    """MP4, M4A and QuickTime: boxes follow each other, a movie header and media data among them."""
    sizes: dict[bytes, int] = {}
    for kind, size in _boxes(data):
        sizes[kind] = sizes.get(kind, 0) + size
    if not {b"moov", b"moof"} & set(sizes):
        return "the file has no movie header (moov)"
    return None if sizes.get(b"mdat") else "the file has no media data (mdat)"


@_walk
def avif(data: bytes) -> str | None:
    """AVIF and HEIF: boxes follow each other, a description among them."""
    return None if b"meta" in [kind for kind, _ in _boxes(data)] else "the file describes no picture (meta)"


def _chunks(data: bytes, position: int, layout: str) -> Iterator[tuple[bytes, int]]:
    """(name, bytes of content) of RIFF or AIFF chunks; the last one may be of unknown length."""
    while position + 8 <= len(data):
        name, size = struct.unpack_from(layout, data, position)
        there = len(data) - position - 8
        if size >= _UNKNOWN or (size == 0 and name == b"data"):
            size = there
        if size > there:
            raise _Cut(name, size, there)
        yield name, size
        position += 8 + size + size % 2


@_walk
def wav(data: bytes) -> str | None:
    """WAV, RF64 among them: chunks follow each other, one of them with sound."""
    layout = ">4sI" if data[:4] == b"RIFX" else "<4sI"
    sound = any(name == b"data" and size for name, size in _chunks(data, 12, layout))
    return None if sound else "the file has no sound data"


@_walk
def avi(data: bytes) -> str | None:
    """AVI: lists follow each other, more than the header among them."""
    names = [name for name, size in _chunks(data, 12, "<4sI") if name == b"LIST" and size > 4]
    return None if len(names) > 1 else "the file has no media data (movi)"


@_walk
def aiff(data: bytes) -> str | None:
    """AIFF: chunks follow each other, one of them with sound."""
    sound = any(name == b"SSND" and size > 8 for name, size in _chunks(data, 12, ">4sI"))
    return None if sound else "the file has no sound data"


@_walk
def au(data: bytes) -> str | None:
    """AU: sound follows the header, as much as it says or as much as there is."""
    at, size = struct.unpack_from(">II", data, 4)
    if at < 24 or at > len(data):
        return "the file ends inside its header"
    there = len(data) - at
    if size < _UNKNOWN and size > there:
        raise _Cut(b".snd", size, there)
    return None if there else "the file has no sound data"


@_walk
def midi(data: bytes) -> str | None:
    """MIDI: chunks follow each other, a track among them."""
    tracks = any(name == b"MTrk" and size for name, size in _unpadded(data))
    return None if tracks else "the file has no track"


def _unpadded(data: bytes) -> Iterator[tuple[bytes, int]]:
    position = 0
    while position < len(data):
        name, size = struct.unpack_from(">4sI", data, position)
        if size > len(data) - position - 8:
            raise _Cut(name, size, len(data) - position - 8)
        yield name, size
        position += 8 + size


@_walk
def jxl(data: bytes) -> str | None:
    """JPEG XL in boxes, a codestream or parts of one among them."""
    kinds = {kind for kind, _ in _boxes(data)}
    return None if kinds & {b"jxlc", b"jxlp"} else "the file has no picture (jxlc)"


@_walk
def caf(data: bytes) -> str | None:
    """CAF: chunks follow each other, one of them with sound; the last one may run to the end."""
    position, sound = 8, False
    while position < len(data):
        name, size = struct.unpack_from(">4sq", data, position)
        there = len(data) - position - 12
        size = there if size < 0 else size
        if size > there:
            raise _Cut(name, size, there)
        sound = sound or (name == b"data" and size > 4)
        position += 12 + size
    return None if sound else "the file has no sound data"


@_walk
def ogg(data: bytes) -> str | None:
    """Ogg: pages follow each other, with more than the two or three that describe."""
    position, pages = 0, 0
    while position < len(data):
        if data[position : position + 4] != b"OggS":
            return f"no page begins at byte {position}"
        segments = data[position + 26]
        size = 27 + segments + sum(data[position + 27 : position + 27 + segments])
        if position + size > len(data):
            raise _Cut(b"OggS", size, len(data) - position)
        position, pages = position + size, pages + 1
    return None if pages > 2 else "the file has no media data"


@_walk
def mpeg_audio(data: bytes) -> str | None:
    """MP1 to MP3, after an ID3 tag or without one: a whole frame, and another one where it ends."""
    # Some writers pad a tag without saying so.
    while (data := data.lstrip(b"\0"))[:3] == b"ID3":
        size = 0
        for byte in data[6:10]:
            size = size << 7 | byte & 0x7F
        data = data[10 + size :]
    length = _mpeg_frame(data)
    if length is None:
        return "no audio frame is there"
    if length > len(data):
        raise _Cut(b"frame", length, len(data))
    rest = data[length:]
    # The last frame of all may be cut: players do not mind, and live encoders do so.
    follows = len(rest) < 4 or rest[:3] in {b"TAG", b"ID3"} or _mpeg_frame(rest) is not None
    return None if follows else "the first audio frame is followed by something else"


_BITRATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _mpeg_frame(data: bytes) -> int | None:
    """The length of the MPEG audio frame at the start, 4 when its bitrate is free; None if there is none."""
    head = data[:4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    rate, sampling, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or rate == 15 or sampling == 3:
        return None
    if rate == 0:
        return 4
    family = 1 if version == 3 else 2
    bits = _BITRATES[family, layer if family == 1 else min(layer, 2)][rate - 1] * 1000
    hertz = (44100, 48000, 32000)[sampling] // {3: 1, 2: 2, 0: 4}[version]
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    return (72 if layer == 3 and family == 2 else 144) * bits // hertz + padding


@_walk
def adts(data: bytes) -> str | None:
    """AAC in ADTS: frames follow each other to the end."""
    position = 0
    while position < len(data) and data[position : position + 3] not in {b"TAG", b"ID3"}:
        if data[position] != 0xFF or data[position + 1] & 0xF6 != 0xF0:
            return f"no frame begins at byte {position}"
        size = (data[position + 3] & 3) << 11 | data[position + 4] << 3 | data[position + 5] >> 5
        if size < 7 or position + size > len(data):
            raise _Cut(b"frame", size, len(data) - position)
        position += size
    return None


@_walk
def flac(data: bytes) -> str | None:
    """FLAC: the descriptions are whole, and a frame follows them."""
    position, last = 4, False
    while not last:
        last, size = bool(data[position] & 0x80), int.from_bytes(data[position + 1 : position + 4])
        position += 4 + size
    frame = data[position : position + 2]
    return None if len(frame) == 2 and frame[0] == 0xFF and frame[1] & 0xFC == 0xF8 else "no frame is there"


@_walk
def webm(data: bytes) -> str | None:
    """WebM and Matroska: the segment is complete if its length is known, with a cluster of media data."""
    position = 0
    while position < len(data):
        width = _width(data[position])
        name = data[position : position + width]
        position += width
        width = _width(data[position])
        size = int.from_bytes(data[position : position + width]) & (1 << 7 * width) - 1
        position += width
        if size == (1 << 7 * width) - 1:
            break  # Written live: it goes to the end.
        if position + size > len(data):
            raise _Cut(name, size, len(data) - position)
        position += size
    return None if b"\x1f\x43\xb6\x75" in data else "the file has no media data (cluster)"


def _width(byte: int) -> int:
    """The number of bytes of an EBML number that begins with this one."""
    if byte == 0:
        raise IndexError("no EBML number begins with zero")
    return 9 - byte.bit_length()


@_walk
def flv(data: bytes) -> str | None:
    """FLV: tags follow each other to the end."""
    position, tags = int.from_bytes(data[5:9]) + 4, 0
    while position < len(data):
        size = 11 + int.from_bytes(data[position + 1 : position + 4]) + 4
        if position + size > len(data):
            raise _Cut(b"tag", size, len(data) - position)
        position, tags = position + size, tags + 1
    return None if tags else "the file has no media data"


@_walk
def transport_stream(data: bytes) -> str | None:
    """MPEG transport stream: packets of 188 bytes follow each other to the end."""
    whole = len(data) % 188 == 0 and not data[::188].strip(b"\x47")
    return None if whole else "the packets do not follow each other to the end"


INSPECTORS: dict[str, Callable[[bytes], str | None]] = {
    "mp4": mp4, "avif": avif, "wav": wav, "avi": avi, "aiff": aiff, "caf": caf, "ogg": ogg, "mp3": mpeg_audio,
    "aac": adts, "flac": flac, "webm": webm, "flv": flv, "ts": transport_stream,
    "au": au, "midi": midi, "jxl": jxl,
}  # fmt: skip
