"""API keys and access tokens: how they are made, kept and checked.

Law: a key's secret exists only in the return value of `issue`; what is kept is its digest. Nothing
unsigned is ever accepted. Neither kind of secret appears in a message.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import jwt

from lightning_mock.settings import SettingsError

KEY_PREFIX = "ipa_live_"
AUDIENCE = "authenticated"
# Ten years: a test that moves the clock by days must not find its users signed out. Whoever wants to see a
# token end asks for a lifetime.
TOKEN_LIFETIME_SECONDS = 315_360_000.0
GENERATION = "lightning_generation"
"""A claim of tokens minted after all earlier ones of their user had been ended."""
LASTING = "lightning_lasting"
"""A claim of tokens that the clock does not end, wherever it is moved: nobody asked for a lifetime."""
_SECRET_BYTES = 24
_VISIBLE = 16
_ASYMMETRIC = ("ES256", "RS256")
_YEAR_10000 = 253_402_300_800

RandomBytes = Callable[[str, int], bytes]
"""Bytes for a purpose: random, or the same for the same purpose when a seed was given."""


class InvalidTokenError(Exception):
    """An access token that is not to be trusted. The message says why, without the token."""


def random_bytes(purpose: str, size: int) -> bytes:
    """Fresh bytes, whatever the purpose."""
    return secrets.token_bytes(size)


def seeded_bytes(seed: int) -> RandomBytes:
    """Bytes that depend on seed and purpose only."""

    def derive(purpose: str, size: int) -> bytes:
        return hashlib.shake_256(f"lightning-mock:{seed}:{purpose}".encode()).digest(size)

    return derive


def digest(token: str) -> bytes:
    """The form in which a bearer is looked up and kept.

    Keys carry 192 random bits, so one fast hash protects them; looking up a digest tells an attacker
    nothing about a secret by its timing.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


@dataclass(slots=True)
class ApiKey:
    """What is kept of a key. Times are seconds since the epoch; `expires_at` None means never."""

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
        self._random = random
        self.issued = 0
        self.find = self._by_digest.get

    def issue(
        self, account_id: str, label: str, now: float, expires_at: float | None = None
    ) -> tuple[ApiKey, str]:
        """A new key and, this once, its secret."""
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
        self._by_digest[digest(secret)] = key
        return key, secret

    def revoke(self, key_id: str, now: float) -> ApiKey | None:
        """Revoke a key; None when there is no such key. Revoking twice keeps the first moment."""
        for key in self._by_digest.values():
            if hmac.compare_digest(key.id.encode(), key_id.encode()):
                key.revoked_at = now if key.revoked_at is None else key.revoked_at
                return key
        return None

    def of(self, account_id: str) -> tuple[ApiKey, ...]:
        return tuple(key for key in self._by_digest.values() if key.account_id == account_id)

    def remove(self, account_id: str) -> None:
        """Forget all keys of an account; their secrets are unknown from now on."""
        for kept_as in [kept_as for kept_as, key in self.rows() if key.account_id == account_id]:
            del self._by_digest[kept_as]

    def rows(self) -> tuple[tuple[bytes, ApiKey], ...]:
        """Every key with the digest of its secret."""
        return tuple(self._by_digest.items())

    def put(self, kept_as: bytes, key: ApiKey) -> None:
        """Keep a key whose secret has this digest."""
        self._by_digest[kept_as] = key


@dataclass(frozen=True, slots=True)
class Claims:
    """What we read of a verified token. `expires_at` in seconds since the epoch."""

    subject: str
    email: str
    expires_at: float
    issued_at: float | None
    generation: int = 0
    """How often all tokens of the subject had been ended when this one was minted."""


class TokenAuthority:
    """Mints HS256 tokens and verifies HS256, and ES256 or RS256 when a JWKS is trusted."""

    def __init__(self, secret: str, trusted: Mapping[str, jwt.PyJWK] | None = None) -> None:
        self._secret = secret
        self._trusted = dict(trusted or {})

    def mint(self, subject: str, email: str, issued_at: float, expires_at: float, **claims: Any) -> str:
        """An access token shaped like Supabase's."""
        return self.sign({**token_payload(subject, email, issued_at, expires_at), **claims})

    def sign(self, payload: Mapping[str, Any]) -> str:
        """A token with these claims and no others, signed as ours."""
        return jwt.encode(dict(payload), self._secret, algorithm="HS256")

    def verify(self, token: str, now: float) -> Claims:
        """The claims of a token that is signed, meant for us and valid now. Raises InvalidTokenError."""
        try:
            header = jwt.get_unverified_header(token)
            algorithm = header.get("alg")
            payload = jwt.decode(
                token,
                self._key_for(algorithm, header.get("kid")),
                algorithms=[str(algorithm)],
                audience=AUDIENCE,
                # The mock has its own clock, so every comparison with the time is ours, below.
                options={
                    "require": ["exp", "sub", "aud"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.MissingRequiredClaimError as error:
            raise InvalidTokenError(f"it has no {error.claim} claim") from error
        except jwt.InvalidAudienceError as error:
            raise InvalidTokenError("its audience is another one") from error
        except jwt.InvalidSignatureError as error:
            raise InvalidTokenError("its signature does not verify") from error
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            # Hostile segments raise plain ValueErrors from below the library now and then.
            raise InvalidTokenError("it is not a well-formed signed token") from error
        return _claims(payload, now)

    def _key_for(self, algorithm: object, key_id: object) -> str | jwt.PyJWK:
        if algorithm == "HS256":
            return self._secret
        if algorithm in _ASYMMETRIC:
            fitting = [key for key in self._trusted.values() if key.algorithm_name == algorithm]
            if key_id is not None:
                fitting = [key for key in fitting if key.key_id == key_id]
            if len(fitting) == 1:
                return fitting[0]
        raise InvalidTokenError("it is not signed with a key that this server trusts")


def token_payload(subject: str, email: str, issued_at: float, expires_at: float) -> dict[str, Any]:
    """The claims of an honest access token."""
    return {
        "sub": subject,
        "aud": AUDIENCE,
        "role": AUDIENCE,
        "email": email,
        "iat": int(issued_at),
        "exp": int(expires_at),
    }


def _claims(payload: Mapping[str, Any], now: float) -> Claims:
    subject, expires_at = payload["sub"], payload["exp"]
    if not isinstance(subject, str) or not subject or not _is_text(subject):
        raise InvalidTokenError("its sub claim names nobody")
    if not _is_time(expires_at):
        raise InvalidTokenError("its exp claim is not a time")
    if payload.get(LASTING) is True:
        expires_at = math.inf
    if expires_at <= now:
        raise InvalidTokenError("it has expired")
    starts_at = payload.get("nbf")
    if starts_at is not None and not (_is_time(starts_at) and starts_at <= now):
        raise InvalidTokenError("it is not valid yet")
    email, issued_at = payload.get("email"), payload.get("iat")
    generation = payload.get(GENERATION)
    return Claims(
        subject=subject,
        email=email if isinstance(email, str) and _is_text(email) else "",
        expires_at=float(expires_at),
        issued_at=float(issued_at) if _is_time(issued_at) else None,
        generation=generation if isinstance(generation, int) else 0,
    )


def _is_time(value: object) -> TypeGuard[int | float]:
    """A moment that the calendar has."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _YEAR_10000


def _is_text(value: str) -> bool:
    """Whole characters only: JSON can say half of one, and no reply could repeat it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def load_jwks(path: Path) -> dict[str, jwt.PyJWK]:
    """The usable public keys of a JWKS file, by key id. Raises SettingsError when there is none.

    As RFC 7517 has it, keys of another kind or use, and those that lack something, are passed over.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        listed = list(document["keys"])
    except OSError as error:
        raise SettingsError(f"JWKS file {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SettingsError(f"JWKS file {path}: expected a JSON object with a list `keys`") from error
    trusted: dict[str, jwt.PyJWK] = {}
    for index, described in enumerate(listed):
        key = _usable(described)
        if key is not None:
            trusted.setdefault(key.key_id or str(index), key)
    if not trusted:
        raise SettingsError(
            f"JWKS file {path}: expected at least one usable public key for {' or '.join(_ASYMMETRIC)}"
        )
    return trusted


def _usable(described: Any) -> jwt.PyJWK | None:
    """A key that can verify signatures of ours, or None."""
    if not isinstance(described, dict) or described.get("use", "sig") != "sig":
        return None
    operations, key_id = described.get("key_ops", ["verify"]), described.get("kid")
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    if key_id is not None and not isinstance(key_id, str):
        return None
    try:
        key = jwt.PyJWK(described)
    # Whatever is wrong with a key makes it one that cannot be used, and the library fails in many ways.
    except Exception:
        return None
    return key if key.algorithm_name in _ASYMMETRIC else None
