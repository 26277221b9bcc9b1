"""The 3.1 edition of each revision's OpenAPI document, for readers that refuse 3.2.

Run:  python -m lightning_spec.edition31     writes `openapi-3.1.yaml` beside every `openapi.yaml`

Law: made from the 3.2 document and nothing else. It differs in its version and in event streams, whose items
3.1 cannot describe: there they are text, and the schemas of the events stay among the components.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lightning_spec.loader import OPENAPI_FILE, revisions

EDITION_FILE = OPENAPI_FILE.with_name("openapi-3.1.yaml")
_HEADER = "# Made from openapi.yaml by `python -m lightning_spec.edition31`; change that file instead.\n\n"
_VERSION = "3.1.0"
_WIDTH = 120


def edition(document: Mapping[str, Any]) -> dict[str, Any]:
    """A 3.2 document as 3.1."""
    made: dict[str, Any] = _converted(document)
    return {**made, "openapi": _VERSION}


def text_of(path: Path = OPENAPI_FILE) -> str:
    """The edition as it stands in its file."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return _HEADER + dumped(edition(document))


def dumped(document: Mapping[str, Any], *, short: bool = False) -> str:
    """A document as YAML without anchors and aliases; `short` puts lists of plain values on one line."""
    style = None if short else False
    return yaml.dump(
        document,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDTH,
        default_flow_style=style,
    )


class _Dumper(yaml.SafeDumper):
    """Writes no anchors and aliases: not every reader knows them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _converted(node: Any) -> Any:
    if isinstance(node, list):
        return [_converted(entry) for entry in node]
    if not isinstance(node, Mapping):
        return node
    if "itemSchema" in node:
        return _as_text(node)
    return {key: _converted(value) for key, value in node.items()}


def _as_text(media: Mapping[str, Any]) -> dict[str, Any]:
    """A media type object with `itemSchema` (3.2) as plain text (3.1): the events as they are on the wire."""
    name = media["itemSchema"]["$ref"].rpartition("/")[2]
    examples = {
        key: {**example, "value": "".join(f"data: {event['data']}\n\n" for event in example["value"])}
        for key, example in media.get("examples", {}).items()
    }
    schema = {"type": "string", "description": f"Server-sent events; each is a {name} of the components."}
    return {"schema": schema, "examples": examples}


if __name__ == "__main__":
    for _folder in revisions().values():
        _text = text_of(_folder / OPENAPI_FILE.name)
        (_folder / EDITION_FILE.name).write_text(_text, encoding="utf-8")
