"""Checks of a description and its requirements beyond what the loader refuses."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs

from lightning_spec.loader import (
    OPENAPI_FILE,
    REQUIREMENTS_FILE,
    RequirementSet,
    Spec,
    SpecError,
    load_requirements,
    load_spec,
)
from lightning_spec.references import escape

_DATA = ("schemas", "x-lightning-plans")


def lint(folder: Path | None = None, judged: Collection[str] | None = None) -> list[str]:
    """What is wrong in a folder (by default the project's own), one sentence each.

    `judged` are the ids of the requirements that some check judges, from whoever knows the checks; without it
    that question is left out.
    """
    spec_file = folder / OPENAPI_FILE.name if folder else OPENAPI_FILE
    requirements_file = folder / REQUIREMENTS_FILE.name if folder else REQUIREMENTS_FILE
    try:
        spec = load_spec(spec_file)
        requirements = load_requirements(requirements_file, spec)
    except SpecError as error:
        return [str(error)]
    return [
        *_examples(spec),
        *_lines(requirements),
        *_bound(spec, requirements),
        *_answered_for(spec, requirements),
        *_judged(requirements, judged),
    ]


def _examples(spec: Spec) -> Iterator[str]:
    """Examples that do not fit the schema beside them."""
    try:
        validators = jsonschema_rs.validator_map_for(spec.document)
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        yield f"the schemas cannot be compiled: {error}"
        return
    waiting: list[tuple[str, Any]] = [("#", spec.document)]
    while waiting:
        pointer, node = waiting.pop()
        if isinstance(node, list):
            waiting.extend((f"{pointer}/{index}", entry) for index, entry in enumerate(node))
        if not isinstance(node, dict):
            continue
        validator = validators.get(f"{pointer}/schema") if "schema" in node else None
        if validator is not None:
            for name, value in _values(node):
                problems = [error.message for error in validator.iter_errors(value)]
                yield from (f"{pointer}, example {name}: {problem}" for problem in problems[:1])
        waiting.extend((f"{pointer}/{escape(key)}", value) for key, value in node.items() if key not in _DATA)


def _values(node: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if "example" in node:
        yield "example", node["example"]
    for name, entry in (node.get("examples") or {}).items():
        for key in ("value", "dataValue"):
            if isinstance(entry, dict) and key in entry:
                yield name, entry[key]


def _lines(requirements: RequirementSet) -> Iterator[str]:
    """Lines of the document that are neither a requirement nor excluded."""
    spans = [requirement.lines for requirement in requirements.requirements.values()]
    spans += [exclusion.lines for exclusion in requirements.exclusions]
    covered = {line for lines in spans for first, last in lines for line in range(first, last + 1)}
    for line in range(1, requirements.source.lines + 1):
        if line not in covered:
            yield f"line {line} of the document is neither a requirement nor excluded"


def _bound(spec: Spec, requirements: RequirementSet) -> Iterator[str]:
    """Operations that no documented requirement binds."""
    bound = {
        operation
        for requirement in requirements.requirements.values()
        if requirement.level == "documented"
        for operation in requirement.operations
    }
    for operation in spec.operations:
        if operation not in bound:
            yield f"{operation}: no documented requirement binds it"


def _answered_for(spec: Spec, requirements: RequirementSet) -> Iterator[str]:
    """Metered operations without the requirement that answers for them, or for what they are charged: the
    judge has to have both."""
    found = requirements.requirements.values()
    owned = {name for requirement in found if requirement.owner for name in requirement.operations}
    priced = {name for requirement in found if requirement.price for name in requirement.operations}
    for operation in spec.operations.values():
        if operation.metric is not None:
            for word, those in (("owner", owned), ("price", priced)):
                if operation.id not in those:
                    yield f"{operation.id}: it is metered, and no requirement that binds it has {word}: true"


def _judged(requirements: RequirementSet, judged: Collection[str] | None) -> Iterator[str]:
    if judged is None:
        return
    for requirement in requirements.requirements:
        if requirement not in judged:
            yield f"{requirement}: no check judges it"
    for name in sorted(set(judged) - set(requirements.requirements)):
        yield f"{name}: a check judges it, and no requirement has this id"
