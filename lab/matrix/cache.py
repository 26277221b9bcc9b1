"""Results so far, one JSON line for each finished piece of work, so that nothing is done twice.

Law: a line counts only for the code, faults and facts that it was made with, unless the caller trusts older
ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lab.faults import SUBJECTS
from lab.matrix.baseline import Baseline, BaselineTask
from lab.matrix.fingerprint import Sources, generators
from lab.matrix.meter import Step
from lab.matrix.proofs import Proof, Switch
from lab.matrix.trial import WAITING, Task, Trial
from lab.variants import MODULES

Result = Trial | Proof | Baseline
_FAULT_MODULES = {fault.name: subject.__name__ for subject in SUBJECTS for fault in subject.FAULTS.faults}
_VARIANT_MODULES = {
    variant.name: module.__name__ for module in MODULES for variant in module.VARIANTS.variants
}
_FACTS = ("openapi.yaml", "requirements.yaml")


def modules_of(result: Result) -> set[str]:
    """The modules behind a result, without what they import."""
    if isinstance(result, Proof):
        names = result.switch.name.split() if result.switch.kind == "pair" else [result.switch.name]
        return {"lab.matrix.proofs", "lab.running", *_switches(names)}
    if isinstance(result, Baseline):
        return {"lab.matrix.baseline", "lab.running", *_switches([result.task.fault or ""])}
    task = result.task
    # The mock is started in place of the lab.
    server = {"lab.matrix.mock_faults"} if task.mock_fault else {"lab.running"}
    shadow = {"lab.matrix.shadow"} if task.shadowed else set[str]()
    return {"lab.matrix.meter", *server, *shadow, *_switches([*task.faults, *task.variants])}


def _switches(names: Iterable[str]) -> set[str]:
    return {table[name] for name in names for table in (_FAULT_MODULES, _VARIANT_MODULES) if name in table}


def fingerprint(result: Result, sources: Sources) -> str:
    """A short hash of the code, faults and facts that a result depends on."""
    modules = modules_of(result)
    if isinstance(result, Trial):
        modules |= sources.judge(result.task.only)
        return sources.fingerprint(modules, _FACTS, generators(), " ".join(WAITING))
    if isinstance(result, Baseline):
        return sources.fingerprint(modules, _FACTS[:1], generators())
    return sources.fingerprint(modules)


class Cache:
    """The results in one file. `stale` counts the used ones that were made by other code."""

    def __init__(self, path: Path, *, trusting: bool = False) -> None:
        self._path = path
        self._sources = Sources()
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
        result: Result = _READ[entry["kind"]](entry["result"])
        fresh = entry["code"] == fingerprint(result, self._sources)
        if not fresh and not trusting:
            return
        key = key_of(result)
        self._results[key] = result
        (self._stale.discard if fresh else self._stale.add)(key)

    @property
    def stale(self) -> int:
        return len(self._stale)

    def keep(self, result: Result) -> None:
        """Write a result to disk at once."""
        kind = type(result).__name__.lower()
        entry = {"kind": kind, "code": fingerprint(result, self._sources), "result": asdict(result)}
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
        """The result of this task; its name does not matter."""
        found = self._results.get(key_of(Trial(task, 0)))
        return found if isinstance(found, Trial) else None

    def proof(self, switch: Switch) -> Proof | None:
        found = self._results.get(key_of(Proof(switch, False)))
        return found if isinstance(found, Proof) else None

    def baseline(self, task: BaselineTask) -> Baseline | None:
        found = self._results.get(key_of(Baseline(task)))
        return found if isinstance(found, Baseline) else None


def key_of(result: Result) -> str:
    """The key of a result: what was asked for."""
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


_READ: dict[str, Callable[[dict[str, Any]], Result]] = {
    "trial": _trial,
    "proof": _proof,
    "baseline": _baseline,
}
