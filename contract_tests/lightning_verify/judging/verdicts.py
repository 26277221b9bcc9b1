"""Verdicts, and how findings of single tests become the verdict of a requirement and of a run.

A finding is what one test says about one requirement. The worst finding decides: a violation outweighs
everything, not having seen enough outweighs a pass, and what could not be tried at all weighs least.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from lightning_spec.loader import Requirement

Verdict = Literal["pass", "fail", "inconclusive", "not_run", "known_difference"]

# From worst to best.
_WEIGHT: tuple[Verdict, ...] = ("fail", "known_difference", "inconclusive", "pass", "not_run")

EXIT_KEPT, EXIT_BROKEN, EXIT_USAGE, EXIT_INCONCLUSIVE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What the test `test` found about `requirement`.

    `witnesses` counts responses that could have shown a violation; `evidence` holds redacted exchanges.
    """

    requirement: str
    verdict: Verdict
    test: str
    reason: str = ""
    witnesses: int = 0
    evidence: tuple[Mapping[str, Any], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """A dictionary that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Finding:
        """The finding that `as_json` wrote."""
        return cls(**{**data, "evidence": tuple(data["evidence"])})


@dataclass(frozen=True, slots=True)
class Ruling:
    """The verdict on one requirement of a run."""

    requirement: Requirement
    verdict: Verdict
    reason: str
    witnesses: int
    findings: tuple[Finding, ...] = field(default=())

    @property
    def evidence(self) -> list[Mapping[str, Any]]:
        """The exchanges that decided: those of the findings that share the verdict."""
        return [
            item for finding in self.findings if finding.verdict == self.verdict for item in finding.evidence
        ]


def rule(requirement: Requirement, findings: Iterable[Finding]) -> Ruling:
    """The verdict on `requirement`: the worst of its findings, or not_run when there is none."""
    ours = tuple(sorted(findings, key=lambda finding: (_WEIGHT.index(finding.verdict), finding.test)))
    if not ours:
        return Ruling(requirement, "not_run", "no check of this requirement was part of the run", 0)
    worst = ours[0]
    reasons = list(dict.fromkeys(f.reason for f in ours if f.verdict == worst.verdict and f.reason))
    return Ruling(requirement, worst.verdict, "; ".join(reasons), sum(f.witnesses for f in ours), ours)


def accept(rulings: Iterable[Ruling], known: Mapping[str, str]) -> list[Ruling]:
    """Rulings with failures that `known` (reason by requirement id) lists turned into known differences.

    An entry that holds again fails the run: a list that nobody keeps hides the next failure.
    """
    judged = []
    for ruling in rulings:
        reason = known.get(ruling.requirement.id)
        if reason is None or ruling.verdict not in {"fail", "pass"}:
            judged.append(ruling)
        elif ruling.verdict == "fail":
            words = f"{reason} ({ruling.reason})"
            judged.append(replace(ruling, verdict="known_difference", reason=words))
        else:
            words = f"listed as a known difference ({reason}), but it holds now; take it off the list"
            judged.append(replace(ruling, verdict="fail", reason=words))
    return judged


def exit_code(rulings: Iterable[Ruling], *, strict: bool, aborted: str | None = None) -> int:
    """The exit code of a run: 0 kept, 1 broken, 3 inconclusive. `strict` makes every level count."""
    judged = [r for r in rulings if strict or r.requirement.level == "documented"]
    if any(ruling.verdict == "fail" for ruling in judged):
        return EXIT_BROKEN
    if (
        aborted
        or any(r.verdict == "inconclusive" for r in judged)
        or not any(r.verdict == "pass" for r in judged)
    ):
        return EXIT_INCONCLUSIVE
    return EXIT_KEPT


def headline(rulings: Iterable[Ruling], *, strict: bool, aborted: str | None = None) -> str:
    """The verdict of a run in one line."""
    rulings = list(rulings)
    judged = [r for r in rulings if strict or r.requirement.level == "documented"]
    counts = {verdict: sum(r.verdict == verdict for r in judged) for verdict in _WEIGHT}
    code = exit_code(rulings, strict=strict, aborted=aborted)
    what = "requirements" if strict else "documented requirements"
    if code == EXIT_BROKEN:
        broken = [r.requirement.id for r in judged if r.verdict == "fail"]
        return f"BROKEN: {len(broken)} of {len(judged)} {what} ({', '.join(broken)})"
    if code == EXIT_INCONCLUSIVE:
        why = aborted or f"{counts['inconclusive']} of {len(judged)} {what} could not be decided"
        return f"INCONCLUSIVE: {why}"
    rest = f", {counts['not_run']} not run" if counts["not_run"] else ""
    return f"KEPT: {counts['pass']} of {len(judged)} {what} hold{rest}"
