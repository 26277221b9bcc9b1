"""All laws, by the requirement that each one checks."""

from __future__ import annotations

from lightning_verify.facts import REQUIREMENTS, SPEC
from lightning_verify.laws.account import ACCOUNT
from lightning_verify.laws.discovery import DISCOVERY
from lightning_verify.laws.every_answer import EVERY_ANSWER
from lightning_verify.laws.generation import GENERATION
from lightning_verify.laws.law import Law
from lightning_verify.laws.openai_forms import OPENAI_FORMS
from lightning_verify.laws.witnesses import shows_something
from lightning_verify.transport.exchange import Exchange

# A revision has not all of them.
LAWS: dict[str, Law] = {
    law.requirement: law
    for law in (*ACCOUNT, *DISCOVERY, *GENERATION, *EVERY_ANSWER, *OPENAI_FORMS)
    if law.requirement in REQUIREMENTS.requirements
}
_LAWS_OF: dict[str, list[Law]] = {
    operation: [law for law in LAWS.values() if operation in law.operations] for operation in SPEC.operations
}


def check_laws(exchange: Exchange, *, at_rest: bool = True) -> dict[str, list[str]]:
    """What is wrong with an exchange, by each law that applies to it; empty where the law is kept. `at_rest`
    is False once somebody has moved the host's time."""
    if exchange.operation is None or not shows_something(exchange):
        return {}
    applying = [law for law in _LAWS_OF[exchange.operation.id] if at_rest or not law.at_rest]
    found = {law.requirement: law.held_against(exchange) for law in applying}
    return {requirement: wrong for requirement, wrong in found.items() if wrong is not None}
