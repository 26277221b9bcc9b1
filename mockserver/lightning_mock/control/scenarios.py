"""Named situations that a client should be able to handle.

Law: a scenario only does what the control plane can do step by step, and says what it did.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lightning_mock.callers.accounts import Account
from lightning_mock.clock import iso
from lightning_mock.faults.parse import parse_fault
from lightning_mock.quota.windows import WindowKind, window_at
from lightning_mock.state import State

GENERATION = "/gen/*"


class ScenarioError(ValueError):
    """There is no such scenario. The message names those that there are."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`play` does it for one user, or for everybody, and says what it did; a `lasting` one is active until it
    is ended."""

    name: str
    description: str
    play: Callable[[State, Account | None], Awaitable[list[str]]]
    lasting: bool = False


async def play(name: str, state: State, user: Account | None = None) -> list[str]:
    """Start a scenario; returns sentences that say what was done. Raises ScenarioError."""
    if name not in SCENARIOS:
        raise ScenarioError(f"expected one of {', '.join(SCENARIOS)}, got {name[:64]!r}")
    return await SCENARIOS[name].play(state, user)


def end_all(state: State) -> list[str]:
    """Remove the faults of all scenarios. Clock, keys and counters stay as they are."""
    removed = state.faults.remove(lambda fault: fault.scenario is not None)
    if not removed:
        return ["No fault of a scenario was armed."]
    names = ", ".join(dict.fromkeys(str(fault.scenario) for fault in removed))
    return [f"Removed {_counted(len(removed), 'fault')} of {names}."]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def active(state: State) -> set[str]:
    """The scenarios whose faults can still fire."""
    return {fault.scenario for fault in state.faults.live() if fault.scenario is not None}


async def _limit_reached(state: State, user: Account | None) -> list[str]:
    accounts = [user] if user is not None else list(state.accounts.all())
    identities: dict[str, Account | None] = {f"user:{account.id}": account for account in accounts}
    if user is None:
        seen = [row[0] for row in await state.ledger.store.rows()] + list(state.journal.identities())
        identities.update({key: None for key in seen if key not in identities})
    did = []
    for identity, account in identities.items():
        plan = state.accounts.plan_of(account)
        for metric, limit in plan.limits.items():
            if limit is not None:
                await state.ledger.set_used(identity, metric, limit)
        limited = [metric for metric, limit in plan.limits.items() if limit is not None]
        who = account.email if account is not None else identity
        did.append(f"{who} has used up {', '.join(limited) or 'nothing, having no limits'}.")
    if user is None:
        state.ledger.exhaust_unseen(state.catalogue.default.limits)
        did.append("New signed-out callers will find it used up, too.")
    return did


async def _key_revoked(state: State, user: Account | None) -> list[str]:
    accounts = [user] if user is not None else list(state.accounts.all())
    did = []
    for account in accounts:
        good = [key for key in state.keys.of(account.id) if key.revoked_at is None]
        for key in good:
            state.keys.revoke(key.id, state.clock.now_of(f"user:{account.id}"))
        did.append(f"Revoked {_counted(len(good), 'key')} of {account.email}.")
    return did


async def _token_expired(state: State, user: Account | None) -> list[str]:
    accounts = [user] if user is not None else list(state.accounts.all())
    for account in accounts:
        account.token_generation += 1
    state.identities.forget_tokens()
    return [
        f"Every access token of {account.email} that exists now has expired; new ones are valid."
        for account in accounts
    ]


def _faults(name: str, sentence: str, *descriptions: Mapping[str, Any]) -> Callable[..., Any]:
    async def start(state: State, user: Account | None) -> list[str]:
        state.faults.remove(lambda fault: fault.scenario == name)
        for description in descriptions:
            match = dict(description.get("match", {}))
            if user is not None:
                match["user"] = user.id
            state.faults.add(
                parse_fault(
                    state.faults.new_id(),
                    {**description, "match": match},
                    state.spec,
                    state.clock.now(),
                    scenario=name,
                )
            )
        return [sentence if user is None else f"For {user.email}: {sentence}"]

    return start


def _next(kind: WindowKind) -> Callable[..., Any]:
    async def start(state: State, user: Account | None) -> list[str]:
        if user is not None:
            identity = f"user:{user.id}"
            now = state.clock.now_of(identity)
            await state.ledger.move(identity, window_at(kind, now).end - now)
            return [f"A new {kind} has begun for {user.email}: {iso(state.clock.now_of(identity))}."]
        state.clock.set(window_at(kind, state.clock.now()).end)
        return [f"A new {kind} has begun: the clock is at {iso(state.clock.now())}, for everybody."]

    return start


_CHAT = {"operation": "createChatCompletion"}
_ALL = (
    Scenario("limit-reached", "Every limited metric is used up until its window ends.", _limit_reached),
    Scenario("key-revoked", "API keys that worked are revoked; access tokens still work.", _key_revoked),
    Scenario("token-expired", "Access tokens that worked have expired; new ones work.", _token_expired),
    Scenario(
        "upstream-down",
        "Every generation fails with 500 and costs nothing: its unit is refunded.",
        _faults(
            "upstream-down",
            "Every generation fails with 500 and costs nothing.",
            {
                "kind": "status",
                "status": 500,
                "when": "after_charge",
                "message": "The upstream provider does not answer.",
                "match": {"operation": GENERATION},
            },
        ),
        lasting=True,
    ),
    Scenario(
        "flaky-upstream",
        "Three of ten generations fail with 500, always the same ones; those cost nothing.",
        _faults(
            "flaky-upstream",
            "Three of ten generations fail with 500 and cost nothing.",
            {
                "kind": "status",
                "status": 500,
                "when": "after_charge",
                "message": "The upstream provider failed.",
                "probability": 0.3,
                "seed": 1,
                "match": {"operation": GENERATION},
            },
        ),
        lasting=True,
    ),
    Scenario(
        "slow-network",
        "Every answer is delayed by 1.5 seconds and arrives in small pieces.",
        _faults(
            "slow-network",
            "Answers are delayed and arrive in small pieces.",
            {"kind": "latency", "seconds": 1.5},
            {"kind": "refragment", "split": 256},
        ),
        lasting=True,
    ),
    Scenario(
        "broken-stream",
        "Streamed replies stop after five events, without [DONE].",
        _faults(
            "broken-stream",
            "Streamed replies stop after five events.",
            {"kind": "truncate", "after_events": 5, "match": _CHAT},
        ),
        lasting=True,
    ),
    Scenario(
        "cold-start",
        "The host is asleep: 503 with an HTML page until the clock has moved a minute.",
        _faults("cold-start", "The host is asleep for a minute.", {"kind": "cold_start", "seconds": 60}),
        lasting=True,
    ),
    Scenario("new-day", "The clock moves to the next UTC midnight.", _next("day")),
    Scenario("new-week", "The clock moves to the next Monday, UTC.", _next("week")),
)

SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
