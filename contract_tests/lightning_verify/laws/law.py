"""What a law is: a requirement, the operations it binds, and a pure function of one exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lightning_verify.facts import REQUIREMENTS
from lightning_verify.laws.witnesses import shows_something
from lightning_verify.reading.json_text import parsed
from lightning_verify.transport.exchange import Exchange, NotJson

# What is wrong with an answer, in words; nothing when the law is kept, None when it says nothing of it.
Wrong = Iterable[str] | None


@dataclass(frozen=True, slots=True)
class Law:
    """`look` judges an answer of one of `operations`. `at_rest` says that it holds only while nobody moves
    the host's time."""

    requirement: str
    operations: frozenset[str]
    look: Callable[[Exchange], Wrong]
    at_rest: bool = False

    def wrong(self, exchange: Exchange) -> list[str] | None:
        """What is wrong with this answer: empty when it keeps the law, None when it shows nothing about
        it."""
        return self.held_against(exchange) if shows_something(exchange) else None

    def held_against(self, exchange: Exchange) -> list[str] | None:
        """The same for an answer that is known to show something."""
        operation = exchange.operation
        if operation is None or operation.id not in self.operations:
            return None
        found = self.look(exchange)
        return None if found is None else list(found)


def law(
    requirement: str,
    look: Callable[[Exchange], Wrong],
    *operations: str,
    at_rest: bool = False,
) -> Law:
    """A row of the table. It binds the operations of its requirement, unless some are named."""
    found = REQUIREMENTS.requirements.get(requirement)
    # A revision has not all of them, and what it does not ask for binds nothing.
    return Law(requirement, frozenset(operations or (found.operations if found else ())), look, at_rest)


def is_complete(exchange: Exchange) -> bool:
    """Whether the answer is a success that came to its end. A partial answer (206) is not complete."""
    complete = exchange.problem is None and not exchange.truncated
    return exchange.served and exchange.status != 206 and complete


_decoded: Callable[[bytes], Any] = lru_cache(maxsize=8)(parsed)


def request_json(exchange: Exchange) -> dict[str, Any]:
    """The JSON object that was sent; empty when there was none."""
    value = _decoded(exchange.request_body) if exchange.request_body else None
    return value if isinstance(value, dict) else {}


def answer_json(exchange: Exchange) -> Any:
    """The JSON of an answer; None if it has none."""
    try:
        return exchange.json()
    except NotJson:
        return None


def bearer(exchange: Exchange) -> str:
    """The bearer token that was sent; empty when there was none."""
    _, _, token = exchange.request_headers.get("Authorization", "").partition(" ")
    return token.strip()


def document(look: Callable[[dict[str, Any]], Wrong], *, owner: bool = False) -> Callable[[Exchange], Wrong]:
    """A look at the object in a complete answer. That there is none counts against its `owner` only."""

    def judged(exchange: Exchange) -> Wrong:
        if not is_complete(exchange):
            return None
        value = answer_json(exchange)
        if isinstance(value, dict):
            return look(value)
        return [f"expected a JSON object, not {exchange.text[:80]!r}"] if owner else None

    return judged


def filled(value: object) -> bool:
    """Whether a value is a text that is not blank."""
    return isinstance(value, str) and bool(value.strip())
