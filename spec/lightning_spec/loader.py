"""The entry point to the specification: reads each file once and returns frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from lightning_spec.model import (
    Auth,
    Clamp,
    ErrorKind,
    Exclusion,
    Level,
    Metric,
    Operation,
    Parameter,
    Plan,
    PlanCatalogue,
    Requirement,
    RequirementSet,
    SourceDocument,
    Spec,
    SpecError,
    TextLimit,
    Window,
)
from lightning_spec.openapi_reader import parse_plans, parse_spec
from lightning_spec.requirements_reader import parse_requirements
from lightning_spec.strict import one_of, read_yaml

__all__ = [
    "OPENAPI_FILE",
    "REQUIREMENTS_FILE",
    "Auth",
    "Clamp",
    "ErrorKind",
    "Exclusion",
    "Level",
    "Metric",
    "Operation",
    "Parameter",
    "Plan",
    "PlanCatalogue",
    "Requirement",
    "RequirementSet",
    "SourceDocument",
    "Spec",
    "SpecError",
    "TextLimit",
    "Window",
    "load_plans",
    "load_requirements",
    "load_revision",
    "load_spec",
    "parse_plans",
    "parse_requirements",
    "parse_spec",
    "revision_folder",
    "revisions",
]

# In the repository the documents are one folder up, where readers look first; in a wheel they are here.
_HERE = Path(__file__).parent
_FOLDER = _HERE if (_HERE / "openapi.yaml").exists() else _HERE.parent
OPENAPI_FILE = _FOLDER / "openapi.yaml"
REQUIREMENTS_FILE = _FOLDER / "requirements.yaml"


@cache
def revisions() -> Mapping[str, Path]:
    """The folder of every revision by its name, the oldest first: the one that the document describes is
    named after its version, later ones after their folder."""
    first: str = load_spec(OPENAPI_FILE).document["info"]["version"]
    later = sorted(file.parent for file in (_FOLDER / "revisions").glob(f"*/{OPENAPI_FILE.name}"))
    return MappingProxyType({first: _FOLDER, **{folder.name: folder for folder in later}})


def revision_folder(name: str | None = None) -> Path:
    """The folder of a revision, by default the first. Raises SpecError when no revision has this name."""
    if not name:
        return _FOLDER
    return revisions()[one_of(name, revisions(), "revision")]


def load_spec(path: Path | str | None = None) -> Spec:
    """The specification in `path`, by default the project's own, read once for each path. Raises
    SpecError."""
    return _spec_of(Path(path) if path is not None else OPENAPI_FILE)


def load_requirements(path: Path | str | None = None, spec: Spec | None = None) -> RequirementSet:
    """The requirements in `path`, by default the project's own, checked against `spec`. Raises SpecError."""
    source = Path(path) if path is not None else REQUIREMENTS_FILE
    return parse_requirements(read_yaml(source), spec) if spec is not None else _requirements_of(source)


@cache
def load_revision(name: str | None = None) -> tuple[Spec, RequirementSet]:
    """A revision by its name, by default the first. Raises SpecError when no revision has this name."""
    folder = revision_folder(name)
    spec = load_spec(folder / OPENAPI_FILE.name)
    if folder == _FOLDER:
        return spec, load_requirements()
    return spec, load_requirements(folder / REQUIREMENTS_FILE.name, spec)


def load_plans(path: Path | str, metrics: Mapping[str, Metric]) -> PlanCatalogue:
    """A plan catalogue from a file in the form of x-lightning-plans (`default`, `plans`). Raises
    SpecError."""
    source = Path(path)
    return parse_plans(read_yaml(source, str(source)), metrics, str(source))


@cache
def _spec_of(path: Path) -> Spec:
    return parse_spec(read_yaml(path))


@cache
def _requirements_of(path: Path) -> RequirementSet:
    return parse_requirements(read_yaml(path), load_spec())
