"""What is done with large texts in a process of its own: for a text that may begin a credential at every
word it takes seconds, in which nothing else of its process could run."""

from __future__ import annotations

from typing import NamedTuple

from lightning_spec.recording import RecordedExchange, RecordingError, exchange_text

from lightning_mock.callers.credential_forms import without_credentials
from lightning_mock.recordings.recorded_request import request_of

_KEPT, _REFUSED = b"K", b"R"


class Writing(NamedTuple):
    """An exchange to be written down."""

    exchange: RecordedExchange

    def render(self) -> bytes:
        """What `text_of` reads."""
        try:
            return _KEPT + exchange_text(self.exchange, without_credentials).encode()
        except RecordingError as error:
            return _REFUSED + str(error).encode("utf-8", "replace")


def text_of(written: bytes) -> str:
    """The text of an exchange. Raises RecordingError."""
    text = written[1:].decode()
    if written[:1] == _REFUSED:
        raise RecordingError(text)
    return text


class Comparing(NamedTuple):
    """A request to be compared with recorded ones."""

    method: str
    target: str
    content: bytes

    def render(self) -> bytes:
        """Its key."""
        return request_of(self.method, self.target, self.content).key
