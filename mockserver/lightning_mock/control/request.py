"""What a control call asks for, and how it is refused.

Law: when a `ControlRequest` exists, the caller may ask and the input fits the control API's own OpenAPI file.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp.hdrs import HOST
from aiohttp.web import BaseRequest, StreamResponse
from lightning_spec.http_headers import encodable

from lightning_mock.http.replies import Body
from lightning_mock.state import State


class ControlError(Exception):
    """A refusal of the control plane. `detail` is its message, and says what is allowed."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """One control call: decoded path segments, coerced query, validated body (`{}` when there is none)."""

    http: BaseRequest
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]

    @property
    def base_url(self) -> str:
        """The mock's address as the caller of the control plane knows it."""
        return f"http://{encodable(self.http.headers.get(HOST, ''))}"


Answer = Callable[[ControlRequest, State], Awaitable[Body | StreamResponse]]
