"""The images that come with a request: addresses, which are never fetched, and base64, which must decode.

What decodes is encoded anew as PNG, so that nothing of a foreign file is served but its pixels.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

from lightning_mock.errors import InvalidRequest
from lightning_mock.generation.rendering.errors import TooManyPixelsError, TooMuchWorkError

MAX_PIXELS = 16 * 1024 * 1024

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_DATA = re.compile(r"\s{0,100}data:[^,]{0,200};base64,", re.IGNORECASE)
_MAX_ADDRESS_LENGTH = 8192
_BLANKS = b" \t\r\n\f\v"
# Of RFC 4648, base64url is read as well as base64.
_ALPHABET = bytes.maketrans(b"-_", b"+/")
_PIECE = 1024 * 1024
_ESCAPES = {b"%2b": b"+", b"%2f": b"/", b"%3d": b"=", b"%0a": b"\n", b"%0d": b"\r", b"%20": b" "}
"""Every percent-escape that base64 may need: decoding millions of them one by one takes seconds."""


@dataclass(frozen=True, slots=True)
class ImageInput:
    """One input. `png` is None for an address; `thumbnail` is empty then."""

    png: bytes | None
    thumbnail: bytes


ADDRESS = ImageInput(None, b"")


Decode = Callable[[bytes, int], tuple[bytes, bytes]]
"""A file of at most so many pixels as PNG, and its thumbnail. Raises TooManyPixelsError, TooMuchWorkError,
and anything else for what is no image."""


class Background(Protocol):
    """Runs work outside the event loop."""

    def decode(self, content: bytes, max_pixels: int, /) -> tuple[bytes, bytes]: ...

    async def run(self, work: Callable[[], Any]) -> Any: ...


async def read_inputs(items: Sequence[str], background: Background) -> list[ImageInput]:
    """The inputs of a request. Raises InvalidRequest, naming the item, when one is neither address nor
    image."""
    inputs = []
    for index, item in enumerate(items):
        place = f"image_urls[{index}]"
        if _is_address(item, place):
            inputs.append(ADDRESS)
        else:
            inputs.append(await background.run(partial(decode_image, item, place, background.decode)))
    return inputs


def _is_address(item: str, place: str) -> bool:
    if not _ADDRESS.match(item):
        return False
    if len(item) > _MAX_ADDRESS_LENGTH:
        raise _refusal(place, f"a URL of at most {_MAX_ADDRESS_LENGTH} characters")
    try:
        return bool(urlsplit(item).hostname)
    except ValueError:
        return False


def decode_image(item: str, place: str, decode: Decode) -> ImageInput:
    """The image in a base64 string, bare or as a data URI. Raises InvalidRequest when there is none."""
    try:
        return ImageInput(*decode(_content(item), MAX_PIXELS))
    except TooManyPixelsError as error:
        raise _refusal(place, f"an image of at most {MAX_PIXELS} pixels") from error
    except TooMuchWorkError as error:
        raise _refusal(place, "an image that can be decoded in a few seconds") from error
    except Exception as error:
        # Decoders raise many types of error for a broken file.
        raise _refusal(place, "an http(s) URL or a base64 PNG, JPEG, GIF, WebP or BMP image") from error


def _content(item: str) -> bytes:
    head = _DATA.match(item)
    text = item[0 if head is None else head.end() :].encode("ascii")
    if head is not None and b"%" in text:
        text = b"".join(map(_unescaped, _pieces(text)))
    text = text.strip(_BLANKS)
    if any(line_break in text for line_break in (b"\n", b"\r", b"\t")):
        text = text.translate(None, _BLANKS)
    # A blank that is left was a plus sign, before a query string was decoded.
    text = text.replace(b" ", b"+").translate(_ALPHABET).rstrip(b"=")
    if b"=" in text:
        raise ValueError("more behind the end of base64")
    text += b"=" * (-len(text) % 4)
    try:
        return b"".join(base64.b64decode(piece, validate=True) for piece in _pieces(text))
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _pieces(text: bytes) -> Iterator[bytes]:
    """A text in pieces that end neither within a group of four characters, if it is base64, nor within a
    percent-escape. Nobody else is served while one call works on all of 30 MiB."""
    start = 0
    while start < len(text):
        end = start + _PIECE
        percent = text.find(b"%", end - 2, end)
        if percent >= 0:
            end = percent
        yield text[start:end]
        start = end


def _unescaped(text: bytes) -> bytes:
    for escape, meaning in _ESCAPES.items():
        text = text.replace(escape, meaning).replace(escape.upper(), meaning)
    return text


def _refusal(place: str, expected: str) -> InvalidRequest:
    return InvalidRequest(f"{place}: expected {expected}.", place)
