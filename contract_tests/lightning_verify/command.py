"""`lightning-verify`: judge a host from the command line. A thin cover over pytest and our plugin."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

try:
    import pytest
except ModuleNotFoundError:
    # The mock's own install is light; the judge's tools come with an extra.
    sys.exit("lightning-verify needs more than the mock does: pip install 'lightning-contract[verify]'")

from lightning_verify.judging.verdicts import EXIT_USAGE
from lightning_verify.target import LIVE, Spend

HERE = Path(__file__).parent

DESCRIPTION = """\
Hold a Lightning API against what its document promises, over HTTP only.

Nothing that costs a unit is sent unless --spend allows it. Credentials are read from the environment
(LIGHTNING_JWT, LIGHTNING_API_KEY, LIGHTNING_FREE_JWT, LIGHTNING_EXPIRED_JWT, LIGHTNING_EXPIRED_API_KEY,
LIGHTNING_REVOKED_API_KEY) or from --credentials; all are optional, and what cannot be judged without one is
reported as not run. Generated examples are the same in every run; LIGHTNING_VERIFY_SEED=N draws others.
"""

EPILOG = """\
exit codes:
  0  every documented requirement that could be judged is kept
  1  a documented requirement is broken
  2  the command was used wrongly
  3  inconclusive: the host could not be reached, or too little could be seen

examples:
  lightning-verify --live                                   the deployment, free of charge
  lightning-verify --base-url http://127.0.0.1:8000 --spend sample --report-dir reports
  lightning-verify --base-url $URL --only quota --spend exhaust --max-units imagesDaily=12
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="lightning-verify",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    target = parser.add_argument_group("target")
    target.add_argument(
        "--base-url", metavar="URL", help="the host to judge, for example http://127.0.0.1:8787"
    )
    target.add_argument("--live", action="store_true", help=f"the documented host, {LIVE}")
    target.add_argument(
        "--credentials", type=Path, metavar="FILE", help="JSON file with the credentials named above"
    )
    target.add_argument(
        "--control",
        metavar="URL",
        help="the target is our mock: its control plane may move time and fail upstreams, for "
        "example http://127.0.0.1:8787/__mock__",
    )
    cost = parser.add_argument_group("cost")
    cost.add_argument(
        "--spend",
        choices=[mode.name.lower() for mode in Spend],
        help="none (default): nothing that a conforming host charges, and no more of what another host "
        "serves or fails at instead of refusing it; sample: each metered route a few times, mostly by "
        "throwaway free-tier callers; exhaust: also drive such callers to their limits",
    )
    cost.add_argument(
        "--max-units",
        action="append",
        default=[],
        metavar="METRIC=N",
        help="never cause more than N units of a metric, for example imagesDaily=4; may be repeated. Each "
        "request to its routes counts, resends included, unless it is refused",
    )
    cost.add_argument(
        "--rate", type=float, metavar="N", help="requests a second (default: 2; no limit on this machine)"
    )
    choice = parser.add_argument_group("what is judged")
    choice.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="AREA|ID",
        help="an area (account, assets, catalogue, chat, failures, identity, media, quota, status) or a "
        "requirement such as CHAT-5; may be repeated",
    )
    choice.add_argument(
        "--strict",
        action="store_true",
        help="let what is only observed or assumed fail the run; it is advice otherwise",
    )
    choice.add_argument(
        "--known",
        type=Path,
        metavar="FILE",
        help="YAML file of known differences (CHAT-7: reason): they do not fail the run; one that holds "
        "again does",
    )
    choice.add_argument("--fail-fast", action="store_true", help="stop at the first broken requirement")
    report = parser.add_argument_group("report and patience")
    report.add_argument(
        "--report-dir",
        type=Path,
        metavar="DIR",
        help="write report.html, report.md, report.json and junit.xml",
    )
    report.add_argument(
        "--wake", type=float, metavar="SECONDS", help="how long a sleeping host may take to wake (120)"
    )
    report.add_argument(
        "--settle", type=float, metavar="SECONDS", help="how long counters may lag behind (10)"
    )
    report.add_argument(
        "--patience", type=float, metavar="SECONDS", help="how long a generation may take (120)"
    )
    report.add_argument("-v", "--verbose", action="store_true", help="name each test as it runs")
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
        "-p",
        "no:cacheprovider",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
        "-v" if options.verbose else "-q",
        "--no-header",
        "--tb=short",
        "-r",
        "fE",
    ]
    for name in (
        "base_url",
        "spend",
        "rate",
        "control",
        "credentials",
        "report_dir",
        "known",
        "wake",
        "settle",
        "patience",
    ):
        value = getattr(options, name)
        if value is not None:
            prefix = "--" if name == "base_url" else "--lightning-"
            arguments.append(f"{prefix}{name.replace('_', '-')}={value}")
    for name in ("max_units", "only"):
        arguments += [f"--lightning-{name.replace('_', '-')}={value}" for value in getattr(options, name)]
    arguments += ["--lightning-live"] * options.live + ["--lightning-strict"] * options.strict
    return arguments + ["-x"] * options.fail_fast


def main(arguments: list[str] | None = None) -> int:
    """Judge; returns the exit code described in `--help`."""
    options = parser().parse_args(arguments)
    if not options.live and not options.base_url:
        print(
            "lightning-verify: nothing to judge: give --base-url URL, or --live for the documented host",
            file=sys.stderr,
        )
        return EXIT_USAGE
    code = int(pytest.main(pytest_arguments(options)))
    # pytest's own codes for interruption, usage and an empty selection mean the same to our users.
    return code if code in {0, 1, 3} else EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
