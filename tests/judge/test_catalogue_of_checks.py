"""What the checks say about themselves is complete and true: what they judge, cost and ask."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from lightning_spec.loader import load_requirements, load_spec
from lightning_verify.judging.observations import COST
from lightning_verify.requests.credentials import MEANING
from lightning_verify.target import Spend

from lab.running import running
from tests.judge import collector, recorder
from tests.judge.collector import Check, collected
from tests.judge.commands import Finished, command
from tests.judge.recorder import Recorded, recorded

pytestmark = pytest.mark.slow

REQUIREMENTS = load_requirements().requirements
METRICS = load_spec().metrics


def run(spend: str, folder: Path) -> tuple[Finished, list[Check], list[Recorded]]:
    """A run against a server that keeps its promises."""
    directory, notes = folder / "run", folder / "notes"
    directory.mkdir()
    notes.mkdir()
    with running() as server:
        finished = command(
            *(f"--base-url={server.base_url}", f"--spend={spend}", "--report-dir=reports"),
            "--jobs=1",  # Who asked is told by the test that runs.
            directory=directory,
            credentials={
                **server.credentials,
                recorder.VARIABLE: str(notes / "exchanges"),
                collector.VARIABLE: str(notes / "checks"),
            },
            plugins=("tests.judge.recorder", "tests.judge.collector"),
        )
    assert finished.code == 0, finished.out[-2000:] + finished.error
    return finished, collected(notes / "checks"), recorded(notes / "exchanges")


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
        costs = sum(check.units.values()) + sum(bool(COST[name].units) for name in check.shares)
        assert check.spend != Spend.NONE.name or costs == 0, check.test


def test_costs_are_of_known_metrics_and_observations(checks: list[Check]) -> None:
    for check in checks:
        assert set(check.units) <= set(METRICS)
        assert set(check.shares) <= set(COST)
        assert check.requests >= 1
        assert set(check.needs) <= set(MEANING)


# All in one test: workers that share out the tests of a file would each make the run.
@pytest.mark.parametrize("spend", ["none", "sample", "exhaust"])
def test_a_run_keeps_to_its_plan_and_each_check_to_what_it_declares(spend: str, tmp_path: Path) -> None:
    finished, checks, exchanges = run(spend, tmp_path)
    requests, units = finished.report["run"]["requests"], finished.report["run"]["units"]
    assert requests["sent"] == len(exchanges)
    assert requests["planned"] == pytest.approx(requests["sent"], rel=0.25)
    # A host that is not ours gets two requests a second: a free run ends within two minutes and a half.
    assert spend != "none" or requests["sent"] <= 300
    assert units["booked"] == paid_units(exchanges)
    for metric, booked in units["booked"].items():
        assert booked <= units["planned"][metric]
    declared = {check.test: check.requests for check in checks}
    asked = Counter(exchange.test for exchange in exchanges if exchange.test)
    assert {test: (n, declared[test]) for test, n in asked.items() if n > declared[test]} == {}


def paid_units(exchanges: list[Recorded]) -> Counter[str]:
    metric_of = {operation.id: operation.metric for operation in load_spec().operations.values()}
    metrics = [metric_of.get(each.operation or "") for each in exchanges if each.lane == "paid"]
    return Counter(metric for metric in metrics if metric)
