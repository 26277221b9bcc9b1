"""A request whose client waits for leave before it sends the body (RFC 9110, 10.1.1).

Law: leave is given when the body is asked for, and not before, so that whoever is refused sends nothing.
"""

from __future__ import annotations

from dataclasses import replace

from aiohttp import HttpVersion11, web
from aiohttp.hdrs import EXPECT
from aiohttp.http import RawRequestMessage

from lightning_mock.errors import InvalidRequest
from lightning_mock.http import delivery

_CONTINUE = "100-continue"
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


def expects_something(message: RawRequestMessage) -> bool:
    """Whether the head has an expectation that counts; one of HTTP/1.0 does not."""
    return EXPECT in message.headers and message.version >= HttpVersion11


class ExpectingRequest(web.BaseRequest):
    """What comes of a head that expects something."""

    _may_send = False

    @property
    def refusal(self) -> web.Response | None:
        """The answer to an expectation that nobody can meet."""
        if self.headers[EXPECT].strip().lower() == _CONTINUE:
            return None
        error = InvalidRequest(f"Expect: expected {_CONTINUE}, or no such header.", "Expect")
        return delivery.as_response(replace(delivery.refusal(error), status=417))

    @property
    def keep_alive(self) -> bool:
        # After an answer without leave nobody knows whether the body still comes.
        return super().keep_alive and (self._may_send or self.content.is_eof())

    async def read(self) -> bytes:
        if not self._may_send and self.transport is not None:
            self._may_send = True
            # Who has begun to send needs no leave.
            if not self.content.total_bytes:
                self.transport.write(_GO_ON)
        return await super().read()
