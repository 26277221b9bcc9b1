"""JSON Pointers (RFC 6901) and local references within one document, for spec and mock."""

from __future__ import annotations

from typing import Any

from lightning_spec.model import SpecError


def escape(key: str) -> str:
    """A key as a reference token of a JSON Pointer (RFC 6901, 3)."""
    return key.replace("~", "~0").replace("/", "~1")


def look_up(document: Any, pointer: str) -> Any:
    """The node at a pointer such as `#/paths/~1usage`. References on the way are followed, one at its end is
    not. Raises SpecError when nothing is there."""
    node = document
    for part in pointer.removeprefix("#").split("/")[1:]:
        node, _ = resolve(document, node, pointer)
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            node = node[int(key)] if isinstance(node, list) else node[key]
        except (KeyError, IndexError, TypeError, ValueError):
            raise SpecError(pointer, "this pointer leads nowhere") from None
    return node


def resolve(document: Any, node: Any, pointer: str) -> tuple[Any, str]:
    """A node with its reference followed to the end, and the pointer of what is there. Raises SpecError for a
    reference that is circular, leaves the document or leads nowhere."""
    seen: set[str] = set()
    while isinstance(node, dict) and "$ref" in node:
        target = node["$ref"]
        if target in seen or not isinstance(target, str) or not target.startswith("#/"):
            raise SpecError(pointer, f"the reference {target!r} leads in a circle or out of the file")
        seen.add(target)
        try:
            node = look_up(document, target)
        except SpecError:
            raise SpecError(pointer, f"the reference {target!r} leads nowhere") from None
        pointer = target
    return node, pointer
