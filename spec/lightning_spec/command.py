"""`lightning-spec`: compares two revisions of an API description, and checks one."""

from __future__ import annotations

import argparse
import datetime
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from lightning_spec.command_line import WRONG_USAGE, Parser
from lightning_spec.diff.approvals import Outcome, apply_approvals, read_approvals
from lightning_spec.diff.change import Severity
from lightning_spec.diff.comparison import compare
from lightning_spec.diff.report import FORMATS, harmless
from lightning_spec.diff.rules import RULES
from lightning_spec.diff.source import SourceError
from lightning_spec.lint import lint
from lightning_spec.loader import OPENAPI_FILE, REQUIREMENTS_FILE, load_revision, revisions
from lightning_spec.model import SpecError
from lightning_spec.text_formats import cannot_be

_DONE, _FAILED = 0, 1
# Enough for a chain of references through ten thousand schemas, in a thread that has the stack for it.
_DEPTH = 200_000
_STACK = 512 * 1024**2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 without a finding that fails, 1 with one, 2 for wrong usage
    or an unreadable input."""
    options = _parser().parse_args(arguments)
    try:
        code: int = _with_room(lambda: options.run(options))
    except (SourceError, SpecError) as error:
        sys.stderr.write(f"lightning-spec: {harmless(str(error))}\n")
        return WRONG_USAGE
    except OSError as error:
        sys.stderr.write(f"lightning-spec: {harmless(str(error.filename))}: {cannot_be('read', error)}\n")
        return WRONG_USAGE
    except RecursionError:
        sys.stderr.write("lightning-spec: a description is nested too deeply to compare\n")
        return WRONG_USAGE
    return code


def _with_room(run: Callable[[], int]) -> int:
    """What `run` returns, on a stack that is large enough for long chains of references."""
    limit, stack = sys.getrecursionlimit(), threading.stack_size(_STACK)
    sys.setrecursionlimit(max(limit, _DEPTH))
    try:
        with ThreadPoolExecutor(1) as executor:
            return executor.submit(run).result()
    finally:
        threading.stack_size(stack)
        sys.setrecursionlimit(limit)


def _parser() -> Parser:
    parser = Parser(
        prog="lightning-spec", description="Compare two revisions of an API description, or check one."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('lightning-contract')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    diff = commands.add_parser(
        "diff",
        help="show what differs between two revisions, and whom it breaks",
        description="Each side is a file, a folder with openapi.yaml and requirements.yaml, a git REV:path, "
        "or the name of a revision that `lightning-spec revisions` lists. Exit codes: 0 no change that "
        "fails, 1 a change that does (see --fail-on), 2 wrong usage.",
    )
    diff.add_argument("old", help="what callers were written for, for example HEAD:spec")
    diff.add_argument("new", help="what will replace it, for example spec")
    diff.add_argument(
        "--format", choices=FORMATS, default="text", help="the format of the report; text by default"
    )
    diff.add_argument(
        "--output", type=Path, metavar="FILE", help="write the report to this file instead of the terminal"
    )
    diff.add_argument(
        "--fail-on",
        choices=("breaking", "risky"),
        default="breaking",
        help="the least severe change that gives exit code 1; breaking by default",
    )
    diff.add_argument(
        "--approvals",
        type=Path,
        metavar="FILE",
        help="file of intended changes, each with a reason and an expiry date",
    )
    diff.set_defaults(run=_diff)
    rules = commands.add_parser("rules", help="list every diff rule with its class")
    rules.set_defaults(run=_rules)
    listed = commands.add_parser("revisions", help="list the revisions of the API")
    listed.set_defaults(run=_revisions)
    check = commands.add_parser("lint", help="check a folder's description and requirements")
    check.add_argument(
        "folder", type=Path, nargs="?", help="the folder to check; by default, every revision's"
    )
    check.set_defaults(run=_lint)
    return parser


def _diff(options: argparse.Namespace) -> int:
    comparison = compare(_side(options.old), _side(options.new))
    approvals = read_approvals(options.approvals) if options.approvals else ()
    today = datetime.datetime.now(datetime.UTC).date()
    outcome = apply_approvals(comparison.changes, approvals, today)
    report = FORMATS[options.format](outcome, comparison.unread)
    if options.output:
        _write(options.output, report)
    else:
        sys.stdout.write(report)
    return _exit_code(outcome, Severity[options.fail_on.upper()])


def _write(path: Path, report: str) -> None:
    try:
        path.write_text(report, encoding="utf-8")
    except OSError as error:
        raise SourceError(f"--output {path}: {cannot_be('written', error)}") from error


def _side(address: str) -> str:
    """The folder of a revision for its name; any other address as it is."""
    if address not in revisions() or Path(address).exists():
        return address
    folder, here = revisions()[address], Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def _exit_code(outcome: Outcome, threshold: Severity) -> int:
    failing = any(change.severity >= threshold for change in outcome.open)
    return _FAILED if failing or outcome.problems else _DONE


def _rules(_: argparse.Namespace) -> int:
    for rule in RULES.values():
        sys.stdout.write(f"{rule.severity.word:8}  {rule.id}: {rule.summary}\n")
    return _DONE


def _revisions(_: argparse.Namespace) -> int:
    for name, folder in revisions().items():
        spec, requirements = load_revision(name)
        documented = sum(entry.level == "documented" for entry in requirements.requirements.values())
        sys.stdout.write(
            f"{name}  {len(spec.operations)} operations, {documented} documented requirements  {folder}\n"
        )
    return _DONE


def _lint(options: argparse.Namespace) -> int:
    if options.folder and (missing := _missing_in(options.folder)):
        raise SourceError(f"{options.folder}: {missing}")
    folders = [options.folder] if options.folder else revisions().values()
    problems = [problem for folder in folders for problem in lint(folder)]
    sys.stdout.write("".join(f"{harmless(problem)}\n" for problem in problems) or "No problems found.\n")
    return _FAILED if problems else _DONE


def _missing_in(folder: Path) -> str | None:
    """Why there is nothing to check in a folder."""
    if not folder.is_dir():
        return "no such folder"
    names = (OPENAPI_FILE.name, REQUIREMENTS_FILE.name)
    return next((f"has no {name}" for name in names if not (folder / name).exists()), None)


if __name__ == "__main__":
    sys.exit(main())
