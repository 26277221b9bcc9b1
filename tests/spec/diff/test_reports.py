"""The command: what it prints, what it writes, how it ends, and what an approval does."""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from lightning_spec.command import main
from lightning_spec.diff import report as reporting
from lightning_spec.diff.approvals import apply_approvals, read_approvals
from lightning_spec.diff.comparison import compare
from lightning_spec.diff.report import FORMATS, as_json
from lightning_spec.diff.rules import RULES
from lightning_spec.lint import lint
from lightning_spec.loader import OPENAPI_FILE, REQUIREMENTS_FILE, load_requirements
from lightning_spec.model import SpecError

SCHEMA = json.loads((Path(reporting.__file__).parent / "report.schema.json").read_text())
TODAY = datetime.date(2026, 6, 1)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Our specification, and the same with one limit lowered and one price raised."""
    found = []
    for name in ("old", "new"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "openapi.yaml").write_text(OPENAPI_FILE.read_text())
        (folder / "requirements.yaml").write_text(REQUIREMENTS_FILE.read_text())
        found.append(folder)
    path = found[1] / "openapi.yaml"
    text = path.read_text().replace("imagesDaily: 150", "imagesDaily: 100").replace('"29.99"', '"39.99"')
    path.write_text(text)
    return found[0], found[1]


def run(*arguments: Any) -> int:
    return main([str(argument) for argument in arguments])


def test_a_lowered_limit_fails_the_gate(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = folders
    assert run("diff", old, new) == 1
    printed = capsys.readouterr().out
    line = next(
        number
        for number, text in enumerate((new / "openapi.yaml").read_text().splitlines(), 1)
        if "100," in text
    )
    assert f"plan-limit-lowered {new.as_posix()}/openapi.yaml:{line}" in printed
    assert "plan core, imagesDaily: new expects 100 units, old 150 units" in printed
    assert printed.endswith("1 breaking, 1 risky, 0 safe.\n")


def test_the_way_back_is_safe_unless_risky_is_asked_for(folders: tuple[Path, Path]) -> None:
    old, new = folders
    assert run("diff", new, old) == 0
    assert run("diff", new, old, "--fail-on", "risky") == 0
    only_price = old.parent / "price.yaml"
    only_price.write_text((old / "openapi.yaml").read_text().replace('"29.99"', '"39.99"'))
    assert run("diff", old / "openapi.yaml", only_price) == 0
    assert run("diff", old / "openapi.yaml", only_price, "--fail-on", "risky") == 1


def test_what_cannot_be_found_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", tmp_path / "nothing.yaml", tmp_path) == 2
    assert "no such file, folder or git revision" in capsys.readouterr().err
    (tmp_path / "broken.yaml").write_text("{")
    assert run("diff", tmp_path / "broken.yaml", tmp_path / "broken.yaml") == 2
    with pytest.raises(SystemExit) as ended:
        run("diff", tmp_path)
    assert ended.value.code == 2


def test_revisions_are_read_from_git(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> None:
        name = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *name, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    git("add", "old")
    git("commit", "-m", "first", "--no-verify")
    (tmp_path / "old" / "openapi.yaml").write_text((folders[1] / "openapi.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    assert run("diff", "HEAD:old", "old") == 1
    assert run("diff", "HEAD:old/openapi.yaml", "old/openapi.yaml") == 1
    assert run("diff", "HEAD:old", "HEAD:old") == 0
    assert run("diff", "HEAD:none", "old") == 2


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_names_the_rule_and_goes_to_a_file(
    form: str, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    target = tmp_path / "report"
    assert run("diff", *folders, "--format", form, "--output", target) == 1
    written = target.read_text()
    assert "plan-limit-lowered" in written
    assert "new expects 100 units, old 150 units" in written
    if form == "json":
        data = json.loads(written)
        assert [error.message for error in jsonschema_rs.Draft202012Validator(SCHEMA).iter_errors(data)] == []
        assert data["summary"] == {"breaking": 1, "risky": 1, "safe": 0}
    if form == "sarif":
        results = json.loads(written)["runs"][0]["results"]
        assert [result["level"] for result in results] == ["error", "warning"]
    if form == "junit":
        suite = ET.fromstring(written)
        assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    if form == "github":
        assert re.match(r"::error file=\S+openapi\.yaml,line=\d+,title=plan-limit-lowered::", written)


def test_words_of_a_description_do_no_harm(tmp_path: Path) -> None:
    data: dict[str, Any] = {"openapi": "3.1.0", "paths": {}}
    (tmp_path / "old.yaml").write_text(yaml.safe_dump(data))
    data["paths"]["/\x1b[31m|<b>\n::error::x"] = {"get": {"responses": {}}}
    (tmp_path / "new.yaml").write_text(json.dumps(data))
    comparison = compare(str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml"))
    outcome = apply_approvals(comparison.changes, (), TODAY)
    for name, form in FORMATS.items():
        written = form(outcome, comparison.unread)
        assert "\x1b" not in written, name
        if name in ("text", "github"):
            assert "\n::error::x" not in written
        if name == "markdown":
            assert "<b>" not in written


def approvals(tmp_path: Path, *entries: dict[str, Any]) -> Path:
    path = tmp_path / "approvals.yaml"
    path.write_text(yaml.safe_dump({"approvals": list(entries)}))
    return path


def test_an_approval_lets_a_change_pass_until_it_expires(folders: tuple[Path, Path], tmp_path: Path) -> None:
    changes = compare(*map(str, folders)).changes
    lowered = next(change for change in changes if change.rule == "plan-limit-lowered")
    entry = {"fingerprint": lowered.fingerprint, "reason": "Announced in May.", "expires": "2026-07-01"}
    entries = read_approvals(approvals(tmp_path, entry))
    outcome = apply_approvals(changes, entries, TODAY)
    assert (outcome.approved, outcome.problems) == ((lowered,), ())
    assert json.loads(as_json(outcome, ()))["summary"]["breaking"] == 0
    later = apply_approvals(changes, entries, datetime.date(2026, 7, 2))
    assert lowered in later.open
    assert later.problems == (f"{lowered.fingerprint}: expired on 2026-07-01",)
    by_rule = {"rule": lowered.rule, "operation": "", "reason": "The same.", "expires": "2026-07-01"}
    assert apply_approvals(changes, read_approvals(approvals(tmp_path, by_rule)), TODAY).approved == (
        lowered,
    )


def test_a_stale_approval_fails(folders: tuple[Path, Path], tmp_path: Path) -> None:
    entry = {"fingerprint": "0" * 12, "reason": "Gone.", "expires": "2999-01-01"}
    assert run("diff", folders[0], folders[0], "--approvals", approvals(tmp_path, entry)) == 1


@pytest.mark.parametrize(
    "entry",
    [
        {"fingerprint": "0" * 12, "expires": "2026-07-01"},
        {"fingerprint": "0" * 12, "reason": "r"},
        {"reason": "r", "expires": "2026-07-01"},
        {"rule": "operation-removed", "reason": "r", "expires": "2026-07-01"},
        {"fingerprint": "0" * 12, "reason": "r", "expires": "soon"},
        {"fingerprint": "0" * 12, "reason": "r", "expires": "2026-07-01", "note": "n"},
    ],
)
def test_an_approval_says_what_why_and_until_when(entry: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(SpecError):
        read_approvals(approvals(tmp_path, entry))


def test_a_fingerprint_outlives_lines(folders: tuple[Path, Path]) -> None:
    before = {change.fingerprint for change in compare(*map(str, folders)).changes}
    path = folders[1] / "openapi.yaml"
    path.write_text("# A line more.\n" + path.read_text())
    assert {change.fingerprint for change in compare(*map(str, folders)).changes} == before


def test_every_rule_is_used() -> None:
    """A row of the table that no code names would be a promise that nobody keeps."""
    folder = Path(reporting.__file__).parent
    code = "".join(path.read_text() for path in folder.glob("*.py") if path.name != "rules.py")
    stems = ("type", "pattern", "format", "multiple", "condition", "media-type", "body", "encoding")
    made = {
        f"{stem}-{ending}"
        for stem in (*stems, "requirement", "advisory-requirement")
        for ending in (
            "narrowed",
            "widened",
            "changed",
            "added",
            "removed",
            "tightened",
            "loosened",
            "described",
        )
    } | {"optional-property-added", "required-property-added"}
    made |= {
        name
        for thing in ("operation", "parameter", "property", "header")
        for name in (f"{thing}-removed", f"deprecated-{thing}-removed", f"{thing}-removed-before-sunset")
    }
    made |= {
        f"{thing}sunset-{ending}"
        for thing in ("", "parameter-", "header-")
        for ending in ("earlier", "changed")
    }
    for rule in RULES:
        bare = re.sub(r"^(request|response)-", "", rule)
        assert f'"{rule}"' in code or f'"{bare}"' in code or bare in made, rule


def test_our_specification_is_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert lint() == []
    assert run("lint") == 0
    assert capsys.readouterr().out == "No problems found.\n"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("auth_type: jwt", "auth_type: cookie", "example paid"),
        ("email: ada@example.com", "email: 7", "example paid"),
        ("operationId: getUsage", "operationId: readUsage", "unknown operation 'getUsage'"),
    ],
)
def test_lint_finds_what_is_not_in_order(
    old: str, new: str, problem: str, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = folders[0] / "openapi.yaml"
    path.write_text(path.read_text().replace(old, new, 1))
    assert run("lint", folders[0]) == 1
    assert problem in capsys.readouterr().out


def test_lint_finds_lines_that_nobody_covers_and_promises_that_nobody_judges(
    folders: tuple[Path, Path],
) -> None:
    path = folders[0] / "requirements.yaml"
    path.write_text(path.read_text().replace("- lines: [[18, 28]]", "- lines: [[18, 27]]"))
    assert lint(folders[0]) == ["line 28 of the document is neither a requirement nor excluded"]
    known = set(load_requirements().requirements)
    assert lint(judged=known - {"ID-1"}) == ["ID-1: no check judges it"]
    assert lint(judged=known | {"XX-1"}) == ["XX-1: a check judges it, and no requirement has this id"]


def test_the_mock_never_loads_the_comparison() -> None:
    code = (
        "import sys, lightning_mock.command;"
        "print([name for name in sys.modules if name.startswith('lightning_spec.diff')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("word", ["owner", "price"])
def test_lint_finds_what_is_metered_and_nobody_answers_for(word: str, folders: tuple[Path, Path]) -> None:
    path = folders[0] / "requirements.yaml"
    requirements = yaml.safe_load(path.read_text())
    for requirement in requirements["requirements"]:
        if "createTts" in requirement["operations"]:
            requirement.pop(word, None)
    path.write_text(yaml.safe_dump(requirements))
    assert lint(folders[0]) == [
        f"{name}: it is metered, and no requirement that binds it has {word}: true"
        for name in ("createTts", "getTts")
    ]
