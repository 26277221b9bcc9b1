"""The plan catalogue as other checks compare with it."""

from __future__ import annotations

from typing import Any

from lightning_verify.judging.judge import Judge


def catalogue(judge: Judge, requirement: str) -> dict[str, Any]:
    """The document of /tier-config. Raises Undecided when it is not an object with plans; TIER-1 and
    TIER-2 judge its form."""
    exchange = judge.once("catalogue", lambda: judge.get("/tier-config"))
    document = judge.object(requirement, exchange, "TIER-1")
    if not isinstance(document.get("plans"), list):
        raise judge.undecided(requirement, "/tier-config lists no plans to compare with", exchange)
    return document
