"""What a file of YAML or JSON is read as, whoever wrote it."""

from __future__ import annotations

import pytest
from lightning_spec.text_formats import yaml_or_json

DOUBLED = "\n".join(
    ["a0: &a0 [x, x]", *(f"a{level}: &a{level} [*a{level - 1}, *a{level - 1}]" for level in range(1, 40))]
)


@pytest.mark.parametrize("text", [DOUBLED, "a: &a [*a]", "a: &a {b: *a}"])
def test_aliases_that_stand_for_too_much_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="aliases"):
        yaml_or_json(text)


def test_a_key_that_appears_twice_is_refused_where_that_is_asked_for() -> None:
    for text in ("a: 1\na: 2", '{"a": 1, "a": 2}', "- {b: {'a': 1, a: 2}}"):
        assert "2" in str(yaml_or_json(text))
        with pytest.raises(ValueError, match="the key 'a' appears twice, in line 1 and again in line"):
            yaml_or_json(text, unique_keys=True)
    assert yaml_or_json("- &x {a: 1}\n- {<<: *x, a: 2}", unique_keys=True) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- [1, 2\n", "line 2, column 1: expected ',' or ']'"),
        ("a: b: c", "line 1, column 5: mapping values are not allowed in this context"),
        ("a\nb: 1\nc", "line 2, column 2: mapping values are not allowed in this context"),
        ("- *a", "line 1, column 3: found undefined alias"),
        ("- !x 1", "line 1, column 3: could not determine a constructor for the tag '!x'"),
        ("a: \x00", "unacceptable character #x0000: control characters are not allowed"),
    ],
)
def test_a_mistake_is_told_with_its_place_once(text: str, says: str) -> None:
    with pytest.raises(ValueError) as refused:
        yaml_or_json(text)
    assert str(refused.value) == says


def test_an_alias_stands_for_what_it_names() -> None:
    assert yaml_or_json("- &a {b: '*'}\n- *a\n- *a") == [{"b": "*"}] * 3
