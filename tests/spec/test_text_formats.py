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


def test_an_alias_stands_for_what_it_names() -> None:
    assert yaml_or_json("- &a {b: '*'}\n- *a\n- *a") == [{"b": "*"}] * 3
