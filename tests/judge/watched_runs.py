"""Runs of the command that are watched from within: what each check declares, and everything it asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from lightning_spec.loader import load_spec

from tests.judge import collector, recorder
from tests.judge.collector import Check, collected
from tests.judge.commands import Finished, command
from tests.judge.recorder import Recorded, recorded


@dataclass(frozen=True, slots=True)
class Watched:
    """A run that found nothing wrong."""

    finished: Finished
    checks: list[Check]
    exchanges: list[Recorded]

    def keeps_to_its_plan(self) -> None:
        """AssertionError unless it sent and booked what was planned, and each check what it declares."""
        requests, units = self.finished.report["run"]["requests"], self.finished.report["run"]["units"]
        assert requests["sent"] == len(self.exchanges)
        assert requests["planned"] == pytest.approx(requests["sent"], rel=0.25)
        assert units["booked"] == self._paid_units()
        for metric, booked in units["booked"].items():
            assert booked <= units["planned"][metric]
        declared = {check.test: check.requests for check in self.checks}
        asked = Counter(exchange.test for exchange in self.exchanges if exchange.test)
        beyond = {test: (n, declared[test]) for test, n in asked.items() if n > declared[test]}
        assert not beyond, f"(asked, declared) by test: {beyond}"

    def _paid_units(self) -> Counter[str]:
        metric_of = {operation.id: operation.metric for operation in load_spec().operations.values()}
        metrics = [metric_of.get(each.operation or "") for each in self.exchanges if each.lane == "paid"]
        return Counter(metric for metric in metrics if metric)


def watch(*arguments: str, credentials: Mapping[str, str], folder: Path) -> Watched:
    """Run the command, with its report, against a server that keeps its promises."""
    directory, notes = folder / "run", folder / "notes"
    directory.mkdir()
    notes.mkdir()
    finished = command(
        *arguments,
        "--report-dir=reports",
        "--jobs=1",  # Who asked is told by the test that runs.
        directory=directory,
        credentials={
            **credentials,
            recorder.VARIABLE: str(notes / "exchanges"),
            collector.VARIABLE: str(notes / "checks"),
        },
        plugins=("tests.judge.recorder", "tests.judge.collector"),
    )
    assert finished.code == 0, finished.out[-2000:] + finished.error
    return Watched(finished, collected(notes / "checks"), recorded(notes / "exchanges"))
