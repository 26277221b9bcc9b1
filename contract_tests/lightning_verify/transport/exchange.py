"""One request and what came back, as the judge's tests see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lightning_spec.loader import Operation


class NotJson(ValueError):
    """The body of an answer cannot be read as JSON."""


@dataclass(slots=True)
class Exchange:
    """A request and its answer, or why there was none.

    `status` is None when nothing came back; `problem` then says why (timeout, refused, cut off...).
    `sent` is when it left, on the monotonic clock. `arrivals` holds (seconds since then, bytes) for each
    piece of the body. `truncated` tells that the body went on beyond the bound the judge reads to.
    """

    method: str
    path: str
    request_headers: Mapping[str, str]
    request_body: bytes | None
    operation: Operation | None
    caller: str
    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    sent: float = 0.0
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    seconds: float = 0.0
    problem: str | None = None
    truncated: bool = False

    @property
    def served(self) -> bool:
        """Whether the answer is a success (2xx)."""
        return self.status is not None and 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """The first value of a response header, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    @property
    def media_type(self) -> str:
        """The content type without parameters, in lower case; empty when there is none."""
        return (self.header("content-type") or "").split(";", 1)[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text, undecodable bytes replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The decoded body. Raises NotJson, with what stands there instead."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as problem:
            raise NotJson(f"the body is not JSON ({problem}): {self.text[:120]!r}") from problem

    @property
    def title(self) -> str:
        """`POST /gen/image -> 400`, for messages."""
        return f"{self.method} {self.path} -> {self.status if self.status is not None else self.problem}"
