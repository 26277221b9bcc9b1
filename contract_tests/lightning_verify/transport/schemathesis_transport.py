"""Schemathesis speaks through `requests`; this adapter makes `requests` speak through our client.

So the budget, the pace and the bounds hold for generated cases as for everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPHeaderDict, HTTPResponse

from lightning_verify.requests.callers import Caller
from lightning_verify.transport.client import Client, Lane
from lightning_verify.transport.exchange import Exchange


class ClientAdapter(BaseAdapter):
    """Sends prepared requests as `caller` in `lane`, and keeps the last exchange and response."""

    def __init__(self, client: Client, caller: Caller, lane: Lane) -> None:
        super().__init__()
        self._client = client
        self._caller = caller
        self._lane: Lane = lane
        self.exchange: Exchange | None = None
        self.response: requests.Response | None = None

    def send(  # noqa: PLR0917 -- the signature is that of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send through the client. Raises requests.ConnectionError when no answer came."""
        address = urlsplit(request.url or "")
        path = address.path + (f"?{address.query}" if address.query else "")
        body = request.body.encode() if isinstance(request.body, str) else request.body
        assert body is None or isinstance(body, bytes), "schemathesis sends whole bodies"
        headers = {name: str(value) for name, value in (request.headers or {}).items()}
        for name in ("Content-Length", "Connection", "Accept-Encoding", *self._caller.headers):
            headers.pop(name, None)
        self.exchange = exchange = self._client.send(
            request.method or "GET", path, self._caller, body=body, headers=headers, lane=self._lane
        )
        if exchange.status is None:
            raise requests.ConnectionError(exchange.problem)
        response = requests.Response()
        response.status_code = exchange.status
        response.headers = CaseInsensitiveDict(exchange.headers)
        # Where schemathesis reads headers, and the events of a stream; the body is no longer compressed.
        plain = [(name, value) for name, value in exchange.headers if name.lower() != "content-encoding"]
        response.raw = HTTPResponse(
            BytesIO(exchange.body), HTTPHeaderDict(plain), exchange.status, preload_content=False
        )
        response._content = exchange.body
        response.url = request.url or ""
        response.request = request
        self.response = response
        return response

    def close(self) -> None:
        """Nothing to close: the client belongs to the run."""


def session(adapter: ClientAdapter) -> requests.Session:
    """A session whose every request goes through `adapter`, and follows no redirect."""
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session
