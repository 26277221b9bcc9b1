"""The composite action: its shell lines, run as a runner would, against servers of the lab."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.guard import HANGS

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(shutil.which, ("bash", "curl", "setsid"))), reason="needs bash, curl and setsid"
    ),
]


def action() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    return document


def script(name: str) -> str:
    (step,) = [step for step in action()["runs"]["steps"] if step["name"] == name]
    found: str = step["run"]
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Runner:
    """What a runner gives to a step: a folder, and files for outputs and the environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output, self.environment = folder / "output", folder / "environment"
        (folder / "lightning" / "bin").mkdir(parents=True)
        self.summary = folder / "summary"
        for command in ("lightning-mock", "lightning-spec", "lightning-verify"):
            (folder / "lightning" / "bin" / command).symlink_to(BIN / command)

    def run(self, step: str, **inputs: str) -> subprocess.CompletedProcess[str]:
        defaults = {
            name.upper().replace("-", "_"): str(given.get("default", ""))
            for name, given in action()["inputs"].items()
        }
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LIGHTNING_")},
            **defaults,
            **inputs,
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_ENV": str(self.environment),
            "GITHUB_STEP_SUMMARY": str(self.summary),
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script(step)],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=HANGS,
            check=False,
        )


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    if not (BIN / "lightning-verify").exists():
        pytest.skip("needs the commands beside the interpreter, as an install puts them")
    return Runner(tmp_path)


def judge(runner: Runner, *switches: str) -> subprocess.CompletedProcess[str]:
    port = free_port()
    command = f'cd "{ROOT}" && exec "{sys.executable}" -m lab --port {port} {" ".join(switches)}'
    done = runner.run(
        "Judge", BASE_URL=f"http://127.0.0.1:{port}", SERVER_COMMAND=command, ONLY="catalogue\n", WAIT="30"
    )
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "the server that was started has to end"
    return done


def test_a_conforming_server_passes_the_gate(runner: Runner) -> None:
    done = judge(runner)
    assert done.returncode == 0, done.stdout + done.stderr
    assert runner.output.read_text(encoding="utf-8") == "exit-code=0\n"
    assert (runner.folder / "lightning-report" / "report.json").is_file()


def test_a_server_that_breaks_a_statement_fails_the_gate_by_name(runner: Runner) -> None:
    done = judge(runner, "--fault", "tiers-filter-off")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "TIERS-1" in done.stdout
    assert runner.output.read_text(encoding="utf-8") == "exit-code=1\n"


def test_a_server_that_does_not_start_says_what_it_said(runner: Runner) -> None:
    done = runner.run("Judge", BASE_URL="http://127.0.0.1:9", SERVER_COMMAND="echo no such app; exit 7")
    assert done.returncode == 3
    assert "no such app" in done.stdout


def test_an_address_has_to_be_given(runner: Runner) -> None:
    done = runner.run("Judge")
    assert done.returncode == 2
    assert "base-url" in done.stdout


CONTRACT = """\
openapi: 3.1.0
paths:
  /a:
    get:
      parameters: [{name: q, in: query, schema: {type: string, maxLength: 9}}]
"""


def compare(runner: Runner, new: str, **inputs: str) -> subprocess.CompletedProcess[str]:
    for name, text in (("old.yaml", CONTRACT), ("new.yaml", new)):
        (runner.folder / name).write_text(text, encoding="utf-8")
    return runner.run("Compare the contracts", OLD_SPEC="old.yaml", NEW_SPEC="new.yaml", **inputs)


def test_a_contract_that_breaks_callers_fails_the_gate_at_its_line(runner: Runner) -> None:
    done = compare(runner, CONTRACT.replace("maxLength: 9", "maxLength: 5"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "::error file=new.yaml,line=5" in done.stdout
    assert "request-bound-tightened" in done.stdout
    assert runner.output.read_text(encoding="utf-8") == "exit-code=1\n"
    assert "new expects maxLength 5" in runner.summary.read_text(encoding="utf-8")


def test_a_contract_that_takes_more_passes_the_gate(runner: Runner) -> None:
    done = compare(runner, CONTRACT.replace(", maxLength: 9", ""))
    assert done.returncode == 0, done.stdout + done.stderr
    assert runner.output.read_text(encoding="utf-8") == "exit-code=0\n"


def test_what_may_break_fails_the_gate_where_that_is_asked_for(runner: Runner) -> None:
    new = CONTRACT.replace("maxLength: 9", "maxLength: 9, default: a")
    assert compare(runner, new).returncode == 0
    assert compare(runner, new, FAIL_ON="risky").returncode == 1


def test_a_change_that_is_meant_passes_the_gate(runner: Runner) -> None:
    new = CONTRACT.replace("maxLength: 9", "maxLength: 5")
    mark = re.search(r"\[([0-9a-f]{12})\]", compare(runner, new).stdout)
    assert mark is not None
    approvals = f"approvals: [{{fingerprint: {mark[1]}, reason: meant, expires: 2999-01-01}}]"
    (runner.folder / "approvals.yaml").write_text(approvals, encoding="utf-8")
    done = compare(runner, new, APPROVALS="approvals.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_contract_that_is_not_there_is_wrong_usage(runner: Runner) -> None:
    done = runner.run("Compare the contracts", OLD_SPEC="HEAD:nowhere", NEW_SPEC="--help")
    assert done.returncode == 2
    assert "::error title=Lightning contract::the contracts cannot be compared" in done.stdout
    assert not runner.summary.exists()


def test_the_mock_stays_for_the_steps_that_follow(runner: Runner) -> None:
    done = runner.run("Start the mock")
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        name, _, url = runner.environment.read_text(encoding="utf-8").strip().partition("=")
        assert name == "LIGHTNING_MOCK_URL"
        asked = subprocess.run(["curl", "-sf", f"{url}/status"], capture_output=True, check=False)
        assert asked.returncode == 0
    finally:
        subprocess.run(
            ["pkill", "-f", str(runner.folder / "lightning" / "bin" / "lightning-mock")], check=False
        )


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / ".github" / "workflows").iterdir()))
def test_a_workflow_is_yaml_whose_shell_lines_parse(name: str) -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    scripts = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    for lines in scripts:
        checked = subprocess.run(["bash", "-n", "-c", lines], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        # What a caller gives reaches the shell as a variable, never as a part of the program.
        assert "${{ inputs" not in lines
        assert "${{ github.event" not in lines


def test_no_input_of_the_action_is_pasted_into_its_shell_lines() -> None:
    assert not [step["name"] for step in action()["runs"]["steps"] if "${{" in step.get("run", "")]
