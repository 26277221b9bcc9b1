"""Verdicts, and how findings of single tests become the verdict of a requirement and of a run.

A finding is what one test says about one requirement. The worst finding decides: a violation outweighs
everything, not having seen enough outweighs a pass unless the breach of another requirement was in the way,
and what could not be tried at all weighs least.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Any, Literal

from lightning_spec.loader import Requirement

Verdict = Literal["pass", "fail", "inconclusive", "not_run", "known_difference"]

# From worst to best.
_WEIGHT: tuple[Verdict, ...] = ("fail", "known_difference", "inconclusive", "pass", "not_run")

# How a reason ends, or reads, when it leaves the matter to the requirements that own it.
_LEFT_TO = re.compile(
    r"\(see ([A-Z]+-\d+(?:(?:, | and )[A-Z]+-\d+)*)\)$|^not reached, since (\S+) was broken first$"
)

EXIT_KEPT, EXIT_BROKEN, EXIT_USAGE, EXIT_INCONCLUSIVE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of the things that were looked at showed a violation: `broken` of `seen` answers, for
    example."""

    broken: int
    seen: int
    of: str = "answers"

    def __str__(self) -> str:
        return (
            f"in {self.broken} of {self.seen} {self.of}" if self.broken < self.seen else f"in all {self.of}"
        )

    def __add__(self, other: Rate) -> Rate:
        return Rate(self.broken + other.broken, self.seen + other.seen, self.of)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the test `test` found about `requirement`.

    `witnesses` counts responses that could have shown a violation; `evidence` holds redacted exchanges. What
    was looked at all through the run has a `rate`.
    """

    requirement: str
    verdict: Verdict
    test: str
    reason: str = ""
    witnesses: int = 0
    evidence: tuple[Mapping[str, Any], ...] = ()
    rate: Rate | None = None

    @property
    def left_to(self) -> frozenset[str]:
        """The requirements that say why this one could not be decided; empty when it was something else."""
        match = _LEFT_TO.search(self.reason)
        return frozenset(re.findall(r"[A-Z]+-\d+", match[1] or match[2])) if match else frozenset()

    def as_json(self) -> dict[str, Any]:
        """A dictionary that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Finding:
        """The finding that `as_json` wrote."""
        rate = Rate(**data["rate"]) if data["rate"] else None
        return cls(**{**data, "evidence": tuple(data["evidence"]), "rate": rate})


@dataclass(frozen=True, slots=True)
class Known:
    """A difference that is accepted: why, who answers for it, and the last day on which it is."""

    reason: str
    owner: str | None = None
    expires: date | None = None

    def expired(self, today: date) -> bool:
        """Whether it is no longer accepted."""
        return self.expires is not None and today > self.expires

    def __str__(self) -> str:
        more = [f"owner {self.owner}"] * bool(self.owner) + [f"until {self.expires}"] * bool(self.expires)
        return ", ".join([self.reason, *more])


@dataclass(frozen=True, slots=True)
class Ruling:
    """The verdict on one requirement of a run; `known` is its entry in the list of known differences."""

    requirement: Requirement
    verdict: Verdict
    reason: str
    witnesses: int
    findings: tuple[Finding, ...] = field(default=())
    known: Known | None = None

    @property
    def deciding(self) -> tuple[Finding, ...]:
        """The findings that led to the verdict: the worst ones."""
        return tuple(finding for finding in self.findings if finding.verdict == self.findings[0].verdict)

    @property
    def broken(self) -> bool:
        """Whether an answer showed a violation, known or not."""
        return any(finding.verdict == "fail" for finding in self.findings)

    @property
    def evidence(self) -> list[Mapping[str, Any]]:
        """The exchanges that decided."""
        return [item for finding in self.deciding for item in finding.evidence]


def together(findings: Iterable[Finding]) -> list[Finding]:
    """The findings of all workers, with rates added up by requirement and test: each worker has seen only a
    part. Those that show a violation say how often it was seen."""
    found, counted = list[Finding](), dict[tuple[str, str, str], list[Finding]]()
    for finding in findings:
        if finding.rate is None:
            found.append(finding)
        else:
            counted.setdefault((finding.requirement, finding.test, finding.rate.of), []).append(finding)
    return found + [_added(parts) for parts in counted.values()]


def _added(parts: list[Finding]) -> Finding:
    worst = min(parts, key=lambda finding: _WEIGHT.index(finding.verdict))
    rate = sum((part.rate for part in parts if part.rate), Rate(0, 0, worst.rate.of if worst.rate else ""))
    reason = f"{worst.reason} ({rate})" if worst.verdict == "fail" else worst.reason
    return replace(worst, reason=reason, rate=rate, witnesses=sum(part.witnesses for part in parts))


NOT_PART = "no check of this requirement was part of the run"
# Of a run that ended in the middle of a mistake of our own, or of a plugin beside us.
BROKE_OFF = "the run stopped on an internal error"


def rule(
    requirement: Requirement,
    findings: Iterable[Finding],
    unreached: str = NOT_PART,
    broken: Set[str] = frozenset(),
) -> Ruling:
    """The verdict on `requirement`: the worst of its findings, or not_run when there is none, for the reason
    `unreached`. Where one test has seen it kept, others that could not look because of something `broken`
    do not decide."""

    def weight(finding: Finding) -> tuple[bool, int, str]:
        hidden = finding.verdict == "inconclusive" and not broken.isdisjoint(finding.left_to)
        return hidden and seen, _WEIGHT.index(finding.verdict), finding.test

    findings = tuple(findings)
    seen = any(finding.verdict == "pass" for finding in findings)
    ours = tuple(sorted(findings, key=weight))
    if not ours:
        return Ruling(requirement, "not_run", unreached, 0)
    worst = ours[0]
    reasons = apart(f.reason for f in ours if f.verdict == worst.verdict)
    # In one order, so that requirements which lack the same things are told together.
    ordered = sorted(reasons) if worst.verdict == "not_run" else reasons
    return Ruling(requirement, worst.verdict, "; ".join(ordered), sum(f.witnesses for f in ours), ours)


def apart(reasons: Iterable[str]) -> list[str]:
    """The reasons that say something new: no duplicates, and none that another one contains."""
    said = list(dict.fromkeys(filter(None, reasons)))
    return [one for one in said if not any(one != other and one in other for other in said)]


def accept(rulings: Iterable[Ruling], known: Mapping[str, Known], today: date) -> list[Ruling]:
    """Rulings with the differences that `known` lists (by requirement id) accepted. So is a requirement that
    could not be decided for no other reason. An entry whose requirement holds again fails the run, and so
    does one that has expired: a list that nobody maintains hides the next failure."""
    listed = [_accept(ruling, known.get(ruling.requirement.id), today) for ruling in rulings]
    accepted = {ruling.requirement.id for ruling in listed if ruling.verdict == "known_difference"}
    return [_excuse(ruling, accepted) for ruling in listed]


def _accept(ruling: Ruling, known: Known | None, today: date) -> Ruling:
    if known is None or ruling.verdict not in {"fail", "pass"}:
        return ruling
    if ruling.verdict == "pass":
        words = f"listed as a known difference ({known}), but it holds now; take it off the list"
        return replace(ruling, verdict="fail", reason=words, known=known)
    if known.expired(today):
        words = f"was a known difference ({known}), which has expired: {ruling.reason}"
        return replace(ruling, reason=words, known=known)
    return replace(ruling, verdict="known_difference", reason=f"{known}: {ruling.reason}", known=known)


def _excuse(ruling: Ruling, accepted: set[str]) -> Ruling:
    if ruling.verdict != "inconclusive" or not all(accepted & one.left_to for one in ruling.deciding):
        return ruling
    causes = sorted(accepted & frozenset[str]().union(*(one.left_to for one in ruling.deciding)))
    words = f"could not be decided because of {', '.join(causes)}, which is known: {ruling.reason}"
    return replace(ruling, verdict="known_difference", reason=words)


def exit_code(rulings: Iterable[Ruling], *, strict: bool, aborted: str | None = None) -> int:
    """The exit code of a run: 0 kept, 1 broken, 3 inconclusive. `strict` makes every level count."""
    judged = [r for r in rulings if strict or r.requirement.level == "documented"]
    if any(ruling.verdict == "fail" for ruling in judged):
        return EXIT_BROKEN
    if (
        aborted
        or any(r.verdict == "inconclusive" for r in judged)
        or not any(r.verdict in {"pass", "known_difference"} for r in judged)
    ):
        return EXIT_INCONCLUSIVE
    return EXIT_KEPT


def headline(
    rulings: Iterable[Ruling], *, strict: bool, aborted: str | None = None, interrupted: str | None = None
) -> str:
    """The verdict of a run in one line; `interrupted` names the signal that ended it."""
    rulings = list(rulings)
    judged = [r for r in rulings if strict or r.requirement.level == "documented"]
    counts = {verdict: sum(r.verdict == verdict for r in judged) for verdict in _WEIGHT}
    code = exit_code(rulings, strict=strict, aborted=aborted)
    what = "requirements" if strict else "documented requirements"
    if interrupted:
        broken = [r.requirement.id for r in judged if r.verdict == "fail"]
        more = f", broken so far: {', '.join(broken)}" if broken else ""
        decided = counts["pass"] + counts["fail"] + counts["known_difference"]
        return f"INTERRUPTED by {interrupted}: {decided} of {len(judged)} {what} were judged{more}"
    if code == EXIT_BROKEN:
        broken = [r.requirement.id for r in judged if r.verdict == "fail"]
        return f"BROKEN: {len(broken)} of {len(judged)} {what} ({', '.join(broken)})"
    if code == EXIT_INCONCLUSIVE:
        why = aborted or f"{counts['inconclusive']} of {len(judged)} {what} could not be decided"
        return f"INCONCLUSIVE: {why}"
    rest = f", {counts['known_difference']} known not to" if counts["known_difference"] else ""
    rest += f", {counts['not_run']} not run" if counts["not_run"] else ""
    return f"KEPT: {counts['pass']} of {len(judged)} {what} hold{rest}"
