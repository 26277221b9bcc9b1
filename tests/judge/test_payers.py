"""Whose units are asked for, and how many of an account that others may need."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from lightning_verify.facts import METRICS
from lightning_verify.judging.payers import Payers
from lightning_verify.judging.snapshot import Snapshot, parse_usage
from lightning_verify.requests.situations import ACCOUNTS, cover
from lightning_verify.transport.client import BudgetExhausted
from lightning_verify.transport.exchange import Exchange

SHARE = 5


def look(caller: str, left: int) -> Snapshot:
    """The counters of an account with so many units left of each metric."""
    entry = {"limit": left, "used": 0, "remaining": left, "window": "2026-05-15"}
    exchange = Exchange("GET", "/usage", {}, None, None, caller, 200)
    exchange.body = json.dumps({"usage": dict.fromkeys(METRICS, entry)}).encode()
    return parse_usage(exchange)


@pytest.fixture
def take() -> Callable[[str, int], bool]:
    known: dict[str, Any] = {}

    def once(name: str, make: Callable[[], Any]) -> Any:
        return known.setdefault(name, make())

    payers = Payers(None, once, lambda: None, lambda: [], SHARE)  # type: ignore[arg-type, return-value]

    def taken(caller: str, left: int) -> bool:
        try:
            payers.take("audioWeekly", look(caller, left))
        except BudgetExhausted:
            return False
        return True

    return taken


def test_a_run_takes_a_share_of_what_an_account_has(take: Callable[[str, int], bool]) -> None:
    assert [take("a token", 20 - taken) for taken in range(5)] == [True] * 4 + [False]


def test_each_credential_may_take_one_unit_but_the_last(take: Callable[[str, int], bool]) -> None:
    assert (take("a token", 3), take("a key", 2)) == (True, True)
    assert not take("a token", 1)
    assert not take("another key", 1)


def test_what_one_credential_of_an_account_begins_with_the_other_ends_with() -> None:
    asked = [situation for situation in cover() if situation.kind in ACCOUNTS]
    first = {kind: [each.operation for each in asked if each.kind == kind] for kind in ACCOUNTS}
    count = len(set(first[ACCOUNTS[0]]))
    one, other = (first[kind][:count] for kind in ACCOUNTS)
    assert len(set(one)) == len(set(other)) == count
    assert one == other[::-1]
