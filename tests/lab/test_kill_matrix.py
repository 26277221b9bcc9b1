"""The bench that judges the judge counts what it should, and loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from lab.matrix import runner
from lab.matrix.__main__ import main, objection, write
from lab.matrix.baseline import failures_of
from lab.matrix.cache import Cache
from lab.matrix.meter import Step
from lab.matrix.origin import Origin, origin
from lab.matrix.picture import curve
from lab.matrix.plan import faults, sampled, stability, variants
from lab.matrix.process_pool import Lost, in_processes
from lab.matrix.results import FaultResult, Results, passed_cap
from lab.matrix.shadow import Shadow
from lab.matrix.table import in_readme, markdown
from lab.matrix.trial import DIED, Task, Trial, run
from lab.running import running
from lab.server.credentials import DEFAULTS
from lab.variants import VARIANTS


def trial(code: int = 1, **verdicts: str) -> Trial:
    return Trial(Task("some"), code, {name.replace("_", "-"): verdict for name, verdict in verdicts.items()})


def result(narrowed: Trial | None, whole: Trial | None = None) -> FaultResult:
    return FaultResult("some", "handwritten", ("CHAT-5", "CHAT-6"), "breaks", True, narrowed, whole)


def test_a_kill_is_attributed_when_the_requirement_that_was_broken_fails() -> None:
    assert result(trial(CHAT_5="fail", CHAT_6="fail")).verdict == "attributed"
    assert result(trial(CHAT_5="pass", CHAT_6="fail")).verdict == "secondary"
    assert result(trial(0, CHAT_5="pass"), trial(USE_1="fail")).verdict == "unattributed"


def test_advice_is_no_kill() -> None:
    assert result(trial(0, CHAT_5="pass"), trial(0, OBS_1="fail")).verdict == "survived"


def test_a_server_with_something_left_undecided_is_not_accused() -> None:
    assert trial(3, TIER_1="pass", USE_1="inconclusive").undecided
    assert not trial(0, USE_1="pass").undecided
    assert not trial(1, TIER_1="fail", USE_1="inconclusive").undecided


def test_what_was_not_tried_is_neither_killed_nor_a_survivor() -> None:
    assert result(None).verdict == "untried"
    assert result(trial(DIED)).verdict == "lost"


def test_a_piece_of_work_that_dies_or_hangs_costs_only_its_own_result() -> None:
    def work(item: str) -> str:
        if item == "dies":
            os._exit(9)
        if item == "hangs":
            subprocess.run(["sleep", "60"], check=False)
        if item == "fails":
            raise ValueError(item)
        return item.upper()

    started = time.monotonic()
    found = dict(in_processes(work, ["dies", "hangs", "fails", "works"], workers=4, timeout=1.5))
    assert time.monotonic() - started < 20
    assert found["works"] == "WORKS"
    assert found["fails"] == Lost("ValueError: fails")
    assert isinstance(found["dies"], Lost)
    assert isinstance(found["hangs"], Lost)


def test_a_result_is_found_again_whatever_its_task_is_called(tmp_path: Path) -> None:
    task = Task("one name", faults=("x",), only=("CHAT-5",))
    kept = Trial(task, 1, {"CHAT-5": "fail"}, steps=(Step("test", "failed", 1, 2),))
    Cache(tmp_path / "new" / "cache").keep(kept)
    again = Cache(tmp_path / "new" / "cache")
    assert again.trial(Task("another name", faults=("x",), only=("CHAT-5",))) == kept
    assert again.trial(Task("one name", faults=("x",), only=("CHAT-5",), spend="none")) is None


def test_a_half_written_line_is_forgotten(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    cache.keep(Trial(Task("kept"), 0))
    cache.keep(Trial(Task("cut", spend="none"), 0))
    text = (tmp_path / "cache").read_text(encoding="utf-8")
    (tmp_path / "cache").write_text(text[:-20], encoding="utf-8")
    assert Cache(tmp_path / "cache").trial(Task("kept"))
    assert not Cache(tmp_path / "cache").trial(Task("cut", spend="none"))


def test_results_of_other_code_count_only_when_trusted(tmp_path: Path) -> None:
    Cache(tmp_path / "cache").keep(Trial(Task("old"), 0))
    line = json.loads((tmp_path / "cache").read_text(encoding="utf-8"))
    (tmp_path / "cache").write_text(json.dumps({**line, "code": "other"}) + "\n", encoding="utf-8")
    assert Cache(tmp_path / "cache").trial(Task("old")) is None
    trusted = Cache(tmp_path / "cache", trusting=True)
    assert trusted.trial(Task("old"))
    assert trusted.stale == 1


def test_the_double_counts_what_a_conforming_server_would_have_charged() -> None:
    shadow = Shadow(DEFAULTS)
    with running(fault="array-body-served", prepare=shadow.follow) as lab:
        for body in (b"[1]", b'{"prompt": "a fox"}'):
            request = urllib.request.Request(
                f"{lab.base_url}/gen/image", body, {"X-Client-ID": "ipc-" + "a" * 16}
            )
            with urllib.request.urlopen(request) as answer:
                assert answer.status == 200
        assert lab.charged() == 2
        assert shadow.due() == {"imagesDaily": 1}


def test_a_cap_is_passed_by_spending_more_than_was_booked_or_booking_more_than_allowed() -> None:
    capped = Task("capped", spend="sample", caps=("imagesDaily=2",))
    assert not passed_cap(Trial(capped, 0, booked={"imagesDaily": 2}, due={"imagesDaily": 2}))
    assert passed_cap(Trial(capped, 0, booked={"imagesDaily": 3}, due={"imagesDaily": 2}))
    assert passed_cap(Trial(capped, 0, booked={"imagesDaily": 1}, due={"imagesDaily": 2}))
    assert passed_cap(Trial(Task("free", spend="none"), 0, due={"imagesDaily": 1}))


def test_the_curve_counts_each_fault_at_its_price() -> None:
    assert curve([0, 0, 3, 7, 3], 10) == [(0, 0.2), (3, 0.4), (7, 0.5)]


def test_every_variant_is_tried_beside_others_that_it_does_not_exclude() -> None:
    tasks = variants()
    assert {name for task in tasks for name in task.variants} == set(VARIANTS)
    assert len({task.variants for task in tasks}) == len(tasks) == 50
    assert all(len({VARIANTS[n].group for n in task.variants}) == len(task.variants) == 5 for task in tasks)


def test_variants_that_are_accused_together_are_tried_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accused, *others = variants()
    asked = list[Task]()

    def run_all(tasks: Sequence[Task], *_: object) -> Iterator[Trial]:
        asked.extend(tasks)
        return (Trial(task, 1 if task == accused else 0) for task in tasks)

    monkeypatch.setattr(runner, "run_all", run_all)
    main(["variants", "--cache", str(tmp_path / "cache")])
    assert asked[: len(others) + 1] == [accused, *others]
    assert [task.variants for task in asked[len(others) + 1 :]] == [(name,) for name in accused.variants]


def test_five_servers_are_tried_with_ten_seeds() -> None:
    tasks = stability()
    assert len({(task.faults, task.variants) for task in tasks}) == 5
    assert {task.seed for task in tasks} == set(range(1, 11))


def test_a_sample_keeps_the_proportions_and_grows_by_adding() -> None:
    everything = faults()
    small, large = sampled(everything, 30), sampled(everything, 60)
    assert {fault.name for fault in small} <= {fault.name for fault in large}
    share = sum(fault.origin == "reported" for fault in large) / len(large)
    assert abs(share - sum(fault.origin == "reported" for fault in everything) / len(everything)) < 0.03


def test_failures_of_schemathesis_are_told_by_operation_and_kind() -> None:
    report = {
        "failures": [{"type": "ServerError", "operations": ["GET /a", "GET /b"]}],
        "errors": [{"title": "Network Error", "count": 2}],
    }
    expected = (("GET /a", "ServerError"), ("GET /b", "ServerError"), ("run", "Network Error"))
    assert failures_of(report) == expected


def test_an_empty_cache_makes_a_report_that_claims_nothing(tmp_path: Path) -> None:
    write(Results(Cache(tmp_path / "cache")), Origin("abc", True), tmp_path, tmp_path / "rows")
    told = (tmp_path / "kill_matrix.md").read_text(encoding="utf-8")
    assert "| faults killed | not tried | 98 % |" in told
    assert (tmp_path / "kill_matrix.svg").read_text(encoding="utf-8").startswith("<svg")
    assert "- Commit: abc" in told
    rows = json.loads((tmp_path / "rows" / "kill_matrix.json").read_text(encoding="utf-8"))
    assert (rows["plain"], rows["commit"]) == ({}, "abc")


def test_the_readme_shows_the_same_figures_as_the_report(tmp_path: Path) -> None:
    results = Results(Cache(tmp_path / "cache"))
    told = in_readme(
        "# Title\n\n<!-- matrix -->\nold\n<!-- end matrix -->\n\nMore.\n", results, Origin("abc", True)
    )
    assert told.startswith("# Title\n\n<!-- matrix -->\nA second server")
    assert told.endswith("\n<!-- end matrix -->\n\nMore.\n")
    assert "for commit abc**" in told
    assert "old" not in told
    figures = [line for line in told.splitlines() if line.startswith("|")]
    assert set(figures) <= set(markdown(results, Origin("abc", True)).splitlines())


def test_summing_up_runs_nothing(tmp_path: Path) -> None:
    assert main(["table", "--cache", str(tmp_path / "cache")]) == 0
    assert not (tmp_path / "cache").exists()


def test_what_is_published_is_of_one_commit() -> None:
    assert not objection(Origin("abc", True), stale=0)
    assert "not committed" in objection(Origin("abc", False), stale=0)
    assert "of other code" in objection(Origin("abc", True), stale=3)
    assert "no repository" in objection(Origin("", False), stale=0)


def test_a_commit_is_clean_until_a_file_differs_that_the_matrix_does_not_write(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        names = ("-c", "user.name=lab", "-c", "user.email=lab@example.com")
        subprocess.run(["git", *names, *arguments], cwd=tmp_path, check=True, capture_output=True)

    assert origin(tmp_path) == Origin("", False)
    git("init")
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "kill_matrix.md").write_text("old", encoding="utf-8")
    git("add", ".")
    git("commit", "-m", "First")
    (tmp_path / "lab" / "kill_matrix.md").write_text("new", encoding="utf-8")
    assert origin(tmp_path).clean
    (tmp_path / "lab" / "fault.py").write_text("new", encoding="utf-8")
    assert not origin(tmp_path).clean


def test_what_a_kill_costs_is_told_test_by_test() -> None:
    """Tests that run ahead would all have spent before the first of them is told of."""
    task = Task("some", only=("STAT-1", "CHAT-11", "IMG-6"), in_order=True)
    [(_, found)] = in_processes(run, [task])
    assert isinstance(found, Trial)
    units = [step.units for step in found.steps]
    assert units[-1] == found.charged > 10
    # No test of these costs more than three.
    assert max(after - before for before, after in pairwise(units)) <= 3
