"""Access tokens: how they are signed and checked.

Law: nothing unsigned is ever accepted, and no token appears in a message.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from lightning_mock.callers.claims import Claims, InvalidTokenError, read_claims, token_payload

_DOTS = 2
"""In the JWS compact serialization (RFC 7515, 7.1). Anything else is refused without loading PyJWT."""


class Verifier(Protocol):
    """Checks a token against the trusted keys."""

    def payload(self, token: str) -> Mapping[str, Any]: ...


class TokenAuthority:
    """Mints HS256 tokens and verifies HS256, and ES256 or RS256 when there is a JWKS file.

    Raises SettingsError when the file has no usable key.
    """

    def __init__(self, secret: str, jwks: Path | None = None) -> None:
        self.secret = secret
        self._jwks = jwks
        if jwks is not None:
            _ = self._verifier

    def mint(self, subject: str, email: str, issued_at: float, expires_at: float, **claims: Any) -> str:
        """An access token shaped like Supabase's."""
        return self.sign({**token_payload(subject, email, issued_at, expires_at), **claims})

    def sign(self, payload: Mapping[str, Any]) -> str:
        """A token with these claims and no others, signed as ours."""
        return _jws(payload, "HS256", lambda content: hmac.digest(self.secret.encode(), content, "sha256"))

    def verify(self, token: str, now_of: Callable[[str], float]) -> Claims:
        """The claims of a token whose signature, audience and times are right; `now_of` gives its subject's
        time. Raises InvalidTokenError."""
        if token.count(".") != _DOTS:
            raise InvalidTokenError("it is not a well-formed signed token")
        return read_claims(self._verifier.payload(token), now_of)

    @cached_property
    def _verifier(self) -> Verifier:
        # It imports PyJWT and cryptography: time and memory that a mock without tokens saves.
        from lightning_mock.callers.token_verifier import TokenVerifier

        return TokenVerifier(self.secret, self._jwks)


def unsigned(payload: Mapping[str, Any]) -> str:
    """A token that declares itself unsigned. No server may accept it."""
    return _jws(payload, "none", lambda content: b"")


def _jws(payload: Mapping[str, Any], algorithm: str, sign: Callable[[bytes], bytes]) -> str:
    """The JWS compact serialization (RFC 7515, 7.1)."""
    parts = ({"alg": algorithm, "typ": "JWT"}, payload)
    content = b".".join(_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return b".".join((content, _base64url(sign(content)))).decode()


def _base64url(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")
