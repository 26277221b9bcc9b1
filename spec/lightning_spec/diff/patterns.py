"""Compares two regular expressions where that is simple; anything else is left undecided."""

from __future__ import annotations

import re

# A text of one class of characters and a length: the one form of pattern that can be weighed here.
_ALTERNATIVES = re.compile(r"\^\((?:\?:)?([\w|-]+)\)\$")
# What is written before a backslash that is itself escaped is left alone.
_SPELLINGS = tuple(
    (re.compile(rf"(?<!\\){longer}"), shorter)
    for longer, shorter in (
        (r"\\d", "[0-9]"),
        (r"\\w", "[A-Za-z0-9_]"),
        (r"\\/", "/"),
        (r"\{1,\}", "+"),
        (r"\{0,\}", "*"),
        (r"\{0,1\}", "?"),
        (r"\{(\d+),\1\}", r"{\1}"),
    )
)
_CLASS = re.compile(r"\^\[([^\]\\^]+)\](?:\{(\d+)(?:(,)(\d*))?\}|([*+]?))\$")


def plain(pattern: str) -> str:
    """A pattern in the one spelling that it shares with others of the same meaning."""
    for longer, shorter in _SPELLINGS:
        pattern = longer.sub(shorter, pattern)
    return pattern


def wider_pattern(wide: str, narrow: str) -> bool:
    """Whether it is plain that one pattern admits all that another does."""
    wide, narrow = plain(wide), plain(narrow)
    if wide == narrow:
        return True
    words = [_ALTERNATIVES.fullmatch(pattern) for pattern in (wide, narrow)]
    if words[0] and words[1]:
        return set(words[1][1].split("|")) <= set(words[0][1].split("|"))
    sides = [weighed(pattern) for pattern in (wide, narrow)]
    if sides[0] is None or sides[1] is None:
        return False
    letters, least, most = sides[0]
    inner, inner_least, inner_most = sides[1]
    return inner <= letters and least <= inner_least and inner_most <= most


def weighed(pattern: str) -> tuple[frozenset[str], float, float] | None:
    """The characters and the lengths of the texts that a pattern admits, where it is that plain."""
    match = _CLASS.fullmatch(pattern)
    if match is None:
        return None
    body, least, comma, most, star = match.groups()
    letters: set[str] = set()
    index = 0
    while index < len(body):
        if index + 2 < len(body) and body[index + 1] == "-":
            letters |= {chr(code) for code in range(ord(body[index]), ord(body[index + 2]) + 1)}
            index += 3
        else:
            letters.add(body[index])
            index += 1
    if least is None:
        low, high = {"": (1, 1.0), "*": (0, float("inf")), "+": (1, float("inf"))}[star]
        return frozenset(letters), low, high
    high = float(least) if not comma else float(most) if most else float("inf")
    return frozenset(letters), int(least), high
