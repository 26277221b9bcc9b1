"""`lightning-proxy`: stand between clients and a host, and report what the host breaks."""

from __future__ import annotations

import argparse
import asyncio
import errno
import gc
import math
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lightning_spec.command_line import Parser

from lightning_verify.judging.verdicts import EXIT_BROKEN, EXIT_INCONCLUSIVE, EXIT_KEPT, EXIT_USAGE

try:
    from lightning_verify.facts import REQUIREMENTS, SPEC
    from lightning_verify.proxy import page, reporting
except ModuleNotFoundError:
    # The mock's own install is light; reports come with an extra.
    print(
        "lightning-proxy needs more than the mock: pip install 'lightning-contract[verify]'", file=sys.stderr
    )
    sys.exit(EXIT_USAGE)

from lightning_verify.proxy.judging import MAX_BODY, MAX_HELD, TrafficJudge
from lightning_verify.proxy.recording import RecordingError, Tape
from lightning_verify.proxy.relay import Observer, Relay, Upstream, cause_of
from lightning_verify.report.outcome import Outcome
from lightning_verify.report.writers import why_not_writable
from lightning_verify.target import is_address

_PORT, _PAGE_PORT = 8788, 8789
# For the judge's thread to let the relay go on: much shorter than usual, so that nobody waits for it.
_SWITCHING = 0.0001
# Seconds for the judge to come to the end of what has passed: before the proxy ends, and before each report.
_TIMEOUT, _CATCHING_UP = 20.0, 5.0

DESCRIPTION = """\
Relay and judge traffic between clients and a Lightning host. Everything passes unchanged: streams as they
come, bodies of any size, headers, errors, disconnects. Meanwhile each answer is checked against what the
API's document promises, and the counters of /usage against the calls seen to be served.

Point your clients at the printed address instead of the host's. Each breach is one line on standard error,
with how often it was seen; the page shows breaches live, and the reports have the details.
"""

_IN_ALL, _OF_ONE = MAX_HELD >> 20, MAX_BODY >> 20
EPILOG = f"""\
what it keeps:
  counts, and evidence without credentials. Bodies are held in memory, up to {_IN_ALL} MB in all, until they
  are judged; one of more than {_OF_ONE} MB passes unjudged. --record records all traffic, without credentials
  but with requests and answers.

what it never does:
  send anything of its own, follow a redirect, retry, or answer in the host's place. The only exceptions are
  requests that cannot be forwarded (400, 405, 431) and a host that cannot be reached (502, 504); such an
  answer has the header Lightning-Proxy and is not judged.

signals:
  SIGHUP, SIGINT, SIGTERM   write the reports and exit
  SIGUSR1                   write the reports now; without --report-dir, print what is broken

exit codes:
  0  stopped by a signal
  1  the same, but with --fail-on-breach and a documented requirement broken
  2  could not start with these options
  3  a report could not be written

examples:
  lightning-proxy --upstream http://127.0.0.1:8787
  lightning-proxy --upstream https://sharktide-lightning.hf.space --report-dir reports --fail-on-breach
  lightning-proxy --upstream http://staging:8000 --all-traffic --record monday.yaml
"""


class UsageError(ValueError):
    """The options make no sense together, or what they ask for is not available."""


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog="lightning-proxy", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('lightning-contract')}")
    parser.add_argument(
        "--upstream",
        required=True,
        metavar="URL",
        help="the host, for example http://127.0.0.1:8787; its path is prefixed to every request's",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="the address to listen on; 127.0.0.1 serves this machine only",
    )
    parser.add_argument(
        "--port", type=int, default=_PORT, metavar="N", help=f"default: {_PORT}; 0 picks a free one"
    )
    parser.add_argument(
        "--page-port",
        type=int,
        default=_PAGE_PORT,
        metavar="N",
        help=f"port of the page, for this machine only; default: {_PAGE_PORT}; 0 picks a free one",
    )
    parser.add_argument("--no-page", action="store_true", help="serve no page")
    parser.add_argument(
        "--report-dir",
        type=Path,
        metavar="DIR",
        help="write report.html, report.md, report.json and junit.xml on exit and on SIGUSR1",
    )
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="record the traffic for the mock to replay; the file must not exist yet",
    )
    parser.add_argument(
        "--fail-on-breach",
        action="store_true",
        help="exit with 1 if a documented requirement was broken",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="count observed and assumed requirements too (default: they only advise)",
    )
    parser.add_argument(
        "--all-traffic",
        action="store_true",
        help="all traffic to the host goes through this proxy: a counter that moved too far is then a breach "
        "for accounts too, not only for random client ids",
    )
    parser.add_argument(
        "--settle",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="how long the counters of /usage may lag (default: 10)",
    )
    return parser


@dataclass(slots=True)
class _Watch:
    """The parts of a running proxy."""

    options: argparse.Namespace
    judge: TrafficJudge
    started: float = field(default_factory=time.time)
    here: str = ""

    def outcome(self) -> Outcome:
        """The outcome of everything that has passed so far."""
        self.judge.catch_up(_CATCHING_UP)
        options = self.options
        return reporting.outcome_of(
            self.judge,
            REQUIREMENTS,
            options.upstream,
            self.started,
            strict=options.strict,
            fails=options.fail_on_breach,
        )

    def write(self) -> None:
        """Write the reports. Raises OSError."""
        reporting.write(self.outcome(), self.options.report_dir)

    def status(self) -> dict[str, Any]:
        """What the page shows."""
        directory = self.options.report_dir
        return {
            "here": self.here,
            "upstream": self.options.upstream,
            "since": f"{datetime.fromtimestamp(self.started, UTC):%Y-%m-%d %H:%M:%S} UTC",
            "directory": directory and str(directory),
            **self.judge.view().as_json(),
        }

    def report(self) -> bool:
        """Write the reports, or say briefly what is broken; False when they cannot be written."""
        outcome = self.outcome()
        say(outcome.headline)
        if self.options.report_dir is None:
            for breach in self.judge.view().breaches:
                say(breach.line)
            return True
        try:
            reporting.write(outcome, self.options.report_dir)
        except OSError as problem:
            say(f"the reports cannot be written: {problem.strerror}: {problem.filename}")
            return False
        say(f"reports: {self.options.report_dir}")
        return True


def say(line: str) -> None:
    """One line of the log."""
    print(f"{datetime.now(UTC):%H:%M:%S} {line}", file=sys.stderr, flush=True)


class _Outage:
    """Says once that the host cannot be reached: the clients have each failure in their answers."""

    def __init__(self) -> None:
        self._told = False

    def tell(self, reason: str) -> None:
        """A connection could not be made."""
        if not self._told:
            self._told = True
            say(f"the host cannot be reached: {reason}; clients get 502 or 504 meanwhile")


def _cannot_listen(address: str, option: str, problem: OSError) -> UsageError:
    """The message when an address is not to be had."""
    why = cause_of(problem)
    if problem.errno == errno.EADDRINUSE:
        why = f"the port is in use; choose another with {option}, or 0 for a free one"
    return UsageError(f"cannot listen on {address}: {why}")


async def _serve(options: argparse.Namespace, judge: TrafficJudge, watch: _Watch) -> None:
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for ending in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        # What nohup ignores stays ignored.
        if signal.getsignal(ending) is not signal.SIG_IGN:
            loop.add_signal_handler(ending, ended.set)
    if hasattr(signal, "SIGUSR1"):
        loop.add_signal_handler(signal.SIGUSR1, lambda: loop.run_in_executor(None, watch.report))
    relay = Relay(Upstream.at(options.upstream), Observer(judge.begin, judge.end, _Outage().tell))
    runner = None
    try:
        port = await relay.open(options.host, options.port)
    except OSError as problem:
        raise _cannot_listen(f"{options.host}:{options.port}", "--port", problem) from problem
    try:
        watch.here = f"http://{options.host}:{port}"
        print(f"Lightning proxy at {watch.here} for {options.upstream}", flush=True)
        if not options.no_page:
            sources = page.Sources(watch.status, watch.outcome, watch.write if options.report_dir else None)
            try:
                runner, number = await page.serve(sources, options.page_port)
            except OSError as problem:
                address = f"127.0.0.1:{options.page_port}"
                raise _cannot_listen(address, "--page-port", problem) from problem
            print(f"  page http://127.0.0.1:{number}/", flush=True)
        print("Ctrl-C stops it.", flush=True)
        # Laws and spec stay as long as the process does: the collector need not walk them again and again.
        gc.collect()
        gc.freeze()
        await ended.wait()
    finally:
        await relay.close()
        if runner is not None:
            await runner.cleanup()


def _check(options: argparse.Namespace) -> None:
    """Raises UsageError for options that are plainly wrong."""
    if not is_address(options.upstream):
        # It may hold a password, and is not repeated.
        raise UsageError("--upstream: expected an address such as https://host or http://127.0.0.1:8787")
    if not 0 <= options.settle < math.inf:
        raise UsageError(f"--settle {options.settle:g}: expected a number of seconds")
    for name, port in (("--port", options.port), ("--page-port", options.page_port)):
        if not 0 <= port < 65536:
            raise UsageError(f"{name} {port}: expected 0 to 65535")
    if options.report_dir is not None and (problem := why_not_writable(options.report_dir)):
        raise UsageError(f"--report-dir {options.report_dir}: {problem}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proxy until a signal; returns the exit code that `--help` describes."""
    options = parser().parse_args(arguments)
    options.upstream = options.upstream.rstrip("/")
    tape: Tape | None = None
    try:
        _check(options)
        sys.setswitchinterval(_SWITCHING)
        if options.record:
            tape = Tape(options.record, options.upstream, time.time())
        judge = TrafficJudge(
            options.upstream,
            SPEC,
            REQUIREMENTS,
            say,
            settle=options.settle,
            all_traffic=options.all_traffic,
            witnesses=(tape.add,) if tape else (),
        )
        watch = _Watch(options, judge)
        asyncio.run(_serve(options, judge, watch))
    except (UsageError, RecordingError) as problem:
        print(f"lightning-proxy: {problem}", file=sys.stderr)
        if tape is not None:
            tape.close()
        return EXIT_USAGE
    judge.close(_TIMEOUT)
    if tape is not None:
        tape.close()
        if tape.left_out:
            say(f"{options.record} leaves out {tape.left_out} exchanges: without an answer, or too large")
    written = watch.report()
    broken = watch.outcome().exit_code == EXIT_BROKEN
    if broken and options.fail_on_breach:
        return EXIT_BROKEN
    return EXIT_KEPT if written else EXIT_INCONCLUSIVE


if __name__ == "__main__":
    sys.exit(main())
