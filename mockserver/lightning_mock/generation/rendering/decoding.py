"""Images of others, decoded: what is drawn anew from one has nothing of the foreign file but its pixels."""

from io import BytesIO

from PIL import Image, ImageOps

from lightning_mock.generation.rendering.thumbnails import make_thumbnail, png_bytes

# Only formats whose decoders stay inside Pillow: others would start programs.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")


class TooManyPixels(ValueError):
    """The image is larger than anybody should have to hold in memory."""


def decode(content: bytes, most_pixels: int) -> tuple[bytes, bytes]:
    """An image file as PNG, upright, and its thumbnail. Raises TooManyPixels, and for what is no image
    whatever its decoder raises."""
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > most_pixels:
                raise TooManyPixels
            upright = ImageOps.exif_transpose(_in_eight_bits(image))
            plain = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
            return png_bytes(plain), make_thumbnail(plain)
    except Image.DecompressionBombError as error:
        raise TooManyPixels from error


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """A grey picture of sixteen bits would lose all that is brighter than a 256th of white."""
    if not image.mode.startswith("I"):
        return image
    grey = image.convert("I").point(lambda value: value * (1 / 256))
    grey.info = image.info
    return grey.convert("L")
