"""The plan catalogue and the users who signed up.

Law: a plan is looked up by its key each time, so changing a user's plan or a plan's limits takes effect
with the next call.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lightning_spec.loader import Plan, Spec, SpecError, load_plans

from lightning_mock.settings import SettingsError


class Catalogue:
    """The plans, in order, and the default one for callers without a plan."""

    def __init__(self, plans: Iterable[Plan], default_key: str) -> None:
        self._plans = {plan.key: plan for plan in sorted(plans, key=lambda plan: plan.order)}
        self.default_key = default_key

    def __getitem__(self, key: str) -> Plan:
        return self._plans[key]

    def __contains__(self, key: object) -> bool:
        return key in self._plans

    @property
    def default(self) -> Plan:
        return self._plans[self.default_key]

    @property
    def all(self) -> tuple[Plan, ...]:
        return tuple(self._plans.values())

    @property
    def paid(self) -> tuple[Plan, ...]:
        """Every plan but the default one."""
        return tuple(plan for plan in self._plans.values() if plan.key != self.default_key)

    def set_limit(self, key: str, metric: str, limit: int | None) -> None:
        """Give one plan another limit; None means unlimited."""
        plan = self._plans[key]
        self._plans[key] = replace(plan, limits={**plan.limits, metric: limit})


@dataclass(slots=True)
class Account:
    """A signed-up user. `signed_up` is in seconds since the epoch. Access tokens of an earlier generation are
    treated as expired."""

    id: str
    email: str
    signed_up: float
    plan_key: str
    token_generation: int = 0


class Accounts:
    """The users by id (the `sub` of their tokens)."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._by_id: dict[str, Account] = {}
        self.removed: set[str] = set()
        """The ids of deleted users: a token of theirs does not sign them up again."""

    def add(self, account: Account) -> Account:
        """Add or replace a user. Raises SettingsError when the catalogue does not have the plan."""
        if account.plan_key not in self.catalogue:
            raise SettingsError(f"no plan {account.plan_key!r} in the catalogue")
        self._by_id[account.id] = account
        self.removed.discard(account.id)
        return account

    def remove(self, account_id: str) -> None:
        if self._by_id.pop(account_id, None) is not None:
            self.removed.add(account_id)

    def replace(self, accounts: Iterable[Account], removed: Iterable[str]) -> None:
        """Have exactly these users, whose plans are in the catalogue, and these that existed."""
        self._by_id = {account.id: account for account in accounts}
        self.removed = set(removed)

    def get(self, account_id: str) -> Account | None:
        return self._by_id.get(account_id)

    def all(self) -> tuple[Account, ...]:
        return tuple(self._by_id.values())

    def plan_of(self, account: Account | None) -> Plan:
        """The plan that a caller has: the user's own, or the default plan when signed out."""
        return self.catalogue[account.plan_key] if account is not None else self.catalogue.default


def subscription_rows(plan: Plan, now: float) -> list[dict[str, str]]:
    """The subscription of a paying user as a list of one row, with every field that known clients read. The
    billing period is the calendar month of `now`, in UTC."""
    start = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return [
        {
            "status": "active",
            "product_name": plan.name,
            "plan_key": plan.key,
            "plan_id": f"plan_{plan.key}",
            "current_period_start": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "current_period_end": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    ]


def load_catalogue(spec: Spec, path: Path | None) -> Catalogue:
    """The spec's catalogue, or that of a file in the form of `x-lightning-plans`, as YAML or JSON. Raises
    SettingsError with the place of the first mistake."""
    if path is None:
        return Catalogue(spec.plans, spec.default_plan)
    try:
        plans = load_plans(path, spec.metrics)
    except SpecError as error:
        raise SettingsError(f"plans file {error}") from error
    return Catalogue(plans.plans, plans.default)
