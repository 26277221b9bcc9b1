"""The refusals: one class for each way in which the API says no (document: failure modes).

Law: status, family, default message and headers of a kind are a row of the spec (`x-lightning-errors`); only
what the journal says of a kind stands in its class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from lightning_spec.loader import ErrorKind, load_spec


class Refusal(NamedTuple):
    """What is kept of a refusal. The exception itself would keep its traceback alive, and with that the
    request's body."""

    kind: str
    rule: str
    outcome: str
    message: str


class ApiError(Exception):
    """A refusal that the caller is meant to read. Subclasses have no suffix `Error`, so that a handler reads
    `raise NotFound(...)`.

    `param` names the field that is wrong, when there is one; `code` refines the kind, and without a `message`
    the spec has the words for it. `rule` is what the journal names as having refused the call, `outcome` how
    its explanation begins.
    """

    kind: ClassVar[str]
    rule: ClassVar[str]
    outcome: ClassVar[str]
    row: ClassVar[ErrorKind]

    def __init_subclass__(cls) -> None:
        cls.row = load_spec().errors[cls.kind]

    def __init__(
        self,
        message: str | None = None,
        param: str | None = None,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code = code or self.kind
        self.message = message or self.row.codes.get(self.code, self.row.message)
        self.param = param
        self.headers = {**self.row.headers, **(headers or {})}
        super().__init__(self.message)

    @property
    def refusal(self) -> Refusal:
        """The refusal as a value."""
        return Refusal(self.kind, self.rule, self.outcome, self.message)

    def body(self) -> dict[str, object]:
        """The JSON that both FastAPI-shaped (`detail`) and OpenAI-shaped (`error`) clients read."""
        error = {"message": self.message, "type": self.row.type, "param": self.param, "code": self.code}
        return {"detail": self.message, "error": error}


class InvalidRequest(ApiError):
    """400: the request cannot be understood or breaks the schema."""

    kind, rule, outcome = "invalid_request", "validation", "Refused as invalid"


class Unauthorized(ApiError):
    """401: the bearer credential is invalid, expired or revoked, or one is required."""

    kind, rule, outcome = "unauthorized", "identity", "Refused for its credential"


class NotFound(ApiError):
    """404: no such route or asset."""

    kind, rule, outcome = "not_found", "routing", "No such route"


class MethodNotAllowed(ApiError):
    """405: the path exists, but not with this method."""

    kind, rule, outcome = "method_not_allowed", "routing", "The route does not serve this method"


class TooLarge(ApiError):
    """413: the body or the text of the prompt exceeds the size limit."""

    kind, rule, outcome = "too_large", "size", "Refused for its size"


class QuotaExhausted(ApiError):
    """429: the plan's limit for this metric and window is used up."""

    kind, rule, outcome = "quota_exhausted", "quota", "Refused by the quota"


class UpstreamFailure(ApiError):
    """500: the upstream provider or the server's configuration failed. The unit is given back."""

    kind, rule, outcome = "upstream_failure", "upstream", "Failed in the server"


class StoreLost(UpstreamFailure):
    """500: the store in which several processes share the mock cannot be reached. The call costs nothing."""

    def __init__(self) -> None:
        super().__init__(
            "This mock's store does not answer, so nothing was served or charged. "
            "Calls work again as soon as the store is back."
        )


REFUSALS: tuple[type[ApiError], ...] = tuple(ApiError.__subclasses__())


def refusal_with(status: int) -> type[ApiError]:
    """The kind of refusal with a status; UpstreamFailure for a status that no kind has."""
    return next((kind for kind in REFUSALS if kind.row.status == status), UpstreamFailure)
