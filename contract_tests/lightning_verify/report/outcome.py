"""A finished run as plain data: the single source of every report."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_verify.judging.verdicts import Known, Ruling, exit_code, headline
from lightning_verify.report.comparison import SCHEMA_VERSION, Comparison, compare, tolerating
from lightning_verify.report.run_facts import RunFacts, Units
from lightning_verify.requests.callers import THROWAWAY
from lightning_verify.transport.budget import Budget


@dataclass(frozen=True, slots=True)
class Outcome:
    """The rulings of a run and its facts."""

    rulings: list[Ruling]
    run: Mapping[str, Any]
    exit_code: int
    headline: str
    strict: bool
    comparison: Comparison | None = None

    @classmethod
    def of(
        cls,
        rulings: list[Ruling],
        facts: Mapping[str, Any],
        books: Path,
        *,
        strict: bool,
        interrupted: signal.Signals | None = None,
        earlier: Mapping[str, str] | None = None,
        fail_on_new: bool = False,
    ) -> Outcome:
        """Rule on the run. `facts` are those of `Run.note`; `books` is the run's directory; `earlier` has the
        verdicts of the report to compare with."""
        comparison = None if earlier is None else compare(earlier, rulings, strict=strict)
        counted = tolerating(rulings, comparison) if comparison is not None and fail_on_new else rulings
        aborted = facts.get("aborted")
        bill = Budget(books / "budget.json", {}).bill()
        observed = _total([units for name, units in facts.items() if name.startswith("observed ")])
        stopped = interrupted.name if interrupted else None
        run = RunFacts(
            target=facts["target"],
            revision=facts["revision"],
            verdict=headline(counted, strict=strict, aborted=aborted, interrupted=stopped),
            exit_code=128 + interrupted
            if interrupted
            else exit_code(counted, strict=strict, aborted=aborted),
            interrupted=stopped,
            spend=facts["spend"],
            credentials=facts["credentials"],
            strict=strict,
            aborted=aborted,
            started=facts["started"],
            finished=time.time(),
            requests_planned=facts["planned"]["requests"],
            requests_sent=bill["requests"],
            units=Units(
                planned=facts["planned"]["units"],
                booked=bill["booked"],
                served=bill["served"],
                observed=observed,
                unexplained=_unexplained(bill["served by payer"].get(THROWAWAY, {}), observed),
                paid_by=bill["served by payer"],
            ),
            generated=facts["generated"],
            libraries=("schemathesis", "hypothesis", "pytest"),
        )
        return cls(rulings, run.as_json(), run.exit_code, run.verdict, strict, comparison)

    def as_json(self) -> dict[str, Any]:
        """The content of report.json, which report.schema.json describes."""
        return {
            "schema_version": SCHEMA_VERSION,
            "run": dict(self.run),
            "comparison": self.comparison and self.comparison.as_json(),
            "requirements": [
                {
                    "id": ruling.requirement.id,
                    "area": ruling.requirement.area,
                    "level": ruling.requirement.level,
                    "why_advice": ruling.requirement.why_advice or None,
                    "verdict": ruling.verdict,
                    "broken": ruling.broken,
                    "reason": ruling.reason,
                    "known": None if ruling.known is None else _known(ruling.known),
                    "witnesses": ruling.witnesses,
                    "statement": ruling.requirement.statement,
                    "section": ruling.requirement.section,
                    "lines": [list(span) for span in ruling.requirement.lines],
                    "operations": list(ruling.requirement.operations),
                    "tests": sorted({finding.test for finding in ruling.findings}),
                    "evidence": list(ruling.evidence),
                }
                for ruling in self.rulings
            ],
        }

    def counts(self, ruling: Ruling) -> bool:
        """Whether a failure of this requirement fails the run, and is not just advice."""
        return self.strict or ruling.requirement.level == "documented"


def _known(known: Known) -> dict[str, str | None]:
    expires = known.expires.isoformat() if known.expires else None
    return {"reason": known.reason, "owner": known.owner, "expires": expires}


def _unexplained(served: Mapping[str, int], observed: Mapping[str, int] | None) -> dict[str, int] | None:
    """Units that the host counted for our own callers beyond what it served them."""
    if observed is None:
        return None
    return {metric: counted - served.get(metric, 0) for metric, counted in sorted(observed.items())}


def _total(parts: Sequence[Mapping[str, int] | None]) -> dict[str, int] | None:
    """The sum over the workers of a run; None if there is none, or one of them could not see its part."""
    units: Counter[str] = Counter()
    for part in parts:
        if part is None:
            return None
        units.update(part)
    return dict(units) if parts else None
