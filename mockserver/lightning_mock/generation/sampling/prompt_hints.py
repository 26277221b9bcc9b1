"""What a prompt offers for arguments: its numbers, quotations and names, and the addresses and dates in it.

An address or a date goes to the argument whose format or name asks for one, and is read from the prompt as it
stands: words such as "tomorrow" are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import islice, takewhile
from typing import Literal

Kind = Literal["url", "email", "date", "date-time", "number"]
NamedTexts = Mapping[Kind, tuple[str, ...]]

_MAX_HINTS = 100

_QUOTED = re.compile(r"“([^”]{1,200})”|\"([^\"]{1,200})\"|`([^`]{1,200})`|(?<!\w)'([^']{1,200})'(?!\w)")
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,10})?(?![\w]|\.\d)")
_NAME = re.compile(r"(?<=[a-z0-9,;:] )[A-Z][\w'’-]*(?: [A-Z][\w'’-]*)*")
_WORD = re.compile(r"\w+")
_NO_WORDS = "  "

_URL = re.compile(r"\bhttps?://[^\s<>\"`“”|\\^{}]{1,2000}", re.IGNORECASE)
_AFTER_A_URL = ".,;:!?'’*_"
# The look-behind keeps a long run of letters from being tried at each of them.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}", re.ASCII)
_DATE = re.compile(
    r"(?<![\w-])(\d{4}-\d\d-\d\d)"
    r"(?:[Tt ](\d\d:\d\d)(:\d\d(?:\.\d{1,6})?)?(Z|z|[+-]\d\d:\d\d)?)?(?![\w-]|:\d)",
    re.ASCII,
)

_KIND_OF_FORMAT: Mapping[str, Kind] = {
    "uri": "url",
    "url": "url",
    "iri": "url",
    "uri-reference": "url",
    "iri-reference": "url",
    "email": "email",
    "idn-email": "email",
    "date": "date",
    "date-time": "date-time",
}
_WORDS_OF_KINDS: Mapping[Kind, str] = {
    "url": "url uri urls uris link links href website webpage",
    "email": "email emails mail recipient recipients cc bcc",
    "date-time": "datetime timestamp",
    "date": "date dates day",
    "number": "number count amount quantity",
}
_KIND_OF_WORD = {word: kind for kind, words in _WORDS_OF_KINDS.items() for word in words.split()}
_WORD_OF_NAME = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_LINKING = frozenset(("of", "to", "for", "from", "in", "at", "by"))
_SILENT = frozenset(("address", "string", "iso", "utc"))


@dataclass(frozen=True, slots=True)
class Hints:
    """What the prompt offers. `named` is only for the arguments that ask for it by format or name."""

    text: str = ""
    numbers: tuple[float, ...] = ()
    phrases: tuple[str, ...] = ()
    words: str = ""
    named: NamedTexts = field(default_factory=dict)

    def mentions(self, phrase: str) -> bool:
        words = _words(phrase)
        return words != _NO_WORDS and words in self.words

    def unnamed(self) -> Hints:
        """The same without what is asked for by format or name."""
        return replace(self, named={})


def hints_from(text: str) -> Hints:
    """What a prompt offers: its first addresses, numbers, quotations and names, more of which nobody looks
    for."""
    found = [next(filter(None, match.groups())) for match in islice(_QUOTED.finditer(text), _MAX_HINTS)]
    names = [match[0] for match in islice(_NAME.finditer(text), _MAX_HINTS)]
    phrases = found + [name for name in names if not any(name in said for said in found)]
    # Each is taken out, so that the digits of a date are nobody's number.
    urls, rest = _taken(_URL, text)
    emails, rest = _taken(_EMAIL, rest)
    dates, rest = _taken(_DATE, rest)
    dates = [match for match in dates if _is_date(match)]
    digits = [match[0] for match in islice(_NUMBER.finditer(rest), _MAX_HINTS)]
    numbers = tuple(float(number) if "." in number else int(number) for number in digits)
    named: dict[Kind, tuple[str, ...]] = {
        "url": tuple(_url(match[0]) for match in urls),
        "email": tuple(match[0] for match in emails),
        "date": tuple(match[1] for match in dates),
        "date-time": tuple(_date_time(match) for match in dates),
        "number": tuple(digits),
    }
    offered = {kind: texts for kind, texts in named.items() if texts}
    return Hints(text.strip(), numbers, tuple(phrases), _words(text), offered)


def kind_asked_for(form: object, name: str) -> Kind | None:
    """What the format of a text argument asks for, or its name where there is no format. Of a name the last
    word counts, and of `linkToPage` the last before "to": an `email_subject` is no address."""
    if isinstance(form, str):
        return _KIND_OF_FORMAT.get(form)
    if name == "to":
        return "email"
    words = [word.casefold() for word in _WORD_OF_NAME.findall(name[:200])]
    kept = [word for word in takewhile(lambda word: word not in _LINKING, words) if word not in _SILENT]
    return _KIND_OF_WORD.get(kept[-1]) if kept else None


def _words(text: str) -> str:
    return f" {' '.join(_WORD.findall(text.casefold()))} "


def _taken(pattern: re.Pattern[str], text: str) -> tuple[list[re.Match[str]], str]:
    """The first matches, and the text without any."""
    return list(islice(pattern.finditer(text), _MAX_HINTS)), pattern.sub(" ", text)


def _url(text: str) -> str:
    """A URL without the punctuation of its sentence."""
    text = text.rstrip(_AFTER_A_URL)
    for opening, closing in ("()", "[]"):
        surplus = text.count(closing) - text.count(opening)
        while surplus > 0 and text.endswith(closing):
            text, surplus = text[:-1].rstrip(_AFTER_A_URL), surplus - 1
    return text


def _is_date(match: re.Match[str]) -> bool:
    try:
        date.fromisoformat(match[1])
        datetime.fromisoformat(_date_time(match))
    except ValueError:
        return False
    return True


def _date_time(match: re.Match[str]) -> str:
    """A date, with its time if it has one, in the form of RFC 3339; in UTC where no zone is given."""
    day, minutes, seconds, zone = match.groups()
    return f"{day}T{minutes or '00:00'}{seconds or ':00'}{(zone or 'Z').upper()}"
