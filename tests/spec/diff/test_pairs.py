"""Each kind of change has its class, in both directions and both ways round."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from lightning_spec.diff.change import Change, Comparison
from lightning_spec.diff.comparison import compare_revisions
from lightning_spec.diff.source import Document, Revision, parse
from lightning_spec.loader import OPENAPI_FILE, REQUIREMENTS_FILE

from tests.spec.diff import unseen
from tests.spec.diff.pairs import DOCUMENTS, MEANING, REQUIREMENTS, SCHEMAS, base

ALL_SCHEMAS = [*SCHEMAS, *unseen.SCHEMAS]

OURS = yaml.load(OPENAPI_FILE.read_text(), yaml.CSafeLoader)
PROMISES = yaml.load(REQUIREMENTS_FILE.read_text(), yaml.CSafeLoader)


def document(data: Any, name: str = "openapi.yaml") -> Document:
    return Document(name, data, {}, lambda _: b"", [])


def compared(old: Any, new: Any) -> Comparison:
    return compare_revisions(Revision(document(old), None), Revision(document(new), None))


def letter(comparison: Comparison) -> str:
    return "=" if comparison.worst is None else comparison.worst.name[0]


def told(comparison: Comparison) -> list[str]:
    return [f"{change.rule}: {change.sentence}" for change in comparison.changes]


def with_schema(schema: Any, side: str) -> dict[str, Any]:
    content = {"content": {"application/json": {"schema": schema}}}
    operation: dict[str, Any] = {"responses": {"200": {"description": "d"}}}
    if side == "request":
        operation["requestBody"] = content
    else:
        operation["responses"]["200"] |= content
    return {"openapi": "3.1.0", "paths": {"/": {"post": operation}}}


@pytest.mark.parametrize("side", ["request", "response"])
@pytest.mark.parametrize(("name", "old", "new", "classes"), ALL_SCHEMAS, ids=[row[0] for row in ALL_SCHEMAS])
def test_a_schema(name: str, old: Any, new: Any, classes: str, side: str) -> None:
    expected = classes[:2] if side == "request" else classes[2:]
    there = compared(with_schema(old, side), with_schema(new, side))
    back = compared(with_schema(new, side), with_schema(old, side))
    assert letter(there) + letter(back) == expected, (told(there), told(back))


@pytest.mark.parametrize(("name", "edit", "classes"), DOCUMENTS, ids=[row[0] for row in DOCUMENTS])
def test_a_description(name: str, edit: Any, classes: str) -> None:
    old, new = base(), base()
    edit(new)
    there, back = compared(old, new), compared(new, old)
    assert letter(there) + letter(back) == classes, (told(there), told(back))


@pytest.mark.parametrize(
    ("name", "old", "new", "classes"), unseen.DESCRIPTIONS, ids=[row[0] for row in unseen.DESCRIPTIONS]
)
def test_a_pair_of_descriptions(name: str, old: Any, new: Any, classes: str) -> None:
    there, back = compared(old, new), compared(new, old)
    assert letter(there) + letter(back) == classes, (told(there), told(back))
    assert told(compared(new, new)) == []


@pytest.mark.parametrize(("name", "edit", "classes"), MEANING, ids=[row[0] for row in MEANING])
def test_a_fact_of_behaviour(name: str, edit: Any, classes: str) -> None:
    new = copy.deepcopy(OURS)
    edit(new)
    there, back = compared(OURS, new), compared(new, OURS)
    assert letter(there) + letter(back) == classes, (told(there), told(back))


@pytest.mark.parametrize(("name", "edit", "classes"), REQUIREMENTS, ids=[row[0] for row in REQUIREMENTS])
def test_a_promise(name: str, edit: Any, classes: str) -> None:
    new = copy.deepcopy(PROMISES)
    edit(new)
    ours = document(OURS)
    sides = [Revision(ours, document(data, "requirements.yaml")) for data in (PROMISES, new)]
    there = compare_revisions(sides[0], sides[1])
    back = compare_revisions(sides[1], sides[0])
    assert letter(there) + letter(back) == classes, (told(there), told(back))


def test_there_are_pairs_enough() -> None:
    assert 2 * len(SCHEMAS) + len(DOCUMENTS) + len(MEANING) + len(REQUIREMENTS) >= 120


def change_of(comparison: Comparison, rule: str) -> Change:
    return next(change for change in comparison.changes if change.rule == rule)


def test_a_change_says_where_it_stands_and_what_each_side_expects() -> None:
    new = copy.deepcopy(OURS)
    new["x-lightning-plans"]["plans"][1]["limits"]["imagesDaily"] = 40
    text = yaml.safe_dump(new, sort_keys=False)
    written = Revision(parse("openapi.yaml", text.encode(), lambda _: b""), None)
    change = change_of(compare_revisions(Revision(document(OURS), None), written), "plan-limit-lowered")
    lines = text.splitlines()
    assert lines[change.place.line - 1].strip() == "imagesDaily: 40"
    assert change.place.pointer == "/x-lightning-plans/plans/1/limits/imagesDaily"
    assert change.sentence == "plan light, imagesDaily: new expects 40 units, old 50 units"


def test_a_removal_after_deprecation_is_risky_and_not_silent() -> None:
    old, new = base(), base()
    old["paths"]["/things/{id}"]["post"]["deprecated"] = True
    del new["paths"]["/things/{id}"]["post"]
    assert [change.rule for change in compared(old, new).changes] == ["deprecated-operation-removed"]


def test_what_a_webhook_sends_goes_the_other_way_round() -> None:
    def hook(schema: Any) -> dict[str, Any]:
        body = with_schema(schema, "request")
        return {"openapi": "3.1.0", "webhooks": body["paths"]}

    assert letter(compared(hook({"enum": ["a", "b"]}), hook({"enum": ["a"]}))) == "S"
    assert letter(compared(hook({"enum": ["a"]}), hook({"enum": ["a", "b"]}))) == "B"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": True, "enum": ["a"]}, {"enum": ["a", None]}),
        (
            {"type": "number", "minimum": 1, "exclusiveMinimum": True},
            {"type": "number", "exclusiveMinimum": 1},
        ),
        (
            {"allOf": [{"$ref": "#/components/schemas/S"}], "nullable": True},
            {"oneOf": [{"type": "string"}, {"type": "null"}]},
        ),
    ],
)
@pytest.mark.parametrize("side", ["request", "response"])
def test_the_dialects_of_30_and_31_are_one_contract(old: Any, new: Any, side: str) -> None:
    before = {
        **with_schema(old, side),
        "openapi": "3.0.3",
        "components": {"schemas": {"S": {"type": "string"}}},
    }
    assert told(compared(before, with_schema(new, side))) == []
    assert told(compared(with_schema(new, side), before)) == []


def test_what_cannot_be_read_is_said_and_the_rest_is_compared() -> None:
    old, new = base(), base()
    new["paths"]["/broken"] = 7
    new["paths"]["/things/{id}"]["get"]["parameters"].append({"$ref": "#/nowhere"})
    del new["paths"]["/things/{id}"]["post"]
    comparison = compared(old, new)
    assert {change.rule for change in comparison.changes} == {"operation-removed"}
    problems = {entry.problem for entry in comparison.unread}
    assert "a path item that is not a mapping" in problems
    assert "the reference #/nowhere leads nowhere" in problems
