"""Opens the state of a mock in a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from lightning_mock.callers.credentials import seeded_bytes
from lightning_mock.clock import Clock
from lightning_mock.errors import StoreLost
from lightning_mock.settings import Settings, SettingsError
from lightning_mock.state import Outside, State, make_state, spec_of
from lightning_mock.storage.asset_files import SharedAssets
from lightning_mock.storage.birth import birth_of
from lightning_mock.storage.counts import SharedCounts
from lightning_mock.storage.link import Link
from lightning_mock.storage.sharing import Sharing
from lightning_mock.storage.turns import SharedTurns


@asynccontextmanager
async def shared_state(
    url: str,
    settings: Settings,
    prepare: Callable[[State], None],
    begin: Callable[[State], Awaitable[None]],
) -> AsyncIterator[tuple[State, Sharing]]:
    """The state of the mock at a URL. Every process calls `prepare`, the first one also `begin`. Raises
    SettingsError."""
    link = Link(url, settings.store_prefix)
    try:
        birth = await birth_of(link, settings)
        clock = Clock()

        def note_key_use(key_id: str, moment: float) -> None:
            link.tell("HSET", link.key("key-uses"), f"{key_id} at", moment)

        outside = Outside(
            random=seeded_bytes(birth.secret),
            born=birth.at,
            counts=SharedCounts(link, clock),
            assets=SharedAssets(link, clock, spec_of(settings.revision).asset_lifetime_seconds),
            fault_turns=SharedTurns(link, "fault-turns"),
            script_turns=SharedTurns(link, "script-turns"),
            note_key_use=note_key_use,
        )
        state = make_state(settings, clock, outside)
        prepare(state)
        sharing = Sharing(link, url, state, birth.row)
        try:
            await sharing.begin(begin)
        except StoreLost as error:
            raise SettingsError(f"store {settings.store_shown}: {error.message}") from None
    except BaseException:
        await link.close()
        raise
    try:
        yield state, sharing
    finally:
        await sharing.close()
