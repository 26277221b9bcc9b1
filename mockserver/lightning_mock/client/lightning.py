"""The whole mock from outside: callers, time, failures, journal, state.

Law: leaving a `with` block takes back what was done through this client: its users are deleted, its faults
and replies removed, plans get their limits back, preferences and `/status` are what they were and the clock
goes back to where it was. A guest's clock, preferences and counters are what they were before the first
change. `reset` and `restore` are not taken back.
"""

from __future__ import annotations

import base64
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, Unpack

from lightning_mock.addresses import shown_address
from lightning_mock.choices import MetadataForm, RetryAdvice
from lightning_mock.client.callers import Guest, User, chosen, journal_entries
from lightning_mock.client.clock_orders import NEXT_DAY, NEXT_WEEK, exactly, forward
from lightning_mock.client.transport import Transport, segment
from lightning_mock.client.views import Clock, Fault, JournalEntry, NearMiss, Replay, ScriptedReply
from lightning_mock.real_time import stopwatch


class SharedClockWarning(UserWarning):
    """The clock of a mock that others use at the same time was moved for everybody."""


class JournalFilter(TypedDict, total=False):
    """Which exchanges are meant; what is left out, or None, is any. `fault` is one that fired, or the kind
    of one; `since` is the id of the last exchange known."""

    operation: str | None
    identity: str | None
    user: User | str | None
    status: int | None
    fault: Fault | str | None
    since: int | None


class Lightning:
    """A client for the control API of the mock at `base_url`, which may run anywhere.

    `token` is the mock's control token, if it was started with one. `shared` says that others use the mock at
    the same time: moving its clock, which would surprise them, then gives a SharedClockWarning. Every method
    raises LightningError with the mock's own message when the mock refuses.
    """

    def __init__(self, base_url: str, token: str | None = None, *, shared: bool = False) -> None:
        self._transport = Transport(base_url, token)
        self._undo = ExitStack()
        self._clock_remembered = False
        self._shared = shared
        self._own_users: set[str] = set()

    def fresh(self) -> Self:
        """Another client of the same mock, which undoes only what is done through it."""
        client = type(self)(self._transport.base_url, self._transport.token, shared=self._shared)
        client._own_users = self._own_users
        return client

    @property
    def base_url(self) -> str:
        """The address of the API, without a trailing slash. The OpenAI SDKs want `base_url + "/gen"`."""
        return self._transport.base_url

    def __repr__(self) -> str:
        return f"<Lightning {shown_address(self.base_url)}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()
        self._clock_remembered = False

    # Callers

    def user(self, plan: str = "light", *, email: str | None = None, id: str | None = None) -> User:
        """Sign up a user on a plan, with an access token and an API key."""
        body = {"plan": plan, "email": email, "id": id}
        given = {name: value for name, value in body.items() if value is not None}
        user = User(self._transport, self._transport.call("POST", "/users", given))
        self._own_users.add(user.id)
        self._undo.callback(user.delete)
        return user

    def guest(self, client_id: str | None = None) -> Guest:
        """A signed-out caller; a new one unless its client id is given."""
        return Guest(self._transport, client_id, self._undo)

    # Time

    def clock(self) -> Clock:
        """The mock's time."""
        return Clock.of(self._transport.call("GET", "/clock"))

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> Clock:
        """Move the shared clock forward. Quota windows, tokens, keys and assets all follow it. If others use
        the mock at the same time, a user's own `advance` moves only that user's time."""
        return self._move(forward(days=days, hours=hours, minutes=minutes, seconds=seconds))

    def next_day(self) -> Clock:
        """Move everybody to the start of the next day, UTC."""
        return self._move(NEXT_DAY)

    def next_week(self) -> Clock:
        """Move everybody to the start of the next ISO week: Monday, UTC."""
        return self._move(NEXT_WEEK)

    def set_clock(self, to: datetime | str, *, force: bool = False) -> Clock:
        """Move everybody to a moment; into the past only with `force`."""
        return self._move(exactly(to, force))

    def freeze(self) -> Clock:
        """Stop the clock."""
        return self._move({"frozen": True})

    def resume(self) -> Clock:
        """Let the clock run again from where it stopped."""
        return self._move({"frozen": False})

    def _move(self, body: Mapping[str, Any]) -> Clock:
        self._remember_clock()
        answer = self._transport.call("POST", "/clock", body)
        self._warn_of_others(answer.get("moved_users", ()), stacklevel=4)
        return Clock.of(answer)

    def _warn_of_others(self, moved: Iterable[str], stacklevel: int = 3) -> None:
        others = set(moved) - self._own_users
        if others or self._shared:
            who = f" for {len(others)} other users too" if others else ""
            warnings.warn(
                f"The clock of a shared mock was moved{who}. Move one user's time with user.advance(...), or "
                "use a mock of your own.",
                SharedClockWarning,
                # The line to look at is that of the test.
                stacklevel=stacklevel,
            )

    def _remember_clock(self) -> None:
        if self._clock_remembered:
            return
        self._clock_remembered = True
        then, clock = stopwatch(), self.clock()

        def put_back() -> None:
            passed = 0.0 if clock.frozen else stopwatch() - then
            was = datetime.fromtimestamp(clock.epoch + passed, UTC)
            self._transport.call("POST", "/clock", {**exactly(was, force=True), "frozen": clock.frozen})

        self._undo.callback(put_back)

    # Failures

    def fail_next(
        self,
        operation: str | None = None,
        *,
        status: int = 500,
        times: int | None = 1,
        user: User | str | None = None,
        when: Literal["before_charge", "after_charge"] = "before_charge",
        message: str | None = None,
    ) -> Fault:
        """Make the next calls fail with a status. `operation` is an operation id or like `POST /gen/image`;
        None means any. `user` limits it to that user's calls; `times=None` makes all of them fail. The call
        costs nothing either way: a failure `after_charge` refunds the unit."""
        body: dict[str, Any] = {"status": status, "when": when}
        if message is not None:
            body["message"] = message
        return self.fault("status", operation, times=times, user=user, **body)

    def fault(
        self,
        kind: str,
        operation: str | None = None,
        *,
        times: int | None = None,
        user: User | str | None = None,
        header: Mapping[str, str] | None = None,
        probability: float = 1.0,
        seed: int | None = None,
        **parameters: Any,
    ) -> Fault:
        """Add a fault of a `kind` of the control API, such as latency, status or truncate, with the
        `parameters` of that kind (`seconds=2`). The control page lists the kinds, as does control.json.

        It affects calls that match all given of `operation`, `user` and `header` (such as a guest's
        `headers()`): `times` of them or, without a number, all; with a `probability` below one only some,
        the same ones for the same `seed`.
        """
        match: dict[str, Any] = {
            "operation": operation,
            "user": _id(user),
            "header": dict(header) if header else None,
        }
        body: dict[str, Any] = {
            "kind": kind,
            "match": {name: value for name, value in match.items() if value is not None},
            "times": times,
            "probability": probability,
            **parameters,
        }
        if seed is not None:
            body["seed"] = seed
        fault = Fault.of(self._transport.call("POST", "/faults", body))
        self._undo.callback(self.remove, fault)
        return fault

    def faults(self) -> list[Fault]:
        """The current faults; `fired` says how often each one fired."""
        return [Fault.of(fault) for fault in self._transport.call("GET", "/faults")["faults"]]

    def remove(self, fault: Fault) -> None:
        """Remove one fault. Doing so twice is no error."""
        self._transport.call("DELETE", f"/faults/{segment(str(fault.id))}", absent_ok=True)

    def clear_faults(self) -> None:
        """Remove all faults, other clients' too."""
        self._transport.call("DELETE", "/faults")

    def scenario(self, name: str, *, user: User | str | None = None) -> list[str]:
        """Start a scenario, such as `limit-reached`, `upstream-down` or `new-week`, for everybody
        or one user. Returns sentences that say what was done."""
        if user is None:
            self._remember_clock()
        body = {"user": _id(user)} if user is not None else {}
        answer = self._transport.call("POST", f"/scenarios/{segment(name)}", body)
        self._undo.callback(self.end_scenarios)
        if "moved_users" in answer:
            self._warn_of_others(answer["moved_users"])
        return list(answer["did"])

    def end_scenarios(self) -> None:
        """End all scenarios: their faults are removed."""
        self._transport.call("DELETE", "/scenarios")

    # Preferences

    def prefer(
        self, *, metadata_form: MetadataForm | None = None, retry_advice: RetryAdvice | None = None
    ) -> None:
        """Change the form of answers for everybody: a stream's first event `bare` or with `choices`; a 429
        with `none`, a `Retry-After` in `seconds` or as a `date`, or `x-should-retry-true` or `-false`. A
        caller's own `prefer` does it for that caller."""
        order = chosen(metadata_form, retry_advice)
        before = self._transport.call("GET", "/preferences")
        self._transport.call("PATCH", "/preferences", order)
        self._undo.callback(
            self._transport.call, "PATCH", "/preferences", {name: before[name] for name in order}
        )

    # Scripted replies

    def reply(
        self,
        *answers: str | Mapping[str, Any],
        route: str | None = None,
        prompt: str | None = None,
        pattern: str | None = None,
        user: User | str | None = None,
        identity: str | None = None,
        header: Mapping[str, str] | None = None,
        nth: int | None = None,
        times: int | None = None,
        checked: bool = True,
        **answer: Any,
    ) -> ScriptedReply:
        """Script the reply to chat completions, or to calls of another `route` such as `GET /v1/me` or
        `/gen/*`, whether the API has it or not.

        An answer is a text, or fields: `text`, `tool_calls` (`[{"name": ..., "arguments": {...}}]`), `json`,
        `content` (bytes) with `content_type`, `events`, `status`, `headers`, `delay` and `rate`; one answer's
        fields can be given as keywords. Several answers are given in turn; the last one repeats.

        It answers calls that match everything given: a text that the `prompt` contains, or a regular
        expression for it (`pattern`), the caller, a `header`; with `nth` only that one of them. Without
        `times` it always answers. The oldest matching reply that is not used up wins. Identity, validation
        and quota still apply, unless `checked=False`."""
        given = [{"text": one} if isinstance(one, str) else one for one in answers]
        match = {
            "route": route,
            "prompt": prompt,
            "pattern": pattern,
            "user": _id(user),
            "identity": identity,
            "header": dict(header) if header else None,
            "nth": nth,
        }
        order = {
            "match": {name: value for name, value in match.items() if value is not None},
            "replies": [_answer(one) for one in ([*given, answer] if answer else given)],
            "times": times,
            "checked": checked,
        }
        reply = ScriptedReply.of(self._transport.call("POST", "/replies", order))
        self._undo.callback(self.forget_reply, reply)
        return reply

    def replies(self) -> list[ScriptedReply]:
        """The scripted replies with how often each has answered."""
        return [ScriptedReply.of(reply) for reply in self._transport.call("GET", "/replies")["replies"]]

    def near_misses(self) -> list[NearMiss]:
        """The latest calls that matched no scripted reply while there was one, and why not."""
        return [NearMiss.of(miss) for miss in self._transport.call("GET", "/replies")["misses"]]

    def forget_reply(self, reply: ScriptedReply) -> None:
        """Remove one scripted reply. Doing so twice is no error."""
        self._transport.call("DELETE", f"/replies/{segment(reply.id)}", absent_ok=True)

    # Status

    def set_status(
        self,
        state: str | None = None,
        *,
        services: Mapping[str, str | tuple[str, str] | None] | None = None,
        **said: Any,
    ) -> dict[str, Any]:
        """Change what `/status` says: `set_status("degraded", services={"video": ("down", "Back at
        noon.")}, notifications="...", latest="3.0.0")`. A service is its state, or that and a message; None
        removes it.
        The services still answer; `fault("status", "headStatusVideo", status=503)` makes one fail."""
        changes = {**said} if state is None else {"state": state, **said}
        if services is not None:
            stated = {name: (what, "") if isinstance(what, str) else what for name, what in services.items()}
            changes["services"] = {
                name: None if what is None else {"state": what[0], "message": what[1]}
                for name, what in stated.items()
            }
        before = self._transport.call("GET", "/status")
        answer: dict[str, Any] = self._transport.call("PATCH", "/status", changes)
        gone = dict.fromkeys(answer["services"].keys() - before["services"].keys())
        put_back = {**before, "services": {**before["services"], **gone}}
        self._undo.callback(self._transport.call, "PATCH", "/status", put_back)
        return answer

    # Plans

    def set_limits(self, plan: str, **limits: int | None) -> None:
        """Change a plan's limits for everybody on it: `set_limits("light", imagesDaily=3)`; None means
        unlimited."""
        before: Mapping[str, int | None] = next(
            (entry["limits"] for entry in self.plans() if entry["key"] == plan), {}
        )
        path = f"/plans/{segment(plan)}/limits"
        self._transport.call("PUT", path, limits)
        self._undo.callback(self._transport.call, "PUT", path, {name: before[name] for name in limits})

    def plans(self) -> list[dict[str, Any]]:
        """The plan catalogue: key, name, price and limits of each."""
        return list(self._transport.call("GET", "/plans")["plans"])

    # Journal

    def journal(self, *, limit: int = 100, **wanted: Unpack[JournalFilter]) -> list[JournalEntry]:
        """The latest matching exchanges, the newest last."""
        query = _query(wanted) | {"limit": limit}
        return journal_entries(self._transport.call("GET", "/journal", query=query))

    def count(self, **wanted: Unpack[JournalFilter]) -> int:
        """How many exchanges match."""
        query = _query(wanted)
        return int(self._transport.call("GET", "/journal/count", query=query)["count"])

    def wait_for(
        self, *, count: int = 1, timeout: float = 5.0, **wanted: Unpack[JournalFilter]
    ) -> list[JournalEntry]:
        """Wait until `count` exchanges match. Raises NothingSeenError after `timeout` seconds."""
        query = _query(wanted) | {
            "count": count,
            "timeout": timeout,
        }
        return journal_entries(self._transport.call("GET", "/journal/wait", query=query, wait=timeout))

    def entry(self, entry: JournalEntry | int) -> JournalEntry:
        """An exchange with everything kept of it: path and bodies are complete if `request["whole"]` and
        `response["whole"]` say so. `request["missing_headers"]` names what the answer depended on and the
        journal does not keep."""
        return JournalEntry.of(self._transport.call("GET", f"/journal/{_number(entry)}"))

    def curl(self, entry: JournalEntry | int) -> str:
        """An exchange as a curl command; credentials are variables such as `$LIGHTNING_API_KEY`."""
        command: str = self._transport.call("GET", f"/journal/{_number(entry)}/curl")["command"]
        return command

    def send_again(self, entry: JournalEntry | int) -> JournalEntry:
        """Repeat a call as the same caller, charged like any other, and return its entry."""
        return JournalEntry.of(self._transport.call("POST", f"/journal/{_number(entry)}/send", wait=60.0))

    def har(self, **wanted: Unpack[JournalFilter]) -> dict[str, Any]:
        """The matching exchanges as an HTTP archive (HAR 1.2), to be saved as JSON in a file `*.har`."""
        query = _query(wanted)
        return dict(self._transport.call("GET", "/journal/har", query=query))

    def recording(self, **wanted: Unpack[JournalFilter]) -> dict[str, Any]:
        """The matching exchanges as a recording: saved as JSON in a file, `lightning-mock --replay FILE`
        answers from it. It has only those that the journal kept in full; the setting `journal_bodies` says
        how much that is."""
        query = _query(wanted)
        return dict(self._transport.call("GET", "/journal/recording", query=query)["recording"])

    def replay(self) -> Replay:
        """The recording that the mock answers from. Raises LightningError when it answers from none."""
        return Replay.of(self._transport.call("GET", "/replay"))

    def clear_journal(self) -> None:
        """Clear the journal, other clients' exchanges too."""
        self._transport.call("DELETE", "/journal")

    # State

    def state(self) -> dict[str, Any]:
        """Everything the page shows: clock, plans, users, faults, scenarios and the first 1000 identities."""
        return dict(self._transport.call("GET", "/state"))

    def identities(self) -> Iterator[dict[str, Any]]:
        """Every caller with its counters, fetched page by page."""
        cursor: int | None = 0
        while cursor is not None:
            page = self._transport.call("GET", "/identities", query={"cursor": cursor})
            yield from page["identities"]
            cursor = page["next_cursor"]

    def reset(self) -> None:
        """Reset the mock to its initial state."""
        self._transport.call("POST", "/reset", {})

    def snapshot(self) -> dict[str, Any]:
        """The mock's state as a JSON document, to keep or to attach to a bug report."""
        return dict(self._transport.call("GET", "/snapshot"))

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self._transport.call("POST", "/restore", snapshot)


def _number(entry: JournalEntry | int) -> int:
    return entry.id if isinstance(entry, JournalEntry) else entry


def _id(user: User | str | None) -> str | None:
    return user.id if isinstance(user, User) else user


def _answer(fields: Mapping[str, Any]) -> dict[str, Any]:
    """An answer as the control API takes it: `content` is base64 there."""
    answer = dict(fields)
    if "content" in answer:
        answer["bytes"] = base64.b64encode(answer.pop("content")).decode()
    return answer


def _query(wanted: JournalFilter) -> dict[str, object]:
    fault = wanted.get("fault")
    return {
        **wanted,
        "user": _id(wanted.get("user")),
        "fault": fault.id if isinstance(fault, Fault) else fault,
    }
