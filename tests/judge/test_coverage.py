"""The table of what is judged and how says what the checks say of themselves."""

from __future__ import annotations

import html
from pathlib import Path

from lightning_spec.loader import load_requirements
from lightning_verify.run import coverage
from lightning_verify.run.coverage import Check, as_html, as_markdown, problems, rows

from tests.judge.commands import command

REQUIREMENTS = load_requirements().requirements


def test_every_requirement_has_a_row_with_the_checks_that_judge_it(tmp_path: Path) -> None:
    finished = command("--lint", "--coverage=table.md", directory=tmp_path)
    assert (finished.code, finished.out) == (0, "No problems found.\n"), finished.out + finished.error
    lines = (tmp_path / "table.md").read_text(encoding="utf-8").splitlines()[4:]
    assert [line.split()[1].rstrip(":") for line in lines] == list(REQUIREMENTS)
    table = dict(zip(REQUIREMENTS, lines, strict=True))
    assert not [name for name, line in table.items() if "| nobody |" in line]
    assert "the law of every answer" in table["TIER-1"]
    assert "test_catalogue::test_tiers_are_paid_plans_only" in table["TIERS-1"]
    assert "| exhaust" in table["RATE-6"]
    assert "LIGHTNING_JWT" in table["AUTH-1"]
    assert "a control plane" in table["RATE-7"]


def test_what_only_advises_says_why() -> None:
    table = as_markdown(rows([]))
    for name, requirement in REQUIREMENTS.items():
        line = next(line for line in table.splitlines() if line.startswith(f"| {name}:"))
        assert f"| {requirement.level} |" in line or requirement.why_advice in html.unescape(line)


ONE = Check("test_a::test_b", ("TIERS-1",), "none", ())


def test_what_nobody_judges_is_told() -> None:
    assert "TIERS-2: no check judges it" in problems([ONE])
    assert "TIERS-1: no check judges it" not in problems([ONE])
    table = as_markdown(rows([ONE]))
    assert "| nobody |" in next(line for line in table.splitlines() if "TIERS-2" in line)


def test_a_page_is_whole_and_asks_nobody(tmp_path: Path) -> None:
    coverage.write(tmp_path / "table.html", [ONE])
    page = (tmp_path / "table.html").read_text(encoding="utf-8")
    assert page == as_html(rows([ONE]))
    assert page.count("<tr>") == len(REQUIREMENTS) + 1
    assert "src=" not in page
    assert "href=" not in page


def test_a_table_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    finished = command("--coverage=no/such/table.md", directory=tmp_path)
    assert finished.code == 2
    assert "--coverage no/such/table.md: cannot be written (No such file" in finished.error
