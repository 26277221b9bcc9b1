"""How a test asks the host: as whom, for whose units, and what is asked once for all tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from hypothesis.strategies import SearchStrategy
from lightning_spec.loader import Spec

from lightning_verify.facts import METRIC_OF
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.learned import Learned
from lightning_verify.judging.outcomes import NotRun
from lightning_verify.judging.payers import SHARE, Payers
from lightning_verify.judging.probes import Probes
from lightning_verify.judging.troubles import Troubles
from lightning_verify.reading.tokens import has_expired
from lightning_verify.requests import callers
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.credentials import API_KEY, FREE_JWT, GOOD, JWT
from lightning_verify.requests.invalid import sample
from lightning_verify.requests.valid import Call
from lightning_verify.target import Spend, Target
from lightning_verify.transport.client import Client
from lightning_verify.transport.exchange import Exchange

T = TypeVar("T")

# Tests may run side by side, and make one thing once all the same.
_NAMING = threading.Lock()


@dataclass(slots=True, kw_only=True)
class Asking:
    """The host, the callers that may ask it, and what the run has learned."""

    target: Target
    spec: Spec
    client: Client
    recorder: Recorder
    spend: Spend
    # Seconds that the counters of /usage may lag behind.
    settle: float
    learned: Learned
    # How many generated requests a property is tried with, and which ones.
    examples: int
    seed: int
    # How often the test has begun anew since something had disturbed it.
    repeats: int = 0

    @property
    def probes(self) -> Probes:
        """Further questions to the host, asked before an answer counts against it."""
        return Probes(self.client, self.once, self.payers)

    @property
    def payers(self) -> Payers:
        """Who asks for what costs a unit."""
        # On a host of one's own nobody else needs what an account has.
        share = 1 if self.target.may_be_asked_often(self.spend) else SHARE[self.spend]
        return Payers(self.client, self.once, lambda: self.reader()[1], self._accounts, share)

    def _accounts(self) -> Iterator[tuple[Caller, Exchange]]:
        """The accounts of the run and what their counters were at first."""
        for account in self.usable(JWT, API_KEY, FREE_JWT):
            look = partial(self.get, "/usage", account)
            yield account, self.once(f"/usage as {account.payer}", look)

    @property
    def troubles(self) -> Troubles:
        """What may have befallen the host meanwhile, asked before an answer counts against it."""
        return Troubles(self.client, self.target, self.learned)

    def caller(self) -> Caller:
        """A fresh free-tier caller with its own client id."""
        return callers.anonymous()

    def newcomer(self, operation: str) -> Caller:
        """The same, or an account where the free tier has no unit for this operation. Raises BudgetExhausted
        when that account has too few to spare."""
        return self.payers.newcomer(METRIC_OF.get(operation))

    def reader(self) -> tuple[Caller, Exchange]:
        """The throwaway caller who reads for all tests, and its counters before it has read anything else."""

        def begin() -> tuple[Caller, Exchange]:
            caller = self.caller()
            return caller, self.get("/usage", caller)

        return self.once("reader", begin)

    def credential(self, name: str) -> Caller:
        """The caller behind a credential. Raises NotRun when the run was not given it, or can do nothing with
        it."""
        token = self.target.credentials.get(name)
        if token is None:
            raise NotRun(f"needs {name}")
        if name in GOOD and has_expired(token):
            raise NotRun(f"{name} has expired; give a fresh one")
        if name in self.learned.unusable:
            raise NotRun(self.learned.unusable[name])
        return callers.bearer(name, token)

    def usable(self, *names: str) -> list[Caller]:
        """The callers behind those of these credentials that the run was given and that show something."""
        found = list[Caller]()
        for name in names:
            with suppress(NotRun):
                found.append(self.credential(name))
        return found

    def forged(self, kind: str, token: str) -> Caller:
        """A caller with a bearer made by the judge; its secret is never recorded."""
        self.recorder.redactor.learn(kind, token)
        return callers.bearer(kind, token)

    def get(self, path: str, caller: Caller | None = None, **options: Any) -> Exchange:
        """GET `path`, by default as a fresh caller. Redirects of free routes are followed on this host."""
        return self.client.send("GET", path, caller or self.caller(), follow=True, **options)

    def post(self, path: str, json_body: Any, caller: Caller | None = None, **options: Any) -> Exchange:
        """POST `json_body` to `path`, by default in the paid lane and as a newcomer who may be served; in the
        free lane as one who is not at a limit from the outset."""
        if caller is None:
            metric = self.client.metric_at(path)
            free = options.get("lane") == "free"
            caller = self.payers.unpaid(metric) if free else self.payers.newcomer(metric)
        return self.client.send("POST", path, caller, json_body=json_body, **options)

    def ask(self, call: Call, caller: Caller, **options: Any) -> Exchange:
        """Send a call as it stands, in the paid lane unless another is given."""
        return self.client.send(call.method, call.path, caller, json_body=call.body, **options)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """The result of `make`, which is called once in a run and shared between tests under `name`. A test
        that begins anew shares only what was made by others that did."""
        name += ", once more" * self.repeats
        with _NAMING:
            making = self.learned.observations.setdefault(f"making {name}", threading.RLock())
        with making:  # Whoever else wants it meanwhile waits.
            if name not in self.learned.observations:
                self.learned.observations[name] = make()
        result: T = self.learned.observations[name]
        return result

    def drawn(self, strategy: SearchStrategy[Any], count: int, salt: int = 0) -> list[Any]:
        """`count` examples, at least one; others with another seed of the run, or another `salt`."""
        return sample(strategy, max(1, count), self.seed + salt)
