"""Draws any text into a picture: wrapped, as large as fits, with nothing silently lost.

Letters come from Pillow's own font, the same on every machine. A character it lacks is taken from the first
font of the system that has it; if none has, it is drawn as a box with its code point, as browsers do.
"""

import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from PIL import ImageDraw, ImageFont

from lightning_mock.generation.rendering.palette import WHITE

SIZES = (34, 26, 20, 16, 12, 10)
_DIGITS_SIZE = 10
_BOX_LINE = 24
_ELLIPSIS = "…"
_UNASSIGNED = "\U0010ffff"
_FALLBACK_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
    "arial.ttf",
    "msyh.ttc",
    "seguisym.ttf",
)
_RIGHT_TO_LEFT = frozenset(("R", "AL"))
# Fonts are shared by the rendering threads and keep what they measured.
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Glyph:
    """How a character is drawn at one size: by a font, or as a box when `font` is None."""

    font: ImageFont.FreeTypeFont | None
    width: float


class Face:
    """One size of lettering."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.fonts = [_basic(ImageFont.load_default(size)), *_system_fonts(size)]
        self.missing = [bytes(font.getmask(_UNASSIGNED)) for font in self.fonts]
        self.glyphs: dict[str, Glyph] = {}

    def glyph(self, character: str) -> Glyph:
        known = self.glyphs.get(character)
        if known is None:
            known = self.glyphs[character] = self._find(character)
        return known

    def _find(self, character: str) -> Glyph:
        if character.isprintable():
            for font, missing in zip(self.fonts, self.missing, strict=True):
                if character == " " or bytes(font.getmask(character)) != missing:
                    return Glyph(font, font.getlength(character))
        return Glyph(None, 2.0 + 7 * len(_code_point(character)[0]))

    def line_height(self, text: str) -> int:
        height = self.size + max(3, self.size // 4)
        boxed = any(self.glyph(character).font is None for character in set(text) - {"\n"})
        return max(height, _BOX_LINE) if boxed else height


def draw_text(draw: ImageDraw.ImageDraw, area: Area, text: str) -> None:
    """Draws the whole text into the area where it fits, otherwise its beginning and an ellipsis; in white."""
    text = text.expandtabs(4).replace("\r\n", "\n")
    with _lock:
        for size in SIZES:
            # Half the size is about the width of a letter: sizes that are far too large are not tried.
            if size != SIZES[-1] and len(text) * size * size * 0.4 > area.width * area.height:
                continue
            face = _face(size)
            height = face.line_height(text)
            room = area.height // height
            lines = list(_wrapped(face, text, area.width, room + 1))
            if len(lines) <= room or size == SIZES[-1]:
                break
        if len(lines) > room:
            lines = [*lines[: room - 1], lines[room - 1][:-1] + _ELLIPSIS]
        pen = _Pen(draw, face)
        for row, line in enumerate(lines):
            pen.line(area.left, area.top + row * height, line)


@lru_cache(maxsize=len(SIZES) + 1)
def _face(size: int) -> Face:
    return Face(size)


def _basic(font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> ImageFont.FreeTypeFont:
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType: no text can be drawn")
    # Without shaping a letter is as wide alone as in its line, which makes wrapping a sum.
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)


def _system_fonts(size: int) -> Iterator[ImageFont.FreeTypeFont]:
    for name in _FALLBACK_FONTS:
        try:
            yield ImageFont.truetype(name, size, layout_engine=ImageFont.Layout.BASIC)
        except OSError:
            continue


def _wrapped(face: Face, text: str, width: int, most: int) -> Iterator[str]:
    """At most `most` lines, broken at blanks where there are any."""
    count = 0
    for paragraph in text.split("\n"):
        rest = paragraph
        while True:
            if count == most:
                return
            line, rest = _first_line(face, rest, width)
            count += 1
            yield line
            if not rest:
                break


def _first_line(face: Face, text: str, width: int) -> tuple[str, str]:
    used = 0.0
    blank = 0
    for index, character in enumerate(text):
        if character == " ":
            blank = index
        used += face.glyph(character).width
        if used > width and index:
            if blank:
                return text[:blank], text[blank + 1 :]
            return text[:index], text[index:]
    return text, ""


@dataclass(frozen=True, slots=True)
class _Pen:
    draw: ImageDraw.ImageDraw
    face: Face

    def line(self, left: float, top: int, line: str) -> None:
        run, width, font = "", 0.0, None
        for character in _visual_order(line):
            glyph = self.face.glyph(character)
            if glyph.font is not font:
                self.run(left, top, run, font)
                left += width
                run, width, font = "", 0.0, glyph.font
            if glyph.font is None:
                self.box(left + width, top, character)
            run += character
            width += glyph.width
        self.run(left, top, run, font)

    def run(self, left: float, top: int, run: str, font: ImageFont.FreeTypeFont | None) -> None:
        if font is not None:
            self.draw.text((left, top), run, fill=WHITE, font=font)

    def box(self, left: float, top: int, character: str) -> None:
        digits = _face(_DIGITS_SIZE).fonts[0]
        top += max(0, (self.face.size - _BOX_LINE) // 2)
        right = left + self.face.glyph(character).width - 1
        self.draw.rectangle((left + 1, top + 1, right, top + _BOX_LINE - 3), outline=WHITE)
        for row, half in enumerate(_code_point(character)):
            self.draw.text((left + 2, top + 1 + row * 9), half, fill=WHITE, font=digits)


def _code_point(character: str) -> tuple[str, str]:
    """The code point's hexadecimal digits as the two rows of its box."""
    digits = f"{ord(character):04X}"
    if len(digits) % 2:
        digits = f"0{digits}"
    return digits[: len(digits) // 2], digits[len(digits) // 2 :]


def _visual_order(line: str) -> str:
    """The line with its right-to-left runs reversed."""
    if line.isascii():
        return line
    out: list[str] = []
    stretch: list[str] = []
    for character in line:
        direction = unicodedata.bidirectional(character)
        if direction in _RIGHT_TO_LEFT or (stretch and direction in ("WS", "NSM")):
            stretch.append(character)
            continue
        out.extend(reversed(stretch))
        stretch = []
        out.append(character)
    out.extend(reversed(stretch))
    return "".join(out)
