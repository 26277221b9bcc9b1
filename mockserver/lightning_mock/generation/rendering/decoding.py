"""Decodes images from callers: the copy has nothing of the foreign file but its pixels, and the profile that
says which colours they are."""

from io import BytesIO

from PIL import Image, ImageOps

from lightning_mock.generation.rendering.errors import TooManyPixelsError
from lightning_mock.generation.rendering.thumbnails import make_thumbnail, png_bytes

# Only formats whose decoders stay inside Pillow: others would start programs.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
_MAX_PROFILE = 256 * 1024
_COLOUR_SPACE, _SIGNATURE = slice(16, 20), slice(36, 40)


def pixels(content: bytes) -> int:
    """How many pixels an image file says it has. Raises as `decode` does."""
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            return image.width * image.height
    except Image.DecompressionBombError as error:
        raise TooManyPixelsError from error


def decode(content: bytes, max_pixels: int) -> tuple[bytes, bytes]:
    """An image file as PNG, upright, and its thumbnail. Raises TooManyPixelsError, and for what is no image
    whatever its decoder raises."""
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise TooManyPixelsError
            upright = ImageOps.exif_transpose(_in_eight_bits(image))
            plain = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
            profile = plain.info.pop("icc_profile", None)
            return png_bytes(plain, _usable(profile)), make_thumbnail(plain)
    except Image.DecompressionBombError as error:
        raise TooManyPixelsError from error


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """A grey picture of sixteen bits would lose all that is brighter than a 256th of white."""
    if not image.mode.startswith("I"):
        return image
    grey = image.convert("I").point(lambda value: value * (1 / 256))
    grey.info = image.info
    return grey.convert("L")


def _usable(profile: bytes | None) -> bytes | None:
    """A colour profile, if it describes the red, green and blue that the picture has now."""
    if not profile or len(profile) > _MAX_PROFILE:
        return None
    return profile if (profile[_COLOUR_SPACE], profile[_SIGNATURE]) == (b"RGB ", b"acsp") else None
