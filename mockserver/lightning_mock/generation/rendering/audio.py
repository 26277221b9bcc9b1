"""The sound of a prompt: an MP3. An effect is a tune of plain tones, speech a buzz in the rhythm of words.

Samples are made one period at a time and repeated as bytes: one by one they would take longer than encoding.
"""

import sys
from array import array
from collections.abc import Iterator, Sequence
from fractions import Fraction
from io import BytesIO
from math import pi, sin
from typing import Literal

import av

RATE = 22_050
"""Samples a second."""
EFFECT_NOTES = 8
MAX_WORDS = 24
_BIT_RATE = 32_000
_LOUDNESS = 12_000
_EFFECT_SCALE = (220.0, 261.6, 293.7, 329.6, 392.0, 440.0, 523.3, 587.3)
_LOWEST_VOICE = 95.0
_VOICE_RANGE = 60.0
_PURE = (1.0,)
_VOWELS = ((1.0, 0.7, 0.3, 0.1, 0.4), (1.0, 0.2, 0.5, 0.6), (0.8, 1.0, 0.2, 0.1, 0.1, 0.3))
_FADE = (0.4, 0.9, 1.0, 1.0, 0.9, 0.7, 0.5, 0.3, 0.1)


def make_sound(prompt: str, kind: Literal["sfx", "tts"], chance: bytes) -> bytes:
    """An MP3 file: an effect of about three seconds, speech of about a third of a second a word."""
    notes = _tune(chance) if kind == "sfx" else _speech(prompt, chance)
    return _encode(b"".join(notes))


def _tune(chance: bytes) -> Iterator[bytes]:
    for index in range(EFFECT_NOTES):
        pitch = _EFFECT_SCALE[chance[index] % len(_EFFECT_SCALE)]
        yield _note(pitch, _PURE, 0.375)


def _speech(prompt: str, chance: bytes) -> Iterator[bytes]:
    words = prompt.split()[:MAX_WORDS] or [prompt]
    for index, word in enumerate(words):
        pitch = _LOWEST_VOICE + _VOICE_RANGE * chance[index] / 255
        vowel = _VOWELS[(len(word) + chance[-1 - index]) % len(_VOWELS)]
        yield _note(pitch, vowel, 0.12 + 0.03 * min(len(word), 8))
        yield _silence(0.06)


def _note(pitch: float, overtones: Sequence[float], seconds: float) -> bytes:
    """One tone that swells and fades in steps of whole periods."""
    length = max(2, round(RATE / pitch))
    wave = [
        sum(part * sin(2 * pi * (number + 1) * step / length) for number, part in enumerate(overtones))
        for step in range(length)
    ]
    peak = max(map(abs, wave))
    repeats = max(1, round(seconds * RATE / length / len(_FADE)))
    return b"".join(
        _samples([round(_LOUDNESS * level * value / peak) for value in wave]) * repeats for level in _FADE
    )


def _silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def _samples(values: list[int]) -> bytes:
    samples = array("h", values)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def _encode(pcm: bytes) -> bytes:
    out = BytesIO()
    with av.open(out, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=RATE, layout="mono")
        stream.bit_rate = _BIT_RATE
        stream.format = "s16p"
        # The encoder's quickest search: these sounds have nothing to lose.
        stream.options = {"compression_level": "9"}
        size = stream.codec_context.frame_size or 1152
        step = 2 * size
        for start in range(0, len(pcm), step):
            # The encoder wants whole frames; the last one is filled up with silence.
            content = pcm[start : start + step].ljust(step, b"\0")
            frame = av.AudioFrame(format="s16p", layout="mono", samples=size)
            frame.planes[0].update(content)
            frame.sample_rate = RATE
            frame.pts, frame.time_base = start // 2, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()
