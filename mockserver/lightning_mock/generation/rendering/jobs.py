"""The jobs of a worker: draw pictures, videos and sounds, and decode callers' pictures.

Pillow and PyAV take a quarter of an idle mock's memory and a tenth of a second of its start, so whatever
needs them is imported by the first job that does, in the worker. Rendered results are cached under a tuple,
the cheapest key to make and to look up; each kind's tuple has another length.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from lightning_mock.generation.rendering.errors import HeavyPictureError
from lightning_mock.generation.rendering.palette import dice

_SMALL_PICTURE = 1024 * 1024
"""Pixels. With so few, no small file takes a decoder longer than a tenth of a second."""
_LENGTH_BYTES = 8


class Job(Hashable, Protocol):
    """Something that can be rendered."""

    def render(self) -> bytes: ...


class Picture(NamedTuple):
    """A still image.

    `inputs` are thumbnails (PNG bytes); an empty one stands for an image that was named by its URL.
    """

    prompt: str
    mode: str | None = None
    inputs: tuple[bytes, ...] = ()
    seed: int = 0
    form: Literal["JPEG", "PNG"] = "JPEG"

    def render(self) -> bytes:
        """A file of the form."""
        from lightning_mock.generation.rendering.image import draw_picture

        chance = dice("image", self.prompt, self.mode, self.seed)
        return draw_picture(self.prompt, self.mode, self.inputs, chance, form=self.form)


class Film(NamedTuple):
    """A video of so many whole seconds. `inputs` as in a picture."""

    prompt: str
    ratio: str
    seconds: int
    mode: str | None = None
    provider: str = ""
    inputs: tuple[bytes, ...] = ()
    seed: int = 0

    def render(self) -> bytes:
        """An MP4 file."""
        from lightning_mock.generation.rendering.video import make_film

        chance = dice("video", self.prompt, self.mode, self.provider, self.seed)
        return make_film(
            self.prompt, self.ratio, self.seconds, mode=self.mode, inputs=self.inputs, chance=chance
        )


class Sound(NamedTuple):
    """An effect or speech."""

    prompt: str
    kind: Literal["sfx", "tts"]
    seed: int = 0

    def render(self) -> bytes:
        """An MP3 file."""
        from lightning_mock.generation.rendering.audio import make_sound

        return make_sound(self.prompt, self.kind, dice(self.kind, self.prompt, self.seed))


@dataclass(frozen=True, slots=True)
class Decoding:
    """An input image to decode. With `only_small`, one with many pixels is refused as heavy."""

    content: bytes
    max_pixels: int
    only_small: bool = False

    def render(self) -> bytes:
        """A PNG and its thumbnail, to be taken apart with `parts`. Raises TooManyPixelsError,
        HeavyPictureError, and whatever the decoder raises for what is no image."""
        from lightning_mock.generation.rendering.decoding import decode, pixels

        if self.only_small and _SMALL_PICTURE < pixels(self.content) <= self.max_pixels:
            raise HeavyPictureError
        png, thumbnail = decode(self.content, self.max_pixels)
        return len(png).to_bytes(_LENGTH_BYTES) + png + thumbnail


def parts(decoded: bytes) -> tuple[bytes, bytes]:
    """The PNG and its thumbnail."""
    end = _LENGTH_BYTES + int.from_bytes(decoded[:_LENGTH_BYTES])
    return decoded[_LENGTH_BYTES:end], decoded[end:]
