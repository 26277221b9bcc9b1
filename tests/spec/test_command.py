"""`lightning-spec` as a user meets it: what goes wrong is one line and exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning_spec.command import main
from lightning_spec.loader import OPENAPI_FILE


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lint", "nowhere"], "nowhere: no such folder"),
        (["lint", "empty"], "empty: has no openapi.yaml"),
        (["lint", "half"], "half: has no requirements.yaml"),
        (["diff", "half", "nowhere.yaml"], "nowhere.yaml: no such file, folder or git revision"),
        (["diff", "half", "broken.yaml"], "broken.yaml is not YAML: line 2, column 1: expected ',' or ']'"),
        (
            ["diff", "half", "half", "--output", "nowhere/report"],
            "--output nowhere/report: cannot be written (No such file or directory)",
        ),
        (
            ["diff", "half", "half", "--approvals", "nowhere.yaml"],
            "nowhere.yaml: cannot be read (No such file or directory)",
        ),
        (
            ["diff", "half", "half", "--approvals", "broken.yaml"],
            "broken.yaml: is not YAML: line 2, column 1: expected ',' or ']'",
        ),
    ],
)
def test_what_cannot_be_used_is_exit_2_and_one_line(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "half"):
        Path(name).mkdir()
    Path("half/openapi.yaml").write_bytes(OPENAPI_FILE.read_bytes())
    Path("broken.yaml").write_text("a: [1, 2\n")
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"lightning-spec: {says}\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["dif"], "COMMAND: expected one of diff, rules, revisions, lint, got 'dif'"),
        (["diff", "a", "b", "--fromat", "json"], "there is no option --fromat (did you mean --format?)"),
        (["diff", "a", "b", "--fail-on=all"], "--fail-on: expected one of breaking, risky, got 'all'"),
    ],
)
def test_a_wrong_use_is_one_line_without_the_usage(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert says in capsys.readouterr().err.splitlines()[0]
