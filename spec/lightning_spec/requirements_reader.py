"""Turns the requirements file into a `RequirementSet`, refusing what does not fit operations and sections."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast, get_args

from lightning_spec.model import (
    Exclusion,
    Level,
    Lines,
    Requirement,
    RequirementSet,
    SourceDocument,
    Spec,
    SpecError,
)
from lightning_spec.strict import integer, keys, mapping, one_of, sequence, text, truth

_REQUIREMENT = ("id", "area", "section", "lines", "level", "statement", "operations")


def parse_requirements(data: Mapping[str, Any], spec: Spec) -> RequirementSet:
    """The requirements of a raw mapping. Raises SpecError for anything unknown, duplicate or missing."""
    raw = keys(
        mapping(data, "requirements"), "requirements", required=("document", "requirements", "exclusions")
    )
    source = _source(raw["document"])
    requirements: dict[str, Requirement] = {}
    owned: dict[str, str] = {}
    priced: dict[str, str] = {}
    for index, entry in enumerate(sequence(raw["requirements"], "requirements")):
        requirement = _requirement(entry, f"requirements[{index}]", source, spec)
        if requirement.id in requirements:
            raise SpecError(requirement.id, "duplicate id")
        requirements[requirement.id] = requirement
        for operation in requirement.operations if requirement.owner else ():
            if operation in owned:
                raise SpecError(requirement.id, f"{owned[operation]} is the owner of {operation!r} already")
            owned[operation] = requirement.id
        for operation in requirement.operations if requirement.price else ():
            if spec.operations[operation].metric is None:
                raise SpecError(requirement.id, f"{operation!r} has no metric, so nothing sets its price")
            if operation in priced:
                raise SpecError(requirement.id, f"{priced[operation]} has the price of {operation!r} already")
            priced[operation] = requirement.id
    exclusions = tuple(
        _exclusion(entry, f"exclusions[{index}]", source)
        for index, entry in enumerate(sequence(raw["exclusions"], "exclusions"))
    )
    return RequirementSet(source, MappingProxyType(requirements), exclusions)


def _source(value: Any) -> SourceDocument:
    data = keys(mapping(value, "document"), "document", required=("title", "sha256", "lines"))
    digest = text(data["sha256"], "document.sha256")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise SpecError("document.sha256", "expected 64 hexadecimal digits")
    return SourceDocument(
        text(data["title"], "document.title"), digest, integer(data["lines"], "document.lines", least=1)
    )


def _requirement(value: Any, place: str, source: SourceDocument, spec: Spec) -> Requirement:
    data = mapping(value, place)
    # The id, where there is one, says more than the position in the list.
    place = data["id"] if isinstance(data.get("id"), str) else place
    keys(data, place, required=_REQUIREMENT, optional=("owner", "price", "why_advice", "urgent"))
    identifier = text(data["id"], place)
    if not re.fullmatch(r"[A-Z]+-[1-9][0-9]*", identifier):
        raise SpecError(place, "expected an id of capitals, a hyphen and a number")
    level = cast(Level, one_of(data["level"], get_args(Level), f"{place}.level"))
    lines = _lines(data["lines"], f"{place}.lines", source)
    if level == "documented" and not lines:
        raise SpecError(f"{place}.lines", "a documented requirement cites at least one line")
    if (level == "documented") == ("why_advice" in data):
        problem = "has no why_advice" if level == "documented" else "says in why_advice why it only advises"
        raise SpecError(place, f"what is {level} {problem}")
    return Requirement(
        id=identifier,
        area=text(data["area"], f"{place}.area"),
        section=one_of(data["section"], spec.sections, f"{place}.section"),
        lines=lines,
        statement=text(data["statement"], f"{place}.statement"),
        level=level,
        operations=_operations(data["operations"], f"{place}.operations", spec),
        owner=truth(data.get("owner", False), f"{place}.owner"),
        price=truth(data.get("price", False), f"{place}.price"),
        why_advice=text(data["why_advice"], f"{place}.why_advice") if "why_advice" in data else "",
        urgent=truth(data.get("urgent", False), f"{place}.urgent"),
    )


def _operations(value: Any, place: str, spec: Spec) -> tuple[str, ...]:
    names = tuple(text(entry, place) for entry in sequence(value, place))
    for name in names:
        if name not in spec.operations:
            raise SpecError(place, f"unknown operation {name!r}")
        if names.count(name) > 1:
            raise SpecError(place, f"the operation {name!r} appears twice")
    if not names:
        raise SpecError(place, "a requirement binds at least one operation")
    return names


def _exclusion(value: Any, place: str, source: SourceDocument) -> Exclusion:
    data = keys(mapping(value, place), place, required=("lines", "reason"))
    lines = _lines(data["lines"], f"{place}.lines", source)
    if not lines:
        raise SpecError(f"{place}.lines", "an exclusion names at least one line")
    return Exclusion(lines, text(data["reason"], f"{place}.reason"))


def _lines(value: Any, place: str, source: SourceDocument) -> Lines:
    ranges: list[tuple[int, int]] = []
    for entry in sequence(value, place):
        pair = sequence(entry, place)
        if len(pair) != 2:
            raise SpecError(place, f"expected pairs of a first and a last line, got {pair!r}")
        first, last = (integer(number, place, least=1) for number in pair)
        if first > last or last > source.lines:
            raise SpecError(place, f"lines {first} to {last} are not in a document of {source.lines} lines")
        ranges.append((first, last))
    return tuple(ranges)
