"""The direction of the arrows: which package and which module may import which."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Every import package with the folder that it lies in, and what it may import of ours.
FOLDERS = {
    "lightning_spec": ROOT / "spec",
    "lightning_mock": ROOT / "mockserver",
    "lightning_verify": ROOT / "contract_tests",
    "lab": ROOT,
    "benchmarks": ROOT,
}
MAY_IMPORT = {
    "lightning_spec": {"lightning_spec"},
    "lightning_mock": {"lightning_spec", "lightning_mock"},
    "lightning_verify": {"lightning_spec", "lightning_verify"},
    "lab": {"lightning_spec", "lab"},
    "benchmarks": {"lightning_spec", "lightning_mock", "lab", "benchmarks"},
}
# Single modules that may import one thing more, and why.
EXCEPTIONS = {
    # The lab runs the judge as a user does, by its command.
    "lab.matrix.trial": {"lightning_verify.command"},
    # Some faults show only through a control plane, which the mock has and the lab has not.
    "lab.matrix.mock_faults": {
        "lightning_mock.background",
        "lightning_mock.http.replies",
        "lightning_mock.quota.windows",
    },
}
# The lab is run against, not built upon: only its own tests, tests of the judge and benchmarks import it.
USERS_OF_THE_LAB = ("lab/", "benchmarks/", "tests/lab/", "tests/judge/", "tests/proxy/", "tests/benchmarks/")
PUBLISHED = ("lightning_spec", "lightning_mock", "lightning_verify")
OURS = {*FOLDERS, "tests", "conftest"}
# Folders and single files, lowest first. Each imports only from layers below its own; inside a folder the
# imports only have to be free of circles.
LAYERS = {
    "lightning_mock": (
        {"real_time", "private_file", "choices", "addresses"},
        {"clock", "memory", "turns", "errors", "settings", "client"},
        {"basis"},
        {"loops", "credentials_file", "callers", "quota", "generation", "preferences", "service_status"},
        {"journal"},
        {"http"},
        {"faults"},
        {"scripting"},
        {"recordings"},
        {"state"},
        {"handlers", "control"},
        {"storage"},
        {"pipeline"},
        {"app"},
        {"serving"},
        {"background", "workers"},
        {"command"},
        {"__main__", "pytest_plugin"},
    ),
    "lightning_verify": (
        {"facts", "reading"},
        {"target", "requests"},
        {"transport"},
        {"laws"},
        {"judging"},
        {"report"},
        {"run", "proxy"},
        {"command", "checks"},
        {"__main__"},
    ),
    "lab": (
        {"server", "client"},
        {"proofs"},
        {"seams", "prompts"},
        {"faults", "variants"},
        {"hostile", "gateways"},
        {"circumstances"},
        {"triggers"},
        {"running"},
        {"matrix"},
        {"__main__"},
    ),
}
# pytest loads the plugin in every project of an environment: it must not bring the server along.
LOADED_EVERYWHERE = "lightning_mock.pytest_plugin"
# Where else an import may wait for its use, since it brings a library that most mocks never need: one that
# draws or decodes, PyJWT with cryptography, the reader of package metadata, Redis, gunicorn or uvloop.
LOADED_LATE = {
    # What names the nearest option, where there is none of that name.
    "lightning_spec.command_line",
    # Which revision the judge reads is chosen by an option, and decided by the import.
    "lightning_verify.command",
    "lightning_mock.serving",
    "lightning_mock.callers.tokens",
    "lightning_mock.command",
    "lightning_mock.generation.rendering.jobs",
    "lightning_mock.loops",
}
SOURCES = {
    path: package for package, folder in FOLDERS.items() for path in sorted((folder / package).rglob("*.py"))
}


def name_of(path: Path) -> str:
    parts = path.relative_to(FOLDERS[SOURCES[path]]).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in SOURCES}
IN_THE_WHEEL = [name for name in MODULES if name.partition(".")[0] in PUBLISHED]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> list[ast.AST]:
    return [*ast.walk(tree(path))]


@cache
def imported_by(path: Path) -> set[str]:
    """The full names of our modules that any file imports."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else node.module)
    return {name for name in found if name.partition(".")[0] in OURS}


def imports_of(path: Path) -> set[str]:
    """The full names of our modules that a module of ours imports."""
    relative = [node for node in nodes(path) if isinstance(node, ast.ImportFrom) and node.level]
    assert not relative, f"{name_of(path)}: write imports in full"
    return imported_by(path) - {name_of(path)}


def unit_of(name: str) -> str:
    """The module or sub-package of its package that a module belongs to."""
    return name.split(".")[1]


LAYERED = [name for name in MODULES if "." in name and name.partition(".")[0] in LAYERS]


def test_a_package_imports_only_what_stands_before_it() -> None:
    foreign = {
        name: {target for target in imports_of(path) if target.partition(".")[0] not in MAY_IMPORT[package]}
        for name, path in MODULES.items()
        for package in [name.partition(".")[0]]
    }
    assert {name: targets for name, targets in foreign.items() if targets} == EXCEPTIONS


def test_nobody_builds_upon_the_lab() -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in [*SOURCES, *(ROOT / "tests").rglob("*.py"), ROOT / "conftest.py"]
        if any(name.partition(".")[0] == "lab" for name in imported_by(path))
    }
    assert not {user for user in users if not user.startswith(USERS_OF_THE_LAB)}


@pytest.mark.parametrize("package", LAYERS)
def test_every_part_has_its_layer_and_no_layer_has_a_ghost(package: str) -> None:
    parts = {unit_of(name) for name in LAYERED if name.partition(".")[0] == package}
    assert parts == set().union(*LAYERS[package])
    assert sum(map(len, LAYERS[package])) == len(parts)


def test_a_part_imports_only_from_layers_below() -> None:
    wrong = set()
    for name in LAYERED:
        package, own = name.partition(".")[0], unit_of(name)
        layers = LAYERS[package]
        layer = next((index for index, units in enumerate(layers) if own in units), len(layers))
        below = set().union(*layers[:layer])
        wrong |= {
            (name, target)
            for target in imports_of(MODULES[name])
            if target.startswith(f"{package}.") and unit_of(target) != own and unit_of(target) not in below
        }
    assert not wrong


def test_a_handler_never_imports_another() -> None:
    for name, path in MODULES.items():
        if name.startswith("lightning_mock.handlers."):
            assert not {target for target in imports_of(path) if target.startswith("lightning_mock.handlers")}


def test_no_imports_go_in_circles() -> None:
    done: set[str] = set()

    def visit(name: str, chain: tuple[str, ...]) -> None:
        assert name not in chain, " -> ".join((*chain, name))
        if name not in done:
            for target in imports_of(MODULES[name]) & set(MODULES):
                visit(target, (*chain, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


def test_imports_stand_at_the_top_of_a_file() -> None:
    inside = {
        f"{name}.{node.name}"
        for name in set(IN_THE_WHEEL) - {LOADED_EVERYWHERE} - LOADED_LATE
        for node in nodes(MODULES[name])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.walk(node)
        if isinstance(child, ast.Import | ast.ImportFrom)
    }
    assert not inside


ASKING = {f"time.{name}" for name in ("time", "time_ns", "monotonic", "perf_counter")} | {
    f"{name}.{how}" for name in ("date", "datetime") for how in ("now", "utcnow", "today")
}


def test_only_the_clock_asks_for_the_time() -> None:
    asking = {
        name
        for name, path in MODULES.items()
        if name.startswith("lightning_mock")
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ASKING
    }
    assert not asking - {"lightning_mock.real_time"}


def test_every_file_says_in_its_docstring_what_it_is_for() -> None:
    assert not [
        name for name, path in MODULES.items() if path.stat().st_size and not ast.get_docstring(tree(path))
    ]


def test_there_is_no_drawer_for_leftovers() -> None:
    assert not [
        name for name in MODULES if name.rpartition(".")[2] in ("utils", "util", "helpers", "common", "misc")
    ]


def declared(*names: str) -> set[str]:
    """The distributions that an install with these extras is asked for, in one spelling."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = list(project["dependencies"])
    for name in names:
        lines += project["optional-dependencies"][name]
    return {canonical(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in lines}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def distributions() -> Mapping[str, list[str]]:
    """Which distributions bring a package. To look through all that is installed takes seconds."""
    return packages_distributions()


def imported(files: Iterable[Path]) -> set[str]:
    """The distributions of others that files import at their top."""
    tops = set()
    for path in files:
        for node in nodes(path):
            if isinstance(node, ast.Import):
                tops |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                tops.add(node.module.partition(".")[0])
    known = distributions()
    return {canonical(known[top][0]) for top in tops - OURS if top in known} - {"lightning-contract"}


# What an extra brings: parts that are loaded only where it is asked for.
OF_AN_EXTRA = {
    "lightning_mock.loops": {"uvloop"},
    "lightning_mock.storage": {"redis", "hiredis"},
    "lightning_mock.workers": {"gunicorn"},
}


def extra_of(name: str) -> set[str]:
    """The packages of others that a module may import since its extra brings them."""
    return next(
        (set(extra) for part, extra in OF_AN_EXTRA.items() if f"{name}.".startswith(f"{part}.")), set()
    )


def test_every_dependency_that_is_imported_is_declared() -> None:
    parts = ("lightning_spec", "lightning_mock")
    sources = {path: extra_of(name_of(path)) for path, package in SOURCES.items() if package in parts}
    assert set().union(*sources.values()) <= declared("redis", "workers", "uvloop")
    for path, extra in sources.items():
        # Where the plugin runs, pytest is there.
        assert imported([path]) - extra - {"pytest"} <= declared()
    # The table of clients installs what it needs when it is made.
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path.parent.name != "table"]
    assert imported(tests) <= declared("verify", "test", "clients", "redis", "workers")


def test_the_mock_starts_without_the_judges_dependencies() -> None:
    ours = {
        "aiohttp",
        "orjson",
        "yaml",
        "jsonschema_rs",
        "jwt",
        "PIL",
        "av",
        "multidict",
        "cryptography",
        "yarl",
    }
    # Where it runs, pytest is there.
    extra = {"lightning_mock.pytest_plugin": {"pytest"}}
    for name, path in MODULES.items():
        if name.partition(".")[0] not in ("lightning_spec", "lightning_mock") or name == LOADED_EVERYWHERE:
            continue
        for node in nodes(path):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            tops = {top.partition(".")[0] for top in names}
            allowed = ours | extra.get(name, set()) | extra_of(name) | OURS | set(sys.stdlib_module_names)
            assert tops <= allowed, f"{name} imports {tops}"
