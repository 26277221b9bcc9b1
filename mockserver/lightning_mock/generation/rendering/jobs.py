"""What can be rendered: pictures, films and sounds.

Pillow and PyAV take a quarter of an idle mock's memory and a tenth of a second of its start, so whatever
draws with them is loaded by the first job that needs it.
"""

from dataclasses import dataclass
from typing import Literal

from lightning_mock.generation.rendering.palette import dice


@dataclass(frozen=True, slots=True)
class Picture:
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


@dataclass(frozen=True, slots=True)
class Film:
    """A moving image of so many whole seconds. `inputs` as in a picture."""

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


@dataclass(frozen=True, slots=True)
class Sound:
    """An effect or speech."""

    prompt: str
    kind: Literal["sfx", "tts"]
    seed: int = 0

    def render(self) -> bytes:
        """An MP3 file."""
        from lightning_mock.generation.rendering.audio import make_sound

        return make_sound(self.prompt, self.kind, dice(self.kind, self.prompt, self.seed))
