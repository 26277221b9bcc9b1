"""Every revision is whole, in order, and differs from the first in what is expected."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from lightning_spec.command import main
from lightning_spec.diff.comparison import compare
from lightning_spec.lint import lint
from lightning_spec.loader import (
    OPENAPI_FILE,
    SpecError,
    load_requirements,
    load_revision,
    load_spec,
    revision_folder,
    revisions,
)
from lightning_spec.revision import merged, merged_requirements, patched, texts_of
from openapi_spec_validator import OpenAPIV32SpecValidator

FIRST, LATER = "2026-05-15", "2026-06-19"


def test_the_first_revision_is_the_documents_own() -> None:
    assert list(revisions()) == [FIRST, LATER]
    assert load_revision() == load_revision(FIRST) == (load_spec(), load_requirements())
    assert revision_folder(FIRST) == revision_folder() == OPENAPI_FILE.parent


@pytest.mark.parametrize("name", revisions())
def test_a_revision_is_named_after_its_version_and_in_order(name: str) -> None:
    spec, _ = load_revision(name)
    assert spec.document["info"]["version"] == name
    assert lint(revision_folder(name)) == []


@pytest.mark.parametrize("folder", list(patched()), ids=lambda folder: folder.name)
def test_a_later_revision_is_made_from_the_first_as_it_stands(folder: Path) -> None:
    for name, text in texts_of(folder).items():
        assert (folder / name).read_text(encoding="utf-8") == text, "run python -m lightning_spec.revision"


def test_a_later_revision_cites_its_own_document() -> None:
    first = {"requirements": [{"id": "A-1", "lines": [[1, 2]]}, {"id": "A-2", "lines": []}]}
    with pytest.raises(SpecError, match="A-1"):
        merged_requirements(first, {"requirements": {"A-1": {"area": "quota"}}})
    later = merged_requirements(first, {"requirements": {"A-3": {"lines": [[3, 3]]}}})
    assert later["requirements"] == [{"id": "A-2", "lines": []}, {"id": "A-3", "lines": [[3, 3]]}]
    removed = merged_requirements(first, {"requirements": {"A-1": None, "A-2": None}})
    assert removed["requirements"] == []


def test_a_later_revision_is_valid_3_2() -> None:
    document = yaml.safe_load((revision_folder(LATER) / OPENAPI_FILE.name).read_text(encoding="utf-8"))
    assert [error.message for error in OpenAPIV32SpecValidator(document).iter_errors()] == []


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": 1}, {"a": None}, {"b": 1}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a"], {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_patch_is_merged_as_rfc_7396_says(target: object, patch: object, result: object) -> None:
    assert merged(target, patch) == result


def test_an_unknown_revision_is_told_with_those_there_are() -> None:
    with pytest.raises(SpecError, match=f"expected one of {FIRST}, {LATER}"):
        load_revision("1999-01-01")


# What the later documents change for whoever kept to the first one; the rest is risky or safe.
BREAKING = {
    *(
        (f"metric-{what}-changed", f"counter {metric}, {what}")
        for metric in load_spec().metrics
        for what in ("period", "label")
    ),
    ("plan-limit-introduced", "plan light, cloudChatDaily"),
    ("requirement-removed", "requirement HDR-1"),
    ("requirement-lowered", "requirement IMG-5, level"),
    ("requirement-lowered", "requirement SUB-2, level"),
    ("requirement-lowered", "requirement SUB-4, level"),
    ("requirement-reworded", "requirement CDN-1, statement"),
    ("requirement-reworded", "requirement FAIL-3, statement"),
}
ADDED = {
    "GET /gen/models",
    "POST /gen/images/generations",
    "POST /gen/videos/generations",
    "HEAD /gen/video",
    "POST /gen/audio/speech",
    "POST /gen/audio/generations",
    "POST /gen/3d/generations",
}
RAISED = {"OBS-3", "OBS-10", "OBS-13", "OBS-15", "OBS-16", "OBS-17"}


def test_the_pair_of_revisions_gives_the_expected_table() -> None:
    changes = compare(*(str(revision_folder(name)) for name in (FIRST, LATER))).changes
    breaking = {(change.rule, change.subject) for change in changes if change.severity.word == "breaking"}
    assert breaking == BREAKING
    assert {change.operation for change in changes if change.rule == "operation-added"} == ADDED
    raised = {change.subject for change in changes if change.rule == "requirement-raised"}
    assert raised == {f"requirement {name}, level" for name in RAISED}
    assert {change.rule for change in changes if change.rule.startswith("fact-")} == set()
    assert [change.operation for change in changes if change.rule == "server-added"] == [""]
    prices = {change.rule for change in changes if "price" in change.rule}
    assert prices == {"plan-price-lowered", "plan-price-rewritten"}


def test_the_revisions_can_be_compared_and_listed_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", FIRST, FIRST]) == 0
    assert main(["diff", FIRST, LATER]) == 1
    assert main(["revisions"]) == 0
    listed = capsys.readouterr().out.splitlines()[-2:]
    assert [line.split()[0] for line in listed] == [FIRST, LATER]
