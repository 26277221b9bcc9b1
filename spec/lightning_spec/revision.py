"""Later revisions of the API: each is made from the first by a JSON merge patch (RFC 7396).

Run:  python -m lightning_spec.revision && python -m lightning_spec.edition31
writes `openapi.yaml` beside every `changes.yaml`, and the 3.1 edition of each.

Law: what two revisions share stands in one place, and each is a whole document that any reader understands.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lightning_spec.edition31 import dumped
from lightning_spec.loader import OPENAPI_FILE, revisions

CHANGES_FILE = "changes.yaml"
_HEADER = (
    "# Made from ../../openapi.yaml and changes.yaml by `python -m lightning_spec.revision`; "
    "change those files instead.\n\n"
)


def merged(target: Any, patch: Any) -> Any:
    """`target` with a merge patch applied (RFC 7396): null removes a key, anything but a mapping replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def patched() -> Iterator[Path]:
    """The folder of every revision that is made from the first."""
    for folder in revisions().values():
        if (folder / CHANGES_FILE).exists():
            yield folder


def text_of(folder: Path) -> str:
    """A revision's document as it stands in its file."""
    first, changes = (
        yaml.safe_load(file.read_text(encoding="utf-8")) for file in (OPENAPI_FILE, folder / CHANGES_FILE)
    )
    return _HEADER + dumped(merged(first, changes))


if __name__ == "__main__":
    for _folder in patched():
        (_folder / OPENAPI_FILE.name).write_text(text_of(_folder), encoding="utf-8")
