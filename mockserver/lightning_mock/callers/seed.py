"""The users and credentials of a fresh mock: one user for each plan.

Law: everything here is made through the functions that the control plane uses. With a seed the credentials
are the same at every start, so their dates must not depend on the present either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lightning_mock.callers.accounts import Account, Accounts
from lightning_mock.callers.claims import TOKEN_LIFETIME_SECONDS
from lightning_mock.callers.credentials import KeyRing, RandomBytes
from lightning_mock.callers.tokens import TokenAuthority

DAY = 86_400.0
_SEEDED_START = 1_767_225_600.0  # 2026-01-01
_SEEDED_END = 4_102_444_800.0  # 2100-01-01


@dataclass(frozen=True, slots=True)
class PlanCredentials:
    """A user's email, access token and API key."""

    email: str
    jwt: str = field(repr=False)
    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is printed at start.

    `by_plan` has one user for each plan of the catalogue; `named` has the names of the credentials file,
    where `LIGHTNING_JWT` and `LIGHTNING_API_KEY` are of one paid account.
    """

    by_plan: Mapping[str, PlanCredentials]
    named: Mapping[str, str] = field(repr=False)


def seed_users(
    accounts: Accounts,
    keys: KeyRing,
    tokens: TokenAuthority,
    random: RandomBytes,
    *,
    born: float,
    seeded: bool,
) -> Credentials:
    """Sign up one user for each plan and make their credentials, and some that are no longer valid. `born` is
    the moment at which the mock began."""
    now = _SEEDED_START if seeded else born
    end = _SEEDED_END if seeded else now + TOKEN_LIFETIME_SECONDS
    catalogue = accounts.catalogue
    users: dict[str, Account] = {}
    by_plan: dict[str, PlanCredentials] = {}
    for plan in catalogue.all:
        user = accounts.add(
            Account(
                id=_uuid(random(f"user:{plan.key}", 16)),
                email=f"{plan.key}@example.com",
                signed_up=now,
                plan_key=plan.key,
            )
        )
        users[plan.key] = user
        by_plan[plan.key] = PlanCredentials(
            email=user.email,
            jwt=tokens.mint(user.id, user.email, now, end),
            api_key=keys.issue(user.id, "default", now)[1],
        )
    paid_key = (catalogue.paid or (catalogue.default,))[0].key
    paid = users[paid_key]
    expired_key = keys.issue(paid.id, "expired", now - 2 * DAY, expires_at=now - DAY)[1]
    revoked, revoked_key = keys.issue(paid.id, "revoked", now - 2 * DAY)
    keys.revoke(revoked.id, now - DAY)
    named = {
        "LIGHTNING_JWT": by_plan[paid_key].jwt,
        "LIGHTNING_API_KEY": by_plan[paid_key].api_key,
        "LIGHTNING_FREE_JWT": by_plan[catalogue.default_key].jwt,
        "LIGHTNING_EXPIRED_JWT": tokens.mint(paid.id, paid.email, now - 2 * DAY, now - DAY),
        "LIGHTNING_EXPIRED_API_KEY": expired_key,
        "LIGHTNING_REVOKED_API_KEY": revoked_key,
    }
    return Credentials(by_plan, named)


def _uuid(raw: bytes) -> str:
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"
