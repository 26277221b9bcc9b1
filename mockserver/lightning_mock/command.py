"""The command: read the options, start, tell a developer what is needed to begin, stop on a signal.

Law: every option is also an environment variable, and an option wins over its variable.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import re
import signal
import sys
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, get_args

from lightning_spec.command_line import WRONG_USAGE, Parser, nearest

from lightning_mock.choices import MetadataForm, RetryAdvice
from lightning_mock.control.api_page import DOCS_PATH
from lightning_mock.control.control_page import PAGE_PATH
from lightning_mock.control.guard import control_is_on
from lightning_mock.control.scenarios import SCENARIOS
from lightning_mock.control.state_file import StateLostError
from lightning_mock.credentials_file import write_credentials
from lightning_mock.loops import loop_factory
from lightning_mock.serving import serving
from lightning_mock.settings import NO_EFFECT_WITH, Complaint, Loop, Settings, SettingsError
from lightning_mock.state import State

_PREFIX = "LIGHTNING_MOCK_"
_OF_THE_PLUGIN = "LIGHTNING_MOCK_URL"
_OF_KUBERNETES = re.compile(r"LIGHTNING_MOCK_(SERVICE|PORT)_\w+")
_STATE_LOST = 1
_LISTS = {"scenario"}
"""Options that can be given more than once; in their variables the values are separated by commas."""
_NEEDED = {"recording": "record", "replay_pace": "replay", "replay_max_age": "replay"}
"""The option without which each of these has no effect."""

_DESCRIPTION = """\
Run a mock of the Lightning API on this machine: every documented route, real identities and quotas, made-up
content. On startup it prints credentials for every plan and commands to paste into a shell."""

_EPILOG = """\
Each option can also be set by its environment variable; the option takes precedence. An unknown
variable that begins with LIGHTNING_MOCK_ is reported at startup, with the nearest name.
Exit codes: 0 after Ctrl-C or a termination signal, 1 when the state could not be saved at the end, 2 when the
mock cannot start with these options."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    environment = without_kubernetes(os.environ)
    for warning in ignored_variables(environment):
        print(f"lightning-mock: {warning}", file=sys.stderr)
    called = _option
    try:
        start = parse(arguments, environment)
        called = start.called
        if start.settings.workers > 1:
            _serve_with_workers(start.settings, start.credentials_file)
        with asyncio.Runner(loop_factory=loop_factory(start.settings.loop)) as runner:
            runner.run(_serve(start.settings, start.credentials_file))
    except SettingsError as error:
        for complaint in error.complaints:
            print(f"lightning-mock: {complaint.told(called)}", file=sys.stderr)
        return WRONG_USAGE
    except StateLostError as error:
        print(f"lightning-mock: {error}", file=sys.stderr)
        return _STATE_LOST
    except KeyboardInterrupt:
        # A second Ctrl-C, or one before the start: no traceback for that either.
        return 0
    return 0


class Start(NamedTuple):
    """The settings of a start, where to write the credentials, if asked for, and the variables by which
    settings were given."""

    settings: Settings
    credentials_file: Path | None
    variables: frozenset[str] = frozenset()

    def called(self, name: str) -> str:
        """What a setting is called where it was given: its option or its variable."""
        return _called(name, self.variables)


def parse(arguments: Sequence[str] | None, environment: Mapping[str, str]) -> Start:
    """What a start is asked for. Raises SettingsError, in whose message each setting is called as it was
    given, and SystemExit for `--help`, `--version` and options that do not parse."""
    parser = _parser()
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    from_environment = _of_variables(parser, given, environment)
    chosen = {**from_environment, **given}
    for name in _LISTS & chosen.keys():
        chosen[name] = tuple(chosen[name])
    called = partial(_called, variables=from_environment.keys())
    _check_together(chosen, called)
    credentials_file = chosen.pop("credentials", None)
    try:
        return Start(Settings(**chosen), credentials_file, frozenset(from_environment))
    except SettingsError as error:
        raise SettingsError(*(each.told(called) for each in error.complaints)) from None


def _of_variables(parser: Parser, given: Container[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """The values of the variables whose options are not `given`. Raises SettingsError."""
    values: dict[str, Any] = {}
    complaints = []
    for action in parser._actions:
        name, text = action.dest, environment.get(_variable(action.dest))
        if not text or name in given or name in {"help", "version"}:
            continue
        try:
            if name in _LISTS:
                values[name] = [parser.convert(action, part.strip()) for part in text.split(",")]
            else:
                values[name] = parser.convert(action, text)
        except argparse.ArgumentError as error:
            complaints.append(f"{_variable(name)}: {error.message}")
    if complaints:
        raise SettingsError(*complaints)
    return values


def _check_together(chosen: Mapping[str, Any], called: Callable[[str], str]) -> None:
    """Raises SettingsError for two options with one file, which the mock would overwrite, and for options
    that have no effect."""
    files: dict[Path, str] = {}
    for name, value in chosen.items():
        if isinstance(value, Path):
            other = files.setdefault(_resolved(value), name)
            if other != name:
                raise SettingsError(f"{called(other)}: {value} is the file of {called(name)} as well")
    idle = [
        f"{called(name)}: has no effect without {_option(needed)}"
        for name, needed in _NEEDED.items()
        if name in chosen and needed not in chosen
    ]
    for mode in NO_EFFECT_WITH.keys() & chosen.keys():
        idle += [
            f"{called(name)}: has no effect with {called(mode)}"
            for name in NO_EFFECT_WITH[mode]
            if name in chosen
        ]
    if idle:
        raise SettingsError(*idle)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _called(name: str, variables: Container[str]) -> str:
    return _variable(name) if name in variables else _option(name)


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError):
        return path  # Whoever opens it says why it cannot be used.


def without_kubernetes(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what Kubernetes tells every container of a service named `lightning-mock`: the
    address of that service (`LIGHTNING_MOCK_PORT=tcp://10.0.0.1:8787` and others), which is no setting."""
    port = _variable("port")
    return {
        name: value
        for name, value in environment.items()
        if not _OF_KUBERNETES.fullmatch(name) and not (name == port and "://" in value)
    }


def ignored_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """A warning for each variable with the mock's prefix that nothing reads, without its value."""
    known = {_variable(field.name) for field in fields(Settings)} | {_variable("credentials"), _OF_THE_PLUGIN}
    found = [name for name, value in environment.items() if value and name.startswith(_PREFIX)]
    for name in sorted(set(found) - known):
        near = nearest(name.removeprefix(_PREFIX), [end.removeprefix(_PREFIX) for end in known])
        hint = f"did you mean {_PREFIX}{near}?" if near else "--help lists the variables"
        yield f"{name} is not a variable of the mock and is ignored; {hint}"


def _parser() -> Parser:
    parser = Parser(prog="lightning-mock", description=_DESCRIPTION, epilog=_EPILOG)

    def option(name: str, help: str, **more: Any) -> None:
        variable = _variable(name.replace("-", "_"))
        parser.add_argument(f"--{name}", help=f"{help} [{variable}]", **more)

    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    usual = Settings()
    option(
        "host", f"the address to listen on; {usual.host} keeps the mock on this machine", metavar="ADDRESS"
    )
    option(
        "port", f"the port to listen on, {usual.port} by default; 0 picks a free one", type=int, metavar="N"
    )
    option(
        "credentials",
        "write the main credentials to FILE as JSON, readable by you alone; only a file that the mock wrote "
        "is replaced; their names are the environment variables that the contract tests read",
        type=Path,
        metavar="FILE",
    )
    option(
        "revision",
        "which revision of the API to serve (default: the first one, the document's own); "
        "`lightning-spec revisions` lists them",
        metavar="NAME",
    )
    option("plans", "a YAML or JSON file that replaces the plans and their limits", type=Path, metavar="FILE")
    option("seed", "generate the same credentials at each start with the same number", type=int, metavar="N")
    option(
        "first-token-delay",
        "delay before the first words of a streamed reply, in seconds; 0 by default",
        type=float,
        metavar="SECONDS",
    )
    option(
        "token-rate",
        "streamed events per second; 0, the default, sends them as fast as they are read",
        type=float,
        metavar="N",
    )
    option(
        "metadata-form",
        "what the first event of a stream looks like: `bare`, the default, has router_metadata only, as "
        "later documented; `choices` adds a choice with the role and no text, for clients that need one; "
        "neither has been observed on the live host",
        choices=get_args(MetadataForm),
    )
    option(
        "retry-advice",
        "what a 429 says about retrying: `none`, the default, says nothing, as the document "
        "does; `seconds` and `date` send Retry-After, which some clients obey until midnight; the others "
        "send X-Should-Retry",
        choices=get_args(RetryAdvice),
    )
    option(
        "jwt-secret",
        "the HS256 secret of access tokens, at least 32 bytes, to accept tokens that you sign yourself",
        metavar="SECRET",
    )
    option(
        "jwks",
        "also accept ES256 and RS256 tokens signed by a key of this JWKS file",
        type=Path,
        metavar="FILE",
    )
    option(
        "replies",
        "a YAML or JSON file with a list of scripted replies, each in the form of POST /__mock__/replies; or "
        "a recording, whose answers are given for the same prompts",
        type=Path,
        metavar="FILE",
    )
    option("record", "forward every call to the host at URL and record its answers", metavar="URL")
    option(
        "recording",
        f"the new file to record to, without credentials; {usual.recording} by default",
        type=Path,
        metavar="FILE",
    )
    option(
        "replay",
        "answer every call from a recording; refuse what is not in it, naming the nearest match",
        type=Path,
        metavar="FILE",
    )
    option(
        "replay-pace",
        "how long a replay takes, as a multiple of the recorded time; 1 by default, 0 answers at once",
        type=float,
        metavar="N",
    )
    option(
        "replay-max-age",
        f"age in days after which a recording is reported as old; {usual.replay_max_age:g} by default",
        type=float,
        metavar="DAYS",
    )
    option(
        "scenario",
        f"start in a scenario; may be repeated: {', '.join(SCENARIOS)}",
        action="append",
        metavar="NAME",
    )
    option(
        "state",
        "a file to load users, keys, counters, clocks, faults and replies from at startup, and to save them "
        "to while running and on exit; options given at startup take precedence; it holds secrets and is "
        "readable by you alone",
        type=Path,
        metavar="FILE",
    )
    option(
        "control-token",
        "the token that control plane callers must send; without one, only this machine is served",
        metavar="TOKEN",
    )
    option(
        "store",
        "the Redis (or Valkey) through which all processes with the same URL and prefix share one mock, such "
        "as redis://127.0.0.1:6379/0; by default everything stays in this process",
        metavar="URL",
    )
    option(
        "store-prefix",
        f"the prefix of every key in the store, to keep several mocks apart; {usual.store_prefix} by default",
        metavar="NAME",
    )
    option(
        "workers",
        f"number of processes, {usual.workers} by default; more than one needs a --store and "
        "pip install 'lightning-contract[workers]'",
        type=int,
        metavar="N",
    )
    option(
        "loop",
        f"the event loop, {usual.loop} by default; uvloop needs pip install 'lightning-contract[uvloop]'",
        choices=get_args(Loop),
    )
    option(
        "journal",
        f"how many calls to remember, {usual.journal} by default; 0 remembers none",
        type=int,
        metavar="N",
    )
    option(
        "journal-bodies",
        f"how many bytes of each response body to keep, {usual.journal_bodies} by default; the journal "
        "can export whole ones as a recording",
        type=int,
        metavar="N",
    )
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: that takes as long as reading the spec."""

    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        from importlib.metadata import version

        # As `exit` has it, the message would go to standard error.
        print(f"{parser.prog} {version('lightning-contract')}")
        parser.exit()


def _variable(name: str) -> str:
    return _PREFIX + name.upper()


def _endings() -> list[signal.Signals]:
    """The signals that end the mock: also that of a terminal which is closed, unless nohup has it ignored."""
    endings = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        endings.append(signal.SIGHUP)
    return endings


async def _serve(settings: Settings, credentials_file: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _endings():
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:
            # Windows: Ctrl-C arrives as KeyboardInterrupt there.
            break
    async with serving(settings) as (base_url, state):
        _greet(credentials_file, base_url, state)
        await stop.wait()


def _serve_with_workers(settings: Settings, credentials_file: Path | None) -> NoReturn:
    try:
        # It imports gunicorn, which is an extra.
        from lightning_mock import workers
    except ImportError as error:
        why = (
            f"gunicorn, which supervises them, cannot be loaded ({error}); on Linux and macOS, "
            "pip install 'lightning-contract[workers]'"
        )
        raise SettingsError(Complaint(("workers",), why)) from error
    workers.serve(settings, partial(_greet, credentials_file))


def _greet(credentials_file: Path | None, base_url: str, state: State) -> None:
    """Print what a developer needs to begin; by then everything is loaded."""
    if credentials_file is not None:
        write_credentials(credentials_file, state.credentials.named)
    print(greeting(base_url, state), flush=True)
    # Modules and spec live as long as the process: frozen, they are not scanned at every collection.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def _recording_lines(base_url: str, state: State) -> list[str]:
    """What stands in place of the mock's credentials where another host's answers are given."""
    settings, replay = state.settings, state.replay
    if settings.record is not None:
        return [
            f"Recording {settings.record} to {settings.recording}",
            "  Send that host's credentials: it does not know the mock's.",
            "",
            "Try",
            f"  curl {base_url}/usage",
        ]
    if replay is None:
        return []
    count, age = len(replay.recording.exchanges), replay.age_days
    lines = [
        f"Replaying {settings.replay}: {count} exchanges, {age:.0f} days old",
        "  Credentials are not checked: any will do, or none.",
    ]
    if replay.is_old:
        most = f"{settings.replay_max_age:g} days"
        lines.append(f"  It is older than {most}: the host may answer differently now.")
    return lines


def _credential_lines(base_url: str, state: State) -> list[str]:
    named = state.credentials.named
    lines = ["Credentials"]
    for key, credentials in state.credentials.by_plan.items():
        lines += [f"  {key:<13} key  {credentials.api_key}", f"  {'':<13} jwt  {credentials.jwt}"]
    lines += [
        f"  {'expired':<13} key  {named['LIGHTNING_EXPIRED_API_KEY']}",
        f"  {'':<13} jwt  {named['LIGHTNING_EXPIRED_JWT']}",
        f"  {'revoked':<13} key  {named['LIGHTNING_REVOKED_API_KEY']}",
    ]
    bearer = f'-H "Authorization: Bearer {named["LIGHTNING_API_KEY"]}"'
    json_type = "-H 'Content-Type: application/json'"
    message = '{"messages": [{"role": "user", "content": "Hello!"}], "stream": true}'
    lines += [
        "",
        "Try",
        f"  curl {base_url}/usage {bearer}",
        f"  curl -N {base_url}/gen/chat/completions {bearer} {json_type} -d '{message}'",
        f"  curl {base_url}/gen/image/a%20quiet%20harbour -o harbour.jpg",
    ]
    return lines


def _control_page(base_url: str, settings: Settings) -> str:
    if control_is_on(settings):
        return base_url + PAGE_PATH
    return "off, since others can reach this address; --control-token TOKEN turns it on"


def greeting(base_url: str, state: State) -> str:
    """The text that is printed at the start: addresses, credentials, and commands to try."""
    lines = [
        f"Lightning mock at {base_url}",
        f"  OpenAI SDKs  {base_url}/gen",
        f"  control page {_control_page(base_url, state.settings)}",
        f"  API page     {base_url}{DOCS_PATH}",
        *(f"Scenario: {name}" for name in state.settings.scenario),
        "",
        *(_recording_lines(base_url, state) or _credential_lines(base_url, state)),
        "",
        "Ctrl-C stops it.",
    ]
    return "\n".join(lines)
