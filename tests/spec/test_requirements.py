"""The requirements cover the whole document and every operation, and their file is held to its form."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightning_spec.loader import (
    REQUIREMENTS_FILE,
    SpecError,
    load_requirements,
    load_spec,
    parse_requirements,
)
from lightning_spec.strict import read_yaml

Change = Callable[[dict[str, Any]], object]
SPEC = load_spec()
SET = load_requirements()
REQUIREMENTS = SET.requirements.values()

SMALL: dict[str, Any] = {
    "document": {"title": "A document", "sha256": "0" * 64, "lines": 9},
    "requirements": [
        {
            "id": "AUTH-1",
            "area": "identity",
            "section": "Authentication",
            "lines": [[1, 4], [6, 6]],
            "level": "documented",
            "statement": "A good bearer is served.",
            "operations": ["getUsage", "getSubscription"],
        }
    ],
    "exclusions": [{"lines": [[5, 5], [7, 9]], "reason": "Blank."}],
}


ASSUMED = {"level": "assumed", "lines": [], "why_advice": "The document is silent."}


def small(change: Change) -> dict[str, Any]:
    data = copy.deepcopy(SMALL)
    change(data)
    return data


def first(data: dict[str, Any]) -> dict[str, Any]:
    requirement: dict[str, Any] = data["requirements"][0]
    return requirement


def test_every_line_of_the_document_is_a_requirement_or_an_exclusion() -> None:
    covered: set[int] = set()
    for lines in [*(entry.lines for entry in REQUIREMENTS), *(entry.lines for entry in SET.exclusions)]:
        for start, end in lines:
            covered.update(range(start, end + 1))
    assert SET.source.lines == 253
    assert [line for line in range(1, SET.source.lines + 1) if line not in covered] == []


def test_no_line_is_both_required_and_excluded() -> None:
    required = {line for entry in REQUIREMENTS for a, b in entry.lines for line in range(a, b + 1)}
    excluded = {line for entry in SET.exclusions for a, b in entry.lines for line in range(a, b + 1)}
    assert required & excluded == set()


@pytest.mark.parametrize("operation", list(SPEC.operations))
def test_every_operation_is_bound_by_a_documented_requirement(operation: str) -> None:
    binding = [
        requirement.id
        for requirement in REQUIREMENTS
        if operation in requirement.operations and requirement.level == "documented"
    ]
    assert binding


def test_every_metered_operation_has_an_owner_that_is_documented() -> None:
    owned = {
        op: requirement for requirement in REQUIREMENTS if requirement.owner for op in requirement.operations
    }
    for operation in SPEC.operations.values():
        if operation.metric is not None:
            assert owned[operation.id].level == "documented"


def test_every_metered_operation_has_one_documented_price() -> None:
    priced = [op for requirement in REQUIREMENTS if requirement.price for op in requirement.operations]
    assert sorted(priced) == sorted(op.id for op in SPEC.operations.values() if op.metric is not None)
    assert all(requirement.level == "documented" for requirement in REQUIREMENTS if requirement.price)


def test_every_section_that_promises_something_has_a_requirement() -> None:
    used = {requirement.section for requirement in REQUIREMENTS}
    silent = {"Lightning API", "Plan and usage endpoints", "Status and discovery endpoints"}
    assert set(SPEC.sections) - used - silent <= {"Generating API keys in the app", "Generation endpoints"}


def test_every_charged_operation_is_bound_by_a_requirement_of_its_section() -> None:
    for operation in SPEC.operations.values():
        bound = [r for r in REQUIREMENTS if r.section == operation.section and operation.id in r.operations]
        assert bound, operation.id


def test_every_statement_is_a_sentence_that_its_section_does_not_repeat() -> None:
    statements = [(requirement.section, requirement.statement) for requirement in REQUIREMENTS]
    assert len(statements) == len(set(statements))
    assert [statement for _, statement in statements if not statement.endswith(".")] == []


def test_the_requirements_are_read_once() -> None:
    assert load_requirements() is load_requirements(REQUIREMENTS_FILE)


def test_a_small_file_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "requirements.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    result = load_requirements(path, SPEC)
    requirement = result.requirements["AUTH-1"]
    assert requirement.lines == ((1, 4), (6, 6))
    assert requirement.operations == ("getUsage", "getSubscription")
    assert (requirement.level, requirement.area) == ("documented", "identity")
    assert result.exclusions[0].lines == ((5, 5), (7, 9))
    assert result.source.title == "A document"
    assert parse_requirements(read_yaml(path), SPEC) == result


def test_an_assumption_needs_no_line() -> None:
    data = small(lambda d: first(d).update(ASSUMED))
    assert parse_requirements(data, SPEC).requirements["AUTH-1"].lines == ()


REFUSED: list[tuple[Change, str]] = [
    (lambda d: d.update({"notes": 1}), "requirements: unknown key 'notes'"),
    (lambda d: d.pop("exclusions"), "requirements: the key 'exclusions' is missing"),
    (lambda d: first(d).update({"sektion": "x"}), "AUTH-1: unknown key 'sektion'"),
    (lambda d: first(d).pop("level"), "AUTH-1: the key 'level' is missing"),
    (lambda d: first(d).pop("id"), "requirements[0]: the key 'id' is missing"),
    (
        lambda d: first(d).update({"id": "auth 1"}),
        "auth 1: expected an id of capitals, a hyphen and a number",
    ),
    (lambda d: d["requirements"].append(first(d)), "AUTH-1: duplicate id"),
    (
        lambda d: first(d).update({"level": "likely"}),
        "AUTH-1.level: expected one of documented, observed, assumed, got 'likely'",
    ),
    (
        lambda d: first(d).update({"operations": ["getUsages"]}),
        "AUTH-1.operations: unknown operation 'getUsages'",
    ),
    (
        lambda d: first(d).update({"operations": ["getUsage", "getUsage"]}),
        "AUTH-1.operations: the operation 'getUsage' appears twice",
    ),
    (lambda d: first(d).update({"operations": []}), "AUTH-1.operations: a requirement binds at least one"),
    (lambda d: first(d).update({"section": "Autentication"}), "AUTH-1.section: expected one of"),
    (
        lambda d: first(d).update({"lines": []}),
        "AUTH-1.lines: a documented requirement cites at least one line",
    ),
    (lambda d: first(d).update({"lines": [[4, 3]]}), "AUTH-1.lines: lines 4 to 3 are not in a document of 9"),
    (
        lambda d: first(d).update({"lines": [[9, 10]]}),
        "AUTH-1.lines: lines 9 to 10 are not in a document of 9",
    ),
    (lambda d: first(d).update({"lines": [[3]]}), "AUTH-1.lines: expected pairs of a first and a last line"),
    (lambda d: first(d).update({"statement": " "}), "AUTH-1.statement: expected text, got ' '"),
    (lambda d: d["exclusions"][0].pop("reason"), "exclusions[0]: the key 'reason' is missing"),
    (
        lambda d: d["exclusions"][0].update({"lines": []}),
        "exclusions[0].lines: an exclusion names at least one",
    ),
    (
        lambda d: first(d).update({**ASSUMED, "why_advice": " "}),
        "AUTH-1.why_advice: expected text, got ' '",
    ),
    (
        lambda d: first(d).update({"level": "observed"}),
        "AUTH-1: what is observed says in why_advice why it only advises",
    ),
    (
        lambda d: first(d).update({"why_advice": "The document is silent."}),
        "AUTH-1: what is documented has no why_advice",
    ),
    (lambda d: first(d).update({"urgent": 1}), "AUTH-1.urgent: expected true or false, got 1"),
    (lambda d: first(d).update({"owner": "yes"}), "AUTH-1.owner: expected true or false, got 'yes'"),
    (
        lambda d: (
            first(d).update({"owner": True}),
            d["requirements"].append({**first(d), "id": "AUTH-2"}),
        ),
        "AUTH-2: AUTH-1 is the owner of 'getUsage' already",
    ),
    (
        lambda d: first(d).update({"price": True}),
        "AUTH-1: 'getUsage' has no metric, so nothing sets its price",
    ),
    (lambda d: d["document"].update({"sha256": "12"}), "document.sha256: expected 64 hexadecimal digits"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[message[:70] for _, message in REFUSED])
def test_the_loader_refuses_and_says_where(change: Change, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_requirements(small(change), SPEC)
    assert str(caught.value).startswith(message)
