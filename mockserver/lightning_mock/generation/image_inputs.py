"""The images that come with a request: addresses, which are never fetched, and base64, which must decode.

What decodes is drawn anew as PNG, so that nothing of a foreign file is served but its pixels.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes, urlsplit

from PIL import Image

from lightning_mock.errors import InvalidRequest
from lightning_mock.generation.rendering.thumbnails import make_thumbnail, png_bytes

MOST_PIXELS = 16 * 1024 * 1024
# Only formats whose decoders stay inside Pillow: others would start programs.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_DATA = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
# Wrapped lines are joined; a blank is a plus sign that a query string has lost; both alphabets are read.
_BASE64_REPAIRS = str.maketrans({"\n": None, "\r": None, "\t": None, " ": "+", "-": "+", "_": "/"})


@dataclass(frozen=True, slots=True)
class ImageInput:
    """One input. `png` is None for an address; `thumbnail` is empty then."""

    png: bytes | None
    thumbnail: bytes


ADDRESS = ImageInput(None, b"")


class Background(Protocol):
    """Runs work outside the event loop."""

    async def run(self, work: Callable[[], Any]) -> Any: ...


async def read_inputs(items: Sequence[str], background: Background) -> list[ImageInput]:
    """The inputs of a request. InvalidRequest, naming the item, when one is neither address nor image."""
    inputs = []
    for index, item in enumerate(items):
        place = f"image_urls[{index}]"
        if _is_address(item):
            inputs.append(ADDRESS)
        else:
            inputs.append(await background.run(partial(decode_image, item, place)))
    return inputs


def _is_address(item: str) -> bool:
    if not _ADDRESS.match(item):
        return False
    try:
        return bool(urlsplit(item).hostname)
    except ValueError:
        return False


def decode_image(item: str, place: str) -> ImageInput:
    """The image in a base64 string, bare or as a data URI. InvalidRequest when there is none."""
    try:
        with Image.open(BytesIO(_content(item)), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise _too_many_pixels(place)
            plain = image.convert("RGBA" if image.has_transparency_data else "RGB")
            return ImageInput(png_bytes(plain), make_thumbnail(plain))
    except InvalidRequest:
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(place) from error
    except Exception as error:
        # Decoders fail in many ways on a broken file, and every one of them is the file's fault.
        raise _refusal(place, "an http(s) URL or a base64 PNG, JPEG, GIF, WebP or BMP image") from error


def _content(item: str) -> bytes:
    head = _DATA.match(item)
    if head is not None:
        item = item[head.end() :]
        if "%" in item:
            item = unquote_to_bytes(item).decode("ascii")
    text = item.translate(_BASE64_REPAIRS).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _too_many_pixels(place: str) -> InvalidRequest:
    return _refusal(place, f"an image of at most {MOST_PIXELS} pixels")


def _refusal(place: str, expected: str) -> InvalidRequest:
    return InvalidRequest(f"{place}: expected {expected}.", place)
