"""Access tokens on request: valid ones, and ones that are broken in one particular way.

Law: nothing but the named defect is wrong with a broken token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning_mock.callers.accounts import Account
from lightning_mock.callers.claims import GENERATION, LASTING, token_payload
from lightning_mock.callers.tokens import TokenAuthority, unsigned
from lightning_mock.choices import Broken
from lightning_mock.state import State

_STRANGER = TokenAuthority("the secret of some other server, which nobody here trusts")
_LATE = 60.0
_USUAL = 3600.0


def token_for(
    account: Account,
    state: State,
    lifetime: float | None = None,
    claims: Mapping[str, Any] | None = None,
    broken: Broken | None = None,
) -> tuple[str, float]:
    """A token and the moment at which it expires. Claims of the caller win over the usual ones. Without a
    lifetime it says an hour, as real ones do, and is good whatever the clock does."""
    lasting = lifetime is None and broken is None and "exp" not in (claims or {})
    lifetime = _USUAL if lifetime is None else lifetime
    now = state.clock.now_of(f"user:{account.id}")
    if broken == "expired":
        now -= lifetime + _LATE
    expires_at = now + lifetime
    payload = token_payload(account.id, account.email, now, expires_at)
    if account.token_generation:
        payload[GENERATION] = account.token_generation
    if lasting:
        payload[LASTING] = True
    payload.update(claims or {})
    if broken == "not_yet_valid":
        payload["nbf"] = int(now + lifetime / 2) + 1
    elif broken == "wrong_audience":
        payload["aud"] = "somebody-else"
    elif broken == "no_subject":
        payload.pop("sub", None)
    elif broken == "no_expiry":
        payload.pop("exp", None)
    if broken == "unsigned":
        return unsigned(payload), expires_at
    authority = _STRANGER if broken == "wrong_signature" else state.tokens
    return authority.sign(payload), expires_at
