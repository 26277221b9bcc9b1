"""API keys: the secret is shown once, when a key is made."""

from __future__ import annotations

from typing import Any

from lightning_mock.callers.accounts import Account
from lightning_mock.control.lookups import known_user
from lightning_mock.control.request import ControlError, ControlRequest
from lightning_mock.control.times import moment_of
from lightning_mock.control.views import key_view
from lightning_mock.http.replies import Body, json_body
from lightning_mock.state import State


async def list_keys(request: ControlRequest, state: State) -> Body:
    account = known_user(request, state)
    return json_body({"keys": [key_view(key) for key in state.keys.of(account.id)]})


async def create_key(request: ControlRequest, state: State) -> Body:
    """A new key with its secret. An expiry in the past makes a key that has expired already."""
    account = known_user(request, state)
    expires_at = request.body.get("expires_at")
    moment = None if expires_at is None else moment_of(expires_at, "expires_at")
    return json_body(made_key(account, state, request.body.get("label", "key"), moment), 201)


async def revoke_key(request: ControlRequest, state: State) -> Body:
    account = known_user(request, state)
    if request.path["key_id"] not in {key.id for key in state.keys.of(account.id)}:
        raise ControlError(404, "key_id: this user has no such key.")
    key = state.keys.revoke(request.path["key_id"], state.clock.now_of(f"user:{account.id}"))
    assert key is not None
    return json_body(key_view(key))


def made_key(account: Account, state: State, label: str, expires_at: float | None) -> dict[str, Any]:
    """A new key's view, this once with its secret."""
    now = state.clock.now_of(f"user:{account.id}")
    key, secret = state.keys.issue(account.id, label, now, expires_at)
    return {**key_view(key), "secret": secret}
