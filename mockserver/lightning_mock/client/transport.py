"""One request to the control API and its answer.

Law: whatever goes wrong becomes a LightningError that names the request and repeats what the mock said.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from lightning_mock.addresses import shown_address

_TIMEOUT_SECONDS = 10.0
_ROOT = "/__mock__"


class LightningError(Exception):
    """The mock refused a control call, or did not answer.

    `status` is the HTTP status of the refusal, None when there was no usable answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class NothingSeenError(LightningError, TimeoutError):
    """`wait_for` gave up: the exchanges that it waited for did not happen in time."""


class Transport:
    """Sends JSON to the control API of the mock at `base_url` and returns the JSON of its answer.

    Each call opens its own connection, so threads may share a transport. `HTTP_PROXY` and the like are
    ignored. Raises LightningError when `base_url` is no HTTP URL.
    """

    def __init__(self, base_url: str, token: str | None = None) -> None:
        address = urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise LightningError(
                f"base_url: expected something like http://127.0.0.1:8787, got {shown_address(base_url)!r}"
            )
        self.base_url = base_url.rstrip("/")
        self._shown = shown_address(self.base_url)
        self._secure = address.scheme == "https"
        self._place = address.netloc.rpartition("@")[2]
        self._prefix = address.path.rstrip("/") + _ROOT
        self.token = token

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, object] | None = None,
        wait: float = 0.0,
        absent_ok: bool = False,
    ) -> Any:
        """The decoded answer. `wait` is how many seconds the mock may take on purpose; with `absent_ok` a 404
        gives None. Raises LightningError, and NothingSeenError for a 408."""
        # pytest leaves this frame out, so that a failure report ends at the caller's line.
        __tracebackhide__ = True
        target = self._prefix + path
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        if asked:
            target += "?" + urlencode(asked)
        status, content = self._exchange(method, target, body, _TIMEOUT_SECONDS + wait)
        if status == http.client.NOT_FOUND and absent_ok:
            return None
        what = f"{method} {target}"
        try:
            answer = json.loads(content) if content else None
        except ValueError:
            raise LightningError(
                f"{what}: {status} without JSON; is {self._shown} a Lightning mock?", status
            ) from None
        if status < http.client.BAD_REQUEST:
            return answer
        said = answer.get("detail") if isinstance(answer, dict) else answer
        kind = NothingSeenError if status == http.client.REQUEST_TIMEOUT else LightningError
        raise kind(f"{what}: {status}: {said}", status)

    def _exchange(
        self, method: str, target: str, body: Mapping[str, Any] | None, timeout: float
    ) -> tuple[int, bytes]:
        __tracebackhide__ = True
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._place, timeout=timeout)
        headers = {"Accept": "application/json", "Connection": "close"}
        if self.token is not None:
            headers["X-Control-Token"] = self.token
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise LightningError(
                f"{method} {target}: no Lightning mock answers at {self._shown} ({reason}); "
                "start one with `lightning-mock`"
            ) from error
        finally:
            connection.close()


def segment(text: str) -> str:
    """Any text as one segment of a path."""
    return quote(text, safe="")
