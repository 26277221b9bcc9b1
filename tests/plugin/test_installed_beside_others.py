"""The wheel beside a project whose own packages are called as the folders of ours are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import textwrap
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.guard import HANGS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
THEIRS = ("spec", "mockserver", "contract_tests", "lab", "tests")
DATA = {"openapi.yaml", "requirements.yaml"}


@dataclass(frozen=True, slots=True)
class Project:
    """A scratch project with an environment into which our wheel was installed."""

    folder: Path
    bin: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment in the project."""
        # Not the sources of this checkout: what was installed.
        outside = {
            k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST_", "LIGHTNING_"))
        }
        return subprocess.run(
            [str(self.bin / program), *arguments],
            cwd=self.folder, env=outside, capture_output=True, text=True, check=False, timeout=HANGS,
        )  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wheel and a source distribution."""
    folder = tmp_path_factory.mktemp("built")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=HANGS)
    return folder


@pytest.fixture(scope="module")
def project(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, symlinks=True)
    scripts = environment / "bin"
    wheel = next(built.glob("*.whl"))
    installing = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(scripts / "python"),
        "install",
        "-q",
        "--no-deps",
    ]
    subprocess.run([*installing, str(wheel)], check=True, capture_output=True, timeout=HANGS)
    # The dependencies are those of this environment; a plain path line does not follow its editable installs.
    site = next(environment.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (scripts / "pytest").write_text(f"#!{scripts}/python\nimport sys, pytest\nsys.exit(pytest.main())\n")
    (scripts / "pytest").chmod(0o755)
    for name in THEIRS:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"OWNER = 'their {name}'\n")
    (folder / "tests" / "test_theirs.py").write_text(
        textwrap.dedent(
            f"""
            import importlib, sys, pathlib
            import pytest

            sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

            @pytest.mark.parametrize("name", {THEIRS!r})
            def test_their_own_packages_are_imported(name):
                assert importlib.import_module(name).OWNER == f"their {{name}}"

            def test_the_plugin_plays_the_api(lightning, lightning_mock):
                assert lightning.user(plan="light").jwt
                assert lightning_mock.base_url.startswith("http://127.0.0.1:")
            """
        )
    )
    return Project(folder, scripts)


def test_wheel_and_sdist_hold_the_data_and_nothing_of_the_tests(built: Path) -> None:
    wheel = zipfile.ZipFile(next(built.glob("*.whl"))).namelist()
    assert {f"lightning_spec/{name}" for name in DATA} <= set(wheel)
    assert not {name.partition("/")[0] for name in wheel} & {*THEIRS, "benchmarks"}
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"spec/{name}" for name in DATA} | {"pyproject.toml", "LICENSE"} <= names


@pytest.mark.parametrize(
    "command",
    [
        ["pytest"],
        ["python", "-m", "pytest"],
        ["pytest", "-n", "2"],
        ["pytest", "--import-mode=importlib"],
    ],
    ids=" ".join,
)
def test_their_tests_and_our_plugin_run_side_by_side(project: Project, command: list[str]) -> None:
    run = project.run(*command, "-q", "-p", "no:cacheprovider")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "6 passed" in run.stdout


@pytest.mark.parametrize(
    "command", ["lightning-mock", "lightning-spec", "lightning-verify", "lightning-proxy"]
)
def test_our_commands_start_beside_their_packages(project: Project, command: str) -> None:
    run = project.run(command, "--help")
    assert run.returncode == 0, run.stderr
    assert command in run.stdout


@pytest.mark.parametrize(
    "command", [["lightning-verify"], ["python", "-m", "lightning_verify"]], ids=" ".join
)
def test_the_installed_judge_judges_the_installed_mock(project: Project, command: list[str]) -> None:
    ready = project.folder.parent / f"{project.folder.name}.json"
    mock = subprocess.Popen(
        [str(project.bin / "lightning-mock"), "--port", "0", "--credentials", str(ready)],
        cwd=project.folder, env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert mock.stdout is not None
        line = next(line for line in mock.stdout if "http://127.0.0.1:" in line)
        url = "http://" + line.partition("http://")[2].split()[0].rstrip("/")
        before = sorted(project.folder.iterdir())
        run = project.run(*command, f"--base-url={url}", "--only=catalogue", "--credentials", str(ready))
        assert run.returncode == 0, run.stdout + run.stderr
        assert sorted(project.folder.iterdir()) == before
        assert json.loads(ready.read_text())
    finally:
        mock.terminate()
        mock.wait(HANGS)
