"""Whatever a description holds, the command says what it cannot read and ends with a code of its own."""

from __future__ import annotations

import copy
import datetime
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightning_spec.command import main
from lightning_spec.diff.approvals import apply_approvals
from lightning_spec.diff.change import Severity
from lightning_spec.diff.comparison import compare_revisions
from lightning_spec.diff.report import FORMATS
from lightning_spec.diff.source import Document, Revision, SourceError

from tests.spec.diff import unseen
from tests.spec.diff.pairs import base, one_of, thing
from tests.spec.diff.test_pairs import compared, with_schema

WHOLE = b"""\
openapi: 3.1.0
info: {title: t, version: '1'}
paths:
  /a:
    get:
      responses:
        '200': {description: d, content: {application/json: {schema: {type: string, maxLength: 5}}}}
"""
JSON = json.dumps(yaml.safe_load(WHOLE)).encode()
SAME, BREAKS, UNUSABLE = 0, 1, 2


def bounded(value: str) -> bytes:
    return WHOLE.replace(b"maxLength: 5", f"maxLength: {value}".encode())


def doubled(leaf: str) -> bytes:
    """A schema that contains the one before it twice, thirty times over."""
    steps = (f"x-{i}: &x{i} {{properties: {{a: *x{i - 1}, b: *x{i - 1}}}}}\n" for i in range(1, 31))
    schema = b"*x30"
    return f"x-0: &x0 {leaf}\n{''.join(steps)}".encode() + WHOLE.replace(
        b"{type: string, maxLength: 5}", schema
    )


DAMAGES: list[tuple[str, bytes, int]] = [
    ("empty", b"", UNUSABLE),
    ("nothing but a comment", b"# a\n", UNUSABLE),
    ("a list", b"- a\n", UNUSABLE),
    ("a word", b"hello", UNUSABLE),
    ("cut off", WHOLE[:-20], UNUSABLE),
    ("JSON cut off", JSON[:-5], UNUSABLE),
    ("not text", bytes(range(256)), UNUSABLE),
    ("another encoding", WHOLE.replace(b"title: t", b"title: \xe9"), UNUSABLE),
    ("a control character", WHOLE.replace(b"title: t", b"title: \x07"), UNUSABLE),
    ("Swagger 2", b"swagger: '2.0'\npaths: {}\n", UNUSABLE),
    ("a later edition", WHOLE.replace(b"3.1.0", b"4.0.0"), UNUSABLE),
    ("something else", b"asyncapi: 3.0.0\nchannels: {}\n", UNUSABLE),
    ("JSON with a comment", b"// c\n" + JSON, UNUSABLE),
    ("two documents", WHOLE + b"---\na: 1\n", UNUSABLE),
    ("an alias of nothing", WHOLE.replace(b"title: t", b"title: *no"), UNUSABLE),
    ("too many brackets", WHOLE + b"x-deep: " + b"[" * 50_000, UNUSABLE),
    ("an edition that is a number", WHOLE.replace(b"3.1.0", b"3.1"), SAME),
    ("a byte order mark", b"\xef\xbb\xbf" + WHOLE, SAME),
    ("JSON with a byte order mark", b"\xef\xbb\xbf" + JSON, SAME),
    ("UTF-16", WHOLE.decode().encode("utf-16"), SAME),
    ("lines as on Windows", WHOLE.replace(b"\n", b"\r\n"), SAME),
    ("JSON", JSON, SAME),
    ("JSON indented by tabs", json.dumps(json.loads(JSON), indent="\t").encode(), SAME),
    ("a comma too many", JSON[:-1] + b",}", SAME),
    ("half a character", JSON.replace(b'"t"', b'"\\ud800"'), SAME),
    ("tags of a program", WHOLE.replace(b"title: t", b"title: !!python/name:os.system ''"), SAME),
    ("a list as a key", WHOLE + b"? [a, b]\n: c\n", SAME),
    ("a merge", b"x-a: &a {type: string}\n" + WHOLE.replace(b"{type: string,", b"{<<: *a,"), SAME),
    ("an alias of aliases", b"x-0: &x0 [1]\nx-1: &x1 [*x0, *x0]\nx-2: [*x1, *x1]\n" + WHOLE, SAME),
    ("nine hundred brackets", WHOLE + b"x-deep: " + b"[" * 900 + b"]" * 900, SAME),
    ("a key twice", WHOLE + b"paths: {}\n", BREAKS),
    ("an alias in a circle", WHOLE.replace(b"{type: string,", b"&x {items: *x,"), BREAKS),
    ("a billion uses", doubled("{type: string}"), BREAKS),
    ("no number", bounded(".nan"), BREAKS),
    ("no end", bounded(".inf"), BREAKS),
    ("a number of 400 digits", bounded("9" * 400), BREAKS),
    ("sixties", bounded("1:30"), BREAKS),
    ("YAML's old truth", bounded("yes"), BREAKS),
]


@pytest.mark.parametrize(("name", "content", "code"), DAMAGES, ids=[row[0] for row in DAMAGES])
def test_a_damaged_file(
    name: str, content: bytes, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, damaged = tmp_path / "whole.yaml", tmp_path / "damaged.yaml"
    whole.write_bytes(WHOLE)
    damaged.write_bytes(content)
    assert main(["diff", str(whole), str(damaged)]) == code
    said = capsys.readouterr()
    assert said.err.startswith("lightning-spec: ") == (code == UNUSABLE)
    assert main(["diff", str(damaged), str(damaged)]) == (UNUSABLE if code == UNUSABLE else SAME)


def test_a_key_that_stands_twice_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "twice.yaml"
    file.write_bytes(WHOLE + b"paths: {}\n")
    main(["diff", str(file), str(file)])
    assert f"{file}:8: the key paths stands twice" in capsys.readouterr().out


def test_values_of_an_enum_are_the_words_that_are_written(tmp_path: Path) -> None:
    """YAML 1.1 reads `no` as a truth value; the YAML of OpenAPI does not."""
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_bytes(WHOLE.replace(b"maxLength: 5", b"enum: [no, 'on', y]"))
    new.write_bytes(WHOLE.replace(b"maxLength: 5", b"enum: ['no', on, 'y']"))
    assert main(["diff", str(old), str(new), "--fail-on", "risky"]) == SAME


def test_what_is_used_a_billion_times_is_told_a_few_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_bytes(doubled("{type: string}"))
    new.write_bytes(doubled("{type: integer}"))
    assert main(["diff", str(old), str(new)]) == BREAKS
    assert 1 <= capsys.readouterr().out.count("response-type-changed") < 100


JUNK: tuple[Any, ...] = (
    *(None, True, 0, -1.5, float("inf"), 10**400, "x", "", []),
    *(["x"], [{}], {}, {"a": "b"}, {"$ref": "#/nowhere"}, {"$ref": 7}),
)


def trails(value: Any, trail: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield trail
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from trails(child, (*trail, key))


def with_junk(data: Any, trail: tuple[Any, ...], junk: Any) -> Any:
    result = copy.deepcopy(data)
    parent = result
    for key in trail[:-1]:
        parent = parent[key]
    parent[trail[-1]] = junk
    return result


def revision(data: Any) -> Revision:
    return Revision(Document("openapi.yaml", data, {}, lambda _: b"", []), None)


def test_junk_anywhere_stops_nothing() -> None:
    described = [base(), *(new for _, _, new, _ in unseen.DESCRIPTIONS)]
    described += [with_schema({"allOf": [old, new]}, "request") for _, old, new, _ in unseen.SCHEMAS]
    chosen = random.Random(1)
    places = [(data, trail) for data in described for trail in trails(data) if trail]
    for data, trail in chosen.sample(places, 400):
        junk = chosen.choice(JUNK)
        damaged = with_junk(data, trail, junk)
        try:
            found = compare_revisions(revision(data), revision(damaged))
            compare_revisions(revision(damaged), revision(data))
            itself = compare_revisions(revision(damaged), revision(damaged))
        except SourceError:
            assert trail in {("openapi",), ("paths",)}
            continue
        assert itself.changes == (), (trail, junk)
        outcome = apply_approvals(found.changes, (), datetime.datetime.now(datetime.UTC).date())
        for write in FORMATS.values():
            write(outcome, found.unread)


def test_schemas_that_all_lead_to_each_other_are_compared_once_each() -> None:
    def description(leaf: str) -> dict[str, Any]:
        def schema(i: int) -> dict[str, Any]:
            ways: dict[str, Any] = {f"p{k}": unseen.to(f"S{(i * k + k) % 30}") for k in range(1, 6)}
            return thing(**ways, leaf={"type": leaf})

        leads = {f"S{i}": schema(i) for i in range(30)}
        choice = {"C": one_of(*(unseen.to(f"S{i}") for i in range(8)))}
        return unseen.answer(unseen.to("C"), **unseen.components(**leads, **choice))

    assert compared(description("string"), description("string")).changes == ()
    worst = compared(description("string"), description("integer")).worst
    assert worst is Severity.BREAKING
