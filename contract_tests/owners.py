"""Answers that a check builds on while another requirement judges them.

When such an answer is missing, only its owner may say so: one fault must not be told under many names.
"""

from __future__ import annotations

from typing import Any

from contract_tests.exchange import Exchange, NotJson
from contract_tests.judge import Judge


def served_by(judge: Judge, requirement: str, exchange: Exchange, owner: str) -> Exchange:
    """As `Judge.served`, but raises Undecided for whatever is not served, since `owner` judges that."""
    if requirement == owner:
        return judge.served(requirement, exchange)
    judge.answered(requirement, exchange)
    if not exchange.served:
        raise judge.undecided(requirement, f"{exchange.title} (see {owner})", exchange)
    return exchange


def document_by(judge: Judge, requirement: str, exchange: Exchange, owner: str) -> Any:
    """As `Judge.document`, but raises Undecided for whatever is no JSON, since `owner` judges that."""
    if requirement == owner:
        return judge.document(requirement, exchange)
    served_by(judge, requirement, exchange, owner)
    try:
        return exchange.json()
    except NotJson as problem:
        raise judge.undecided(requirement, f"{exchange.title}: {problem} (see {owner})", exchange) from None


def object_by(judge: Judge, requirement: str, exchange: Exchange, owner: str) -> dict[str, Any]:
    """The JSON object of an answer. What is none breaks `owner`, and leaves every other one undecided."""
    document = document_by(judge, requirement, exchange, owner)
    if isinstance(document, dict):
        return document
    if requirement == owner:
        raise judge.violation(requirement, f"{exchange.title}: expected an object", exchange)
    raise judge.undecided(requirement, f"{exchange.title}: no object (see {owner})", exchange)
