"""What the events of a stream say together: a model's words come a few letters at a time, and so does a
credential among them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

# What tells apart what is streamed at the same time, or a member that is a string; the last may be cut off.
_MEMBER = re.compile(
    r'"(?:index"\s*:\s*([0-9]+)|([^"\\\n]{1,64})"\s*:\s*"([^"\\\n]*+(?:\\.[^"\\\n]*+)*+)(?:"|\\?\Z))'
)
_decode = json.JSONDecoder(strict=False).decode

Place = tuple[str, str]
"""The index and the name of a member."""


def without_split(text: str, clean: Callable[[str], str]) -> str:
    """The text of a stream whose events are JSON, without what `clean` finds only in members of the same name
    and index of several events, put together. Such a text is whole, and clean, in the first of them."""
    index, said = "", dict[Place, list[str]]()
    # Nearly all streams are fine, and to see that is much faster than to change one.
    for new_index, name, string in _MEMBER.findall(text):
        if string:
            said.setdefault((index, name), []).append(string)
        elif new_index:
            index = new_index
    shown = {}
    for place, pieces in said.items():
        # What all events repeat is not put together by anybody.
        if len(set(pieces)) > 1:
            whole = _plain("".join(pieces))
            if (cleaned := clean(whole)) != whole:
                shown[place] = cleaned
    return _changed(text, shown) if shown else text


def _changed(text: str, shown: dict[Place, str]) -> str:
    """The text with these strings at the first of their places, and nothing at the others."""
    index = ""

    def change(found: re.Match[str]) -> str:
        nonlocal index
        index = found[1] or index
        place = (index, found[2] or "")
        if not found[3] or place not in shown:
            return found[0]
        string, shown[place] = shown[place], ""
        return text[found.start() : found.start(3)] + json.dumps(string, ensure_ascii=False)[1:]

    return _MEMBER.sub(change, text)


def _plain(string: str) -> str:
    """The text of a string in JSON; as it is written where that is no text."""
    if "\\" not in string:
        return string
    try:
        plain: str = _decode(f'"{string}"')
        plain.encode()
    except ValueError:
        return string
    return plain
