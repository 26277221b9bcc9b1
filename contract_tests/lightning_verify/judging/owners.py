"""Answers that a check builds on while another requirement judges them.

When such an answer is missing, only its owner may say so: one fault must not be told under many names.
"""

from __future__ import annotations

from typing import Any

from lightning_verify.judging.judge import Judge
from lightning_verify.transport.exchange import Exchange


def served_by(judge: Judge, requirement: str, exchange: Exchange, owner: str) -> Exchange:
    """As `Judge.served`; when `owner` is another requirement, a refusal is for that one to tell."""
    return judge.served(requirement, exchange, owner=requirement == owner)


def document_by(judge: Judge, requirement: str, exchange: Exchange, owner: str) -> Any:
    """As `Judge.document`; when `owner` is another requirement, that one tells what is no JSON."""
    return judge.document(requirement, exchange, owner=requirement == owner)


def object_by(judge: Judge, requirement: str, exchange: Exchange, owner: str) -> dict[str, Any]:
    """The JSON object of an answer. What is none breaks `owner`, and leaves every other one undecided."""
    document = document_by(judge, requirement, exchange, owner)
    if isinstance(document, dict):
        return document
    if requirement == owner:
        raise judge.violation(requirement, f"{exchange.title}: expected an object", exchange)
    raise judge.undecided(requirement, f"{exchange.title}: no object (see {owner})", exchange)
