"""The choices made at the start, frozen from then on.

Law: one field for each choice, with its default. The command line and the environment fill it in
`command.py`; `running()` takes the same names as keywords.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from lightning_mock.addresses import shown_address
from lightning_mock.choices import MetadataForm, RetryAdvice

MAX_EXCHANGES = 1_000_000
MAX_WORKERS = 256
MAX_BODY = 32 * 1024 * 1024
DEFAULT_EXCERPT = 512
_PREFIX = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BASE_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?", re.ASCII)
Loop = Literal["asyncio", "uvloop"]

_OWN = (
    "plans",
    "seed",
    "metadata_form",
    "retry_advice",
    "jwt_secret",
    "jwks",
    "replies",
    "scenario",
    "state",
)
NO_EFFECT_WITH: Mapping[str, tuple[str, ...]] = {
    "replay": _OWN,
    "record": (*_OWN, "first_token_delay", "token_rate"),
}
"""What a mock does not look at that has its answers from a recording, or from a host that it records."""


class Complaint(NamedTuple):
    """One thing that is wrong: the settings that it is about, and why they cannot be used."""

    settings: tuple[str, ...]
    why: str

    def told(self, called: Callable[[str], str] = str) -> str:
        """A line that has the settings by what they are `called` where they were given."""
        return f"{', '.join(map(called, self.settings))}: {self.why}" if self.settings else self.why


class SettingsError(ValueError):
    """Settings, or a file named by one, cannot be used. The message is meant for the terminal, with a line
    for each thing that is wrong."""

    def __init__(self, *complaints: str | Complaint) -> None:
        self.complaints = tuple(Complaint((), each) if isinstance(each, str) else each for each in complaints)
        super().__init__("\n".join(each.told() for each in self.complaints))


@dataclass(frozen=True, slots=True)
class Settings:
    """One mock's choices."""

    host: str = "127.0.0.1"
    port: int = 8787
    """0 takes a free port."""
    revision: str | None = None
    """The name of the revision of the API to serve; None serves the first."""
    plans: Path | None = None
    """A YAML or JSON file that replaces the plan catalogue."""
    seed: int | None = None
    """Makes the printed credentials the same at every start."""
    first_token_delay: float = 0.0
    """Seconds between a stream's metadata event and what follows it."""
    token_rate: float = 0.0
    """Stream events a second; 0 sends as fast as the client reads."""
    metadata_form: MetadataForm | None = None
    """Whether a stream's first event has only `router_metadata`, or a choice with the role and no words as
    well; None leaves it at what the state file has, or at the former."""
    retry_advice: RetryAdvice | None = None
    """What a 429 says about retrying: nothing, a `Retry-After` in seconds or as a date, or
    `X-Should-Retry`; None leaves it at what the state file has, or at nothing."""
    jwt_secret: str | None = field(default=None, repr=False)
    """The HS256 secret of access tokens, at least 32 bytes; None derives it from the seed, or makes one at
    random."""
    jwks: Path | None = None
    """A JWKS file whose ES256 and RS256 keys are trusted as well."""

    control_token: str | None = field(default=None, repr=False)
    """The token that callers of the control plane must send, at least 8 ASCII characters; without one it is
    served on loopback addresses only."""
    state: Path | None = None
    """A file that the state is read from at the start, and kept in while the mock runs and at the end."""
    replies: Path | None = None
    """A YAML or JSON file with a list of scripted replies, or a recording."""
    record: str | None = None
    """The base URL of a host that every call is passed on to and recorded from."""
    recording: Path = Path("lightning-recording.yaml")
    """The new file that is recorded to."""
    replay: Path | None = None
    """A recording that every call is answered from; what is not in it is refused."""
    replay_pace: float = 1.0
    """The factor on all recorded delays: 1 replays at the recorded pace, 0 without any delay."""
    replay_max_age: float = 30.0
    """The age in days above which a recording is reported as old."""
    scenario: tuple[str, ...] = ()
    """The scenarios to start in, one after another."""
    store: str | None = field(default=None, repr=False)
    """The URL of the Redis in which several processes share one mock; without one it is in this process."""
    store_prefix: str = "lightning"
    """What keeps apart the mocks in one Redis: the beginning of every key."""
    workers: int = 1
    """How many processes serve, which share one mock in a store."""
    loop: Loop = "asyncio"
    """The event loop: asyncio's own, or uvloop, which is an extra."""
    journal: int = 500
    """How many exchanges are remembered; 0 remembers none. The default fits in a processor's cache: larger
    journals make every call a little slower."""
    journal_bodies: int = DEFAULT_EXCERPT
    """How many bytes of each response body the journal keeps."""

    def __post_init__(self) -> None:
        if complaints := list(self._complaints()):
            raise SettingsError(*complaints)

    @property
    def store_shown(self) -> str:
        """The address of the store without its credentials."""
        return shown_address(self.store or "")

    def _complaints(self) -> Iterator[Complaint]:
        """Everything that is wrong."""
        if not 0 <= self.port <= 65535:
            yield Complaint(("port",), f"expected 0 to 65535, got {self.port}")
        if not 0 <= self.journal <= MAX_EXCHANGES:
            yield Complaint(("journal",), f"expected 0 to {MAX_EXCHANGES}, got {self.journal}")
        if not 0 <= self.journal_bodies <= MAX_BODY:
            yield Complaint(("journal_bodies",), f"expected 0 to {MAX_BODY}, got {self.journal_bodies}")
        if self.store is not None and not self.store.startswith(("redis://", "rediss://", "unix://")):
            yield Complaint(("store",), "expected an address such as redis://127.0.0.1:6379/0")
        if self.store is not None and self.state is not None:
            yield Complaint(("state",), "a store keeps the state already; expected only one of the two")
        if not _PREFIX.fullmatch(self.store_prefix):
            yield Complaint(
                ("store_prefix",), "expected 1 to 64 letters, digits, dots, hyphens or underscores"
            )
        yield from self._complaints_of_workers()
        token = self.control_token
        if token is not None and not (len(token) >= 8 and token.isascii() and token.isprintable()):
            yield Complaint(("control_token",), "expected at least 8 ASCII characters")
        if self.record is not None and not _BASE_URL.fullmatch(self.record):
            yield Complaint(
                ("record",),
                "expected an address like https://host.example, without user and query, got "
                f"{shown_address(self.record)!r}",
            )
        if self.record is not None and self.replay is not None:
            yield Complaint(("record", "replay"), "expected one of them")
        yield from self._complaints_of_no_effect()
        for name in ("first_token_delay", "token_rate", "replay_pace", "replay_max_age"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                yield Complaint((name,), f"expected a number, 0 or more, got {value}")
        for name, kind in (("metadata_form", MetadataForm), ("retry_advice", RetryAdvice), ("loop", Loop)):
            value, allowed = getattr(self, name), get_args(kind)
            if value not in allowed and (value is not None or kind is Loop):
                yield Complaint((name,), f"expected one of {', '.join(allowed)}, got {value!r}")
        if self.jwt_secret is not None and len(self.jwt_secret.encode()) < 32:
            yield Complaint(("jwt_secret",), "expected at least 32 bytes, which HS256 requires")

    def _complaints_of_no_effect(self) -> Iterator[Complaint]:
        chosen = {each.name for each in fields(self) if getattr(self, each.name) != each.default}
        for mode, names in NO_EFFECT_WITH.items():
            if mode in chosen:
                yield from (
                    Complaint((name,), f"has no effect with {mode}") for name in names if name in chosen
                )

    def _complaints_of_workers(self) -> Iterator[Complaint]:
        """What several workers cannot do: keep state without a store, record, and replay."""
        if not 1 <= self.workers <= MAX_WORKERS:
            yield Complaint(("workers",), f"expected 1 to {MAX_WORKERS}, got {self.workers}")
        if self.workers <= 1:
            return
        if self.store is None:
            yield Complaint(
                ("workers",),
                "without a store each process would keep users, counters and clock of its own; add "
                "--store redis://127.0.0.1:6379/0, or leave it at 1",
            )
        if self.record is not None:
            yield Complaint(
                ("workers", "record"), "a recording is written by one process; leave workers at 1"
            )
        if self.replay is not None:
            yield Complaint(
                ("workers", "replay"),
                "which answer of a recording comes next is known to one process only; leave workers at 1",
            )
