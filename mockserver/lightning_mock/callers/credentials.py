"""API keys: how they are made and stored.

Law: a key's secret exists only in the return value of `issue`; its digest is what is stored.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

KEY_PREFIX = "ipa_live_"
_SECRET_BYTES = 24
_VISIBLE = 16

RandomBytes = Callable[[str, int], bytes]
"""Bytes for a purpose: random, or the same for the same purpose when a seed was given."""


def random_bytes(purpose: str, size: int) -> bytes:
    """Fresh bytes, whatever the purpose."""
    return secrets.token_bytes(size)


def seeded_bytes(seed: int) -> RandomBytes:
    """Bytes that depend on seed and purpose only."""

    def derive(purpose: str, size: int) -> bytes:
        return hashlib.shake_256(f"lightning-mock:{seed}:{purpose}".encode()).digest(size)

    return derive


def digest(token: str) -> bytes:
    """The form in which a bearer is looked up and stored. Keys carry 192 random bits, so one fast hash
    protects them; the timing of a lookup tells an attacker nothing about a secret."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


@dataclass(slots=True)
class ApiKey:
    """What is stored of a key. Times are seconds since the epoch; `expires_at` None means never."""

    id: str
    account_id: str
    label: str
    prefix: str
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None


class KeyRing:
    """All API keys, by the digest of their secret."""

    def __init__(self, random: RandomBytes = random_bytes) -> None:
        self._by_digest: dict[bytes, ApiKey] = {}
        self._of_account: dict[str, dict[bytes, ApiKey]] = {}
        self._random = random
        self.issued = 0
        self.find = self._by_digest.get

    def issue(
        self, account_id: str, label: str, now: float, expires_at: float | None = None
    ) -> tuple[ApiKey, str]:
        """A new key with its secret, which is not available again."""
        count, self.issued = self.issued, self.issued + 1
        raw = self._random(f"key:{account_id}:{label}:{count}", _SECRET_BYTES)
        secret = KEY_PREFIX + base64.urlsafe_b64encode(raw).decode()
        key = ApiKey(
            id=self._random(f"key-id:{account_id}:{label}:{count}", 8).hex(),
            account_id=account_id,
            label=label,
            prefix=secret[:_VISIBLE],
            created_at=now,
            expires_at=expires_at,
        )
        self.put(digest(secret), key)
        return key, secret

    def revoke(self, key_id: str, now: float) -> ApiKey | None:
        """Revoke a key; None when there is no such key. Revoking twice keeps the first moment."""
        for key in self._by_digest.values():
            if hmac.compare_digest(key.id.encode(), key_id.encode()):
                key.revoked_at = now if key.revoked_at is None else key.revoked_at
                return key
        return None

    def of(self, account_id: str) -> tuple[ApiKey, ...]:
        return tuple(self._of_account.get(account_id, {}).values())

    def replace(self, rows: Iterable[tuple[bytes, ApiKey]], issued: int) -> None:
        """Have exactly the keys that `rows` gave, after so many were issued."""
        self._by_digest.clear()
        self._of_account.clear()
        for row in rows:
            self.put(*row)
        self.issued = issued

    def remove(self, account_id: str) -> None:
        """Forget all keys of an account; their secrets are unknown from now on."""
        for kept_as in self._of_account.pop(account_id, ()):
            del self._by_digest[kept_as]

    def rows(self) -> tuple[tuple[bytes, ApiKey], ...]:
        """Every key with the digest of its secret."""
        return tuple(self._by_digest.items())

    def put(self, kept_as: bytes, key: ApiKey) -> None:
        """Keep a key whose secret has this digest."""
        if kept_as in self._by_digest:
            del self._of_account[self._by_digest[kept_as].account_id][kept_as]
        self._by_digest[kept_as] = key
        self._of_account.setdefault(key.account_id, {})[kept_as] = key
