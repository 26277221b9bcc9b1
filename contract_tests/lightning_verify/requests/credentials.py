"""The credentials of a run: where they come from, and the bad ones the judge makes itself.

The names here are also the registry of what must never appear in evidence (see `redaction.py`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from lightning_verify.reading.numbers import whole_number
from lightning_verify.reading.tokens import claims_of, expiry_of, has_expired, is_of_a_session

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


TOKENS = (JWT, FREE_JWT, EXPIRED_JWT)
GOOD = (JWT, API_KEY, FREE_JWT)
# The statement that lets a good credential in.
ADMITTED_BY = {JWT: "AUTH-1", FREE_JWT: "AUTH-1", API_KEY: "AUTH-2"}
BAD = (EXPIRED_JWT, EXPIRED_API_KEY, REVOKED_API_KEY)
KEY_PREFIX = "ipa_live_"
# What comes with a value that was copied from a header, a shell or a settings page.
_HEADER = re.compile(r"^(?:authorization\s*:\s*)?bearer\s+", re.IGNORECASE)
_AROUND = " \t\r\n\v\f\u00a0\u200b\ufeff\"'`\u201c\u201d\u2018\u2019"


class CredentialsError(ValueError):
    """Unusable credentials; the message says which and what to do, and shows none of them."""


def cleaned(value: str) -> str:
    """A credential without what was copied along with it: quotes, white space, line breaks, `Bearer`."""
    before = None
    while value != before:
        before = value
        value = _HEADER.sub("", value.strip(_AROUND).removesuffix("\\n"))
    return value


def gather(environment: Mapping[str, str], file: Path | None = None) -> dict[str, str]:
    """The credentials at hand: those of the JSON `file` first, then those of the environment. Raises
    CredentialsError for a file that is not a JSON object of strings under these names, and for credentials
    that are plainly of the wrong kind."""
    found = {name: environment[name] for name in MEANING if environment.get(name)}
    if file is not None:
        found |= _written_in(file)
    found = {name: value for name, text in found.items() if (value := cleaned(text))}
    for slip in _slips(found):
        raise CredentialsError(slip)
    return found


def _written_in(file: Path) -> dict[str, str]:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as problem:
        raise CredentialsError(f"cannot read the credentials file {file}: {problem}") from problem
    if not isinstance(content, dict):
        raise CredentialsError(f"{file} must hold a JSON object with names such as {JWT}")
    for name in content.keys() - MEANING.keys():
        # A note of one's own is harmless; a name that is spelt wrongly leaves a credential out.
        meant = get_close_matches(name.upper().replace("-", "_"), MEANING, 1, 0.8)
        if meant or name.upper().startswith("LIGHTNING") or not content.keys() & MEANING.keys():
            hint = f"; did you mean {meant[0]}?" if meant else f": expected some of {', '.join(MEANING)}"
            raise CredentialsError(f"{file} has the name {name[:60]!r}, which is none of ours{hint}")
    for name in MEANING.keys() & content.keys():
        if not isinstance(content[name], str | None):
            raise CredentialsError(f"{file}: {name} must be a string")
    return {name: content[name] for name in MEANING if content.get(name)}


def _slips(credentials: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with credentials, as far as it shows without asking a host."""
    tokens = {signed for name in TOKENS if (signed := _as_signed(credentials.get(name, "")))}
    for name, value in credentials.items():
        if not value.isascii() or not value.isprintable() or " " in value:
            yield f"{name} holds white space or signs that no credential has; was it copied whole and alone?"
        elif value.startswith(("$", "<", "YOUR_")):
            yield f"{name} holds a placeholder instead of a credential"
        elif name in TOKENS and value.startswith(KEY_PREFIX):
            yield f"{name} holds an API key; it is for an access token"
        elif name not in TOKENS and (is_of_a_session(value) or _as_signed(value) in tokens):
            yield f"{name} holds an access token; it is for an API key"
        elif name in TOKENS:
            yield from _slips_of_a_token(name, value)
    names = list(credentials)
    for position, name in enumerate(names):
        for other in names[position + 1 :]:
            if credentials[name] == credentials[other]:
                each = f"{MEANING[name]} and {MEANING[other]}"
                yield f"{name} and {other} hold the same credential; they are for {each}"
    users = [(claims_of(credentials.get(name, "")) or {}).get("sub") for name in (JWT, FREE_JWT)]
    if users[0] is not None and users[0] == users[1]:
        yield f"{JWT} and {FREE_JWT} belong to the same user; they are for a paid account and a free one"


def _as_signed(token: str) -> str:
    """What a JSON Web Token says, without its signature; empty for any other text."""
    return token.rpartition(".")[0] if claims_of(token) is not None else ""


def doubts(credentials: Mapping[str, str]) -> Iterator[str]:
    """What may be a slip, and may be how credentials of this host are: the document leaves the form of an API
    key open."""
    for name, value in credentials.items():
        if name not in TOKENS and claims_of(value) is not None:
            yield f"{name} has the form of an access token: is it an API key?"


def _slips_of_a_token(name: str, token: str) -> Iterator[str]:
    claims, end = claims_of(token) or {}, expiry_of(token)
    if name == EXPIRED_JWT:
        if end is not None and not has_expired(token):
            yield f"{name} is valid until {end:%Y-%m-%d %H:%M} UTC; it is for a token that has expired"
        return
    if end is not None and has_expired(token):
        yield f"{name} has expired ({end:%Y-%m-%d %H:%M} UTC); give a fresh one"
    if claims.get("role") in ("anon", "service_role"):
        yield f"{name} holds a project key, not a user's access token"


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# So that a token has not expired, and only what is wrong on purpose is wrong.
_FAR_AWAY = 4102444800


def _claims() -> bytes:
    claims = {"sub": secrets.token_hex(16), "aud": "authenticated", "role": "authenticated", "exp": _FAR_AWAY}
    return json.dumps(claims).encode()


_NO_SIGNATURE = _segment(b'{"alg":"none","typ":"JWT"}')


def unsigned_token() -> str:
    """A token that claims to need no signature."""
    return f"{_NO_SIGNATURE}.{_segment(_claims())}."


def unsigned_copy(token: str) -> str:
    """The claims of `token`, in a token that says it needs no signature."""
    return f"{_NO_SIGNATURE}.{token.split('.')[1]}."


def foreign_token() -> str:
    """A well-formed token, signed with a key that the host cannot know."""
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
    """`token` with a later end in it and the original signature, as who has it would like it; None when it
    cannot be read. The user stays: whoever looks that up first would refuse one that does not exist."""
    claims = claims_of(token)
    if claims is None:
        return None
    header, _, signature = token.split(".")
    later = (whole_number(claims.get("exp")) or _FAR_AWAY) + 3600
    return f"{header}.{_segment(json.dumps({**claims, 'exp': later}).encode())}.{signature}"


def unknown_key() -> str:
    """An API key of the right form that was never issued."""
    return KEY_PREFIX + _segment(secrets.token_bytes(24))


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
        if claims_of(credentials.get(name, "")) is not None:
            kinds["tampered token"] = tampered(credentials[name])
            kinds["unsigned copy of a token"] = unsigned_copy(credentials[name])
            if altered := altered_claims(credentials[name]):
                kinds["token with altered claims"] = altered
            break
    if len(credentials.get(API_KEY, "")) > 16:
        key = credentials[API_KEY]
        # The last letter alone, and another byte by it, in base64 and in hexadecimal digits: whoever looks at
        # the beginning of a key only is seen.
        kinds["altered API key"] = key[:-1] + ("E" if key[-1] in "wxyz0123456789-_+/" else "0")
        kinds["API key and more"] = f"{key}0"
        # The letters of a key are random in both cases, so exchanging them makes another key.
        kinds["API key in the other case"] = key[:12] + key[12:].swapcase()
    return kinds
