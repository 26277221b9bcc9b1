"""Recordings: what a host was asked and what it answered, in one readable file that can be replayed.

A recording is YAML (JSON is read as well) in the form of `recording.schema.json` beside this module:

    format: lightning-recording
    version: 1
    recorded_at: '2026-06-13T12:00:00Z'
    upstream: https://host.example
    exchanges:
    - at: '2026-06-13T12:00:01Z'
      request:
        method: POST
        target: /gen/chat/completions
        headers: {Authorization: Bearer [redacted], Content-Type: application/json}
        json: {messages: [{role: user, content: Hello}], stream: true}
      response:
        after: 0.412
        status: 200
        headers: {Content-Type: text/event-stream}
        stream:
        - {after: 0.001, text: "data: {...}\\n\\n"}

A body is one of `json`, `text` and `bytes` (base64); it is absent when it is empty. An event stream is kept
piece by piece in `stream`. `after` is in seconds: from the request to the head of the answer, and from each
piece to the next. `cut: true` says that the connection broke off before the end.

Law: a file is whole after every exchange, whatever is written can be read again, only its owner can read it,
and nothing enters it that has not been through the function that takes credentials out, base64 as little as
text. Only pictures, sound and films that are no text stay as they are: in compressed bytes it would find by
chance what is none. Headers that a secret may hide in are not kept at all.
"""

from __future__ import annotations

import base64
import codecs
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

import jsonschema_rs
import yaml

from lightning_spec.event_streams import without_split
from lightning_spec.http_headers import HOP_BY_HOP, encodable, is_secret
from lightning_spec.nesting import is_deeper
from lightning_spec.text_formats import read_file, yaml_or_json

FORMAT: Final = "lightning-recording"
VERSION: Final = 1
_SCHEMA = Path(__file__).parent / "recording.schema.json"

REQUEST_HEADERS: Final = ("Accept", "Authorization", "Content-Type", "Origin", "User-Agent", "X-Client-ID")
"""The request headers that are kept. Any other might carry a secret that nobody knows of."""
# Bodies are kept unpacked, and whoever replays them has a time of their own.
_NOT_KEPT = HOP_BY_HOP | {"content-encoding", "content-length", "date"}
_CHALLENGE = "www-authenticate"
_HIDDEN = "[redacted]"
_STREAM = "text/event-stream"
_LINES = ("application/jsonl", "application/x-ndjson")
_TEXT = (
    *_LINES,
    "text/",
    "application/json",
    "application/xml",
    "application/javascript",
    "application/x-www-form-urlencoded",
    "multipart/",
)
_COMPRESSED = ("image/", "audio/", "video/")
# What every reader and writer of YAML and JSON can follow.
_MAX_DEPTH = 148
_MAX_VALUES = 100_000
"""Of a body that is kept as JSON; one with more is kept as text."""

Clean = Callable[[str], str]
"""Takes credentials out of a text. Must be idempotent."""

# The C emitter is several times faster.
_BaseDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class RecordingError(ValueError):
    """A file that cannot be read or written as a recording. The message says why."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of an answer, `after` so many seconds from the piece before (the first: from the head)."""

    after: float
    content: bytes


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """What was asked. `target` is path and query as they were sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class RecordedResponse:
    """What was answered, decompressed. The head came `after` so many seconds from the request. An answer that
    is not a stream has one piece at most. `cut` says that the connection broke off before the end."""

    status: int
    headers: Mapping[str, str]
    after: float = 0.0
    pieces: Sequence[Piece] = ()
    cut: bool = False

    @property
    def content(self) -> bytes:
        return b"".join(piece.content for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class RecordedExchange:
    """One request and its answer; `at` is when it was sent, in seconds since 1970."""

    at: float
    request: RecordedRequest
    response: RecordedResponse


@dataclass(frozen=True, slots=True)
class Recording:
    """A whole file. `recorded_at` is when it was begun, in seconds since 1970."""

    recorded_at: float
    upstream: str
    exchanges: Sequence[RecordedExchange]

    def age(self, now: float) -> float:
        """How many days old it is."""
        return max(0.0, now - self.recorded_at) / 86_400


class RecordingWriter:
    """A new file, to which each exchange is added as it ends; `close` removes it if none was.

    Raises RecordingError when the file exists already, so that no recording is overwritten.
    """

    def __init__(self, path: Path, upstream: str, started: float, clean: Clean) -> None:
        self._path = path
        self._clean = clean
        self._is_empty = True
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except FileExistsError:
            raise RecordingError(f"recording {path}: there is a file already; expected a new name") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a usable name"
            raise RecordingError(f"recording {path}: {reason}") from error
        self._file: IO[str] = os.fdopen(descriptor, "w", encoding="utf-8")
        self._write(_yaml(_head(upstream, started, clean)) + "exchanges:\n")

    def add(self, exchange: RecordedExchange) -> None:
        """Keep one exchange, without its credentials. Raises RecordingError as `exchange_text` does, and
        writes nothing then."""
        self.add_text(exchange_text(exchange, self._clean))

    def add_text(self, text: str) -> None:
        """Keep one exchange in the form that `exchange_text` gives."""
        self._is_empty = False
        self._write(text)

    def close(self) -> None:
        """Close the file, and remove it if it is empty: it would only be in the way of the next attempt."""
        self._file.close()
        if self._is_empty:
            self._path.unlink(missing_ok=True)

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


def exchange_text(exchange: RecordedExchange, clean: Clean) -> str:
    """One exchange, without its credentials, as it is added to a file. Raises RecordingError for one that
    could not be read again: it would take all the others with it."""
    document = exchange_document(exchange, clean)
    try:
        for wrong in _exchange_validator().iter_errors(document):
            raise RecordingError(_words_of(wrong))
        text = _yaml([document])
        text.encode()
    except UnicodeEncodeError:
        raise RecordingError("it has text that is not valid Unicode") from None
    return text


def recording_document(recording: Recording, clean: Clean) -> dict[str, Any]:
    """A whole recording as its file holds it, without credentials."""
    return {
        **_head(recording.upstream, recording.recorded_at, clean),
        "exchanges": [exchange_document(exchange, clean) for exchange in recording.exchanges],
    }


def read_recording(path: Path) -> Recording:
    """The recording of a file. Raises RecordingError with the place of the first mistake."""
    try:
        text = read_file(path).decode()
    except OSError as error:
        raise RecordingError(f"recording {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RecordingError(f"recording {path}: expected YAML or JSON in UTF-8") from error
    try:
        return parse_recording(text)
    except RecordingError as error:
        raise RecordingError(f"recording {path}: {error}") from error


def parse_recording(text: str) -> Recording:
    """The recording that a text holds. Raises RecordingError."""
    try:
        document = yaml_or_json(text)
    except ValueError as error:
        raise RecordingError(f"expected YAML or JSON; {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise RecordingError(f"expected a document whose format is {FORMAT}")
    if document.get("version") != VERSION:
        raise RecordingError(f"expected version {VERSION}, got {document.get('version')!r:.40}")
    for wrong in _validator().iter_errors(document):
        raise RecordingError(_words_of(wrong))
    try:
        return Recording(
            recorded_at=_moment(document["recorded_at"]),
            upstream=document["upstream"],
            exchanges=[_exchange(row) for row in document["exchanges"] or ()],
        )
    except (ValueError, OverflowError) as error:
        raise RecordingError(str(error)) from error


def exchange_document(exchange: RecordedExchange, clean: Clean) -> dict[str, Any]:
    """One exchange as it stands in a file, without credentials."""
    request, response = exchange.request, exchange.response
    kind = _content_type(response.headers)
    answered: dict[str, Any] = {
        "after": round(response.after, 6),
        "status": response.status,
        "headers": _response_headers(response.headers, clean),
    }
    if kind.startswith(_STREAM):
        answered["stream"] = _stream(response.pieces, clean)
    else:
        answered |= _body(response.content, kind, clean)
    if response.cut:
        answered["cut"] = True
    return {
        "at": _iso(exchange.at),
        "request": {
            "method": clean(encodable(request.method)),
            "target": clean(encodable(request.target)),
            "headers": _request_headers(request.headers, clean),
            **_body(request.content, _content_type(request.headers), clean),
        },
        "response": answered,
    }


def _head(upstream: str, started: float, clean: Clean) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "recorded_at": _iso(started),
        "upstream": clean(upstream),
    }


class _Dumper(_BaseDumper):  # type: ignore[misc]
    """Writes no anchors and aliases: not every reader knows them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _yaml(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)
    return text


def _content_type(headers: Mapping[str, str]) -> str:
    return next((value for name, value in headers.items() if name.lower() == "content-type"), "").lower()


def _request_headers(headers: Mapping[str, str], clean: Clean) -> dict[str, str]:
    given = {name.lower(): value for name, value in headers.items()}
    kept = {name: given[name.lower()] for name in REQUEST_HEADERS if name.lower() in given}
    if "Authorization" in kept:
        scheme, _, credential = kept["Authorization"].strip().partition(" ")
        # `public`, which signed-out clients send, is no credential.
        shown = credential if credential.strip() in ("", "public") else _HIDDEN
        kept["Authorization"] = f"{scheme} {shown}" if scheme.lower() in ("bearer", "basic") else _HIDDEN
    return {name: clean(encodable(value)) for name, value in kept.items()}


def _response_headers(headers: Mapping[str, str], clean: Clean) -> dict[str, str]:
    return {
        # Names may be a subclass of str (`multidict.istr`), which PyYAML cannot represent.
        encodable(str(name)): clean(encodable(value))
        for name, value in headers.items()
        if name.lower() not in _NOT_KEPT and name.lower() != _CHALLENGE and not is_secret(name)
    }


def _body(content: bytes, content_type: str, clean: Clean) -> dict[str, Any]:
    if not content:
        return {}
    media_type = content_type.partition(";")[0].strip()
    try:
        text = content.decode()
    except UnicodeDecodeError:
        if not media_type.startswith(_COMPRESSED):
            content = _cleaned(content, clean)
    else:
        if not media_type or media_type.startswith(_TEXT) or media_type.endswith(("+json", "+xml")):
            text = clean(text)
            return _json_or_text(without_split(text, clean) if media_type in _LINES else text, media_type)
        content = _cleaned(content, clean)
    return {"bytes": base64.b64encode(content).decode()}


def _cleaned(content: bytes, clean: Clean) -> bytes:
    """Bytes in which a credential, which is ASCII, may stand among others."""
    return clean(content.decode("latin-1")).encode("latin-1", "replace")


def _json_or_text(text: str, media_type: str) -> dict[str, Any]:
    is_json = media_type == "application/json" or media_type.endswith("+json")
    # Every value but the first follows a comma or a bracket. Of millions there is nothing to read, and each
    # takes a thousand bytes of memory to be written.
    if is_json and text.count(",") + text.count("[") + text.count("{") <= _MAX_VALUES:
        try:
            value = json.loads(text)
            # NaN, infinities and lone surrogates are not portable JSON: such a body stays text.
            json.dumps(value, allow_nan=False).encode()
            text.encode()
        except (ValueError, RecursionError):
            pass
        else:
            if not is_deeper(value, _MAX_DEPTH):
                return {"json": value}
    return {"text": text}


def _stream(pieces: Sequence[Piece], clean: Clean) -> list[dict[str, Any]]:
    """The pieces as text. A character that was split across two is whole in the later one."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    times = [round(piece.after, 6) for piece in pieces]
    texts = [decoder.decode(piece.content) for piece in pieces]
    if texts:
        texts[-1] += decoder.decode(b"", final=True)
    whole = without_split(clean("".join(texts)), clean)
    texts = [clean(text) for text in texts]
    if "".join(texts) != whole:
        # A credential is split across pieces or events, so the text becomes one piece.
        times, texts = times[:1], [whole]
    return [{"after": after, "text": text} for after, text in zip(times, texts, strict=True)]


def _exchange(row: Mapping[str, Any]) -> RecordedExchange:
    request, response = row["request"], row["response"]
    if "stream" in response:
        pieces = [Piece(piece["after"], piece["text"].encode()) for piece in response["stream"]]
    else:
        content = _content(response)
        pieces = [Piece(0.0, content)] if content else []
    return RecordedExchange(
        at=_moment(row["at"]),
        request=RecordedRequest(
            request["method"], request["target"], request.get("headers", {}), _content(request)
        ),
        response=RecordedResponse(
            status=response["status"],
            headers=_without_framing(response.get("headers", {})),
            after=response.get("after", 0.0),
            pieces=pieces,
            cut=response.get("cut", False),
        ),
    )


def _without_framing(headers: Mapping[str, str]) -> dict[str, str]:
    """Without the headers of one connection, which a file from another tool may have."""
    return {name: value for name, value in headers.items() if name.lower() not in _NOT_KEPT}


def _content(row: Mapping[str, Any]) -> bytes:
    if "json" in row:
        return json.dumps(row["json"], ensure_ascii=False, separators=(",", ":")).encode()
    if "text" in row:
        text: str = row["text"]
        return text.encode()
    return base64.b64decode(row.get("bytes", ""), validate=True)


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _words_of(wrong: jsonschema_rs.ValidationError) -> str:
    place = ".".join(map(str, wrong.instance_path)) or "the document"
    return f"{place}: {wrong.message[:300]}"


@cache
def _validator() -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(_schema())


@cache
def _exchange_validator() -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for({**_schema(), **_schema()["$defs"]["exchange"]})


def _schema() -> Any:
    return json.loads(_SCHEMA.read_text(encoding="utf-8"))
