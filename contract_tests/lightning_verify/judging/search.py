"""Finds the kinds of valid request that a host cannot do: tries many together, isolates them and shrinks
them.

Requests with many kinds at once are sent. If one is answered badly, kinds are left out as long as the answer
stays bad, and what remains is made smaller, as far as the run's units allow. A request that is then answered
badly every time, while the plain one in between is answered well, counts against the host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.strategies import SearchStrategy

from lightning_verify.facts import REQUIREMENTS
from lightning_verify.judging.contrast import trouble
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.outcomes import Undecided, Violation
from lightning_verify.judging.sizes import may_be_too_long
from lightning_verify.laws.generation import chosen_otherwise
from lightning_verify.laws.table import LAWS
from lightning_verify.requests.kinds import VALUES, Chosen, Subject, shown
from lightning_verify.target import Spend, Target
from lightning_verify.transport.client import BudgetExhausted
from lightning_verify.transport.exchange import REDIRECTS, Exchange

# Requests to tell kinds apart and to make them smaller: where nobody needs the units, and elsewhere.
PLENTY, FEW = 60, 6
# Beyond these, one in so many more for flaws of another sort.
RESERVED = 3
# That a choice of tools is obeyed: no law, since one answer may differ.
OBEYS = "CHAT-9"
# Characters shown of a request in words; the evidence has all of it.
MAX_SHOWN = 400


def allowance(target: Target, spend: Spend) -> int:
    """How many requests a search on one operation may take beyond its examples, for flaws of one sort."""
    return PLENTY if target.may_be_asked_often(spend) else FEW


def max_asked(target: Target, spend: Spend) -> int:
    """How many requests a search may take for flaws of every sort."""
    return allowance(target, spend) * (RESERVED + 1) // RESERVED


_DOCUMENTED = {
    name for name, requirement in REQUIREMENTS.requirements.items() if requirement.level == "documented"
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is bad about an answer: "refused", "failed", or the requirement that it breaks; and in words."""

    sort: str
    words: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a host cannot do: the flaw, the kinds that cause it, and whether they were narrowed down."""

    flaw: Flaw
    chosen: Chosen
    narrowed: bool

    def named(self, subject: Subject) -> str:
        """The kinds by name."""
        names = subject.telling(self.chosen)
        return " with ".join(names) if self.narrowed else f"one of these: {', '.join(names)}"


def flaw_of(exchange: Exchange, *, doubtful: bool = False) -> Flaw | None:
    """What is bad about the answer to a valid request; None when it is good, or shows nothing. A request with
    something `doubtful` in it may be refused, and a prompt in a path may be led to a tidier one."""
    kind = trouble(exchange)
    if kind == "refused" and (doubtful or exchange.status in REDIRECTS or may_be_too_long(exchange)):
        return None
    if kind is not None:
        return Flaw(kind, {"refused": "refuses", "failed": "fails at"}[kind])
    if not exchange.served:
        return None
    for requirement in _DOCUMENTED & LAWS.keys():
        wrong = LAWS[requirement].wrong(exchange)
        if wrong:
            return Flaw(requirement, f"{wrong[0]}, for")
    otherwise = chosen_otherwise(exchange)
    return Flaw(OBEYS, f"{otherwise}, for") if otherwise else None


@dataclass(slots=True)
class Search:
    """The search on one operation. `left` counts the requests that it may still take to tell kinds apart."""

    judge: Judge
    subject: Subject
    left: int
    answers: dict[str, Exchange] = field(default_factory=dict)

    def ask(self, chosen: Chosen) -> Exchange:
        """The answer to the request with these kinds, asked for once. Raises BudgetExhausted."""
        call = self.subject.request(chosen)
        key = shown(call)
        if key not in self.answers:
            self.answers[key] = self.send(chosen)
        return self.answers[key]

    def send(self, chosen: Chosen) -> Exchange:
        """The answer to one more request with these kinds."""
        call = self.subject.request(chosen)
        return self.judge.ask(call, self.judge.newcomer(call.operation))

    def flaw(self, chosen: Chosen) -> Flaw | None:
        """What is bad about the answer to these kinds."""
        doubtful = any(self.subject.kinds[name].doubtful for name in chosen)
        return flaw_of(self.ask(chosen), doubtful=doubtful)

    def run(self, examples: Iterable[Chosen]) -> Iterator[Found]:
        """Send the examples, and return each flaw that no other example has shown. Kinds are isolated for all
        of them before any values are made smaller. Kinds that can no longer be isolated may well be an
        earlier finding, and accuse nobody; alone they are reported as they were sent."""
        sent, known = list[tuple[Chosen, Flaw | None]](), list[Found]()
        # For what is bad in another way: it has another cause, which the first may not hide.
        reserve = self.left // RESERVED
        for example in examples:
            try:
                # What may be refused would hide what may not.
                refused = trouble(self.ask(example)) == "refused"
                chosen = self.subject.beyond_doubt(example) if refused else example
                sent.append((chosen, self.flaw(chosen)))
            except BudgetExhausted:
                break
        self._witness(chosen for chosen, flaw in sent if flaw is None and self.ask(chosen).served)
        good = set[str]().union(
            *(chosen for chosen, flaw in sent if flaw is None and self.ask(chosen).served)
        )
        for chosen, flaw in sent:
            if flaw is None or any(_explains(found, chosen, flaw) for found in known):
                continue
            # One that fails at random would be told apart by nothing.
            if flaw.sort in {"failed", OBEYS} and flaw_of(self.send(chosen)) is None:
                continue
            if known and flaw.sort not in {found.flaw.sort for found in known}:
                self.left, reserve = self.left + reserve, 0
            found = self._narrowed(chosen, flaw, good)
            if found.chosen and (found.narrowed or not known):
                known.append(found)
        for found in known:
            yield replace(found, chosen=self._smallest(found))

    def _witness(self, served: Iterable[Chosen]) -> None:
        for chosen in served:
            for requirement in {self.subject.kinds[name].requirement for name in chosen}:
                self.judge.witness(requirement, self.ask(chosen))

    def _narrowed(self, chosen: Chosen, flaw: Flaw, good: set[str]) -> Found:
        """The fewest of these kinds that still have this flaw."""

        def bad(names: Iterable[str]) -> bool:
            kept = {name: chosen[name] for name in self.subject.closed(names)}
            return self._still(kept, flaw)

        names = fewest(self.subject.closed, tuple(chosen), good, bad)
        return Found(flaw, {name: chosen[name] for name in names}, self.left > 0)

    def _still(self, chosen: Chosen, flaw: Flaw) -> bool:
        if shown(self.subject.request(chosen)) not in self.answers:
            if self.left <= 0:
                return False
            self.left -= 1
        try:
            result = self.flaw(chosen)
        except BudgetExhausted:
            self.left = 0
            return False
        return result is not None and result.sort == flaw.sort

    def _smallest(self, found: Found) -> Chosen:
        """The same kinds with values that are as small as can be and still have this flaw."""
        kept = found.chosen
        if self.left <= FEW:
            return kept

        for name in kept:
            others = dict(kept)

            def bad(value: Any, name: str = name, others: Chosen = others) -> bool:
                return self._still({**others, name: value}, found.flaw)

            number = self.subject.seed_of(name, self.judge.seed)
            value = smallest(self.subject.kinds[name].values, VALUES, number, kept[name], bad)
            kept = {**kept, name: value}
        return kept


def _explains(found: Found, chosen: Chosen, flaw: Flaw) -> bool:
    return found.flaw.sort == flaw.sort and found.chosen.keys() <= chosen.keys()


def fewest(
    closed: Callable[[Iterable[str]], tuple[str, ...]],
    names: tuple[str, ...],
    good: set[str],
    bad: Callable[[Iterable[str]], bool],
) -> tuple[str, ...]:
    """The fewest of these names that are `bad` together, but no longer when any one of them is left out.
    Those that were `good` elsewhere are least suspect and left out first; then halves, quarters and single
    names."""
    suspects = closed(name for name in names if name not in good)
    if len(suspects) < len(names) and bad(suspects):
        names = suspects
    size = max(1, len(names) // 2)
    while names:
        for start in range(0, len(names), size):
            rest = closed(names[:start] + names[start + size :])
            if len(rest) < len(names) and bad(rest):
                names = rest
                break
        else:
            if size == 1:
                break
            size = (size + 1) // 2
            continue
        size = max(1, min(size, len(names) // 2))
    return names


class _Bad(Exception):
    """A value that is bad."""


def smallest(
    strategy: SearchStrategy[Any], count: int, number: int, start: Any, bad: Callable[[Any], bool]
) -> Any:
    """The smallest bad value that Hypothesis makes of `start`, one of the `count` that this seed draws;
    `start` itself where it is none of them."""
    best = start
    met = False

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def shrink(value: Any) -> None:
        nonlocal best, met
        met = met or value == start
        if met and bad(value):
            best = value
            raise _Bad

    with suppress(_Bad):
        shrink()
    return best


def accuse(search: Search, found: Found) -> Violation | Undecided | None:
    """The violation if the host does the same every time and serves the plain request well; otherwise
    None."""
    judge, subject = search.judge, search.subject
    exchange, plain = search.ask(found.chosen), search.ask({})
    if found.flaw.sort in {"refused", "failed"}:
        second = judge.probes.second_look(
            exchange, again=lambda: search.send(found.chosen), plain=lambda: search.send({})
        )
        evidence = second.shown
    else:
        again = flaw_of(search.send(found.chosen))
        shared = flaw_of(plain)
        only_here = again is not None and again.sort == found.flaw.sort and shared is None
        evidence = (exchange, plain) if only_here else ()
    if not evidence:
        return None
    problem = (
        f"{found.flaw.words} {found.named(subject)}, each time, while the plain request is served without"
    )
    smallest = shown(subject.request(found.chosen))[:MAX_SHOWN]
    message = f"{exchange.title}: {problem}; the smallest found is {smallest}"
    return judge.violation(_broken(subject, found), message, *evidence)


def _broken(subject: Subject, found: Found) -> str:
    """The requirement that is broken. What only clients show to be valid makes it advice."""
    if found.flaw.sort in REQUIREMENTS.requirements:
        return found.flaw.sort
    requirements = [subject.kinds[name].requirement for name in subject.telling(found.chosen)]
    return next((name for name in requirements if name not in _DOCUMENTED), requirements[0])
