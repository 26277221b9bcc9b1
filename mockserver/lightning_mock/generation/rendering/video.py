"""The film of a prompt: an H.264 MP4 of exactly the asked ratio and length, with the words of the prompt.

The words are drawn once. A frame changes only the band below them, straight in the planes of the frame,
because a film has up to eighty of them.
"""

from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO

import av
from PIL import Image, ImageDraw

from lightning_mock.generation.rendering.lettering import Area, draw_text
from lightning_mock.generation.rendering.palette import color
from lightning_mock.generation.rendering.thumbnails import paste_inputs

FRAMES_PER_SECOND = 8
SIZES = {"3:2": (288, 192), "2:3": (192, 288), "1:1": (224, 224)}
_MARGIN = 12
_BAND = 56
_BAR = 8
_BLOCK = 24
_THUMBNAIL = 48
_BRIGHT = b"\xe6"
_OPTIONS = {"preset": "ultrafast", "crf": "35", "threads": "1"}

Planes = tuple[bytes, bytes, bytes]


def make_film(
    prompt: str,
    ratio: str,
    seconds: int,
    *,
    mode: str | None,
    inputs: tuple[bytes, ...],
    chance: bytes,
) -> bytes:
    """An MP4 file. `chance` decides its colours."""
    width, height = SIZES[ratio]
    still = _still(prompt, mode, inputs, chance, (width, height))
    out = BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=dict(_OPTIONS))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, planes in enumerate(_frames(still, mode, seconds, width, height)):
            frame = av.VideoFrame(width, height, "yuv420p")
            for plane, content in zip(frame.planes, planes, strict=True):
                plane.update(_padded(content, plane.width, plane.line_size))
            frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def _frames(still: Planes, mode: str | None, seconds: int, width: int, height: int) -> Iterator[Planes]:
    luma, blue, red = still
    words, band = luma[: width * (height - _BAND)], luma[width * (height - _BAND) :]
    total = seconds * FRAMES_PER_SECOND
    for number in range(total):
        moved = bytearray(band)
        left = (width - _BLOCK) * number // max(1, total - 1)
        top = _height_of_jump(number) if mode == "fun" else _BAND - _BAR - _BLOCK - 4
        _fill(moved, width, Area(left, top, _BLOCK, _BLOCK))
        _fill(moved, width, Area(0, _BAND - _BAR, width * (number + 1) // total, _BAR))
        turned = mode == "fun" and number // (FRAMES_PER_SECOND // 2) % 2
        yield words + moved, *((red, blue) if turned else (blue, red))


def _height_of_jump(number: int) -> int:
    """Rows above the block, for a ball that touches the ground every second."""
    phase = number % FRAMES_PER_SECOND / FRAMES_PER_SECOND
    reach = _BAND - _BAR - _BLOCK - 4
    return round(reach * (2 * phase - 1) ** 2)


def _fill(band: bytearray, stride: int, area: Area) -> None:
    for row in range(area.top, area.top + area.height):
        start = row * stride + area.left
        band[start : start + area.width] = _BRIGHT * area.width


def _still(
    prompt: str, mode: str | None, inputs: tuple[bytes, ...], chance: bytes, size: tuple[int, int]
) -> Planes:
    """The parts that do not move, as the planes of YCbCr with colour at half size."""
    width, height = size
    background = color(chance[0] / 256, 0.75 if mode == "fun" else 0.45, 0.42)
    canvas = Image.new("RGB", (width, height), background)
    draw = ImageDraw.Draw(canvas)
    bottom = height - _BAND - 4
    if inputs:
        bottom -= _THUMBNAIL + 4
        paste_inputs(canvas, inputs, (_MARGIN, bottom + 2), _THUMBNAIL)
    draw_text(draw, Area(_MARGIN, _MARGIN, width - 2 * _MARGIN, bottom - _MARGIN), prompt)
    luma, blue, red = canvas.convert("YCbCr").split()
    half = (width // 2, height // 2)
    return luma.tobytes(), blue.resize(half).tobytes(), red.resize(half).tobytes()


def _padded(content: bytes, width: int, line_size: int) -> bytes:
    if width == line_size:
        return content
    gap = bytes(line_size - width)
    return b"".join(content[start : start + width] + gap for start in range(0, len(content), width))
