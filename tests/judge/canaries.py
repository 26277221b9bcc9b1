"""Credentials that must not be found anywhere, and the pieces and spellings in which they could be."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote


def token(subject: str, expires: int = 4_102_444_800) -> str:
    """A signed token, as far as anybody without its key can tell."""
    parts = [{"alg": "HS256", "typ": "JWT", "kid": f"{subject}-key"}, {"sub": subject, "exp": expires}]
    segments = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    signature = base64.urlsafe_b64encode(f"signature of {subject}, long enough".encode()).decode()
    return ".".join([*segments, signature.rstrip("=")])


CANARIES = {
    "LIGHTNING_JWT": token("paid-canary"),
    # Not of the form that our patterns know, so that only the registry can find it.
    "LIGHTNING_API_KEY": "sk-Xq7canaryPaid0eRtYuIoPaSdFgHjKlZxCv",
    "LIGHTNING_FREE_JWT": token("free-canary"),
    "LIGHTNING_EXPIRED_JWT": token("stale-canary", 1_600_000_000),
    "LIGHTNING_EXPIRED_API_KEY": "sk-Vw3canaryStale9qWeRtYuIoPaSdFgHjKlZ",
    "LIGHTNING_REVOKED_API_KEY": "sk-Bn5canaryGone1mNbVcXzLkJhGfDsApOiUy",
}


def needles(secrets: Iterable[str]) -> dict[str, str]:
    """What to search for, and what it is: each secret whole, in parts and halves, in Base64 and addresses."""
    found: dict[str, str] = {}
    for secret in secrets:
        spellings = {"whole": secret, "quoted": quote(secret, safe="")}
        spellings |= {"hexadecimal": secret.encode().hex(), "backwards": secret[::-1]}
        spellings |= {f"part {n}": part for n, part in enumerate(secret.split(".")) if len(part) >= 16}
        half = len(secret) // 2
        if half >= 16:
            spellings |= {"first half": secret[:half], "last half": secret[half:]}
        for shift in range(3):
            inner = base64.b64encode(bytes(shift) + secret.encode()).decode()[4:-4]
            spellings |= {
                f"Base64 {shift}": inner,
                f"URL Base64 {shift}": inner.translate({43: "-", 47: "_"}),
            }
        found |= {
            spelling: f"{name} of {secret}" for name, spelling in spellings.items() if len(spelling) >= 12
        }
    return found


def texts(directory: Path) -> Iterator[tuple[str, str]]:
    """(name, content) of every file under `directory`, with names as a text of their own."""
    for file in sorted(directory.rglob("*")):
        yield f"the name of {file}", file.name
        if file.is_file():
            yield str(file), file.read_bytes().decode("utf-8", "replace")


def leaks(secrets: Iterable[str], places: Iterable[tuple[str, str]]) -> list[str]:
    """Where a secret is shown: `place: what of which secret`."""
    wanted = needles(secrets)
    return [f"{place}: {wanted[n]}" for place, text in places for n in wanted if n in text]
