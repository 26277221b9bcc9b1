"""Reads YAML strictly: no duplicate keys, no unknown keys, no value of another type than asked for.

Every function takes a `place`, with which the SpecError that it raises says where in the file the mistake is.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import yaml

from lightning_spec.model import SpecError
from lightning_spec.text_formats import PlainLoader, cannot_be, mistake_in, read_file

MAX_INTEGER = 2**53 - 1
"""The largest integer that every reader of JSON keeps exactly (RFC 8259, 6)."""


class _StrictLoader(PlainLoader):
    """YAML's plain data types, except that a duplicate key is an error and dates stay text."""


def _mapping_without_doubles(loader: Any, node: yaml.MappingNode) -> dict[Hashable, Any]:
    built: dict[Hashable, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        place = f"line {key_node.start_mark.line + 1}"
        if not isinstance(key, str):
            raise SpecError(place, f"the key {key!r} must be text; put it in quotes")
        if key in built:
            raise SpecError(place, f"the key {key!r} appears twice")
        built[key] = loader.construct_object(value_node, deep=True)
    return built


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _mapping_without_doubles)


def read_yaml(path: Path, place: str | None = None) -> dict[str, Any]:
    """The mapping in a YAML (or JSON) file. Raises SpecError when it cannot be read or holds anything
    else."""
    named = place or path.name
    try:
        data = parse_yaml(read_file(path))
    except SpecError as error:
        raise SpecError(f"{named}, {error.place}", error.problem) from None
    except OSError as error:
        raise SpecError(str(path), cannot_be("read", error)) from error
    except ValueError as error:
        raise SpecError(named, str(error)) from error
    return mapping(data, named)


def parse_yaml(content: bytes) -> Any:
    """The value of a YAML (or JSON) text. Raises SpecError for a key that appears twice or is no text, and
    ValueError for what is not YAML."""
    try:
        # The loader makes plain data types only, so this is as safe as safe_load.
        return yaml.load(content, Loader=_StrictLoader)  # noqa: S506
    except SpecError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"is not YAML: {mistake_in(error)}") from error


def mapping(value: Any, place: str) -> dict[str, Any]:
    """`value` if it is a mapping with text keys."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise SpecError(place, f"expected a mapping, got {describe(value)}")
    return value


def sequence(value: Any, place: str) -> list[Any]:
    """`value` if it is a list."""
    if not isinstance(value, list):
        raise SpecError(place, f"expected a list, got {describe(value)}")
    return value


def text(value: Any, place: str, *, empty: bool = False) -> str:
    """`value` if it is text, and not blank unless `empty` allows it."""
    if not isinstance(value, str) or not (empty or value.strip()):
        raise SpecError(place, f"expected text, got {describe(value)}")
    return value


def integer(value: Any, place: str, *, least: int = 0) -> int:
    """`value` if it is an integer (not a boolean) of at least `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise SpecError(place, f"expected a whole number of at least {least}, got {describe(value)}")
    if value > MAX_INTEGER:
        raise SpecError(place, f"expected a whole number of at most {MAX_INTEGER}, got {describe(value)}")
    return value


def truth(value: Any, place: str) -> bool:
    """`value` if it is true or false."""
    if not isinstance(value, bool):
        raise SpecError(place, f"expected true or false, got {describe(value)}")
    return value


def one_of(value: Any, allowed: Iterable[str], place: str) -> str:
    """`value` if it is one of the `allowed` words."""
    words = list(allowed)
    if value not in words:
        raise SpecError(place, f"expected one of {', '.join(words)}, got {describe(value)}")
    return str(value)


def keys(
    value: dict[str, Any], place: str, required: Iterable[str] = (), optional: Iterable[str] = ()
) -> dict[str, Any]:
    """`value` if it has every required key and none that is neither required nor optional."""
    needed = set(required)
    for key in value:
        if key not in needed and key not in set(optional):
            known = ", ".join(sorted(needed | set(optional)))
            raise SpecError(place, f"unknown key {key!r}; known are {known}")
    for key in sorted(needed):
        if key not in value:
            raise SpecError(place, f"the key {key!r} is missing")
    return value


def describe(value: Any) -> str:
    """A short form of a value for a message."""
    if value is None:
        return "nothing"
    try:
        shown = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
