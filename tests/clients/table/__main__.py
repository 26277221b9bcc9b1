"""Installs the clients, runs them against both forms of a stream's first event, and makes the table."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import venv
from datetime import date
from pathlib import Path
from typing import get_args

from lightning_mock.background import running
from lightning_mock.choices import MetadataForm
from lightning_mock.client import Lightning

HERE = Path(__file__).parent
TABLE = HERE.with_suffix(".md")
FEATURES = ("plain", "stream", "tools", "schema", "prompted JSON", "limit")
RUN_SECONDS = 300

Outcomes = dict[str, dict[str, str]]
"""What came of each feature, by client."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.clients.table", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name} instead of printing it")
    parser.add_argument("--workplace", type=Path, help="where the clients are, or will be, installed")
    options = parser.parse_args()
    workplace = (options.workplace or Path(tempfile.mkdtemp(prefix="lightning-clients-"))).resolve()
    commands = [
        python_clients(workplace / "venv", "python_clients.py", "requirements.txt"),
        python_clients(workplace / "venv_openai2", "python_openai2.py", "requirements_openai2.txt"),
        python_clients(workplace / "venv_agents", "python_agents.py", "requirements_agents.txt"),
        *node_clients(workplace),
    ]
    outcomes = {form: outcomes_with(form, commands, workplace) for form in get_args(MetadataForm)}
    table = "\n".join(rows(outcomes)) + "\n"
    if options.write:
        TABLE.write_text(table, encoding="utf-8")
    else:
        print(table, end="")
    return 0


def python_clients(environment: Path, script: str, requirements: str) -> list[str]:
    """The command that runs some Python clients in an environment of their own."""
    python = environment / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
        install = [str(python), "-m", "pip", "install", "-q", "-r", str(HERE / requirements)]
        subprocess.run(install, check=True)
    return [str(python), str(HERE / script)]


def node_clients(workplace: Path) -> list[list[str]]:
    """The command that runs the Node clients, where there is Node."""
    if shutil.which("npm") is None:
        print("npm is not installed: no Node client is tried", file=sys.stderr)
        return []
    for name in ("node_clients.mjs", "package.json"):
        shutil.copy(HERE / name, workplace / name)
    if not (workplace / "node_modules").exists():
        install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
        subprocess.run(install, cwd=workplace, check=True, capture_output=True)
    return [["node", "node_clients.mjs"]]


def outcomes_with(form: MetadataForm, commands: list[list[str]], workplace: Path) -> Outcomes:
    """What the clients meet when streams begin in one form."""
    found: Outcomes = {}
    with running(metadata_form=form) as mock:
        spent = Lightning(mock.base_url).guest()
        spent.exhaust("cloudChatDaily")
        arguments = [mock.base_url, mock.plans["professional"].api_key, spent.client_id]
        for command in commands:
            done = subprocess.run(
                [*command, *arguments],
                cwd=workplace,
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
                capture_output=True,
                text=True,
                timeout=RUN_SECONDS,
                check=False,
            )
            if done.returncode:
                raise SystemExit(done.stderr)
            found |= json.loads(done.stdout.splitlines()[-1])
    return found


def rows(outcomes: dict[MetadataForm, Outcomes]) -> list[str]:
    """The table as Markdown, and the words of what failed below it."""
    lines = [
        "# Real clients against the mock",
        "",
        f"Unmodified, {date.today()}; made by `python -m tests.clients.table --write`.",
        "`ok`: with either form of a stream's first event; `with choices`: with that form only; "
        "a dash: not tried.",
        "",
        f"| client | {' | '.join(FEATURES)} |",
        f"| --- |{' --- |' * len(FEATURES)}",
    ]
    failures = []
    for client in outcomes["bare"]:
        cells = []
        for feature in FEATURES:
            said = {form: clients[client].get(feature, "–") for form, clients in outcomes.items()}
            cells.append(_cell(said))
            failures += [
                f"- {client}, {feature}, {form}: {' '.join(words.split())}"
                for form, words in said.items()
                if words not in ("ok", "–")
            ]
        lines.append(f"| {client} | {' | '.join(cells)} |")
    return [*lines, *(["", *failures] if failures else [])]


def _cell(said: dict[MetadataForm, str]) -> str:
    if said["bare"] == said["choices"]:
        return said["bare"] if said["bare"] in ("ok", "–") else "fails"
    return "with choices" if said["choices"] == "ok" else "fails"


if __name__ == "__main__":
    sys.exit(main())
