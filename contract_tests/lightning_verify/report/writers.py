"""Writes the reports of a finished run: one for machines, two for people. pytest itself writes the JUnit
file."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from lightning_spec.text_formats import cannot_be

from lightning_verify.report.html import render_html
from lightning_verify.report.markdown import render_markdown
from lightning_verify.report.outcome import Outcome


def why_not_writable(folder: Path) -> str | None:
    """Why no report can be written into a folder, which is created if needed; None if one can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x" * 4096)
    except OSError as problem:
        return cannot_be("written", problem)
    return None


def write_reports(outcome: Outcome, directory: Path) -> None:
    """Write report.json, report.md and report.html into `directory`, creating it if needed."""
    directory.mkdir(parents=True, exist_ok=True)
    # Plain ASCII, since a host may send what has no encoding (lone surrogates).
    as_json = json.dumps(outcome.as_json(), indent=2, ensure_ascii=True) + "\n"
    (directory / "report.json").write_text(as_json, encoding="utf-8")
    (directory / "report.md").write_text(render_markdown(outcome), encoding="utf-8")
    (directory / "report.html").write_text(render_html(outcome), encoding="utf-8")
