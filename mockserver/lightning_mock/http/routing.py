"""Which operation a request line means.

Law: routes come from the spec. A path is matched before it is decoded, so an escaped slash, brace or line
break belongs to the value of a parameter and never to the route. A concrete path wins over a template.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import unquote_to_bytes

from lightning_mock.errors import InvalidRequest, MethodNotAllowed, NotFound

T = TypeVar("T")


class RoutingError(ValueError):
    """The spec has a path that this router cannot serve."""


@dataclass(frozen=True, slots=True)
class RouteMatch(Generic[T]):
    """What answers a request, and the undecoded last segment when that is a parameter."""

    target: T
    parameter: str | None = None
    raw: str = ""


class Router(Generic[T]):
    """Finds what answers a method on a raw path: one dictionary look-up, a second one for a template."""

    def __init__(self) -> None:
        self._fixed: dict[str, dict[str, RouteMatch[T]]] = {}
        self._templates: dict[str, dict[str, tuple[str, T]]] = {}

    def add(self, method: str, path: str, target: T) -> None:
        """Serve a path; a parameter may stand for the whole last segment."""
        prefix, _, last = path.rpartition("/")
        if "{" not in path:
            self._fixed.setdefault(path, {})[method] = RouteMatch(target)
        elif last.startswith("{") and last.endswith("}") and "{" not in prefix:
            self._templates.setdefault(prefix, {})[method] = (last[1:-1], target)
        else:
            raise RoutingError(f"{path}: expected one parameter, standing for the last segment")

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
        prefix, _, last = raw_path.rpartition("/")
        template = self._templates.get(prefix) if last else None
        if template is not None and method in template:
            name, target = template[method]
            return RouteMatch(target, name, last)
        # As the spec does, `Allow` speaks of the concrete path alone where there is one.
        allowed = sorted(fixed or template or ())
        if not allowed:
            raise NotFound("There is nothing at this path.")
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
