"""The refusals: one class for each way in which the API says no.

Law: a refusal knows its kind, its words and its headers. The status of a kind is data of the
spec (`x-lightning-errors`), and the reply that carries it is made in `delivery.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple


class Refusal(NamedTuple):
    """What is remembered of a refusal. The exception itself would keep alive all that led to it, the body of
    the request included.
    """

    kind: str
    message: str


class ApiError(Exception):
    """A refusal that the caller is meant to read. Its kinds are named after what they say,
    not after being errors, since that is how a handler reads: `raise NotFound(...)`.

    `kind` is a key of the spec's `x-lightning-errors`; `type` is the family that OpenAI-shaped clients
    look at; `param` names the field that is wrong, when there is one; `code` refines the kind.
    """

    kind: ClassVar[str]
    type: ClassVar[str]

    def __init__(
        self,
        message: str,
        param: str | None = None,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or self.kind
        self.headers = headers

    @property
    def refusal(self) -> Refusal:
        """The refusal as a value."""
        return Refusal(self.kind, self.message)

    def body(self) -> dict[str, object]:
        """The JSON that both FastAPI-shaped (`detail`) and OpenAI-shaped (`error`) clients read."""
        return {
            "detail": self.message,
            "error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code},
        }


class InvalidRequest(ApiError):
    """400: the request cannot be understood or breaks the schema."""

    kind = "invalid_request"
    type = "invalid_request_error"


class Unauthorized(ApiError):
    """401: the bearer credential is invalid, expired or revoked, or one is required."""

    kind = "unauthorized"
    type = "authentication_error"


class NotFound(ApiError):
    """404: no such route or asset."""

    kind = "not_found"
    type = "invalid_request_error"


class MethodNotAllowed(ApiError):
    """405: the path exists, but not with this method."""

    kind = "method_not_allowed"
    type = "invalid_request_error"


class TooLarge(ApiError):
    """413: the body or the text of the prompt exceeds the size limit."""

    kind = "too_large"
    type = "invalid_request_error"


class QuotaExhausted(ApiError):
    """429: the plan's limit for this metric and window is used up."""

    kind = "quota_exhausted"
    type = "rate_limit_error"


class UpstreamFailure(ApiError):
    """500: the upstream provider or the server's configuration failed. The unit is given back."""

    kind = "upstream_failure"
    type = "api_error"
