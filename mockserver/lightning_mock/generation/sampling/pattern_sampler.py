"""A string for a regular expression, as far as the usual constructs go.

Known: literals, escapes, classes, groups, alternation, quantifiers, anchors. Look-around and back-
references are skipped; whoever calls checks the result against the real pattern.
"""

import string
from collections.abc import Sequence
from random import Random

from lightning_mock.generation.sampling.schema_cost import Budget

_CLASSES = {
    "d": string.digits,
    "w": string.ascii_letters + string.digits + "_",
    "s": " ",
    "D": string.ascii_letters + "-",
    "W": "-.,: ",
    "S": string.ascii_letters + string.digits,
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_PRINTABLE = string.ascii_letters + string.digits + " -_.,:;/@#%&!?+*=~'\"()[]{}<>|^$\\`"
_MORE_THAN_MINIMUM = 3
_MAX_REPEAT = 4096
_DEEPEST_GROUP = 50
_ASCII, _ASTRAL = 0x80, 0x10FFFF
_MAX_STEPS = 20_000
_PARTS_PER_STEP = 4


class UnknownPatternError(ValueError):
    """The pattern uses a construct that is not sampled."""


def sample_pattern(pattern: str, random: Random, budget: Budget | None = None) -> str:
    """A string that is likely to match `pattern`. UnknownPatternError where its syntax is not known here."""
    reader = _Reader(pattern, random)
    try:
        sampled = reader.alternation(0)
    finally:
        if budget is not None:
            budget.spend(1 + reader.steps // _PARTS_PER_STEP)
    if reader.at < len(pattern):
        raise UnknownPatternError(f"unexpected {pattern[reader.at]!r} at {reader.at}")
    # Half a character, which a pattern can ask for, is none that could be sent.
    return sampled.encode("utf-8", "replace").decode()


class _Reader:
    """Reads the pattern once from left to right and writes the sample as it goes."""

    def __init__(self, pattern: str, random: Random) -> None:
        self.pattern = pattern
        self.random = random
        self.at = 0
        self.steps = 0
        self.classes: dict[int, tuple[int, str | list[tuple[int, int]]]] = {}
        """Of each class by its place: where it ends, and its characters or ranges of them."""

    def peek(self) -> str:
        return self.pattern[self.at] if self.at < len(self.pattern) else ""

    def take(self) -> str:
        character = self.peek()
        if not character:
            raise UnknownPatternError("the pattern ends too early")
        self.at += 1
        self.step()
        return character

    def step(self) -> None:
        """Count one part that is read: a character, or a branch, which may be empty."""
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise UnknownPatternError("the pattern asks for too long a text")

    def alternation(self, depth: int) -> str:
        if depth > _DEEPEST_GROUP:
            raise UnknownPatternError("groups are nested too deeply")
        branches = [self.sequence(depth)]
        while self.peek() == "|":
            self.at += 1
            branches.append(self.sequence(depth))
        return self.random.choice(branches)

    def sequence(self, depth: int) -> str:
        self.step()
        written: list[str] = []
        while self.peek() not in ("", "|", ")"):
            start = self.at
            sampled = self.atom(depth)
            end = self.at
            times = self.quantifier()
            if times == 1:
                written.append(sampled)
                continue
            after = self.at
            for _ in range(times):
                # Each repetition is drawn afresh, by reading the same atom again.
                self.at = start
                written.append(self.atom(depth))
                if self.at != end:
                    raise UnknownPatternError("a repeated part changed its length")
            self.at = after
        return "".join(written)

    def atom(self, depth: int) -> str:
        character = self.take()
        if character in "^$":
            return ""
        if character == ".":
            return self.random.choice(string.ascii_lowercase)
        if character == "[":
            return self.character_class()
        if character == "\\":
            return self.escape()
        if character == "(":
            return self.group(depth)
        if character in "*+?":
            raise UnknownPatternError("nothing to repeat")
        return character

    def group(self, depth: int) -> str:
        skipped = False
        if self.peek() == "?":
            self.at += 1
            kind = self.take()
            if kind == "P":
                kind = self.take()
            if kind == "<" and self.peek() not in ("=", "!"):
                while self.take() != ">":
                    pass
            elif kind in "=!<":
                skipped = True
                if kind == "<":
                    self.at += 1
            elif kind != ":":
                raise UnknownPatternError(f"unknown group (?{kind}")
        inner = self.alternation(depth + 1)
        if self.take() != ")":
            raise UnknownPatternError("a group is not closed")
        return "" if skipped else inner

    def escape(self) -> str:
        character = self.take()
        if character in _CLASSES:
            return self.random.choice(_CLASSES[character])
        if character in "bBAzZ":
            return ""
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character in "xu":
            return self.code_point(character)
        if character in "pP":
            return self.unicode_property()
        if character.isalnum():
            raise UnknownPatternError(f"unknown escape \\{character}")
        return character

    def code_point(self, kind: str) -> str:
        if self.peek() == "{":
            end = self.pattern.find("}", self.at)
            digits, self.at = self.pattern[self.at + 1 : end], end + 1
        else:
            width = 2 if kind == "x" else 4
            digits = self.pattern[self.at : self.at + width]
            self.at += width
        try:
            return chr(int(digits, 16))
        except (ValueError, OverflowError) as error:
            raise UnknownPatternError(f"unknown code point {digits}") from error

    def unicode_property(self) -> str:
        name = self.take()
        if name == "{":
            end = self.pattern.find("}", self.at)
            if end < 0:
                raise UnknownPatternError("a property name is not closed")
            name, self.at = self.pattern[self.at : end], end + 1
        for prefix, letters in (
            ("Lu", "ABC"),
            ("L", "abc"),
            ("N", "123"),
            ("P", ".,-"),
            ("Z", " "),
            ("S", "+"),
        ):
            if name.startswith(prefix):
                return self.random.choice(letters)
        raise UnknownPatternError(f"unknown property {name}")

    def character_class(self) -> str:
        start = self.at
        if start not in self.classes:
            members = self.class_members()
            self.classes[start] = self.at, members
        self.at, members = self.classes[start]
        if isinstance(members, str):
            return self.random.choice(members)
        low, high = self.random.choice(members)
        return chr(self.random.randint(low, high))

    def class_members(self) -> str | list[tuple[int, int]]:
        negated = self.peek() == "^"
        if negated:
            self.at += 1
        ranges: list[tuple[int, int]] = []
        first = True
        while first or self.peek() != "]":
            first = False
            low = self.class_member(ranges)
            if low is None:
                continue
            if self.peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self.class_member(ranges)
                ranges.append((low, low if high is None else max(low, high)))
            else:
                ranges.append((low, low))
        self.at += 1
        if not negated:
            return ranges
        excluded = bytearray(_ASCII)
        for low, high in ranges:
            excluded[low : high + 1] = b"x" * (min(high + 1, _ASCII) - low)
        return "".join(c for c in _PRINTABLE if not excluded[ord(c)]) or chr(_ASTRAL)

    def class_member(self, ranges: list[tuple[int, int]]) -> int | None:
        """One code point; None when the member was a whole class, which is then in `ranges`."""
        character = self.take()
        if character != "\\":
            return ord(character)
        if self.peek() in _CLASSES and self.peek():
            members: Sequence[str] = _CLASSES[self.take()]
            ranges.extend((ord(member), ord(member)) for member in members)
            return None
        if self.peek() == "b":
            self.at += 1
            return ord("\b")
        return ord(self.escape()[0])

    def quantifier(self) -> int:
        character = self.peek()
        bounds = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(character)
        if bounds is not None:
            self.at += 1
        elif character == "{":
            bounds = self.counted()
            if bounds is None:
                return 1
        else:
            return 1
        if self.peek() in ("?", "+"):
            self.at += 1
        low, high = bounds
        if low > _MAX_REPEAT:
            raise UnknownPatternError("a part is repeated too often")
        most = low + _MORE_THAN_MINIMUM if high is None else min(high, low + _MORE_THAN_MINIMUM)
        return self.random.randint(low, max(low, most))

    def counted(self) -> tuple[int, int | None] | None:
        end = self.pattern.find("}", self.at)
        low, comma, high = self.pattern[self.at + 1 : end].partition(",")
        if end < 0 or not low.isdecimal() or (high and not high.isdecimal()) or len(low) > 6 or len(high) > 6:
            return None
        self.at = end + 1
        if not comma:
            return int(low), int(low)
        return int(low), int(high) if high else None
