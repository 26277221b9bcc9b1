"""A result of the matrix counts as long as what its task uses is the same, and no longer."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.matrix.baseline import Baseline, BaselineTask
from lab.matrix.cache import Result, fingerprint
from lab.matrix.fingerprint import FOLDERS, Sources
from lab.matrix.origin import ROOT
from lab.matrix.proofs import Proof, Switch
from lab.matrix.trial import Task, Trial

# Breaks a stream; its file is lab/faults/streams.py, its requirement is judged by checks/test_streams.py.
FAULT = "metadata-late"
ON_FAULT = Trial(Task(FAULT, faults=(FAULT,), only=("CHAT-5",)), 1)
RESULTS: tuple[Result, ...] = (ON_FAULT, Proof(Switch("fault", FAULT), True), Baseline(BaselineTask(FAULT)))
JUDGE = "contract_tests/lightning_verify"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the sources that may be changed."""
    only_text = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info")
    for package, folder in FOLDERS.items():
        shutil.copytree(ROOT / folder / package, tmp_path / folder / package, ignore=only_text)
    for name in ("openapi.yaml", "requirements.yaml"):
        shutil.copy(ROOT / "spec" / name, tmp_path / "spec" / name)
    return tmp_path


def marks(root: Path) -> list[str]:
    return [fingerprint(result, Sources(root)) for result in RESULTS]


def append(text: str) -> Callable[[Path], object]:
    return lambda file: file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


@pytest.mark.parametrize(
    "file",
    ["lab/faults/streams.py", "lab/server/app.py", "lab/running.py", f"{JUDGE}/checks/test_streams.py"],
)
def test_comments_docstrings_and_formatting_cost_nothing(root: Path, file: str) -> None:
    before = marks(root)
    path = root / file
    text = path.read_text(encoding="utf-8")
    # The docstring of the module goes, a comment and lines without anything come.
    changed = '"""Other words."""\n\n\n# A comment.\n' + text.split('"""', 2)[2].replace(
        "(\n", "(  # why\n\n"
    )
    path.write_text(changed, encoding="utf-8")
    assert marks(root) == before


@pytest.mark.parametrize("file", ["spec/openapi.yaml", "spec/requirements.yaml"])
def test_a_comment_in_the_spec_costs_nothing(root: Path, file: str) -> None:
    before = marks(root)
    append("\n# A comment.\n")(root / file)
    assert marks(root) == before


@pytest.mark.parametrize(
    ("file", "dropped"),
    [
        ("lab/faults/streams.py", (True, True, True)),
        ("lab/seams.py", (True, True, True)),
        ("lab/server/chat.py", (True, True, True)),
        ("lab/proofs.py", (True, True, True)),
        ("lab/matrix/proofs.py", (False, True, False)),
        (f"{JUDGE}/checks/test_streams.py", (True, False, False)),
        (f"{JUDGE}/judging/judge.py", (True, False, False)),
        (f"{JUDGE}/run/plugin.py", (True, False, False)),
    ],
)
def test_other_code_drops_the_results_that_use_it(
    root: Path, file: str, dropped: tuple[bool, bool, bool]
) -> None:
    before = marks(root)
    append("\nADDED = 1\n")(root / file)
    assert tuple(old != new for old, new in zip(before, marks(root), strict=True)) == dropped


@pytest.mark.parametrize(
    "file",
    [
        "lab/faults/quota.py",
        "lab/faults/__init__.py",
        "lab/variants/media.py",
        "lab/matrix/table.py",
        "mockserver/lightning_mock/pipeline.py",
        f"{JUDGE}/checks/test_router.py",
    ],
)
def test_code_that_is_not_used_costs_nothing(root: Path, file: str) -> None:
    before = marks(root)
    append("\nADDED = 1\n")(root / file)
    assert marks(root) == before


def test_other_facts_drop_the_results_that_use_them(root: Path) -> None:
    before = marks(root)
    append("\nx-added: 1\n")(root / "spec/openapi.yaml")
    assert [old != new for old, new in zip(before, marks(root), strict=True)] == [True, False, True]


def test_a_run_with_all_checks_uses_every_check(root: Path) -> None:
    everything = Trial(Task("plain"), 0)
    before = fingerprint(everything, Sources(root))
    append("\nADDED = 1\n")(root / JUDGE / "checks/test_router.py")
    assert fingerprint(everything, Sources(root)) != before


def test_a_fault_of_the_mock_uses_the_mock(root: Path) -> None:
    on_mock = Trial(Task("days-never-end", mock_fault="days-never-end", only=("RATE-7",)), 1)
    before = fingerprint(on_mock, Sources(root))
    append("\nADDED = 1\n")(root / "mockserver/lightning_mock/pipeline.py")
    assert fingerprint(on_mock, Sources(root)) != before
