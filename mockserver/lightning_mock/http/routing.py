"""Finds the route of a request line, for the API and for the control plane.

Law: routes come from an OpenAPI file. A path is matched before it is decoded, so an escaped slash, brace or
line break belongs to the value of a parameter and never to the route. A concrete path wins over a template.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote_to_bytes

from lightning_mock.errors import InvalidRequest, MethodNotAllowed, NotFound

T = TypeVar("T")
_PARAMETER = re.compile(r"{([^{}]+)}")
_ANY_SEGMENT = "([^/]+)"


class RoutingError(ValueError):
    """The spec has a path that this router cannot serve."""


@dataclass(frozen=True, slots=True)
class RouteMatch(Generic[T]):
    """What answers a request, and the undecoded path segments that are parameters, by name."""

    target: T
    segments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Template(Generic[T]):
    """A path with parameters: by method, their names and what answers."""

    pattern: re.Pattern[str]
    targets: dict[str, tuple[list[str], T]] = field(default_factory=dict)


class Router(Generic[T]):
    """Finds what answers a method on a raw path: one dictionary look-up, then the templates of that depth."""

    def __init__(self) -> None:
        self._fixed: dict[str, dict[str, RouteMatch[T]]] = {}
        self._templates: dict[int, dict[str, _Template[T]]] = {}

    def add(self, method: str, path: str, target: T) -> None:
        """Serve a path; a parameter stands for a whole segment."""
        if "{" not in path:
            self._fixed.setdefault(path, {})[method] = RouteMatch(target)
            return
        steps = [_PARAMETER.sub(_ANY_SEGMENT, step) for step in path.split("/")]
        if any(_ANY_SEGMENT in step and step != _ANY_SEGMENT for step in steps):
            raise RoutingError(f"{path}: expected each parameter to stand for a whole segment")
        pattern = "/".join(step if step == _ANY_SEGMENT else re.escape(step) for step in steps)
        templates = self._templates.setdefault(path.count("/"), {})
        template = templates.setdefault(pattern, _Template(re.compile(pattern)))
        template.targets[method] = _PARAMETER.findall(path), target

    def find(self, method: str, raw_path: str) -> RouteMatch[T]:
        """Raises NotFound, or MethodNotAllowed with the methods that are served.

        A template also answers the methods that a concrete path does not have: a GET of the alternate
        video route without a prompt is a GET of the first one with that word as its prompt.
        """
        fixed = self._fixed.get(raw_path)
        if fixed is not None:
            match = fixed.get(method)
            if match is not None:
                return match
        served = set(fixed or ())
        for template in self._templates.get(raw_path.count("/"), {}).values():
            fitted = template.pattern.fullmatch(raw_path)
            if fitted is None:
                continue
            if method in template.targets:
                names, target = template.targets[method]
                return RouteMatch(target, dict(zip(names, fitted.groups(), strict=True)))
            # As the spec does, `Allow` speaks of the concrete path alone where there is one.
            served = served or set(template.targets)
        if not served:
            raise NotFound
        allowed = sorted(served)
        raise MethodNotAllowed(
            f"This path does not serve that method; expected {' or '.join(allowed)}.",
            headers={"Allow": ", ".join(allowed)},
        )


def decode_segment(raw: str, name: str) -> str:
    """A path segment as text. Raises InvalidRequest when its escapes are not UTF-8."""
    try:
        return unquote_to_bytes(raw.encode("utf-8", "surrogateescape")).decode()
    except UnicodeDecodeError:
        raise InvalidRequest(f"{name}: expected percent-encoded UTF-8.", name) from None
