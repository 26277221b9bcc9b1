"""What all processes of one mock start from: the first one sets it, the others take it over."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson

from lightning_mock.callers.credentials import random_bytes
from lightning_mock.errors import StoreLost
from lightning_mock.real_time import wall_time
from lightning_mock.settings import Settings, SettingsError
from lightning_mock.storage.link import Link


@dataclass(frozen=True, slots=True)
class Birth:
    """When a mock first started, in seconds since the epoch, and the number from which its secrets are
    derived. `row` is the same as JSON."""

    at: float
    secret: int
    row: bytes


async def birth_of(link: Link, settings: Settings) -> Birth:
    """The birth of the mock in this store, made if there is none. Raises SettingsError when the store cannot
    be used, or was begun with other settings."""
    own = {"at": wall_time(), "secret": random_bytes("", 32).hex(), "settings": _fingerprint(settings)}
    key = link.key("birth")
    try:
        await link.ask("SET", key, orjson.dumps(own), "NX")
        row = await link.ask("GET", key)
    except StoreLost:
        why = f"no Redis answers there ({link.trouble})"
        raise SettingsError(f"store {settings.store_shown}: {why}") from None
    found = orjson.loads(row)
    if found["settings"] != own["settings"]:
        raise SettingsError(
            f"store {settings.store_shown}: the mock {settings.store_prefix!r} in it was started with "
            "another revision or seed, other plans, replies, signing keys, preferences or scenarios; give "
            "the same options, or another --store-prefix"
        )
    return Birth(found["at"], int(found["secret"], 16), row)


def _fingerprint(settings: Settings) -> str:
    """What must be the same for every process of a mock, in a form that reveals no secret."""
    files = [_content(file) for file in (settings.plans, settings.jwks, settings.replies)]
    plain = (
        settings.revision,
        settings.seed,
        settings.jwt_secret,
        settings.metadata_form,
        settings.retry_advice,
        settings.scenario,
    )
    return sha256(repr((*plain, files)).encode()).hexdigest()


def _content(file: Path | None) -> bytes:
    try:
        return b"" if file is None else file.read_bytes()
    except OSError:
        # Whoever needs the file says what is wrong with it.
        return b""
