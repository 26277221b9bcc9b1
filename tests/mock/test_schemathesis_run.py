"""`schemathesis run` from the project root, as a stranger types it: every operation, no failure."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from lightning_mock.background import running
from lightning_spec.loader import load_spec

from tests.support.guard import HANGS

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "schemathesis.toml"
HOOKS = ROOT / "schemathesis_hooks.py"


@pytest.mark.slow
def test_a_run_of_schemathesis_tests_every_operation_and_finds_no_failure() -> None:
    with running() as mock:
        # This plan has the units to get behind the quota, but not those for a hundred films.
        key = mock.plans["core"].api_key
        command = f"run spec/openapi.yaml --url {mock.base_url} --seed 1 --max-examples 5 --no-color".split()
        # Without what earlier runs have left in the database, a seed means the same requests every time.
        command += ["--generation-database", "none", "--header", f"Authorization: Bearer {key}"]
        run = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", *command],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=HANGS,
            check=False,
        )
    operations = len(load_spec().operations)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"Configuration:    {SETTINGS}" in run.stdout
    assert f"Selected: {operations}/{operations}" in run.stdout
    assert f"Tested: {operations}" in run.stdout
    for phase in ("Examples", "Coverage", "Fuzzing"):
        assert f"✅ {phase}\n" in run.stdout
    assert "Authentication failed" not in run.stdout


def test_every_setting_of_schemathesis_has_its_reason_above_it() -> None:
    lines = SETTINGS.read_text(encoding="utf-8").splitlines()
    settings = [
        number for number, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")
    ]
    assert settings
    for number in settings:
        assert re.match(r"\s*# \S", lines[number - 1]), f"say why: {lines[number]}"


def test_every_hook_of_schemathesis_has_its_reason_beside_it() -> None:
    text = HOOKS.read_text(encoding="utf-8")
    lines, reasons = text.splitlines(), 0
    for node in ast.parse(text).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            assert lines[node.lineno - 2].startswith("# Reason: "), f"say why: {ast.unparse(node)}"
            reasons += 1
        elif isinstance(node, ast.FunctionDef) and node.decorator_list:
            assert (ast.get_docstring(node) or "").startswith("Reason: "), f"say why: {node.name}"
            reasons += 1
    assert reasons
