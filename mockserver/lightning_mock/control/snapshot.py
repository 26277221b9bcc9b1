"""A mock's state as one JSON document, and back.

Law: restoring is exact for what the document holds: users, keys (as hashes of their secrets), limits, ledger,
clocks, preferences, faults and scripted replies, whole: a header that they wait for may hold a credential. It
holds no other secret, no journal and no file of the asset CDN; access tokens are not kept anywhere, so those
of another mock are honoured only where its signing secret is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, NamedTuple

import jsonschema_rs
import orjson

from lightning_mock.callers.accounts import Account
from lightning_mock.callers.credentials import ApiKey
from lightning_mock.clock import ClockError, iso
from lightning_mock.faults.fault import Fault
from lightning_mock.faults.kinds import KINDS
from lightning_mock.faults.parse import FaultError, check_total, parse_match
from lightning_mock.http.validation import refusal
from lightning_mock.quota.store import Count
from lightning_mock.scripting.parse import ALL_ROOM, ScriptError, parse_script
from lightning_mock.scripting.script import Room, Script
from lightning_mock.state import State

FORMAT: Final = "lightning-mock-snapshot"
VERSION: Final = 1
_AT_ONCE = 2_000
_NOT_HELD = "asset files, the journal, the secrets of keys and of token signing"


class SnapshotError(ValueError):
    """A document that does not fit this mock. The message says what would."""


async def take(state: State) -> dict[str, Any]:
    """The snapshot."""
    document: dict[str, Any] = orjson.loads(b"".join([piece async for piece in pieces(state)]))
    return document


async def pieces(state: State, *, dated: bool = True) -> AsyncIterator[bytes]:
    """The snapshot as JSON, piece by piece: other tasks run in between, however many callers there are. The
    counts are of one moment. Unless `dated`, the same state gives the same bytes."""
    counts = await state.ledger.store.rows()
    seen = await state.ledger.store.seen()
    few = {
        "format": FORMAT,
        "version": VERSION,
        **({"taken_at": iso(state.clock.now())} if dated else {}),
        "not_held": _NOT_HELD,
        **_small_parts(state),
    }
    yield orjson.dumps(few)[:-1]
    many: tuple[tuple[str, Sequence[Any], Callable[[Any], Any]], ...] = (
        ("users", state.accounts.all(), asdict),
        ("removed_users", list(state.accounts.removed), str),
        ("keys", state.keys.rows(), _key_row),
        ("ledger", counts, _count_row),
    )
    for name, rows, row in many:
        yield b',"%b":' % name.encode()
        async for piece in _json_array(rows, row):
            yield piece
    yield b',"prior_use":{"used":%b,"seen":' % orjson.dumps(_prior_use(state))
    async for piece in _json_array(seen, str):
        yield piece
    yield b"}}"


def control_state(state: State) -> dict[str, Any]:
    """All of the document that is changed by control calls."""
    return {
        **_small_parts(state),
        "users": [asdict(account) for account in state.accounts.all()],
        "removed_users": sorted(state.accounts.removed),
        "keys": [_key_row(kept) for kept in state.keys.rows()],
        "prior_use": {"used": _prior_use(state)},
    }


def _small_parts(state: State) -> dict[str, Any]:
    """The parts whose size does not grow with the number of callers."""
    offset, frozen_at = state.clock.shift()
    return {
        "clock": {"offset": offset, "frozen_at": frozen_at, "ahead": dict(state.clock.ahead)},
        "limits": {plan.key: dict(plan.limits) for plan in state.catalogue.all},
        "keys_issued": state.keys.issued,
        "preferences": state.preferences.document(),
        "service_status": state.service_status.document,
        "faults": [fault_row(fault) for fault in state.faults.live()],
        "faults_made": state.faults.made,
        "replies": [script.document() for script in state.scripts.all()],
        "replies_made": state.scripts.made,
    }


def _prior_use(state: State) -> list[dict[str, Any]]:
    return [
        {"metric": metric, "window": window, "used": used}
        for metric, (window, used) in state.ledger.prior_use.used.items()
    ]


async def _json_array(rows: Sequence[Any], row: Callable[[Any], Any]) -> AsyncIterator[bytes]:
    """A list as JSON, piece by piece."""
    yield b"["
    for start in range(0, len(rows), _AT_ONCE):
        piece = orjson.dumps([row(kept) for kept in rows[start : start + _AT_ONCE]])
        yield piece[1:-1] if start == 0 else b"," + piece[1:-1]
        await asyncio.sleep(0)
    yield b"]"


def _key_row(kept: tuple[bytes, ApiKey]) -> dict[str, Any]:
    return {"hash": kept[0].hex(), **asdict(kept[1])}


def _count_row(count: Count) -> dict[str, Any]:
    identity, metric, window, used = count
    return {"identity": identity, "metric": metric, "window": window, "used": used}


async def restore(document: Mapping[str, Any], state: State) -> list[str]:
    """Make the state what a document says; tells in sentences what was done. Raises SnapshotError, with
    nothing changed. Calls are answered in between: until the last step they see nothing of it."""
    faults, scripts, users, counts = await asyncio.to_thread(_checked, document, state)
    ahead = document["clock"].get("ahead", {})
    await state.ledger.store.replace(counts, document["prior_use"]["seen"], ahead)
    # Nothing is awaited from here on.
    restore_control_state(document, users, state)
    state.faults.restore(faults, document["faults_made"])
    state.scripts.restore(scripts, document.get("replies_made", 0))
    return [
        f"The clock is at {iso(state.clock.now())}.",
        f"There are {len(document['users'])} users with {len(document['keys'])} keys.",
        f"The ledger has {len(document['ledger'])} counts; {len(faults)} faults and {len(scripts)} replies "
        "are armed.",
        f"Not included: {_NOT_HELD}.",
    ]


def restore_control_state(document: Mapping[str, Any], users: Users, state: State) -> None:
    """Restore what `control_state` gave, except for faults and replies; `users` are those of the document."""
    clock = document["clock"]
    state.clock.put(clock["offset"], clock["frozen_at"], clock.get("ahead", {}))
    for key, limits in document["limits"].items():
        for metric, limit in limits.items():
            state.catalogue.set_limit(key, metric, limit)
    state.accounts.replace(users.accounts, document["removed_users"])
    state.keys.replace(users.keys, document["keys_issued"])
    state.ledger.prior_use.start_with(
        {row["metric"]: (row["window"], row["used"]) for row in document["prior_use"]["used"]}
    )
    state.preferences.restore(document.get("preferences"))
    state.service_status.put(document.get("service_status"))
    state.identities.forget_tokens()


class Users(NamedTuple):
    """Users, and their keys with the digests of their secrets."""

    accounts: Sequence[Account]
    keys: Sequence[tuple[bytes, ApiKey]]


def users_of(document: Mapping[str, Any]) -> Users:
    """The users of a document."""
    return Users([Account(**row) for row in document["users"]], [_key(row) for row in document["keys"]])


def restore_user(document: Mapping[str, Any], user_id: str, state: State) -> bool:
    """Make one user's plan, email and keys what they are in a document; False when it has no such user."""
    row = next((row for row in document["users"] if row["id"] == user_id), None)
    if row is None:
        return False
    state.keys.remove(user_id)
    state.accounts.add(Account(**row))
    for key in document["keys"]:
        if key["account_id"] == user_id:
            state.keys.put(*_key(key))
    return True


def _key(row: Mapping[str, Any]) -> tuple[bytes, ApiKey]:
    fields = {name: value for name, value in row.items() if name != "hash"}
    return bytes.fromhex(row["hash"]), ApiKey(**fields)


def fault_row(fault: Fault) -> dict[str, Any]:
    """A fault in a document."""
    row = asdict(fault)
    del row["removed"]
    return {**row, "match": fault.match.document(), "parameters": dict(fault.parameters)}


def _checked(
    document: Mapping[str, Any], state: State
) -> tuple[list[Fault], list[Script], Users, list[Count]]:
    """Everything that could go wrong, before anything is changed, and all that takes long. Gives the faults,
    the replies, the users and the counts."""
    clock = document["clock"]
    try:
        state.clock.check_shift(clock["offset"], clock["frozen_at"], clock.get("ahead", {}))
    except ClockError as error:
        raise SnapshotError(f"clock: {error}") from error
    metrics = set(state.spec.metrics)
    plans = {plan.key for plan in state.catalogue.all}
    _only(document["limits"], plans, "limits", "a plan of this mock")
    for limits in document["limits"].values():
        _only(limits, metrics, "limits", "a metric")
    _only((user["plan_key"] for user in document["users"]), plans, "users", "a plan of this mock")
    users = {user["id"] for user in document["users"]}
    _only((key["account_id"] for key in document["keys"]), users, "keys", "a user of the document")
    _only((row["metric"] for row in document["ledger"]), metrics, "ledger", "a metric")
    _only((row["metric"] for row in document["prior_use"]["used"]), metrics, "prior_use", "a metric")
    try:
        faults = [fault_of(row, state) for row in document["faults"]]
        check_total(faults)
    except FaultError as error:
        raise SnapshotError(f"faults: {error}") from error
    scripts, room = [], ALL_ROOM
    try:
        for row in document.get("replies", ()):
            scripts.append(script_of(row, state, room))
            room = room.beside(scripts[-1:])
    except ScriptError as error:
        raise SnapshotError(f"replies: {error}") from error
    counts = [(row["identity"], row["metric"], row["window"], row["used"]) for row in document["ledger"]]
    return faults, scripts, users_of(document), counts


def script_of(row: Mapping[str, Any], state: State, room: Room = ALL_ROOM) -> Script:
    """The scripted reply of a document; `room` is how large it may be. Raises ScriptError."""
    script = parse_script(row["id"], row, state.spec, room)
    script.met, script.used, script.of_file = row["met"], row["used"], row["of_file"]
    return script


def fault_of(row: Mapping[str, Any], state: State) -> Fault:
    """The fault of a document. Raises FaultError and SnapshotError."""
    return Fault(**{**row, "match": parse_match(row["match"], state.spec), "parameters": _parameters(row)})


def _parameters(row: Mapping[str, Any]) -> dict[str, Any]:
    kind = KINDS[row["kind"]]
    for error in jsonschema_rs.validator_for(kind.schema).iter_errors(row["parameters"]):
        raise SnapshotError(f"faults: {row['id']}: {refusal(error, 'parameters').message}")
    return kind.with_defaults(row["parameters"])


def _only(names: Any, allowed: set[str], place: str, what: str) -> None:
    for name in names:
        if name not in allowed:
            shown = ", ".join(sorted(allowed)[:20])
            raise SnapshotError(f"{place}: expected {what} ({shown}), got something else.")
