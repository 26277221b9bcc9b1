"""Checks tokens against the trusted keys: the HS256 secret, and the ES256 and RS256 keys of a JWKS file.

Law: the algorithm chooses the keys, never the other way round; each that fits it and the key id is tried.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import jwt
from lightning_spec.text_formats import read_file

from lightning_mock.callers.claims import AUDIENCE, InvalidTokenError
from lightning_mock.settings import SettingsError

_ASYMMETRIC = ("ES256", "RS256")


class TokenVerifier:
    """The keys of one mock."""

    def __init__(self, secret: str, jwks: Path | None = None) -> None:
        self._secret = secret
        self._trusted = load_jwks(jwks) if jwks is not None else []

    def payload(self, token: str) -> Mapping[str, Any]:
        """The claims of a token whose signature and audience are right; its times are not checked. Raises
        InvalidTokenError."""
        try:
            header = jwt.get_unverified_header(token)
            algorithm = header.get("alg")
            *others, last = self._keys_for(algorithm, header.get("kid"))
            for key in others:
                with suppress(jwt.InvalidSignatureError):
                    return _decoded(token, key, algorithm)
            return _decoded(token, last, algorithm)
        except jwt.MissingRequiredClaimError as error:
            raise InvalidTokenError(f"it has no {error.claim} claim") from error
        except jwt.InvalidAudienceError as error:
            raise InvalidTokenError("its audience (aud) is not this server's") from error
        except jwt.InvalidSignatureError as error:
            raise InvalidTokenError("its signature does not verify") from error
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            # Malformed segments can raise plain ValueErrors from below PyJWT.
            raise InvalidTokenError("it is not a well-formed signed token") from error

    def _keys_for(self, algorithm: object, key_id: object) -> Sequence[str | jwt.PyJWK]:
        """At least one."""
        if algorithm == "HS256":
            return [self._secret]
        fitting = [
            key
            for key in self._trusted
            if key.algorithm_name == algorithm and (key_id is None or key.key_id == key_id)
        ]
        if not fitting:
            raise InvalidTokenError("it is not signed with a key that this server trusts")
        return fitting


def _decoded(token: str, key: str | jwt.PyJWK, algorithm: object) -> dict[str, Any]:
    """The claims. Raises jwt.PyJWTError."""
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=[str(algorithm)],
        audience=AUDIENCE,
        # The mock has its own clock, so every comparison with the time is the caller's.
        options={
            "require": ["exp", "sub", "aud"],
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
        },
    )
    return claims


def load_jwks(path: Path) -> list[jwt.PyJWK]:
    """The usable public keys of a JWKS file; several may have one key id (RFC 7517, 4.5). Raises
    SettingsError when there is none. Keys of another kind or use, and incomplete ones, are ignored
    (section 5)."""
    try:
        document = json.loads(read_file(path))
        listed = list(document["keys"])
    except OSError as error:
        raise SettingsError(f"JWKS file {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SettingsError(f"JWKS file {path}: expected a JSON object with a list `keys`") from error
    trusted = [key for described in listed if (key := _usable(described)) is not None]
    if not trusted:
        raise SettingsError(
            f"JWKS file {path}: expected at least one usable public key for {' or '.join(_ASYMMETRIC)}"
        )
    return trusted


def _usable(described: Any) -> jwt.PyJWK | None:
    """A key that can verify our signatures, or None."""
    if not isinstance(described, dict):
        return None
    described = {name: value for name, value in described.items() if value is not None}
    if described.get("use", "sig") != "sig":
        return None
    operations, key_id = described.get("key_ops", ["verify"]), described.get("kid")
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    if key_id is not None and not isinstance(key_id, str):
        return None
    try:
        key = jwt.PyJWK(described)
    # PyJWT raises many types of error for a malformed key, each of which makes it unusable.
    except Exception:
        return None
    return key if key.algorithm_name in _ASYMMETRIC else None
