"""A short hash of everything a result depends on: the code, the faults and the facts that its task uses.

Law: comments, docstrings and formatting change nothing, nor does code that a task does not use; any other
change of what it uses invalidates the result.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from lab.matrix.origin import ROOT

FOLDERS = {
    "lightning_spec": "spec",
    "lightning_mock": "mockserver",
    "lightning_verify": "contract_tests",
    "lab": ".",
}
# Collections of switches: what a task uses of them is what it switches on.
COLLECTIONS = frozenset({"lab.faults", "lab.variants"})
# What generates the examples of the judge.
GENERATORS = ("hypothesis", "schemathesis")
# Words for readers of the spec, which nobody judges by.
WORDS = frozenset({"description", "summary", "statement"})
CHECKS = "lightning_verify.checks"


@dataclass(frozen=True, slots=True)
class Code:
    """A module: a hash of what it does, the modules it names in imports, and its string constants."""

    mark: str
    imports: frozenset[str]
    texts: frozenset[str]


class Sources:
    """The project's modules and data under one folder, each read once."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._modules: dict[str, Code | None] = {}

    def code(self, module: str) -> Code | None:
        """One of our modules; None for any other name."""
        if module not in self._modules:
            path = self._path(module)
            self._modules[module] = _code(path.read_text(encoding="utf-8")) if path else None
        return self._modules[module]

    def _path(self, module: str) -> Path | None:
        folder = FOLDERS.get(module.partition(".")[0])
        if folder is None:
            return None
        base = self._root / folder / module.replace(".", "/")
        return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)

    def below(self, package: str) -> set[str]:
        """Every module of a package."""
        folder = self._root / FOLDERS[package.partition(".")[0]]
        files = (folder / package.replace(".", "/")).rglob("*.py")
        names = (file.relative_to(folder).with_suffix("").as_posix().replace("/", ".") for file in files)
        return {name.removesuffix(".__init__") for name in names}

    def closure(self, modules: Iterable[str]) -> dict[str, Code]:
        """These modules and all of ours that they import, except what tables of faults and variants
        import."""
        found: dict[str, Code] = {}
        waiting = list(modules)
        while waiting:
            module = waiting.pop()
            if module in found or module in COLLECTIONS or (code := self.code(module)) is None:
                continue
            found[module] = code
            # Python runs the packages around a module as well.
            waiting += [*code.imports, module.rpartition(".")[0]]
        return found

    def facts(self, file: str) -> str:
        """A hash of a YAML file of the spec without its words."""
        return _facts((self._root / "spec" / file).read_text(encoding="utf-8"))

    def fingerprint(self, modules: Iterable[str], facts: Iterable[str] = (), *more: str) -> str:
        """One hash of all these modules with what they import, and of the facts."""
        marks = sorted(f"{module} {code.mark}" for module, code in self.closure(modules).items())
        hashes = [f"{file} {self.facts(file)}" for file in facts]
        return sha256("\n".join([*marks, *hashes, *more]).encode()).hexdigest()[:12]

    def checks(self, requirements: Iterable[str]) -> set[str]:
        """The check modules that judge one of these requirements, all of them when none is named."""
        wanted, modules = set(requirements), self.below(CHECKS)
        return {m for m in modules if not wanted or ((code := self.code(m)) and code.texts & wanted)}

    def judge(self, requirements: Iterable[str]) -> set[str]:
        """The judge without the checks that are left out; its plugin is loaded by name, not imported."""
        others = {m for m in self.below("lightning_verify") if not m.startswith(CHECKS)}
        return others | self.checks(requirements)


@cache
def _code(text: str) -> Code:
    tree = _without_docstrings(ast.parse(text))
    imports, texts = set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imports |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
    return Code(sha256(ast.dump(tree).encode()).hexdigest(), frozenset(imports), frozenset(texts))


@cache
def _facts(text: str) -> str:
    # The loader in C reads the spec ten times as fast; it is not in every build of the library.
    facts = _without_words(yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    return sha256(json.dumps(facts, default=str, sort_keys=True).encode()).hexdigest()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            kept = [line for line in node.body if not _is_text(line)]
            # An empty body is no code; `pass` and a docstring do the same.
            node.body = kept or [ast.Pass()]
    return tree


def _is_text(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _without_words(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {
            str(name): _without_words(value)
            for name, value in data.items()
            if not (name in WORDS and isinstance(value, str))
        }
    return [_without_words(item) for item in data] if isinstance(data, list) else data


def generators() -> str:
    """The versions of the libraries that generate examples."""
    return " ".join(f"{name} {version(name)}" for name in GENERATORS)
