"""`lightning-verify`: judge a host from the command line. A thin cover over pytest and our plugin."""

from __future__ import annotations

import argparse
import gc
import io
import os
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TextIO, cast

from lightning_spec.command_line import WRONG_USAGE, Parser
from lightning_spec.loader import SpecError, revision_folder
from lightning_spec.text_formats import cannot_be

from lightning_verify.judging.verdicts import EXIT_BROKEN, EXIT_INCONCLUSIVE, EXIT_KEPT, EXIT_USAGE

try:
    import pytest
    from hypothesis.configuration import set_hypothesis_home_dir
except ModuleNotFoundError:
    # The mock's own install is light; the judge's tools come with an extra.
    print(
        "lightning-verify needs more than the mock: pip install 'lightning-contract[verify]'", file=sys.stderr
    )
    sys.exit(EXIT_USAGE)

from lightning_verify.run.option_table import as_pytest, declare_to_command
from lightning_verify.run.output import Output
from lightning_verify.run.signals import INTERRUPTION
from lightning_verify.target import not_one_host

HERE = Path(__file__).parent
# What the variables are called by which a project tells its own tests how to run.
_OF_OTHERS = ("PYTEST_", "HYPOTHESIS_", "SCHEMATHESIS_")

DESCRIPTION = """\
Judge a Lightning API by what its document promises, over HTTP only.

Nothing that costs a unit is sent unless --spend allows it. Credentials are read from the environment
(LIGHTNING_JWT, LIGHTNING_API_KEY, LIGHTNING_FREE_JWT, LIGHTNING_EXPIRED_JWT, LIGHTNING_EXPIRED_API_KEY,
LIGHTNING_REVOKED_API_KEY) or from --credentials; all are optional, and what cannot be judged without one is
reported as not run. Generated requests are the same in every run; --seed N draws others.
"""

EPILOG = """\
exit codes:
  0  every documented requirement that could be judged is kept
  1  a documented requirement is broken
  2  the command was used wrongly
  3  inconclusive: the host could not be reached, too little was seen, a report could not be written, or the
     judge itself failed
  129, 130, 143  interrupted by SIGHUP, SIGINT or SIGTERM; what was seen until then is in the reports

examples:
  lightning-verify --live                                   the deployment, free of charge
  lightning-verify --base-url http://127.0.0.1:8000 --spend sample --report-dir reports
  lightning-verify --base-url $URL --only quota --spend exhaust --max-units imagesDaily=12
"""


class _OfPytest(argparse.Action):
    """An option that only pytest has."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: object, values: object, name: str | None = None
    ) -> None:
        """Say where it works."""
        instead = f"try `pytest contract_tests {name} {values}` in a checkout"
        parser.exit(WRONG_USAGE, f"{parser.prog}: {name} is an option of pytest: {instead}\n")


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog="lightning-verify", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('lightning-contract')}")
    # Options that users of pytest expect: many runs side by side and choice by name are for plain pytest.
    parser.add_argument("-n", "-k", action=_OfPytest, help=argparse.SUPPRESS)
    declare_to_command(parser)
    instead = parser.add_argument_group("instead of judging")
    instead.add_argument(
        "--coverage",
        type=Path,
        metavar="FILE",
        help="write which check judges which requirement, at which --spend and with what; HTML if FILE ends "
        "in .html, otherwise Markdown",
    )
    instead.add_argument(
        "--lint",
        action="store_true",
        help="like `lightning-spec lint`, and also check that every requirement of the revision is judged",
    )
    return parser


def pytest_arguments(options: argparse.Namespace) -> list[str]:
    """The options of this command as pytest knows them."""
    arguments = [
        str(HERE / "checks"),
        # Only the plugins that we need: others that are installed could reorder, repeat or slow the checks.
        "--disable-plugin-autoload",
        "-p",
        "pytest_base_url.plugin",
        "-p",
        "lightning_verify.run.plugin",
        # A configuration of our own: none of the directory the command happens to be started in.
        "-c",
        str(HERE / "verify.toml"),
        "--rootdir",
        str(HERE),
        "--confcutdir",
        str(HERE),
        # Nothing of these is used, and each would take its time at every check.
        *("-p", "no:cacheprovider", "-p", "no:logging", "--assert=plain"),
        # Progress is told by area, unless each test is named.
        *["-q", "-o", "console_output_style=classic"] * (not options.verbose),
        "--no-header",
        # What is broken is told once, in our own words.
        *(["--tb=short", "-r", "fE"] if options.verbose else ["--tb=no", "-r", "N"]),
    ]
    return arguments + as_pytest(options)


@contextmanager
def own_surroundings() -> Iterator[None]:
    """An environment without variables that configure the user's own tests, and a directory of our own, so
    that none of our files appear where the user works."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(_OF_OTHERS):
            del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="lightning-verify-") as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            # What an interruption has left running may still draw, and would do so where the user works.
            if INTERRUPTION.by is None:
                set_hypothesis_home_dir(None)
            os.environ.clear()
            os.environ.update(before)


def _catalogue(options: argparse.Namespace) -> int:
    """Write the coverage or lint the checks; 1 if a requirement has none, or the folder has problems."""
    # Which revision it is about is known only now, and decided for good by the import.
    from lightning_verify.run import coverage

    collector = coverage.Collector()
    with redirect_stdout(io.StringIO()) as said:
        code = pytest.main([*pytest_arguments(options), "--collect-only"], plugins=[collector, _Refusals()])
    if code:
        if said.getvalue():
            print(said.getvalue(), file=sys.stderr)
        return EXIT_USAGE
    if options.coverage:
        try:
            coverage.write(options.coverage, collector.checks)
        except OSError as problem:
            _say(f"--coverage {options.coverage}: {cannot_be('written', problem)}")
            return EXIT_USAGE
    problems = coverage.problems(collector.checks) if options.lint else []
    if options.lint:
        print("\n".join(problems) or "No problems found.")
    return EXIT_BROKEN if problems else EXIT_KEPT


class _Refusals:
    """Tells a wrong use as the rest of the command does. pytest would call it an error, in two lines."""

    @staticmethod
    @pytest.hookimpl(wrapper=True)
    def pytest_cmdline_main() -> Generator[None, pytest.ExitCode | int | None, pytest.ExitCode | int | None]:
        try:
            return (yield)
        except pytest.UsageError as problem:
            _say(str(problem))
            return pytest.ExitCode.USAGE_ERROR


class _Kept:
    """Freezes the objects that exist when a run begins, and its own when it ends: the garbage collector need
    not look at them again, which pytest would have it do five times at the end."""

    @staticmethod
    def pytest_collection_finish() -> None:
        gc.freeze()

    @staticmethod
    def pytest_unconfigure() -> None:
        gc.freeze()


def _say(what: str) -> None:
    with suppress(OSError):  # Nobody may be there to be told.
        print(f"lightning-verify: {what}", file=sys.stderr)


def main(arguments: list[str] | None = None, plugins: Sequence[str] = ()) -> int:
    """Judge; returns the exit code described in `--help`. `plugins` names pytest plugins that watch."""
    options = parser().parse_args(arguments)
    if not (options.coverage or options.lint) and bool(options.live) is bool(options.base_url):
        _say(not_one_host(live=options.live))
        return EXIT_USAGE
    try:
        revision_folder(options.revision)
    except SpecError as problem:
        # Which revisions there are stands in the spec, which may be what is wrong.
        _say(f"--{problem}" if problem.place == "revision" else str(problem))
        return EXIT_USAGE
    watching = [argument for name in plugins for argument in ("-p", name)]
    INTERRUPTION.watch()
    output = Output(sys.stdout)
    try:
        with own_surroundings(), redirect_stdout(cast("TextIO", output)):
            if options.revision:
                os.environ["LIGHTNING_REVISION"] = options.revision
            if options.coverage or options.lint:
                return _catalogue(options)
            code = int(pytest.main([*pytest_arguments(options), *watching], plugins=[_Kept(), _Refusals()]))
    except KeyboardInterrupt:  # Before pytest listens, or after it is done.
        pass
    except (SpecError, pytest.UsageError) as problem:  # Of the spec, which is read on import.
        code = EXIT_USAGE
        _say(str(problem))
    except Exception as problem:
        # Python's own exit code for it would say that the host broke a requirement.
        code = EXIT_INCONCLUSIVE
        _say(f"the judge itself failed: {problem!r}")
    finally:
        INTERRUPTION.release()
    output.flush()
    if output.problem is not None:
        told = f"; see the reports in {options.report_dir}" if options.report_dir else ""
        _say(f"the output was lost ({output.problem.strerror}){told}")
    if INTERRUPTION.exit_code is not None:
        return INTERRUPTION.exit_code
    # pytest's own codes for usage and an empty selection mean the same to our users.
    return code if code in {0, 1, 3} else EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
