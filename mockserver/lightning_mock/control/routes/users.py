"""Users and their access tokens."""

from __future__ import annotations

from uuid import uuid4

from lightning_mock.callers.accounts import Account
from lightning_mock.clock import iso
from lightning_mock.control.lookups import known_plan, known_user
from lightning_mock.control.request import ControlError, ControlRequest
from lightning_mock.control.routes.keys import made_key
from lightning_mock.control.tokens import token_for
from lightning_mock.control.views import user_view, user_views
from lightning_mock.http.replies import Body, json_body
from lightning_mock.state import State


async def list_users(request: ControlRequest, state: State) -> Body:
    return json_body({"users": await user_views(state)})


async def create_user(request: ControlRequest, state: State) -> Body:
    """A user with a token and a key, ready to be used."""
    now = state.clock.now()
    user_id = request.body.get("id") or str(uuid4())
    if state.accounts.get(user_id) is not None:
        raise ControlError(409, "id: already taken; choose another id, or omit it.")
    plan_key = request.body.get("plan", state.catalogue.default_key)
    account = Account(
        id=user_id,
        email=request.body.get("email") or f"{user_id}@example.com",
        signed_up=now,
        plan_key=known_plan(plan_key, state),
    )
    state.accounts.add(account)
    state.identities.forget_tokens()
    token, _ = token_for(account, state)
    key = made_key(account, state, "default", None)
    return json_body({**user_view(account, state), "jwt": token, "api_key": key}, 201)


async def get_user(request: ControlRequest, state: State) -> Body:
    return json_body(user_view(known_user(request, state), state))


async def change_user(request: ControlRequest, state: State) -> Body:
    """Another plan takes effect with the next call; what has been used stays used."""
    account = known_user(request, state)
    if "plan" in request.body:
        account.plan_key = known_plan(request.body["plan"], state)
    if "email" in request.body:
        account.email = request.body["email"]
    return json_body(user_view(account, state))


async def delete_user(request: ControlRequest, state: State) -> Body:
    """The user, the keys and the counters go; tokens of the user are refused from now on."""
    account = known_user(request, state)
    view = user_view(account, state)
    state.accounts.remove(account.id)
    state.keys.remove(account.id)
    await state.ledger.forget(f"user:{account.id}")
    state.preferences.forget(f"user:{account.id}")
    state.identities.forget_tokens()
    return json_body(view)


async def mint_token(request: ControlRequest, state: State) -> Body:
    """An access token of a user, as asked for, or broken in one particular way."""
    account = known_user(request, state)
    body = request.body
    token, expires_at = token_for(
        account, state, body.get("lifetime_seconds"), body.get("claims", {}), body.get("broken")
    )
    return json_body({"token": token, "expires_at": iso(expires_at)}, 201)
