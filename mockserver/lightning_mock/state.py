"""Everything that one running mock knows.

Law: made once, in one place, and handed to whoever needs it; there are no module-level stores, so two
mocks in one process share nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_spec.loader import OPENAPI_FILE, Spec, SpecError, load_spec, revision_folder
from lightning_spec.recording import RecordingError, read_recording

from lightning_mock.callers.accounts import Accounts, Catalogue, load_catalogue
from lightning_mock.callers.credentials import KeyRing, RandomBytes, random_bytes, seeded_bytes
from lightning_mock.callers.identity import IdentityResolver, NoteKeyUse
from lightning_mock.callers.seed import Credentials, seed_users
from lightning_mock.callers.tokens import TokenAuthority
from lightning_mock.clock import Clock
from lightning_mock.faults.book import FaultBook
from lightning_mock.generation.assets import Assets, AssetStore
from lightning_mock.generation.rendering.renderer import Renderer
from lightning_mock.journal.event_hub import EventHub
from lightning_mock.journal.journal import Journal
from lightning_mock.preferences import PreferenceBook
from lightning_mock.quota.ledger import Ledger
from lightning_mock.quota.store import MemoryStore, Store
from lightning_mock.recordings.replay import Replay
from lightning_mock.scripting.book import ScriptBook
from lightning_mock.service_status import ServiceStatus
from lightning_mock.settings import Complaint, Settings, SettingsError
from lightning_mock.turns import Turns


@dataclass(frozen=True, slots=True)
class Outside:
    """What is kept outside of this process, where several share one mock. `random` gives all of them the same
    bytes for the same purpose; `born` is when the mock first started, in seconds since the epoch;
    `note_key_use` is told which key was used, and when."""

    random: RandomBytes
    born: float
    counts: Store
    assets: Assets
    fault_turns: Turns
    script_turns: Turns
    note_key_use: NoteKeyUse


@dataclass(frozen=True, slots=True)
class State:
    """The parts of one mock."""

    settings: Settings
    spec: Spec
    clock: Clock
    catalogue: Catalogue
    accounts: Accounts
    keys: KeyRing
    tokens: TokenAuthority
    identities: IdentityResolver
    ledger: Ledger
    credentials: Credentials
    assets: Assets
    renderer: Renderer
    faults: FaultBook
    preferences: PreferenceBook
    service_status: ServiceStatus
    scripts: ScriptBook
    replay: Replay | None
    journal: Journal
    event_hub: EventHub
    start: dict[str, Any]
    """A snapshot of the beginning, to which a reset goes back."""


def make_state(settings: Settings, clock: Clock | None = None, outside: Outside | None = None) -> State:
    """Build all parts. Raises SettingsError when a file named by the settings cannot be used."""
    spec = spec_of(settings.revision)
    clock = clock or Clock()
    if settings.seed is not None:
        random = seeded_bytes(settings.seed)
    else:
        random = random_bytes if outside is None else outside.random
    catalogue = load_catalogue(spec, settings.plans)
    accounts = Accounts(catalogue)
    keys = KeyRing(random)
    tokens = TokenAuthority(
        settings.jwt_secret or random("jwt-secret", 32).hex(),
        settings.jwks,
    )
    event_hub = EventHub()
    renderer = Renderer()
    return State(
        settings=settings,
        spec=spec,
        clock=clock,
        catalogue=catalogue,
        accounts=accounts,
        keys=keys,
        tokens=tokens,
        identities=IdentityResolver(
            accounts,
            keys,
            tokens,
            clock,
            spec.client_id_pattern,
            note_key_use=None if outside is None else outside.note_key_use,
        ),
        ledger=Ledger(clock, spec.metrics, MemoryStore() if outside is None else outside.counts),
        credentials=seed_users(
            accounts,
            keys,
            tokens,
            random,
            born=clock.now() if outside is None else outside.born,
            seeded=settings.seed is not None,
        ),
        assets=AssetStore(clock, spec.asset_lifetime_seconds, random) if outside is None else outside.assets,
        renderer=renderer,
        faults=FaultBook(clock, None if outside is None else outside.fault_turns),
        preferences=PreferenceBook(settings),
        service_status=ServiceStatus(spec),
        scripts=ScriptBook(None if outside is None else outside.script_turns),
        replay=None if settings.replay is None else _replay(settings.replay, settings, spec, renderer),
        journal=Journal(clock, event_hub, catalogue.default_key, settings.journal),
        event_hub=event_hub,
        start={},
    )


def spec_of(revision: str | None) -> Spec:
    """The spec of a revision by its name, of the first one without. Raises SettingsError."""
    try:
        folder = revision_folder(revision)
    except SpecError as error:
        raise SettingsError(Complaint(("revision",), error.problem)) from error
    try:
        return load_spec(folder / OPENAPI_FILE.name)
    except SpecError as error:
        raise SettingsError(str(error)) from error


def _replay(path: Path, settings: Settings, spec: Spec, renderer: Renderer) -> Replay:
    try:
        return Replay(read_recording(path), settings, spec.body_limit_bytes, renderer)
    except RecordingError as error:
        raise SettingsError(Complaint(("replay",), str(error))) from error
