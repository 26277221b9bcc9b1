"""The plan catalogue and the users who signed up.

Law: a plan is looked up by its key each time, so changing a user's plan or a plan's limits takes effect
with the next call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from mockserver.settings import SettingsError
from spec.loader import Plan, Spec


class Catalogue:
    """The plans, in their order, and which of them a caller has who has none."""

    def __init__(self, plans: Iterable[Plan], default_key: str) -> None:
        self._plans = {plan.key: plan for plan in sorted(plans, key=lambda plan: plan.order)}
        if default_key not in self._plans:
            raise SettingsError(f"plans: the default plan {default_key!r} is not among {list(self._plans)}")
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
    """A signed-up user. `signed_up` is in seconds since the epoch."""

    id: str
    email: str
    signed_up: float
    plan_key: str


class Accounts:
    """The users by id (the `sub` of their tokens)."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._by_id: dict[str, Account] = {}

    def add(self, account: Account) -> Account:
        if account.plan_key not in self.catalogue:
            raise SettingsError(f"no plan {account.plan_key!r} in the catalogue")
        self._by_id[account.id] = account
        return account

    def get(self, account_id: str) -> Account | None:
        return self._by_id.get(account_id)

    def all(self) -> tuple[Account, ...]:
        return tuple(self._by_id.values())

    def plan_of(self, account: Account | None) -> Plan:
        """The plan that a caller has: the user's own, or the default plan when signed out."""
        return self.catalogue[account.plan_key] if account is not None else self.catalogue.default


def subscription_rows(account: Account, plan: Plan, now: float) -> list[dict[str, str]]:
    """A paying user's rows: every name that known clients read. The billing period is the calendar month."""
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
    """The spec's catalogue, or the one of a file of the same shape: `default`, and `plans` with key, name,
    url, price (a string), order and a limit (an integer, or null for unlimited) for every metric.

    Raises SettingsError with the place of the first mistake.
    """
    if path is None:
        return Catalogue(spec.plans, spec.default_plan)
    try:
        # JSON is YAML: one reader serves both.
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"plans file {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"plans file {path}: neither YAML nor JSON: {str(error).splitlines()[0]}") from error
    where = f"plans file {path}"
    top = _mapping(data, where, required=("default", "plans"))
    if not isinstance(top["plans"], list) or not top["plans"]:
        raise SettingsError(f"{where}: plans: expected a list with at least one plan")
    plans = [_plan(item, index, spec, f"{where}: plans[{index}]") for index, item in enumerate(top["plans"])]
    keys = [plan.key for plan in plans]
    for key in keys:
        if keys.count(key) > 1:
            raise SettingsError(f"{where}: plans: the key {key!r} occurs twice")
    if top["default"] not in keys:
        raise SettingsError(f"{where}: default: expected one of {', '.join(keys)}")
    return Catalogue(plans, top["default"])


def _plan(item: Any, index: int, spec: Spec, where: str) -> Plan:
    data = _mapping(item, where, required=("key", "limits"), optional=("name", "url", "price", "order"))
    texts = {
        "key": data["key"],
        "name": data.get("name", data["key"]),
        "url": data.get("url", ""),
        "price": data.get("price", "0.00"),
    }
    for name, value in texts.items():
        if not isinstance(value, str):
            raise SettingsError(f"{where}: {name}: expected a string (quote it)")
    order = data.get("order", index)
    if isinstance(order, bool) or not isinstance(order, int):
        raise SettingsError(f"{where}: order: expected an integer")
    limits = _mapping(data["limits"], f"{where}: limits", required=tuple(spec.metrics))
    for metric, limit in limits.items():
        whole = isinstance(limit, int) and not isinstance(limit, bool) and limit >= 0
        if not (limit is None or whole):
            raise SettingsError(f"{where}: limits: {metric}: expected an integer from 0 up, or null for unlimited")
    return Plan(**texts, limits=limits, order=order)


def _mapping(
    data: Any, where: str, *, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise SettingsError(f"{where}: expected a mapping with {', '.join(required)}")
    for name in required:
        if name not in data:
            raise SettingsError(f"{where}: {name} is missing")
    for name in data:
        if name not in required and name not in optional:
            allowed = ", ".join((*required, *optional))
            raise SettingsError(f"{where}: unknown key {name!r}; known are {allowed}")
    return data
