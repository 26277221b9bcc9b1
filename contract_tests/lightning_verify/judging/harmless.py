"""Text from a hostile host, made fit for reading: nothing invisible, nothing without end, no command.

`one_line` is the way of everything from outside into the terminal, a log, JUnit and annotations.

Escaping for HTML or Markdown is the business of whoever writes those.
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


def shortened(text: object, limit: int) -> str:
    """`text`, visible, cut to `limit` characters; what was cut is told."""
    whole = str(text)
    shown = visible(whole[:limit])
    return shown if len(whole) <= limit else f"{shown}… ({len(whole)} characters)"


def one_line(text: object, limit: int) -> str:
    """`text`, visible, cut, without line breaks, and nothing that a CI system would obey."""
    line = " ".join(shortened(text, limit).split())
    return _COMMAND.sub(lambda found: " ".join(found[0]), line)
