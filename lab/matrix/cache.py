"""What has been found out, one JSON line for each finished piece of work, so that nothing is done twice.

Law: a line counts only for the code that it was made with, unless the caller trusts older ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from lab.matrix.baseline import Baseline, BaselineTask
from lab.matrix.meter import Step
from lab.matrix.proofs import Proof, Switch
from lab.matrix.trial import Task, Trial

ROOT = Path(__file__).parents[2]
_LAB = ("lab/*.py", "lab/server/*.py", "lab/faults/**/*.py", "lab/variants/*.py")
_JUDGED = (*_LAB, "contract_tests/**/*.py", "spec/*.*", "spec/**/*.py", "lab/matrix/mock_faults.py")
_SOURCES: Mapping[str, tuple[str, ...]] = {
    "trial": _JUDGED,
    "proof": _LAB,
    "baseline": (*_LAB, "spec/openapi.yaml", "schemathesis*"),
}
Result = Trial | Proof | Baseline


def fingerprint(kind: str) -> str:
    """A short hash of the code that results of this kind depend on."""
    digest = sha256()
    for pattern in _SOURCES[kind]:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


class Cache:
    """The results in one file. `stale` counts those used although other code made them."""

    def __init__(self, path: Path, *, trusting: bool = False) -> None:
        self._path = path
        self._marks = {kind: fingerprint(kind) for kind in _SOURCES}
        self._results: dict[str, Result] = {}
        self._stale: set[str] = set()
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._read(line, trusting)

    def _read(self, line: str, trusting: bool) -> None:
        try:
            entry = json.loads(line)
        except ValueError:
            return  # The run was interrupted in the middle of it.
        fresh = entry["code"] == self._marks[entry["kind"]]
        if not fresh and not trusting:
            return
        result: Trial | Proof | Baseline = _READ[entry["kind"]](entry["result"])
        key = key_of(result)
        self._results[key] = result
        (self._stale.discard if fresh else self._stale.add)(key)

    @property
    def stale(self) -> int:
        return len(self._stale)

    def keep(self, result: Result) -> None:
        """Write a result down at once."""
        kind = type(result).__name__.lower()
        entry = {"kind": kind, "code": self._marks[kind], "result": asdict(result)}
        self._make_folder()
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, separators=(",", ":")) + "\n")
        self._results[key_of(result)] = result
        self._stale.discard(key_of(result))

    def _make_folder(self) -> None:
        folder = self._path.parent
        if not folder.exists():
            folder.mkdir(parents=True)
            (folder / ".gitignore").write_text("*\n", encoding="utf-8")

    def trial(self, task: Task) -> Trial | None:
        """What came of this task; its name does not matter."""
        found = self._results.get(key_of(Trial(task, 0)))
        return found if isinstance(found, Trial) else None

    def proof(self, switch: Switch) -> Proof | None:
        found = self._results.get(key_of(Proof(switch, False)))
        return found if isinstance(found, Proof) else None

    def baseline(self, task: BaselineTask) -> Baseline | None:
        found = self._results.get(key_of(Baseline(task)))
        return found if isinstance(found, Baseline) else None


def key_of(result: Result) -> str:
    """What a result is kept under: what was asked for."""
    if isinstance(result, Trial):
        return json.dumps(["trial", asdict(replace(result.task, name=""))])
    if isinstance(result, Proof):
        return json.dumps(["proof", asdict(result.switch)])
    return json.dumps(["baseline", asdict(result.task)])


def _trial(data: dict[str, Any]) -> Trial:
    task: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in data["task"].items()
    }
    steps = tuple(Step(**step) for step in data["steps"])
    return Trial(**{**data, "task": Task(**task), "steps": steps})


def _proof(data: dict[str, Any]) -> Proof:
    return Proof(**{**data, "switch": Switch(**data["switch"])})


def _baseline(data: dict[str, Any]) -> Baseline:
    failures = tuple((operation, kind) for operation, kind in data["failures"])
    return Baseline(**{**data, "task": BaselineTask(**data["task"]), "failures": failures})


_READ: dict[str, Callable[[dict[str, Any]], Trial | Proof | Baseline]] = {
    "trial": _trial,
    "proof": _proof,
    "baseline": _baseline,
}
