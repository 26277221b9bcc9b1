"""Users and plans that a control call names, looked up in one way and refused in the same words."""

from __future__ import annotations

from lightning_mock.callers.accounts import Account
from lightning_mock.control.request import ControlError, ControlRequest
from lightning_mock.state import State


def known_user(request: ControlRequest, state: State) -> Account:
    """The user that the path names. Raises ControlError 404."""
    return user_of(request.path["id"], "id", state)


def user_of(user_id: str, field: str, state: State) -> Account:
    """The user whose id stands in this field and whom the call is about. Raises ControlError 404."""
    account = state.accounts.get(user_id)
    if account is None:
        raise ControlError(404, f"{field}: there is no such user; GET /__mock__/users lists them.")
    return account


def chosen_user(user_id: str | None, field: str, state: State) -> Account | None:
    """The user to whom a field of the body narrows an order; None without one. Raises ControlError 400."""
    account = None if user_id is None else state.accounts.get(user_id)
    if user_id is not None and account is None:
        raise ControlError(400, f"{field}: expected the id of a user; GET /__mock__/users lists them.")
    return account


def known_plan(key: str, state: State) -> str:
    """A plan's key. Raises ControlError 400."""
    return _plan(key, "plan", 400, state)


def plan_in_path(request: ControlRequest, state: State) -> str:
    """The key of the plan that the path names. Raises ControlError 404."""
    return _plan(request.path["key"], "key", 404, state)


def _plan(key: str, field: str, status: int, state: State) -> str:
    if key not in state.catalogue:
        allowed = ", ".join(plan.key for plan in state.catalogue.all)
        raise ControlError(status, f"{field}: there is no such plan; expected one of {allowed}.")
    return key
