"""Everything that one running mock knows.

Law: made once, in one place, and handed to whoever needs it; there are no module-level stores, so two
mocks in one process share nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lightning_spec.loader import Spec, SpecError, load_revision

from lightning_mock.callers.accounts import Accounts, Catalogue, load_catalogue
from lightning_mock.callers.credentials import KeyRing, random_bytes, seeded_bytes
from lightning_mock.callers.identity import IdentityResolver
from lightning_mock.callers.seed import Credentials, seed_users
from lightning_mock.callers.tokens import TokenAuthority
from lightning_mock.clock import Clock
from lightning_mock.faults.book import FaultBook
from lightning_mock.generation.assets import AssetStore
from lightning_mock.generation.rendering.renderer import Renderer
from lightning_mock.journal.event_hub import EventHub
from lightning_mock.journal.journal import Journal
from lightning_mock.preferences import PreferenceBook
from lightning_mock.quota.ledger import Ledger
from lightning_mock.quota.store import MemoryStore
from lightning_mock.scripting.book import ScriptBook
from lightning_mock.service_status import ServiceStatus
from lightning_mock.settings import Settings, SettingsError


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
    assets: AssetStore
    renderer: Renderer
    faults: FaultBook
    preferences: PreferenceBook
    service_status: ServiceStatus
    scripts: ScriptBook
    journal: Journal
    event_hub: EventHub
    start: dict[str, Any]
    """A snapshot of the beginning, to which a reset goes back."""


def make_state(settings: Settings, clock: Clock | None = None) -> State:
    """Build all parts. Raises SettingsError when a file named by the settings cannot be used."""
    spec = _spec(settings.revision)
    clock = clock or Clock()
    random = random_bytes if settings.seed is None else seeded_bytes(settings.seed)
    catalogue = load_catalogue(spec, settings.plans)
    accounts = Accounts(catalogue)
    keys = KeyRing(random)
    tokens = TokenAuthority(
        settings.jwt_secret or random("jwt-secret", 32).hex(),
        settings.jwks,
    )
    event_hub = EventHub()
    return State(
        settings=settings,
        spec=spec,
        clock=clock,
        catalogue=catalogue,
        accounts=accounts,
        keys=keys,
        tokens=tokens,
        identities=IdentityResolver(accounts, keys, tokens, clock, spec.client_id_pattern),
        ledger=Ledger(clock, spec.metrics, MemoryStore()),
        credentials=seed_users(accounts, keys, tokens, clock, random, seeded=settings.seed is not None),
        assets=AssetStore(clock, spec.asset_lifetime_seconds, random),
        renderer=Renderer(),
        faults=FaultBook(clock),
        preferences=PreferenceBook(settings),
        service_status=ServiceStatus(spec),
        scripts=ScriptBook(),
        journal=Journal(clock, event_hub, catalogue.default_key, settings.journal),
        event_hub=event_hub,
        start={},
    )


def _spec(revision: str | None) -> Spec:
    try:
        return load_revision(revision)[0]
    except SpecError as error:
        raise SettingsError(str(error)) from error
