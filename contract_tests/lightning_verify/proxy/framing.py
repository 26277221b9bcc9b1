"""HTTP/1.1 messages as they stand on a connection: heads line by line, and where a body ends.

Nothing here waits or sends. Lines and bodies are passed on as they came; they are read only to know what
they mean for the connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from lightning_spec.http_headers import HOP_BY_HOP

MAX_HEAD = 256 * 1024
_MAX_LINE = 16 * 1024
_MAX_TRAILERS = 64 * 1024

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_REQUEST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\s\0-\x1f\x7f]+) HTTP/1\.[01]")
_RESPONSE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: .*)?")
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\0\r\n]*")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
_DIGITS = re.compile(rb"[0-9]{1,18}")
# What frames a message is passed on as it comes, and so are trailers and what announces them.
_NOT_PASSED_ON = frozenset(name.encode() for name in HOP_BY_HOP - {"trailer", "transfer-encoding"})
# These frame the message, whatever Connection may say of them.
_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"host"))


class Malformed(ValueError):
    """A message that is not HTTP/1.1, or that two readers could understand differently."""


class TooLong(Malformed):
    """A head that does not end within its bound."""


@dataclass(slots=True)
class Head:
    """A start line, and (name in lower case, line) for every field, in order and as they were written."""

    first: bytes
    lines: list[tuple[bytes, bytes]]

    def values(self, name: bytes) -> list[bytes]:
        """The values of the fields with this name."""
        return [line.partition(b":")[2].strip() for key, line in self.lines if key == name]

    def words(self, name: bytes) -> list[bytes]:
        """The items, in lower case, of a field that is a list."""
        return [word.strip().lower() for value in self.values(name) for word in value.split(b",")]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Names and values as text."""
        split = (line.partition(b":") for _, line in self.lines)
        return [(name.decode("latin-1"), value.strip().decode("latin-1")) for name, _, value in split]

    @property
    def is_old(self) -> bool:
        """Whether this is HTTP/1.0, where a connection ends after its answer unless both sides ask
        otherwise."""
        return b"HTTP/1.0" in self.first

    @property
    def closes(self) -> bool:
        """Whether the sender wants the connection to end after this exchange."""
        options = self.words(b"connection")
        return b"close" in options or (self.is_old and b"keep-alive" not in options)

    def without(self, dropped: Iterable[bytes] = ()) -> list[tuple[bytes, bytes]]:
        """The lines that are meant for the other end, except those `dropped`."""
        gone = (_NOT_PASSED_ON.union(self.words(b"connection")) - _FRAMING).union(dropped)
        return [(name, line) for name, line in self.lines if name not in gone]


def end_of_head(data: bytes) -> int | None:
    """Where the body begins; None while the head is incomplete. Raises TooLong."""
    found = _END_OF_HEAD.search(data)
    if (len(data) if found is None else found.start()) > MAX_HEAD:
        raise TooLong(f"a head of more than {MAX_HEAD} bytes")
    return found.end() if found else None


def encoded(first: bytes, lines: Iterable[tuple[bytes, bytes]], *more: bytes) -> bytes:
    """A head as it is sent, with `more` lines at its end."""
    return b"\r\n".join([first, *(line for _, line in lines), *more, b"", b""])


def read_request(data: bytes) -> tuple[Head, str, bytes]:
    """A request's head, its method and its target. Raises Malformed for everything that the standard forbids:
    a request that the host reads differently from us could pass unseen."""
    head = _read(data)
    found = _REQUEST.fullmatch(head.first)
    if found is None:
        raise Malformed("expected METHOD TARGET HTTP/1.1")
    if data.count(b"\n") != data.count(b"\r\n"):
        raise Malformed("a line that ends without a carriage return")
    if not all(_FIELD.fullmatch(line) for _, line in head.lines):
        raise Malformed("expected NAME: VALUE in each line of the head")
    return head, found[1].decode(), found[2]


def read_response(data: bytes) -> tuple[Head, int]:
    """An answer's head and its status. Raises Malformed for anything that is not HTTP."""
    head = _read(data)
    found = _RESPONSE.fullmatch(head.first)
    if found is None:
        raise Malformed("the host does not speak HTTP/1.1")
    return head, int(found[1])


def _read(data: bytes) -> Head:
    first, *lines = [line.removesuffix(b"\r") for line in data.rstrip(b"\r\n").split(b"\n")]
    return Head(first, [(line.partition(b":")[0].strip().lower(), line) for line in lines])


class Body(Protocol):
    """Knows where a body ends; then `done` is True."""

    done: bool

    def feed(self, data: bytes) -> tuple[int, list[bytes]]:
        """How many bytes of `data` belong to the body, and its content in them. Raises Malformed."""


class Sized:
    """A body of known length; empty by default."""

    def __init__(self, size: int = 0) -> None:
        self._left = size
        self.done = size == 0

    def feed(self, data: bytes) -> tuple[int, list[bytes]]:
        """See Body."""
        content = data[: self._left]
        self._left -= len(content)
        self.done = self._left == 0
        return len(content), [content] if content else []


class UntilClosed:
    """A body that ends when the connection closes."""

    done = False

    def feed(self, data: bytes) -> tuple[int, list[bytes]]:
        """See Body."""
        return len(data), [data] if data else []


class Chunked:
    """A chunked body and its trailers."""

    def __init__(self) -> None:
        self.done = False
        self._left = 0
        self._line = b""
        self._take = self._size
        self._trailers = 0

    def feed(self, data: bytes) -> tuple[int, list[bytes]]:
        """See Body."""
        position, content = 0, list[bytes]()
        while position < len(data) and not self.done:
            if self._left:
                piece = data[position : position + self._left]
                content.append(piece)
                position += len(piece)
                self._left -= len(piece)
                continue
            newline = data.find(b"\n", position) + 1
            self._line += data[position : newline or len(data)]
            position = newline or len(data)
            if len(self._line) > _MAX_LINE:
                raise Malformed("a line without end between two chunks")
            if newline:
                line, self._line = self._line.rstrip(b"\r\n"), b""
                self._take(line)
        return position, content

    def _size(self, line: bytes) -> None:
        found = _SIZE.fullmatch(line)
        if found is None:
            raise Malformed("expected the size of a chunk")
        self._left = int(found[1], 16)
        self._take = self._after if self._left else self._trailer

    def _after(self, line: bytes) -> None:
        if line:
            raise Malformed("a chunk is longer than its size")
        self._take = self._size

    def _trailer(self, line: bytes) -> None:
        self._trailers += len(line)
        if self._trailers > _MAX_TRAILERS:
            raise Malformed("trailers without end")
        self.done = not line


def body_of_request(head: Head) -> Body:
    """How the body of a request ends. Raises Malformed if that is not clear."""
    encodings, lengths = head.words(b"transfer-encoding"), set(head.values(b"content-length"))
    if encodings:
        if encodings != [b"chunked"] or lengths or head.is_old:
            raise Malformed("the length of the body is not clear")
        return Chunked()
    if not lengths:
        return Sized()
    if len(lengths) > 1 or not _DIGITS.fullmatch(length := lengths.pop()):
        raise Malformed("Content-Length is not one number")
    return Sized(int(length))


def body_of_response(head: Head, status: int, method: str) -> Body:
    """How the body of an answer ends."""
    if method == "HEAD" or status in {204, 304} or status < 200:
        return Sized()
    encodings, lengths = head.words(b"transfer-encoding"), set(head.values(b"content-length"))
    if encodings:
        return Chunked() if encodings[-1] == b"chunked" else UntilClosed()
    if len(lengths) == 1 and _DIGITS.fullmatch(length := lengths.pop()):
        return Sized(int(length))
    if lengths:
        raise Malformed("Content-Length is not one number")
    return UntilClosed()
