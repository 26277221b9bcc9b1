"""Later revisions of the API: each is made from the first by JSON merge patches (RFC 7396).

Run:  python -m lightning_spec.revision && python -m lightning_spec.edition31
writes `openapi.yaml` and `requirements.yaml` beside every `changes.yaml` and `requirement_changes.yaml`, and
the 3.1 edition of each.

Law: what two revisions share stands in one place, and each is a whole document that any reader understands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from lightning_spec.edition31 import dumped
from lightning_spec.loader import OPENAPI_FILE, REQUIREMENTS_FILE, SpecError, revisions

CHANGES_FILE = "changes.yaml"
REQUIREMENT_CHANGES_FILE = "requirement_changes.yaml"
_HEADER = (
    "# Made from ../../{} and {} by `python -m lightning_spec.revision`; change those files instead.\n\n"
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


def merged_requirements(first: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The requirements of a later revision: those of the first with the patches under their ids, and new ones
    at the end. What the first document states and no patch names is not stated in the later one. Raises
    SpecError for a patch that leaves the lines of the first document."""
    patches = changes["requirements"]
    kept = {}
    for entry in first["requirements"]:
        name, stated = entry["id"], bool(entry["lines"])
        patch = patches.get(name)
        if stated and patch is not None and "lines" not in patch:
            raise SpecError(name, f"{REQUIREMENT_CHANGES_FILE} has to give its lines in the later document")
        if name in patches or not stated:
            kept[name] = entry
    requirements = [{"id": name, **entry} for name, entry in merged(kept, patches).items()]
    return {**changes, "requirements": requirements}


def patched() -> Iterator[Path]:
    """The folder of every revision that is made from the first."""
    for folder in revisions().values():
        if (folder / CHANGES_FILE).exists():
            yield folder


def texts_of(folder: Path) -> dict[str, str]:
    """What stands in the files of a revision that are made, by their names."""
    document = merged(_read(OPENAPI_FILE), _read(folder / CHANGES_FILE))
    requirements = merged_requirements(_read(REQUIREMENTS_FILE), _read(folder / REQUIREMENT_CHANGES_FILE))
    return {
        OPENAPI_FILE.name: _HEADER.format(OPENAPI_FILE.name, CHANGES_FILE) + dumped(document),
        REQUIREMENTS_FILE.name: _HEADER.format(REQUIREMENTS_FILE.name, REQUIREMENT_CHANGES_FILE)
        + dumped(requirements, short=True),
    }


def _read(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for _folder in patched():
        for _name, _text in texts_of(_folder).items():
            (_folder / _name).write_text(_text, encoding="utf-8")
