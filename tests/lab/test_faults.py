"""Each fault takes effect, says what it breaks and comes once; every documented requirement is broken."""

from __future__ import annotations

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


def test_each_documented_requirement_has_a_fault_made_for_it_and_no_other_has() -> None:
    assert {fault.requirements[0] for fault in FAULTS.values()} == DOCUMENTED
    assert {name for fault in FAULTS.values() for name in fault.requirements} == DOCUMENTED


def test_no_two_faults_do_the_same() -> None:
    assert len({fault.does for fault in FAULTS.values()}) == len(FAULTS)


def test_a_fault_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError), running(fault="no-such-fault"):
        pass
