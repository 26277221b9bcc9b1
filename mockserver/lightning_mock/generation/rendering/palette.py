"""Colours and numbers drawn from the words of a request: other prompts look and sound different."""

from colorsys import hsv_to_rgb
from hashlib import blake2b

Color = tuple[int, int, int]
WHITE: Color = (255, 255, 255)


def dice(*parts: object) -> bytes:
    """32 bytes that depend on every part and on nothing else."""
    return blake2b(repr(parts).encode("utf-8", "replace"), digest_size=32).digest()


def color(hue: float, saturation: float, value: float) -> Color:
    """Each from 0 to 1; the hue wraps."""
    red, green, blue = hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)
