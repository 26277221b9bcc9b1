"""Text from a hostile host, made safe to read: nothing invisible, nothing endless, no commands.

`one_line` is how everything from outside reaches the terminal, a log, JUnit and annotations. Escaping for
HTML or Markdown is up to the code that writes them.
"""

from __future__ import annotations

import re

# Control characters, directional overrides, zero-width blanks, line separators and lone surrogates: they
# hide text, reorder it, or cannot be encoded. Tabs and newlines stay; so does the joiner of emoji.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\u3164\ufeff"
    "\ud800-\udfff]"
)

# GitHub reads `::error::` at the start of a line; it reads `##[error]`, and Azure `##vso[`, anywhere in one.
_COMMAND = re.compile(r"(?:(?<=\s)|^)::(?=[a-z])|##(?=\w*\[)")


def visible(text: object) -> str:
    """`text` with everything invisible written as `\\uXXXX`, which is what JSON writes as well."""
    lines = str(text).replace("\r\n", "\n")
    return _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", lines)


# What only fills: the same few words time and again, and long runs of letters such as base64.
_REPEATED = re.compile(r"(.{1,60}?)\1{7,}", re.DOTALL)
_UNBROKEN = re.compile(r"[A-Za-z0-9+/=_-]{200,}")
_FILLER = 120
_LOOKED_AT = 20_000


def without_filler(text: str) -> str:
    """`text` with repetitions and long unbroken runs cut, saying how much was cut."""
    text = _REPEATED.sub(_once, text)
    return _UNBROKEN.sub(lambda run: f"{run[0][:40]}…({len(run[0]) - 50} characters)…{run[0][-10:]}", text)


def _once(found: re.Match[str]) -> str:
    return found[0] if len(found[0]) < _FILLER else f"{found[1]}…({len(found[0]) // len(found[1])} times)…"


def shortened(text: object, limit: int) -> str:
    """`text`, made visible and cut to `limit` characters, saying how long it was."""
    whole = str(text)
    trimmed = without_filler(whole[:_LOOKED_AT])
    shown = visible(trimmed[:limit])
    is_all = len(trimmed) <= limit and len(whole) <= _LOOKED_AT
    return shown if is_all else f"{shown}… ({len(whole)} characters)"


def one_line(text: object, limit: int) -> str:
    """`text` on one line, made visible and cut, with nothing in it that a CI system would obey."""
    line = " ".join(shortened(text, limit).split())
    return _COMMAND.sub(lambda found: " ".join(found[0]), line)
