"""No secret is ever recorded: every text passes through here before it becomes evidence.

What counts as a secret is derived from the credentials themselves, not from a list of header names.
"""

from __future__ import annotations

import base64
import html
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

_PATTERNS = (
    (re.compile(r"eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*"), "<token>"),
    (re.compile(r"(?i)ipa_live_[A-Za-z0-9_-]{6,}"), "<api key>"),
    # The look-behind keeps this linear on long runs of letters, such as base64.
    (re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), "<email>"),
    (re.compile(r"(?i)(bearer\s+)(?!public\b)[^\s\"',<]+"), r"\1<bearer>"),
)
_COOKIES = {"cookie", "set-cookie"}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(/))")
# Ways to write one character as several. They can be mixed with plain ones, and be nested.
_DECODERS: tuple[Callable[[str], str], ...] = (
    unquote,
    html.unescape,
    lambda text: _ESCAPE.sub(lambda found: found[3] or chr(int(found[1] or found[2], 16)), text),
)
_NESTED = 2
_UPPER_TO_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


# Texts that come again and again, such as header names, are redacted once; longer ones are not kept.
_REMEMBERED, _MAX_REMEMBERED_LENGTH = 2_000, 200

# Characters of a secret in a row that are not shown. Texts are cut before and after they come here, by the
# host and by us, so that whole secrets are not all there is to look for.
_PIECE = 12
_SHORTEST = 6


class _Piece(NamedTuple):
    """Where a piece stands in a spelling of a secret, and what is shown instead."""

    spelling: str
    start: int
    shown: str


class Redactor:
    """Replaces secrets by their names. `learn` adds one at any time, for example a forged token."""

    def __init__(self, credentials: Mapping[str, str]) -> None:
        self._names: dict[str, str] = {}
        self._longest_first: list[str] = []
        self._pieces: dict[str, list[_Piece]] = {}
        self._remembered: dict[str, str] = {}
        self._learning = threading.Lock()
        for name, secret in credentials.items():
            self.learn(name, secret)

    def learn(self, name: str, secret: str) -> None:
        """From now on, `secret`, each longer part of it and the usual encodings of both are shown as `name`,
        in upper and lower case."""
        shown = f"<{name}>"
        with self._learning:
            for whole in (secret, secret[::-1]):
                if len(whole) >= _SHORTEST:
                    self._names.setdefault(_folded(whole), shown)
            # Longest first, so that a secret is named before one that is a part of it.
            self._longest_first = sorted(self._names, key=len, reverse=True)
            for written in (secret, *secret.split("."), *_encoded(secret)):
                spelling = _folded(written)
                last = len(spelling) - _PIECE
                if last >= 0:
                    for start in (*range(0, last, _PIECE), last):
                        piece = spelling[start : start + _PIECE]
                        self._pieces.setdefault(piece, []).append(_Piece(spelling, start, shown))
            # Last, so that nobody remembers a text from before.
            self._remembered.clear()

    def text(self, text: str) -> str:
        """`text` without secrets. A text that hides one in an encoding is shown decoded."""
        known = self._remembered.get(text)
        if known is not None:
            return known
        shown = self._searched(text)
        if len(text) <= _MAX_REMEMBERED_LENGTH and len(self._remembered) < _REMEMBERED:
            self._remembered[text] = shown
        return shown

    def _searched(self, text: str) -> str:
        text = self._plain(text)
        for _ in range(_NESTED):
            for decode in _DECODERS:
                decoded = decode(text)
                if decoded != text:
                    text = self._if_hiding(text, decoded)
        return text

    def _if_hiding(self, text: str, decoded: str) -> str:
        """`decoded` without its secrets when it has any, directly or one encoding deeper; else `text`."""
        for deeper in (decoded, *(decode(decoded) for decode in _DECODERS)):
            plain = self._plain(deeper)
            if plain != deeper:
                return plain
        return text

    def _plain(self, text: str) -> str:
        folded = _folded(text)
        for secret in self._longest_first:
            if secret in folded:
                text = re.sub(f"(?ai){re.escape(secret)}", self._names[secret].replace("\\", "\\\\"), text)
                folded = _folded(text)
        text = self._without_pieces(text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def _without_pieces(self, text: str) -> str:
        folded = _folded(text)
        last = len(text) - _PIECE
        places = [at for at in range(last + 1) if folded[at : at + _PIECE] in self._pieces]
        kept, shown_to = list[str](), 0
        for position in places:
            if position < shown_to:
                continue
            found = self._pieces[folded[position : position + _PIECE]]
            # Tokens begin alike, so the one that fits longest is meant.
            fits = [(_extent(folded, shown_to, position, piece), piece.shown) for piece in found]
            (first, end), shown = max(fits, key=lambda fit: fit[0][1] - fit[0][0])
            kept += [text[shown_to:first], shown]
            shown_to = end
        return "".join([*kept, text[shown_to:]])

    def headers(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Header pairs without secrets; cookies are dropped to their names."""
        return [
            (self.text(name), f"{shown}=<cookie>" if name.lower() in _COOKIES else shown)
            for name, value in headers
            for shown in [self.text(value.split("=", 1)[0] if name.lower() in _COOKIES else value)]
        ]


def _folded(text: str) -> str:
    """Letters of either case are one; nothing else, so that no text changes its length."""
    return text.lower() if text.isascii() else text.translate(_UPPER_TO_LOWER)


def _extent(text: str, lowest: int, position: int, piece: _Piece) -> tuple[int, int]:
    """From where to where `text` spells the secret whose piece is at `position`, not before `lowest`."""
    spelling, start = piece.spelling, piece.start
    end, here = position + _PIECE, start + _PIECE
    while end < len(text) and here < len(spelling) and text[end] == spelling[here]:
        end, here = end + 1, here + 1
    while position > lowest and start > 0 and text[position - 1] == spelling[start - 1]:
        position, start = position - 1, start - 1
    return position, end


def _encoded(secret: str) -> list[str]:
    """The secret as it looks inside Base64 of a longer text, in its three positions, in addresses, in
    hexadecimal digits and read backwards."""
    data = secret.encode()
    found = [quote(secret, safe=""), data.hex(), data.hex(" "), secret[::-1]]
    for shift, lead in ((0, 0), (1, 2), (2, 3)):
        # The first and the last letter also hold bits of the neighbours.
        inner = base64.b64encode(bytes(shift) + data).decode().rstrip("=")[lead:-1]
        found += [inner, inner.translate(str.maketrans("+/", "-_"))]
    return found
