"""The credentials of a run: where they come from, and the bad ones the judge makes itself.

The names here are also the registry of what must never appear in evidence (see `redaction.py`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

JWT = "LIGHTNING_JWT"
API_KEY = "LIGHTNING_API_KEY"
FREE_JWT = "LIGHTNING_FREE_JWT"
EXPIRED_JWT = "LIGHTNING_EXPIRED_JWT"
EXPIRED_API_KEY = "LIGHTNING_EXPIRED_API_KEY"
REVOKED_API_KEY = "LIGHTNING_REVOKED_API_KEY"

MEANING: dict[str, str] = {
    JWT: "an access token of a paid account",
    API_KEY: "an API key of the same paid account",
    FREE_JWT: "an access token of a signed-up user on the free plan",
    EXPIRED_JWT: "an access token that has expired",
    EXPIRED_API_KEY: "an API key that has expired",
    REVOKED_API_KEY: "an API key that was revoked",
}


class CredentialsError(ValueError):
    """A credentials file that cannot be used; the message says what to do."""


def gather(environment: Mapping[str, str], file: Path | None = None) -> dict[str, str]:
    """The credentials at hand: those of the JSON `file` first, then those of the environment.

    Raises CredentialsError when the file is not a JSON object of strings.
    """
    found = {name: environment[name].strip() for name in MEANING if environment.get(name, "").strip()}
    if file is None:
        return found
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise CredentialsError(f"cannot read the credentials file {file}: {problem}") from problem
    if not isinstance(content, dict):
        raise CredentialsError(f"{file} must hold a JSON object with names such as {JWT}")
    for name in MEANING:
        if isinstance(content.get(name), str) and content[name].strip():
            found[name] = content[name].strip()
    return found


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _claims() -> bytes:
    # An expiry far away, so that only what is wrong on purpose is wrong.
    return json.dumps(
        {"sub": secrets.token_hex(16), "aud": "authenticated", "role": "authenticated", "exp": 4102444800}
    ).encode()


_NO_SIGNATURE = _segment(b'{"alg":"none","typ":"JWT"}')


def unsigned_token() -> str:
    """A token that claims to need no signature."""
    return f"{_NO_SIGNATURE}.{_segment(_claims())}."


def unsigned_copy(token: str) -> str:
    """What the token `token` says of its user, with the claim that it needs no signature."""
    return f"{_NO_SIGNATURE}.{token.split('.')[1]}."


def foreign_token() -> str:
    """A well-formed token, signed with a key the host cannot know."""
    header = _segment(b'{"alg":"HS256","typ":"JWT"}')
    signed = f"{header}.{_segment(_claims())}"
    signature = hmac.new(secrets.token_bytes(32), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_segment(signature)}"


def tampered(token: str) -> str:
    """The token `token` with one character of its signature exchanged in the middle."""
    head, _, signature = token.rpartition(".")
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    return f"{head}.{signature[:middle]}{other}{signature[middle + 1 :]}"


def altered_claims(token: str) -> str | None:
    """The token `token` with another user in it and the signature it had; None when it cannot be read."""
    header, payload, signature = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return None
    if not isinstance(claims, dict):
        return None
    return f"{header}.{_segment(json.dumps({**claims, 'sub': secrets.token_hex(16)}).encode())}.{signature}"


def unknown_key() -> str:
    """An API key of the right form that nobody was given."""
    return "ipa_live_" + _segment(secrets.token_bytes(24))


def invalid_bearers(credentials: Mapping[str, str]) -> dict[str, str]:
    """Bearers that no host may accept, by kind."""
    kinds = {
        "garbled": "not-a-token-" + secrets.token_hex(8),
        "malformed token": "abc.def." + secrets.token_hex(8),
        "unknown API key": unknown_key(),
        "unsigned token": unsigned_token(),
        "foreign signature": foreign_token(),
    }
    for name in (JWT, FREE_JWT):
        if credentials.get(name, "").count(".") == 2:
            kinds["tampered token"] = tampered(credentials[name])
            kinds["unsigned copy of a token"] = unsigned_copy(credentials[name])
            if altered := altered_claims(credentials[name]):
                kinds["token with altered claims"] = altered
            break
    if len(credentials.get(API_KEY, "")) > 16:
        key = credentials[API_KEY]
        kinds["altered API key"] = key[:-4] + ("aaaa" if key[-4:] != "aaaa" else "bbbb")
        # The letters of a key are random in both cases, so exchanging them makes another key.
        kinds["API key in the other case"] = key[:12] + key[12:].swapcase()
    return kinds


def lifetime_over(token: str, now: float) -> bool:
    """Whether an access token's own claim says that it has expired; False when it cannot be read."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return bool(claims["exp"] <= now)
    except (IndexError, KeyError, ValueError, TypeError):
        return False
