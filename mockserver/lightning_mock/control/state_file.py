"""The state of a mock in a file, so that it outlives the process.

Law: the file is always complete: it is written under another name and then renamed, so that a process killed
at any moment leaves the state before or the state after. A file that is not a mock's state, does not fit this
mock, or is in use by another one is refused at the start and never replaced. What is chosen at a start holds
whatever the file says, or is refused.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, astuple, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import orjson

from lightning_mock.callers.seed import Credentials, PlanCredentials
from lightning_mock.clock import iso
from lightning_mock.control import snapshot
from lightning_mock.control.contract import control_contract
from lightning_mock.control.request import ControlError
from lightning_mock.control.snapshot import SnapshotError
from lightning_mock.preferences import preferences_chosen
from lightning_mock.private_file import (
    PrivateFileError,
    is_file_of_ours,
    lock_file,
    remove_parts,
    write_private,
)
from lightning_mock.real_time import stopwatch, wall_time
from lightning_mock.settings import Settings, SettingsError
from lightning_mock.state import State, make_state

logger = logging.getLogger(__name__)

FORMAT: Final = "lightning-mock-state"
VERSION: Final = 1
_INTERVAL = 10.0
_SHARE = 20
"""Writing takes at most a twentieth of the time."""
_NOT_WHOLE = "its credentials are incomplete"
_FIELDS = {"format", "version", "jwt_secret", "credentials", "start", "state"}


async def state_from_file(path: Path, settings: Settings) -> State:
    """The state that a file holds, or a new one where there is no file yet. Raises SettingsError."""
    document = _read(path)
    if document is None:
        return make_state(settings)
    secret = document["jwt_secret"]
    if settings.jwt_secret not in (None, secret):
        raise SettingsError(f"state file {path}: it was saved with another jwt_secret; give the same or none")
    state = make_state(replace(settings, jwt_secret=secret))
    credentials = _credentials(document["credentials"])
    if state.credentials.named.keys() - credentials.named.keys():
        raise _unusable(path, _NOT_WHOLE)
    if settings.seed is not None and not _have_same_key(credentials, state.credentials):
        raise SettingsError(
            f"state file {path}: it was saved with another seed, or none; give the same or none"
        )
    limits = {plan.key: dict(plan.limits) for plan in state.catalogue.all}
    state = replace(state, settings=settings, credentials=credentials)
    # Replies of a --replies file are read from that file again.
    replies = [row for row in document["state"].get("replies", ()) if not row["of_file"]]
    try:
        await snapshot.restore({**document["state"], "replies": replies}, state)
    except SnapshotError as error:
        raise _unusable(path, str(error)) from error
    state.start.update(document["start"])
    _prefer(preferences_chosen(settings), state)
    if settings.plans is not None or settings.revision is not None:
        _limit(limits, state)
    return state


def _have_same_key(one: Credentials, other: Credentials) -> bool:
    """Whether they were made from the same seed, even if for partly other plans."""
    keys = [{(name, kept.api_key) for name, kept in each.by_plan.items()} for each in (one, other)]
    return not keys[0].isdisjoint(keys[1])


def _prefer(chosen: Mapping[str, Any], state: State) -> None:
    """Prefer what is chosen at this start, now and after a reset."""
    state.preferences.change(chosen)
    if kept := state.start.get("preferences"):
        kept["everybody"].update(chosen)


def _limit(limits: Mapping[str, Mapping[str, int | None]], state: State) -> None:
    """Have the limits of this start's plans where they are not those of the first start's, now and after a
    reset; others may have been changed since."""
    for key, row in limits.items():
        before = state.start["limits"].setdefault(key, {})
        for metric, limit in row.items():
            if metric not in before or before[metric] != limit:
                state.catalogue.set_limit(key, metric, limit)
                before[metric] = limit


@asynccontextmanager
async def kept_in_file(path: Path, state: State) -> AsyncIterator[None]:
    """Write the state to a file now, every few seconds, and when the block ends. Raises SettingsError when
    the first write fails, and StateLostError when the last one does."""
    keeper = _Keeper(path, state)
    try:
        await keeper.write()
        await asyncio.to_thread(remove_parts, path)
    except PrivateFileError as error:
        raise SettingsError(f"state file {path}: {error}") from error
    writing = asyncio.create_task(keeper.write_periodically())
    try:
        yield
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        try:
            await keeper.write_last()
        finally:
            keeper.release()


class StateLostError(Exception):
    """The state could not be written at the end. The message says what is lost, in one line."""


class _Keeper:
    def __init__(self, path: Path, state: State) -> None:
        self._path = path
        self._state = state
        self._written = b""
        self._written_at = 0.0
        self._locked: int | None = None

    async def write_periodically(self) -> None:
        pause = _INTERVAL
        while True:
            await asyncio.sleep(pause)
            began = stopwatch()
            await self.try_to_write()
            pause = max(_INTERVAL, _SHARE * (stopwatch() - began))

    async def try_to_write(self) -> None:
        """Write the file; a failure is logged, and the mock goes on."""
        try:
            await self.write()
        except PrivateFileError as error:
            logger.error("state file %s: %s", self._path, error)

    async def write_last(self) -> None:
        """Write the file if anything has changed, or if it has gone. Raises StateLostError."""
        if not self._is_there():
            self._written = b""
        try:
            await self.write()
        except PrivateFileError as error:
            changes = f"what changed since {iso(self._written_at)}"
            lost = changes if self._is_there() else "the whole state"
            raise StateLostError(
                f"state file {self._path}: {error}; {lost} could not be saved: users, keys, counters, "
                "clocks, faults and replies"
            ) from error

    def _is_there(self) -> bool:
        return os.path.exists(self._path)

    async def write(self) -> None:
        """Write the file if anything has changed. Raises PrivateFileError."""
        state, began = self._state, wall_time()
        around = {
            "format": FORMAT,
            "version": VERSION,
            "jwt_secret": state.tokens.secret,
            "credentials": asdict(state.credentials),
            "start": state.start,
        }
        pieces = [orjson.dumps(around)[:-1], b',"state":']
        pieces += [piece async for piece in snapshot.pieces(state, dated=False)]
        pieces.append(b"}\n")
        digest = await asyncio.to_thread(_digest, pieces)
        if digest != self._written:
            await asyncio.to_thread(write_private, self._path, pieces, self._lock)
            self._written = digest
        self._written_at = began

    def _lock(self, descriptor: int) -> None:
        """Lock the new file before it takes the name, and release the one that it replaces."""
        if sys.platform == "win32":
            # An open file cannot be replaced there.
            return
        locked = os.dup(descriptor)
        lock_file(locked)
        self.release()
        self._locked = locked

    def release(self) -> None:
        """Release the file for others."""
        if self._locked is not None:
            os.close(self._locked)
            self._locked = None


def _digest(pieces: list[bytes]) -> bytes:
    digest = blake2b(digest_size=16)
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


def _read(path: Path) -> Mapping[str, Any] | None:
    free, content = True, b""
    try:
        if is_ours := is_file_of_ours(path.stat()):
            with path.open("rb") as file:
                free, content = lock_file(file.fileno()), file.read()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a usable name"
        raise SettingsError(f"state file {path}: {reason}") from error
    if not is_ours:
        raise SettingsError(f"state file {path}: expected a new path, or a regular file that you own")
    if not free:
        raise SettingsError(
            f"state file {path}: another mock keeps its state there; stop it, or give another name"
        )
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _unusable(path, "not a complete state file")
    if document.get("version") != VERSION:
        raise _unusable(path, f"expected version {VERSION}, got {document.get('version')!r:.40}")
    _check(path, document)
    return document


def _check(path: Path, document: Mapping[str, Any]) -> None:
    contract = control_contract()
    route, _ = contract.find("POST", "/__mock__/restore")
    try:
        if set(document) != _FIELDS or not isinstance(document["jwt_secret"], str):
            raise ControlError(400, f"expected the fields {', '.join(sorted(_FIELDS))}.")
        _credentials(document["credentials"])
        for name in ("start", "state"):
            contract.read_body(route, document[name])
    except (ControlError, KeyError, TypeError, ValueError, AttributeError) as error:
        said = error.detail if isinstance(error, ControlError) else _NOT_WHOLE
        raise _unusable(path, said) from error


def _unusable(path: Path, said: str) -> SettingsError:
    return SettingsError(
        f"state file {path}: {said.rstrip('.')}; give another name, or remove it to start fresh"
    )


def _credentials(document: Mapping[str, Any]) -> Credentials:
    by_plan = {key: PlanCredentials(**kept) for key, kept in document["by_plan"].items()}
    named = dict(document["named"])
    texts = [*named.values(), *(text for kept in by_plan.values() for text in astuple(kept))]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a credential is text")
    return Credentials(by_plan, named)
