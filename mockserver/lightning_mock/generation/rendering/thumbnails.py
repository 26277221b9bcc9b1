"""Small pictures of the images that came with a request."""

from io import BytesIO

from PIL import Image, ImageDraw

from lightning_mock.generation.rendering.lettering import Area, draw_text
from lightning_mock.generation.rendering.palette import WHITE

SIZE = 96


def make_thumbnail(image: Image.Image) -> bytes:
    """PNG bytes, at most SIZE pixels wide and high."""
    small = image.convert("RGB")
    small.thumbnail((SIZE, SIZE))
    return png_bytes(small)


def png_bytes(image: Image.Image, profile: bytes | None = None) -> bytes:
    out = BytesIO()
    # The fastest level: these pictures live for minutes.
    image.save(out, "PNG", compress_level=1, icc_profile=profile)
    return out.getvalue()


def paste_inputs(canvas: Image.Image, inputs: tuple[bytes, ...], corner: tuple[int, int], size: int) -> None:
    """Thumbnails side by side in frames of `size` pixels. Empty bytes stand for an image named by its URL."""
    draw = ImageDraw.Draw(canvas)
    left, top = corner
    for content in inputs:
        draw.rectangle((left, top, left + size + 1, top + size + 1), outline=WHITE)
        if content:
            with Image.open(BytesIO(content), formats=["PNG"]) as image:
                image.thumbnail((size, size))
                inset = (size - image.width) // 2, (size - image.height) // 2
                canvas.paste(image, (left + 1 + inset[0], top + 1 + inset[1]))
        else:
            draw_text(draw, Area(left + 6, top + 6, size - 12, size - 12), "URL")
        left += size + 10
