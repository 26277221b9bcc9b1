"""The picture of a prompt: a JPEG or PNG with its words, in the look of its mode, with its input images."""

from io import BytesIO
from typing import Literal

from PIL import Image, ImageDraw, ImageOps

from lightning_mock.generation.rendering import thumbnails
from lightning_mock.generation.rendering.lettering import Area, draw_text
from lightning_mock.generation.rendering.palette import color

SIZE = 512
MARGIN = 28
QUALITY = 80
_FOOTER = 26


def draw_picture(
    prompt: str, mode: str | None, inputs: tuple[bytes, ...], chance: bytes, *, form: Literal["JPEG", "PNG"]
) -> bytes:
    """A file of SIZE by SIZE pixels. `chance` decides its colours."""
    canvas = _background(mode, chance)
    draw = ImageDraw.Draw(canvas)
    bottom = SIZE - MARGIN - _FOOTER
    if inputs:
        bottom -= thumbnails.SIZE + 8
        thumbnails.paste_inputs(canvas, inputs, (MARGIN, bottom + 4), thumbnails.SIZE)
    draw_text(draw, Area(MARGIN, MARGIN, SIZE - 2 * MARGIN, bottom - MARGIN), prompt)
    label = f"Lightning mock · {mode or 'auto'}"
    draw_text(draw, Area(MARGIN, SIZE - _FOOTER - 4, SIZE - 2 * MARGIN, 17), label)
    out = BytesIO()
    canvas.save(out, form, quality=QUALITY)
    return out.getvalue()


def _background(mode: str | None, chance: bytes) -> Image.Image:
    hue = chance[0] / 256
    match mode:
        case "fantasy":
            dark, light = color(0.75 + hue / 6, 0.9, 0.25), color(0.85 + hue / 6, 0.8, 0.7)
        case "realistic":
            dark, light = color(0.08 + hue / 12, 0.35, 0.22), color(0.5 + hue / 8, 0.3, 0.5)
        case _:
            dark, light = color(hue, 0.6, 0.3), color(hue + 0.12, 0.6, 0.55)
    canvas = ImageOps.colorize(_gradient(mode), dark, light)
    if mode == "fantasy":
        _draw_stars(ImageDraw.Draw(canvas), chance)
    return canvas


def _gradient(mode: str | None) -> Image.Image:
    shape = Image.radial_gradient("L") if mode == "fantasy" else Image.linear_gradient("L")
    if mode == "realistic":
        shape = ImageOps.flip(shape)
    return shape.resize((SIZE, SIZE))


def _draw_stars(draw: ImageDraw.ImageDraw, chance: bytes) -> None:
    for index in range(0, len(chance) - 2, 2):
        x, y, radius = chance[index] * 2, chance[index + 1] * 2, 1 + chance[index + 2] % 3
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 236, 160))
