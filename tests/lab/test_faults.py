"""Each fault takes effect, says what it breaks, and every documented requirement has at least three."""

from __future__ import annotations

from collections import Counter

import pytest
from lightning_spec.loader import load_requirements

from lab.client import Client
from lab.faults import FAULTS
from lab.faults.fault import Fault
from lab.running import running

DOCUMENTED = {
    name
    for name, requirement in load_requirements().requirements.items()
    if requirement.level == "documented"
}


def observed(fault: Fault, *switched_on: str) -> object:
    with running(fault=switched_on) as lab:
        return fault.prove(Client(lab.base_url, lab.credentials))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_takes_effect(name: str) -> None:
    fault = FAULTS[name]
    assert observed(fault) != observed(fault, name)


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_a_documented_requirement_has_three_faults(name: str) -> None:
    assert sum(fault.requirements[0] == name for fault in FAULTS.values()) >= 3


def test_faults_break_documented_requirements_only() -> None:
    assert {name for fault in FAULTS.values() for name in fault.requirements} == DOCUMENTED


def test_all_three_origins_are_there() -> None:
    origins = Counter(fault.origin for fault in FAULTS.values())
    assert origins.keys() == {"handwritten", "mechanical", "trackers"}
    assert min(origins.values()) >= 100


def test_a_fault_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError), running(fault="no-such-fault"):
        pass
