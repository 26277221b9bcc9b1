"""JSON pointers and local references inside one document: the only walker that spec and mock have."""

from __future__ import annotations

from typing import Any

from lightning_spec.model import SpecError


def escape(key: str) -> str:
    """A key as a part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def look_up(document: Any, pointer: str) -> Any:
    """The node at a pointer such as `#/paths/~1usage`. References on the way are followed, one at its end is
    not. SpecError when it leads nowhere."""
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
    """What a node stands for once its references are followed, and the pointer of that. SpecError when a
    reference leads in a circle, out of the document or nowhere."""
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
