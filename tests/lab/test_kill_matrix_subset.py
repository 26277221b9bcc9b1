"""One fault for each documented requirement under the judge, and some conforming variants: the part of the
kill matrix that fits into every run of the tests."""

from __future__ import annotations

import pytest
from lightning_spec.loader import load_requirements

from lab.faults import FAULTS
from lab.faults.fault import SPEND, Fault
from lab.matrix.mock_faults import MOCK_FAULTS
from lab.matrix.reasons import WHY
from lab.matrix.trial import Task, Trial, run_all

# Without a control plane no upstream can be made to fail; faults of the mock stand for this one.
ON_THE_MOCK = {"FAIL-3"}
# Together: a whole run is long, and none of them hides another.
CONFORMING = (
    *("extra-fields", "error-as-list", "images-webp", "asset-not-announced", "sse-many-lines"),
    *("metadata-with-no-choices", "videos-hiccup", "free-account-used-up"),
    *("email-of-tokens-only", "tiers-in-cents", "analysis-nested"),
)


def plainest_fault(requirement: str) -> Fault:
    """Breaks nothing else and is written by hand if possible, and is seen with the least spending."""

    def rank(fault: Fault) -> tuple[int, bool, int]:
        return len(fault.requirements), fault.origin != "handwritten", SPEND.index(fault.spend)

    candidates = (fault for fault in FAULTS.values() if fault.name not in WHY)
    return min((fault for fault in candidates if fault.requirements[0] == requirement), key=rank)


def tasks() -> list[Task]:
    found = [
        Task(fault.name, faults=(fault.name,), only=(name,), spend=fault.spend)
        for name, requirement in load_requirements().requirements.items()
        if requirement.level == "documented" and name not in ON_THE_MOCK
        for fault in [plainest_fault(name)]
    ]
    found += [
        Task(name, mock_fault=name, only=(fault.requirement,), spend="sample")
        for name, fault in MOCK_FAULTS.items()
    ]
    return found


def missed(trial: Trial) -> str:
    requirement = trial.task.only[0]
    return f"{requirement}: {trial.task.name} -> {trial.verdicts.get(requirement)}, {trial.headline}"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_requirement_fails_on_a_fault_that_breaks_it() -> None:
    trials = list(run_all(tasks()))
    survivors = sorted(missed(trial) for trial in trials if trial.task.only[0] not in trial.failed)
    assert not survivors, "these faults were missed:\n" + "\n".join(survivors)


@pytest.mark.slow
def test_conforming_variants_are_not_accused() -> None:
    [trial] = run_all([Task("conforming", variants=CONFORMING, spend="sample")])
    assert trial.exit_code == 0, f"these variants conform: {trial.headline} {dict(trial.reasons)}"
