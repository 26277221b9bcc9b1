"""Who is calling (document: headers, rate limits).

Law: a bearer decides, and a bad bearer is refused; it never falls through to the free tier. Without one
a client id counts when it is well formed, and otherwise the address together with the user agent. The
tokens and keys of one user are one identity.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from aiohttp.hdrs import AUTHORIZATION, USER_AGENT
from aiohttp.web import BaseRequest
from lightning_spec.loader import Operation
from multidict import istr

from lightning_mock.callers.accounts import Account, Accounts
from lightning_mock.callers.claims import InvalidTokenError
from lightning_mock.callers.credential_forms import without_credentials
from lightning_mock.callers.credentials import KEY_PREFIX, ApiKey, KeyRing, digest
from lightning_mock.callers.identity_keys import REFUSED
from lightning_mock.callers.tokens import TokenAuthority
from lightning_mock.clock import Clock
from lightning_mock.errors import Unauthorized

NoteKeyUse = Callable[[str, float], None]
"""Called with the id of a key and when it was used, at most once a second for each key."""
Kind = Literal["jwt", "api_key", "client_id", "address", "nobody"]

_SIGNED_OUT_BEARER = "public"
CLIENT_ID = istr("X-Client-ID")
_REMEMBERED_TOKENS = 10_000


@dataclass(slots=True)
class Identity:
    """A caller: the ledger key, how it was found, and the user behind it, if any. `why` is a clause for the
    journal: which part of the request decided. Never changed once made; a frozen class would take four times
    as long to make."""

    key: str
    kind: Kind
    account: Account | None
    why: str


NOBODY = Identity(key="", kind="nobody", account=None, why="the route is public")


class IdentityResolver:
    """Turns the headers of a request into an identity."""

    def __init__(
        self,
        accounts: Accounts,
        keys: KeyRing,
        tokens: TokenAuthority,
        clock: Clock,
        client_id_pattern: str,
        *,
        note_key_use: NoteKeyUse | None = None,
    ) -> None:
        self._accounts = accounts
        self._keys = keys
        self._tokens = tokens
        self._clock = clock
        self._note_key_use = note_key_use
        self._is_client_id = re.compile(client_id_pattern).fullmatch
        self._verified: dict[bytes, tuple[float, Identity]] = {}
        self._key_identities: dict[str, Identity] = {}

    def resolve(self, request: BaseRequest) -> Identity:
        """The identity of a request. Raises Unauthorized for a bad bearer."""
        authorization = request.headers.get(AUTHORIZATION)
        if authorization is None:
            return self._signed_out(request, "no bearer")
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() != "bearer":
            return self._signed_out(request, "a scheme other than Bearer")
        token = token.strip()
        if not token:
            return self._signed_out(request, "an empty bearer")
        if token == _SIGNED_OUT_BEARER:
            return self._signed_out(request, "the bearer `public`")
        return self._bearer(token)

    def forget_tokens(self) -> None:
        """Verify every token again, for example after an account has been added or changed."""
        self._verified.clear()
        self._key_identities.clear()

    def _bearer(self, token: str) -> Identity:
        looked_up = digest(token)
        key = self._keys.find(looked_up)
        clock = self._clock
        now = clock.now()
        if key is not None:
            return self._by_key(key, clock.now_of(f"user:{key.account_id}") if clock.ahead else now)
        remembered = self._verified.get(looked_up)
        if remembered is not None:
            if clock.ahead:
                now = clock.now_of(remembered[1].key)
            if now < remembered[0]:
                return remembered[1]
        return self._by_token(token, looked_up, now)

    def _by_key(self, key: ApiKey, now: float) -> Identity:
        if key.revoked_at is not None:
            raise Unauthorized(code="revoked_api_key")
        if key.expires_at is not None and key.expires_at <= now:
            raise Unauthorized(code="expired_api_key")
        if self._note_key_use is not None and (key.last_used_at is None or int(now) != int(key.last_used_at)):
            self._note_key_use(key.id, now)
        key.last_used_at = now
        identity = self._key_identities.get(key.id)
        if identity is None:
            account = self._accounts.get(key.account_id)
            if account is None:
                raise Unauthorized(code="invalid_api_key")
            identity = Identity(f"user:{account.id}", "api_key", account, "a valid API key")
            self._key_identities[key.id] = identity
        return identity

    def _by_token(self, token: str, looked_up: bytes, now: float) -> Identity:
        self._verified.pop(looked_up, None)
        if token.startswith(KEY_PREFIX):
            raise Unauthorized(code="invalid_api_key")
        try:
            claims = self._tokens.verify(token, lambda subject: self._clock.now_of(f"user:{subject}"))
        except InvalidTokenError as error:
            raise Unauthorized(f"The bearer token is not valid: {error}.", code="invalid_token") from None
        account = self._accounts.get(claims.subject)
        if account is None and claims.subject in self._accounts.removed:
            raise Unauthorized("The token's user no longer exists.", code="invalid_token")
        if account is not None and claims.generation < account.token_generation:
            raise Unauthorized("The bearer token is not valid: it has expired.", code="invalid_token")
        if account is None:
            # A valid token of an unknown user, who counts as signed up, on the default plan.
            account = Account(
                id=claims.subject,
                email=claims.email,
                signed_up=now if claims.issued_at is None else claims.issued_at,
                plan_key=self._accounts.catalogue.default_key,
            )
        identity = Identity(f"user:{account.id}", "jwt", account, "a valid access token")
        while len(self._verified) >= _REMEMBERED_TOKENS:
            del self._verified[next(iter(self._verified))]
        self._verified[looked_up] = (claims.expires_at, identity)
        return identity

    def _signed_out(self, request: BaseRequest, why: str) -> Identity:
        headers = request.headers
        client_id = headers.get(CLIENT_ID)
        if client_id is not None and self._is_client_id(client_id):
            return Identity(client_key(client_id), "client_id", None, f"a well-formed X-Client-ID ({why})")
        because = "no X-Client-ID" if client_id is None else "a malformed X-Client-ID"
        agent = agent_digest(headers.get(USER_AGENT, ""))
        return Identity(
            f"address:{request.remote}:{agent}",
            "address",
            None,
            f"address and user agent ({why}, {because})",
        )


def client_key(client_id: str) -> str:
    """The ledger key of a client id. One with a credential in it still is an identity, but not under a name
    that would disclose that."""
    if without_credentials(client_id) != client_id:
        client_id = f"redacted-{digest(client_id).hex()[:32]}"
    return f"client:{client_id}"


def key_of_caller(
    request: BaseRequest, operation: Operation | None, identify: Callable[[BaseRequest], Identity]
) -> str:
    """The ledger key of a call's caller before anything is checked: `refused` for a bad bearer, and nobody's
    where the route is public. `operation` is None for a call to no operation."""
    if operation is not None and operation.auth == "none":
        return NOBODY.key
    try:
        return identify(request).key
    except Unauthorized:
        return REFUSED


def key_of(identity: str) -> str:
    """The ledger key of an identity as somebody names it, who knows nothing of what is redacted."""
    kind, _, name = identity.partition(":")
    return client_key(name) if kind == "client" else identity


def agent_digest(user_agent: str) -> str:
    """What stands for a user agent in the ledger key of an address."""
    return blake2b(user_agent.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
