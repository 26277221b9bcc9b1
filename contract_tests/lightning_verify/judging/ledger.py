"""The judge's own accounts: what each caller was seen to be served, reconciled with every usage document.

No matter which test reads /usage, its counters must lie between what was certainly consumed since the first
look and the most that can have been consumed. Counters may lag, windows end, calls fail half-way, and others
spend from a shared account: each of these widens the bounds, and none is held against the host.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from lightning_verify.facts import METRICS, PRICE_OF, REQUIREMENTS
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.snapshot import (
    Snapshot,
    Unreadable,
    is_older,
    is_the_same,
    may_be_the_same,
    named,
    parse_usage,
    rolled_over,
    window_named,
)
from lightning_verify.judging.verdicts import Finding, Rate
from lightning_verify.laws.witnesses import shows_something
from lightning_verify.requests.callers import OURS, Caller
from lightning_verify.transport.exchange import Exchange

# What a finding of the books gives in place of a test's name.
NAME = "the judge's own books"
LOOKS = "looks at the counters"
# That what is refused costs nothing, and that analyses and downloads cost nothing.
_REFUSED = "RATE-2"
_UNPRICED = "ASM-5"
# That a client id beside a bearer does not pay.
_PAYER = "ID-5"
_CLIENT, _ADDRESS = "client id", "address"
_CLIENT_HEADER = "x-client-id"
# Seconds that the clocks of a host's servers may be apart.
_CLOCKS_DIFFER = 30.0


def identities(headers: Mapping[str, str]) -> list[str]:
    """Whom a request can be charged to: the identity it names first, then the others. A bearer that a host
    may ignore is no identity, so that it is unclear which of those named pays."""
    lowered = {name.lower(): value.strip() for name, value in headers.items()}
    scheme, _, token = lowered.get("authorization", "").partition(" ")
    bearer = f"bearer {token}" if scheme.lower() == "bearer" and token not in {"", "public"} else ""
    first = bearer or ("?" if "authorization" in lowered else "")
    names = [lowered.get(_CLIENT_HEADER, ""), lowered.get("user-agent", "")]
    return [name for name in (first, *names) if name]


def kind_of_caller(headers: Mapping[str, str]) -> str:
    """The kind of caller: one credential, client ids, or addresses; empty when it cannot be told."""
    named = identities(headers)
    if not named or named[0] == "?":
        return ""
    if named[0].startswith("bearer "):
        return named[0]
    return "client" if _CLIENT_HEADER in map(str.lower, headers) else "address"


# A requirement that may be broken, and the operation by which; none where it is not about a call.
_Suspect = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that was served (`sure`), or whose price nobody can know; `beside` a client id, a host that is
    wrong about who pays may have charged that."""

    metric: str
    operation: str
    sent: float
    ended: float
    sure: bool
    beside: bool

    @property
    def price(self) -> _Suspect:
        return PRICE_OF[self.operation], self.operation

    @property
    def suspects(self) -> set[_Suspect]:
        return {self.price, *([(_PAYER, None)] if self.beside else [])}


@dataclass(slots=True)
class _Account:
    """What is known of one identity. A `private` one is ours alone; one by `address` is known by nothing but
    its address and user agent. `base` is the first look; with `from_nothing` none is needed, since the
    counters begin at zero. `latest` holds the last call on each metric."""

    private: bool
    address: bool
    headers: Mapping[str, str]
    label: str
    from_nothing: bool
    calls: list[_Call] = field(default_factory=list)
    latest: dict[str, Exchange] = field(default_factory=dict)
    # The last call of each kind that should cost nothing, by the requirement that says so.
    free: dict[str, Exchange] = field(default_factory=dict)
    base: Snapshot | None = None
    last: Snapshot | None = None
    # The last look before a window ended.
    past: Snapshot | None = None
    closed: bool = False

    @property
    def kind(self) -> str:
        """What tells this caller from others."""
        return _ADDRESS if self.address else _CLIENT if self.private else "credential"

    def used_before(self, metric: str) -> int:
        return self.base.used[metric] if self.base else 0

    def due(self, metric: str, look: Exchange, lag: float) -> list[_Call]:
        """The calls that the counter of a metric must have counted by a look at it."""
        return [
            call
            for call in self.calls
            if call.sure and call.metric == metric and call.ended + lag < look.sent
        ]

    def bounds(self, metric: str, look: Exchange, lag: float) -> tuple[int, int]:
        """The least and the most that `metric` can have moved between the first look and this one."""
        begun = self.base.exchange.sent if self.base else float("-inf")
        known = begun + self.base.exchange.seconds if self.base else begun
        calls = [call for call in self.calls if call.metric == metric]
        least = sum(call.sent > known for call in self.due(metric, look, lag))
        most = sum(call.sent < look.sent + look.seconds and call.ended > begun - lag for call in calls)
        return least, most


@dataclass(frozen=True, slots=True)
class _Breach:
    """Counters that do not add up: the possible causes, the problem in words, the evidence, whether something
    was not charged, and whose counters they are, with the look that showed it."""

    suspects: frozenset[_Suspect]
    problem: str
    shown: tuple[Exchange, ...]
    missing: bool
    account: _Account
    metric: str
    look: Snapshot

    @property
    def blamed(self) -> set[str]:
        """The requirements that may be broken."""
        return {requirement for requirement, _ in self.suspects}


class Ledger:
    """The accounts of a run. `settle` is how many seconds counters may lag; `from_nothing` says that the
    counters of our own callers begin at zero."""

    def __init__(self, recorder: Recorder, settle: float, *, from_nothing: bool = True) -> None:
        self._recorder = recorder
        self._settle = settle
        self._accounts: dict[str, _Account] = {}
        self._from_nothing = from_nothing
        self._day: date | None = None
        self._window: Snapshot | None = None
        # The last look of all before a window ended, and when this was noticed.
        self._ended: tuple[Snapshot, float] | None = None
        self._seen: Counter[str] = Counter()
        # What callers of a kind were seen to pay rightly.
        self._paid: set[tuple[str, _Suspect]] = set()
        self._breaches: list[_Breach] = []
        # The looks between which a counter fell, by when they left.
        self._falls: list[tuple[float, float]] = []

    # --- looking ------------------------------------------------------------------------------------------

    def observe(self, exchange: Exchange) -> None:
        """Record a call, or check a usage document against the accounts."""
        if exchange.changes_target:
            self._begin_anew()
            self._window = None
            for account in self._accounts.values():
                account.past = None
        operation = exchange.operation
        if operation is None or not (operation.metric or operation.id in _WATCHED):
            return
        named = identities(exchange.request_headers)
        if operation.metric:
            self._enter(named, exchange)
        elif operation.id in _UNPRICED_CALLS:
            for name in filter(is_ours, named):
                self._account(name, exchange).free[_UNPRICED] = exchange
        elif exchange.served and shows_something(exchange) and named and named[0] != "?":
            self._look(self._account(named[0], exchange), exchange, _under_way(named[0], exchange))

    def _account(self, name: str, exchange: Exchange) -> _Account:
        if name not in self._accounts:
            ours = OURS.fullmatch(name)
            private, address = ours is not None, ours is not None and ours["client"] is None
            headers = {k: v for k, v in exchange.request_headers.items() if k.lower() in _IDENTITY}
            nothing = private and self._from_nothing
            self._accounts[name] = _Account(private, address, headers, exchange.caller, nothing)
        return self._accounts[name]

    def _enter(self, named: list[str], exchange: Exchange) -> None:
        operation = exchange.operation
        assert operation is not None
        assert operation.metric is not None
        whole = exchange.served and exchange.problem is None and not exchange.truncated
        sure = whole and shows_something(exchange)
        ended = exchange.sent + exchange.seconds
        bearer = any(name.startswith("bearer ") for name in named[:1])
        beside = bearer and _CLIENT_HEADER in map(str.lower, exchange.request_headers)
        # Whoever else is named may have paid, on a host that is wrong about who does.
        for name in [*named[:1], *filter(is_ours, named[1:])]:
            if name == "?":
                continue
            account = self._account(name, exchange)
            # What a gateway says in the host's place, the host may have charged for.
            if 400 <= (exchange.status or 0) < 500 and shows_something(exchange):
                account.free[_REFUSED] = exchange
                continue
            first = name == named[0]
            account.latest[operation.metric] = exchange
            account.calls.append(
                _Call(operation.metric, operation.id, exchange.sent, ended, sure and first, beside)
            )

    def _begin_anew(self) -> None:
        """A window ended, or the control plane changed the counters: the next look at each account is its
        first."""
        self._from_nothing, self._ended = False, None
        for account in self._accounts.values():
            account.past = account.last or account.past
            account.base = account.last = None
            account.from_nothing = False

    def _look(self, account: _Account, exchange: Exchange, under_way: Counter[str]) -> None:
        try:
            now = parse_usage(exchange)
        except Unreadable:
            return
        day = exchange.clock.date()
        # Callers of our own are all on one plan, so that their windows end together.
        before = self._window if account.private else account.last
        if before is not None and rolled_over(before, now):
            self._begin_anew()
            self._ended = (before, exchange.sent) if account.private else None
        elif self._day not in {None, day}:
            self._begin_anew()
        self._day = day
        if account.private:
            self._window = now
        if account.base is None and not account.from_nothing:
            self._renewed(account, now, under_way)
            account.base = account.last = now
            return
        if account.last is not None and (is_the_same(account.last, now) or is_older(account.last, now)):
            self._look_at_its_time(account, account.last, now)
            return  # It shows nothing of what was charged since.
        for metric in METRICS:
            if not account.closed:
                self._reconcile(account, metric, now, under_way[metric])
        # A copy is as old as the first look that got it.
        if account.last is None or not may_be_the_same(account.last, now):
            account.last = now

    def _look_at_its_time(self, account: _Account, last: Snapshot, now: Snapshot) -> None:
        """Hold against the host that a snapshot names a time long before the last one's, and yet shows a call
        that was sent only after that."""
        if account.closed or not is_older(last, now, by=_CLOCKS_DIFFER):
            return
        for call in account.calls:
            before, after = last.used[call.metric], now.used[call.metric]
            if call.sure and call.sent > last.exchange.sent and after > before:
                problem = (
                    f"is {after} in a snapshot of {now.generated_at}, and was {before} in one of "
                    f"{last.generated_at}"
                )
                self._breach(account, call.metric, now, problem, {("USE-6", None)})
                return

    def _renewed(self, account: _Account, now: Snapshot, under_way: Counter[str]) -> None:
        """Hold the first look at a caller of our own after a window ended against what came before. Where the
        host names another day or week, what was used before is gone; where it does not, it is still there."""
        if self._ended is None or not account.private or account.closed:
            return
        before, noticed = self._ended
        if now.exchange.sent <= noticed + self._settle:
            return  # The counters may lag behind the name of their window.
        since = before.exchange.sent - self._settle
        for metric in METRICS:
            old, new = window_named(before, metric), window_named(now, metric)
            calls = [call for call in account.calls if call.metric == metric]
            most = sum(call.ended > since for call in calls) + under_way[metric]
            # The name of a window is that of its units; a period may be that of a calendar.
            same = account.past and named(account.past.window[metric]) == named(now.window[metric]) == new
            past = account.past if same else None
            kept = past.used[metric] if past else 0
            if calls and "" < old < new and now.used[metric] > most:
                problem = f"is {now.used[metric]} in the window {new}, where at most {most} was used"
            elif new and now.used[metric] < kept <= (now.limit[metric] or kept):
                problem = f"fell from {kept} to {now.used[metric]} within the window {new}"
            else:
                continue
            self._breach(account, metric, now, problem, {("RATE-7", None)})
            return

    # --- reconciling --------------------------------------------------------------------------------------

    def _reconcile(self, account: _Account, metric: str, now: Snapshot, under_way: int) -> None:
        moved = now.used[metric] - account.used_before(metric)
        least, most = account.bounds(metric, now.exchange, self._settle)
        most += under_way
        limit = now.limit[metric]
        if account.private and moved > most:
            problem = f"moved by {moved}, but at most {most} was due"
            self._breach(account, metric, now, problem, self._suspects(account, metric))
        elif moved < least and not (limit is not None and now.used[metric] >= limit):
            forgot = account.last is not None and account.last.used[metric] > now.used[metric]
            calls = [call.suspects for call in account.calls if call.metric == metric]
            suspects: set[_Suspect] = {("RATE-7", None)} if forgot else set().union(*calls)
            if account.last is not None and forgot:
                self._falls.append((account.last.exchange.sent, now.exchange.sent))
            problem = f"moved by {moved}, but at least {least} was due"
            if suspects:  # Without any, nothing was called that could have been charged.
                self._breach(account, metric, now, problem, suspects, missing=not forgot)
        elif moved == most > 0:
            paid = {call.price for call in account.calls if call.metric == metric}
            self._seen.update({requirement for requirement, _ in paid})
            self._paid |= {(account.kind, suspect) for suspect in paid}

    def _suspects(self, account: _Account, metric: str) -> set[_Suspect]:
        """The possible causes of an unexplained movement: the calls since the last look, other calls that
        were served, those that should cost nothing, or reading itself."""
        since = account.last.exchange.sent - self._settle if account.last else float("-inf")
        calls = [call for call in account.calls if call.ended > since]
        of_metric = [call for call in calls if call.metric == metric]
        found = set[_Suspect]().union(*(call.suspects for call in of_metric or calls))
        found.update((requirement, None) for requirement, call in account.free.items() if call.sent > since)
        return found or {("RATE-3" if account.last or account.calls else "RATE-1", None)}

    def _breach(
        self,
        account: _Account,
        metric: str,
        now: Snapshot,
        problem: str,
        suspects: set[_Suspect],
        *,
        missing: bool = False,
    ) -> None:
        account.closed = True  # One fault is told once.
        others = [*account.latest.values(), *account.free.values()]
        call = account.latest.get(metric) or next(iter(others), None)
        shown = (call, now.exchange) if call else (now.exchange,)
        words = f"{shown[0].title}: {metric} of {account.label} {problem}"
        self._breaches.append(_Breach(frozenset(suspects), words, shown, missing, account, metric, now))

    def _is_paid(self, requirement: str, kind: str) -> bool:
        """Whether callers of a kind were seen to pay as a requirement says."""
        return any(of == kind and paid[0] == requirement for of, paid in self._paid)

    def _was_lost(self, breach: _Breach) -> bool:
        """Whether what seems not to have been charged was lost with what others had used: everything since a
        counter of somebody fell was charged."""
        if not breach.missing:
            return False
        look = breach.look.exchange
        sent = [call.sent for call in breach.account.due(breach.metric, look, self._settle)]
        used = breach.look.used[breach.metric]
        return any(
            any(each < fallen for each in sent)
            and look.sent > begun
            and used >= sum(each > fallen for each in sent)
            for begun, fallen in self._falls
        )

    # --- closing ------------------------------------------------------------------------------------------

    def owing(self) -> list[tuple[Caller, float]]:
        """Callers whose counters, as last read, show less than was served, each with the time after which
        they cannot lag any longer."""
        found = []
        for account in self._accounts.values():
            seen = account.last
            if account.closed or seen is None:
                continue
            behind = [
                metric
                for metric in METRICS
                if seen.used[metric] - account.used_before(metric)
                < account.bounds(metric, seen.exchange, 0.0)[0]
            ]
            # A counter beyond its limit may fall without any call of ours, and then nobody owes anything.
            if ended := [call.ended for call in account.calls if call.metric in behind]:
                found.append((Caller(account.label, account.headers), max(ended) + self._settle))
        return found

    def findings(self, broken_elsewhere: Collection[str] = ()) -> list[Finding]:
        """What the accounts show about the price of each operation. If callers are not told apart, a
        requirement among those `broken_elsewhere` says so, and their counters show nothing. If several
        requirements may be to blame, it is one of those."""
        breaches = [
            each
            for each in self._breaches
            if _explained_by(each) not in broken_elsewhere and not self._was_lost(each)
        ]
        known = {name for each in breaches if len(each.blamed) == 1 for name in each.blamed}
        known.update(broken_elsewhere)
        unpaid = {
            name for each in breaches if each.missing and not each.account.address for name in each.blamed
        }
        broken: dict[str, list[tuple[str, tuple[Exchange, ...]]]] = {}
        for each in breaches:
            # Where several may be to blame, it is the one that is known to be wrong; else one that no caller
            # of this kind was seen to pay rightly, then the refusal. What is free for addresses only is wrong
            # about them; what others do not always pay either, or addresses pay by another road, is wrong
            # about the price.
            calls = {suspect for suspect in each.suspects if suspect[1] is not None}
            unseen = {call[0] for call in calls if (each.account.kind, call) not in self._paid}
            requirement = min(each.blamed & known or unseen or each.blamed & {_REFUSED} or each.blamed)
            only_here = each.missing and each.account.address and requirement not in unpaid
            if only_here and self._is_paid(requirement, _CLIENT) and not self._is_paid(requirement, _ADDRESS):
                requirement = "ID-3"
            broken.setdefault(requirement, []).append((each.problem, each.shown))
        findings = []
        for requirement, found in broken.items():
            kept = self._seen[requirement]
            reason = self._recorder.redactor.text(found[0][0])
            evidence = tuple(self._recorder.record(exchange) for exchange in found[0][1])
            rate = Rate(len(found), len(found) + kept, LOOKS)
            findings.append(Finding(requirement, "fail", NAME, reason, kept, evidence, rate))
        for requirement, kept in self._seen.items():
            if requirement not in broken:
                findings.append(Finding(requirement, "pass", NAME, "", kept, rate=Rate(0, kept, LOOKS)))
        return findings


def _under_way(name: str, look: Exchange) -> Counter[str]:
    """By metric, the requests without an answer yet that an identity may have been charged for at a look."""
    return Counter(metric for metric, headers in look.under_way if name in identities(headers))


def _explained_by(breach: _Breach) -> str | None:
    """The requirement that says whose counters a caller is shown: a throwaway caller its own, and a key those
    of its account, which do not show less than another's. None where neither explains the breach."""
    if breach.account.private:
        return "ID-3" if breach.account.address else "ID-2"
    return "AUTH-3" if breach.missing else None


def is_ours(name: str) -> bool:
    """Whether nobody else can have this identity: a client id or a user agent made for one caller."""
    return OURS.fullmatch(name) is not None


_IDENTITY = {"authorization", _CLIENT_HEADER, "user-agent"}
_UNPRICED_CALLS = frozenset(REQUIREMENTS.requirements[_UNPRICED].operations)
_WATCHED = {"getUsage", *_UNPRICED_CALLS}
