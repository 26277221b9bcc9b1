"""What the checks say about themselves is complete and true: what they judge, cost and ask."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from lightning_spec.loader import load_requirements, load_spec
from lightning_verify.requests.credentials import MEANING
from lightning_verify.run.costs import COST_OF
from lightning_verify.target import Spend

from lab.running import running
from tests.judge import collector
from tests.judge.collector import Check, collected
from tests.judge.commands import command
from tests.judge.watched_runs import watch

pytestmark = pytest.mark.slow

REQUIREMENTS = load_requirements().requirements
METRICS = load_spec().metrics


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> list[Check]:
    """Every check there is."""
    directory = tmp_path_factory.mktemp("collected")
    root = Path(__file__).parents[2]
    done = command(
        *(
            str(root / "contract_tests"),
            f"--rootdir={root}",
            "--collect-only",
            "-q",
            "-p",
            "no:cacheprovider",
        ),
        *("-p", "tests.judge.collector"),
        directory=directory,
        credentials={collector.VARIABLE: str(directory / "checks")},
        program="pytest",
    )
    assert done.code == 0, done.out
    return collected(directory / "checks")


def test_every_requirement_is_judged_by_a_check(checks: list[Check]) -> None:
    judged = {requirement for check in checks for requirement in check.requirements}
    assert judged >= {r.id for r in REQUIREMENTS.values() if r.level == "documented"}
    # What is only observed or assumed is advice, and the run reports what nobody looks at as not run.
    assert judged >= set(REQUIREMENTS)


def test_every_requirement_that_a_check_names_exists(checks: list[Check]) -> None:
    assert {requirement for check in checks for requirement in check.requirements} <= set(REQUIREMENTS)


def test_every_check_judges_something_once(checks: list[Check]) -> None:
    for check in checks:
        assert check.requirements, f"{check.test} judges nothing"
        assert len(set(check.requirements)) == len(check.requirements)


def test_the_name_of_every_check_is_a_sentence(checks: list[Check]) -> None:
    for function in {check.function for check in checks}:
        words = function.removeprefix("test_").split("_")
        assert len(words) >= 3, function
        assert function == function.lower()
    assert {check.documentation for check in checks} == {None}


def test_no_two_checks_have_the_same_name(checks: list[Check]) -> None:
    assert Counter(check.test for check in checks).most_common(1)[0][1] == 1
    functions = {(check.test.partition("::")[0], check.function) for check in checks}
    assert len(functions) == len({function for _, function in functions})


def test_what_costs_units_is_not_part_of_a_free_run(checks: list[Check]) -> None:
    for check in checks:
        costs = sum(check.units.values()) + sum(bool(COST_OF[name].units) for name in check.shares)
        assert check.spend != Spend.NONE.name or costs == 0, check.test


def test_costs_are_of_known_metrics_and_observations(checks: list[Check]) -> None:
    for check in checks:
        assert set(check.units) <= set(METRICS)
        assert set(check.shares) <= set(COST_OF)
        assert check.requests >= 1
        assert set(check.needs) <= set(MEANING)


# A free run is held against its plan in test_spend_none.py, the most thorough one in test_loop.py.
def test_a_run_keeps_to_its_plan_and_each_check_to_what_it_declares(tmp_path: Path) -> None:
    with running() as server:
        run = watch(
            *(f"--base-url={server.base_url}", "--spend=sample"),
            credentials=server.credentials,
            folder=tmp_path,
        )
    run.keeps_to_its_plan()
