"""Callers of the API, with the controls that act on that caller alone.

Law: nothing here touches another caller, so tests that keep to their own callers can run in parallel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any
from uuid import uuid4

from lightning_mock.choices import Broken, MetadataForm, RetryAdvice
from lightning_mock.client.clock_orders import NEXT_DAY, NEXT_WEEK, exactly, forward
from lightning_mock.client.put_back import as_it_is
from lightning_mock.client.transport import Transport, segment
from lightning_mock.client.views import CallerClock, JournalEntry, Key, Metric, moment


class Caller:
    """An identity with its quota and its part of the journal. With `undo`, closing that takes back what was
    done to it."""

    def __init__(self, transport: Transport, identity: str, undo: ExitStack | None = None) -> None:
        self._transport = transport
        self._path = f"/identities/{segment(identity)}"
        self._undo = undo
        self._remembered = False
        self.identity = identity

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.identity}>"

    def usage(self) -> dict[str, Metric]:
        """The metrics by name, as they are now in the mock's ledger."""
        return _usage(self._transport.call("GET", self._path))

    def exhaust(self, metric: str) -> dict[str, Metric]:
        """Use up what is left of a metric. Raises LightningError if the plan does not limit it."""
        self._remember()
        return _usage(self._transport.call("POST", f"{self._path}/exhaust", {"metric": metric}))

    def set_used(self, metric: str, used: int) -> dict[str, Metric]:
        """Set how many units of a metric have been used in the current window."""
        self._remember()
        return _usage(self._transport.call("PUT", f"{self._path}/usage/{segment(metric)}", {"used": used}))

    # Time

    def clock(self) -> CallerClock:
        """This caller's time."""
        return CallerClock.of(self._transport.call("GET", f"{self._path}/clock"))

    def advance(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> CallerClock:
        """Move this caller's clock forward: only its own windows, tokens, keys and
        `generated_at`."""
        return self._move(forward(days=days, hours=hours, minutes=minutes, seconds=seconds))

    def next_day(self) -> CallerClock:
        """Move this caller to the start of the next day, UTC."""
        return self._move(NEXT_DAY)

    def next_week(self) -> CallerClock:
        """Move this caller to the start of the next ISO week: Monday, UTC."""
        return self._move(NEXT_WEEK)

    def set_clock(self, to: datetime | str, *, force: bool = False) -> CallerClock:
        """Move this caller to a moment; into the past only with `force`."""
        return self._move(exactly(to, force))

    def rejoin_clock(self) -> CallerClock:
        """Return this caller to the shared clock."""
        self._remember()
        return CallerClock.of(self._transport.call("DELETE", f"{self._path}/clock"))

    def _move(self, body: Mapping[str, Any]) -> CallerClock:
        self._remember()
        return CallerClock.of(self._transport.call("POST", f"{self._path}/clock", body))

    def _remember(self) -> None:
        """Before a change."""
        if self._undo is None or self._remembered:
            return
        self._remembered = True
        self._undo.callback(self._put_back, as_it_is(self._transport, self._path))

    def _put_back(self, put_back: Callable[[], None]) -> None:
        self._remembered = False
        put_back()

    # Preferences and journal

    def prefer(
        self, *, metadata_form: MetadataForm | None = None, retry_advice: RetryAdvice | None = None
    ) -> None:
        """Change the form of this caller's answers; `Lightning.prefer` lists the choices."""
        order = chosen(metadata_form, retry_advice)
        self._remember()
        self._transport.call("PATCH", f"{self._path}/preferences", order)

    def journal(
        self, *, operation: str | None = None, status: int | None = None, limit: int = 100
    ) -> list[JournalEntry]:
        """This caller's latest exchanges, the newest last."""
        query = {"identity": self.identity, "operation": operation, "status": status, "limit": limit}
        return journal_entries(self._transport.call("GET", "/journal", query=query))

    def wait_for(
        self, *, operation: str | None = None, status: int | None = None, count: int = 1, timeout: float = 5.0
    ) -> list[JournalEntry]:
        """Wait until this caller has made `count` such calls. Raises NothingSeenError after `timeout`
        seconds."""
        query: dict[str, object] = {"identity": self.identity, "operation": operation, "status": status}
        query |= {"count": count, "timeout": timeout}
        return journal_entries(self._transport.call("GET", "/journal/wait", query=query, wait=timeout))


class Guest(Caller):
    """A signed-out caller, known by its X-Client-ID: on the free plan."""

    def __init__(
        self, transport: Transport, client_id: str | None = None, undo: ExitStack | None = None
    ) -> None:
        self.client_id = client_id or f"guest-{uuid4()}"
        super().__init__(transport, f"client:{self.client_id}", undo)

    def headers(self) -> dict[str, str]:
        """The header that makes a request this guest's."""
        return {"X-Client-ID": self.client_id}


class User(Caller):
    """A signed-up user with an access token (`jwt`) and an API key (`api_key`), ready to use. Neither
    expires, wherever the mock's clock is moved; `token(lifetime_seconds=...)` makes one that does."""

    def __init__(self, transport: Transport, document: Mapping[str, Any]) -> None:
        super().__init__(transport, f"user:{document['id']}")
        self.id: str = document["id"]
        self.email: str = document["email"]
        self.jwt: str = document["jwt"]
        self.api_key: str = document["api_key"]["secret"]
        self._key_id: str = document["api_key"]["id"]
        self._user = f"/users/{segment(self.id)}"

    def headers(self, bearer: str | None = None) -> dict[str, str]:
        """The header that makes a request this user's: the API key, or another `bearer` such as `jwt`."""
        return {"Authorization": f"Bearer {bearer or self.api_key}"}

    def set_plan(self, plan: str) -> None:
        """Change the plan, even mid-window; what has been used stays used."""
        self._transport.call("PATCH", self._user, {"plan": plan})

    def token(
        self,
        *,
        broken: Broken | None = None,
        lifetime_seconds: float | None = None,
        claims: Mapping[str, Any] | None = None,
    ) -> str:
        """Mint another access token: one that expires after `lifetime_seconds`, or never without them; with
        further `claims`, or `broken` on purpose."""
        body = {"broken": broken, "lifetime_seconds": lifetime_seconds, "claims": claims}
        given = {name: value for name, value in body.items() if value is not None}
        answer: dict[str, str] = self._transport.call("POST", f"{self._user}/tokens", given)
        return answer["token"]

    def new_key(self, *, label: str | None = None, expires_at: datetime | str | None = None) -> Key:
        """Create another API key, with its secret. Without `expires_at` it does not expire."""
        body: dict[str, str] = {}
        if label is not None:
            body["label"] = label
        if expires_at is not None:
            body["expires_at"] = moment(expires_at)
        return Key.of(self._transport.call("POST", f"{self._user}/keys", body))

    def list_keys(self) -> list[Key]:
        """This user's keys, without their secrets."""
        return [Key.of(key) for key in self._transport.call("GET", self._user)["keys"]]

    def revoke(self, key: Key | str | None = None) -> Key:
        """Revoke a key, given the key or its id; without one, the key in `api_key`."""
        key_id = key.id if isinstance(key, Key) else key or self._key_id
        return Key.of(self._transport.call("DELETE", f"{self._user}/keys/{segment(key_id)}"))

    def reset(self) -> None:
        """Reset this user to an unused quota."""
        self._transport.call("POST", "/reset", {"user": self.id})

    def delete(self) -> None:
        """Remove the user: credentials no longer work. Deleting twice is no error."""
        self._transport.call("DELETE", self._user, absent_ok=True)


def journal_entries(answer: Mapping[str, Any]) -> list[JournalEntry]:
    """The entries of an answer of the journal."""
    return [JournalEntry.of(entry) for entry in answer["entries"]]


def chosen(metadata_form: MetadataForm | None, retry_advice: RetryAdvice | None) -> dict[str, str]:
    """The preferences that were given."""
    order = {"metadata_form": metadata_form, "retry_advice": retry_advice}
    return {name: value for name, value in order.items() if value is not None}


def _usage(identity: Mapping[str, Any]) -> dict[str, Metric]:
    return {name: Metric.of(metric) for name, metric in identity["usage"].items()}
