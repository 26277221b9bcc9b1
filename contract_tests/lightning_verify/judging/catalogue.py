"""The plan catalogue that other checks compare with."""

from __future__ import annotations

from typing import Any

from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import CATALOGUE, shown
from lightning_verify.transport.exchange import Exchange


def read_catalogue(judge: Judge) -> Exchange:
    """The answer of /tier-config, requested once in a run."""
    return shown(judge, CATALOGUE)


def catalogue(judge: Judge, requirement: str) -> dict[str, Any]:
    """The document of /tier-config. Raises Undecided when it is not an object with plans; TIER-1 and
    TIER-2 judge its form."""
    exchange = read_catalogue(judge)
    document = judge.object(requirement, exchange, "TIER-1")
    if not isinstance(document.get("plans"), list):
        raise judge.undecided(requirement, "/tier-config lists no plans to compare with", exchange)
    return document
