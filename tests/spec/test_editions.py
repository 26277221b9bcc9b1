"""The 3.1 edition is the 3.2 document, and linters take all that is published."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightning_mock.control.contract import control_contract
from lightning_spec.edition31 import EDITION_FILE, edition, text_of
from lightning_spec.loader import OPENAPI_FILE, load_revision, revisions
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.support import node
from tests.support.guard import HANGS

FOLDERS = pytest.mark.parametrize("folder", revisions().values(), ids=revisions())
CONTROL_FILE = Path(__file__).parents[2] / "mockserver" / "lightning_mock" / "control" / "openapi.yaml"
LINTERS = Path(__file__).parent / "linters"


def read(file: Path) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)


@FOLDERS
def test_the_edition_is_made_from_the_document_as_it_stands(folder: Path) -> None:
    made = text_of(folder / OPENAPI_FILE.name)
    written = (folder / EDITION_FILE.name).read_text(encoding="utf-8")
    assert written == made, "run python -m lightning_spec.edition31"


@FOLDERS
def test_the_edition_is_valid_3_1(folder: Path) -> None:
    written = read(folder / EDITION_FILE.name)
    assert written["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(written).iter_errors()] == []


def test_the_edition_says_the_same_but_for_the_form_of_streams() -> None:
    document = read(OPENAPI_FILE)
    made, expected = edition(document), copy.deepcopy(document)
    expected["openapi"] = made["openapi"]
    operation = ["paths", "/gen/chat/completions", "post", "responses", "200", "content", "text/event-stream"]
    stream, theirs = made, expected
    for key in operation[:-1]:
        stream, theirs = stream[key], theirs[key]
    was = theirs["text/event-stream"]["examples"]["text"]["value"]
    text = stream["text/event-stream"]["examples"]["text"]["value"]
    assert [line.removeprefix("data: ") for line in text.split("\n\n")[:-1]] == [
        event["data"] for event in was
    ]
    theirs["text/event-stream"] = stream["text/event-stream"]
    assert made == expected


def properties(node: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, list):
        for entry in node:
            yield from properties(entry, place)
    if isinstance(node, dict):
        fields = node.get("properties")
        for name, schema in fields.items() if isinstance(fields, dict) else ():
            if isinstance(schema, dict):
                yield f"{place}.{name}", schema
        for key, value in node.items():
            if key not in ("example", "examples", "default", "const", "enum"):
                yield from properties(value, f"{place}.{key}")


@pytest.mark.parametrize(
    "document",
    [*(load_revision(name)[0].document for name in revisions()), control_contract().document],
    ids=[*revisions(), "control API"],
)
def test_no_field_has_a_default_of_its_own(document: dict[str, Any]) -> None:
    # Generators of types take a field with a default for one that is always there, requests included.
    assert [place for place, schema in properties(document) if "default" in schema] == []


@pytest.fixture(scope="module")
def linters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return node.install(LINTERS, tmp_path_factory.mktemp("linters"))


@pytest.mark.node
@pytest.mark.parametrize(
    "command",
    [("spectral", "lint", "--ruleset", "spectral.yaml", "--fail-severity", "error"), ("redocly", "lint")],
    ids=lambda command: command[0],
)
def test_a_linter_finds_no_error(linters: Path, command: tuple[str, ...]) -> None:
    tool = linters / "node_modules" / ".bin" / command[0]
    if not tool.exists():
        pytest.skip(f"LIGHTNING_NODE_MODULES has no {command[0]}")
    published = [
        folder / file.name for folder in revisions().values() for file in (OPENAPI_FILE, EDITION_FILE)
    ]
    # All in one call: node takes longer to start than to read a file.
    done = subprocess.run(
        [str(tool), *command[1:], *map(str, [*published, CONTROL_FILE])],
        cwd=linters,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
