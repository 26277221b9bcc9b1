"""The mock beside what a user would pick instead, in one run, on the routes that each can serve at all.

`python -m benchmarks.peers` installs the others into a temporary folder, from npm and PyPI, prints a Markdown
report and, with `--write`, puts it into peers.md. It needs node, npm and a network.

Law: what a peer can serve is found out by asking it, and is not written here. All take turns within one run,
on the same core, under the same load, each with its own defaults; only logs are turned off where they can be.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from lightning_spec.loader import OPENAPI_FILE

from benchmarks.circumstances import made, pinned
from benchmarks.mock_speed import QUICK, USUAL, Size, generous_plans, job, mib, mock_arguments, row, rule
from benchmarks.processes import ROOT, Server, load, program, server
from benchmarks.publishing import Say, publish
from benchmarks.scenarios import CHAT, CHUNKS, IMAGE, SCENARIOS, STREAM, USAGE, Scenario

REPORT = Path(__file__).with_suffix(".md")
ROUNDS = 5
OURS = "lightning-mock"
_OPENAPI_3_1 = OPENAPI_FILE.with_name("openapi-3.1.yaml")
_THEIR_CHAT = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything is installed, and the port to serve on."""

    folder: Path
    port: int

    def npm(self, path: str) -> tuple[str, str]:
        return "node", str(self.folder / "node_modules" / path)

    def python(self, command: str) -> str:
        return str(self.folder / "venv" / "bin" / command)

    @property
    def answers(self) -> Path:
        """The folder of files that say what to answer to a chat."""
        return self.folder / "answers"


@dataclass(frozen=True, slots=True)
class Peer:
    """One of the others. `chat` is where it has chats."""

    name: str
    package: str
    origin: str
    command: Callable[[Place], Sequence[str]]
    chat: str = CHAT.path

    def scenario(self, scenario: Scenario) -> Scenario:
        return replace(scenario, path=self.chat) if scenario.path == CHAT.path else scenario

    def version(self, folder: Path) -> str:
        if self.origin == "npm":
            about = folder / "node_modules" / self.package / "package.json"
            return str(json.loads(about.read_text(encoding="utf-8"))["version"])
        asking = f"from importlib.metadata import version; print(version({self.package!r}))"
        asked = [Place(folder, 0).python("python"), "-c", asking]
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def _prism(at: Place) -> Sequence[str]:
    command = at.npm("@stoplight/prism-cli/dist/index.js")
    return *command, "mock", "--port", str(at.port), "--verboseLevel", "silent", str(_OPENAPI_3_1)


def _mockoon(at: Place) -> Sequence[str]:
    command = at.npm("@mockoon/cli/bin/run.js")
    given = ("--data", str(_OPENAPI_3_1), "--hostname", "127.0.0.1", "--port", str(at.port))
    return *command, "start", *given, "--disable-log-to-file", "--disable-admin-api"


def _aimock(at: Place) -> Sequence[str]:
    given = ("--fixtures", str(at.answers / "aimock.json"), "--chunk-size", str(_chunk_size(at)))
    return *at.npm("@copilotkit/aimock/dist/cli.js"), "--port", str(at.port), "--log-level", "silent", *given


def _apiup(at: Place) -> Sequence[str]:
    return at.python("apiup"), "--spec", str(_OPENAPI_3_1), "--port", str(at.port)


def _mocktopus(at: Place) -> Sequence[str]:
    scenario = str(at.answers / "mocktopus.yaml")
    return at.python("mocktopus"), "serve", "--scenario", scenario, "--port", str(at.port)


PEERS = (
    Peer("Prism", "@stoplight/prism-cli", "npm", _prism),
    Peer("Mockoon", "@mockoon/cli", "npm", _mockoon),
    Peer("aimock", "@copilotkit/aimock", "npm", _aimock, _THEIR_CHAT),
    Peer("apiup", "apiup", "PyPI", _apiup),
    Peer("mocktopus", "mocktopus", "PyPI", _mocktopus, _THEIR_CHAT),
)


# ------------------------------------------------------------------------------------------------ preparing


def install(folder: Path, say: Say) -> None:
    """Have all peers in a folder."""
    say("installing ")
    npm = [peer.package for peer in PEERS if peer.origin == "npm"]
    run = ("npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent", *npm)
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
    say(".")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    pip = [peer.package for peer in PEERS if peer.origin == "PyPI"]
    subprocess.run([Place(folder, 0).python("pip"), "install", "--quiet", *pip], check=True)
    say(".\n")


def write_answers(at: Place, text: str) -> None:
    """What the mock said, for those who say what they are told to."""
    at.answers.mkdir()
    (at.answers / "text").write_text(text, encoding="utf-8")
    fixture = {"match": {"userMessage": "Question"}, "response": {"content": text}}
    (at.answers / "aimock.json").write_text(json.dumps({"fixtures": [fixture]}), encoding="utf-8")
    rule = {"type": "llm.openai", "when": {"model": "*"}, "respond": {"content": text}}
    # JSON is YAML as well.
    (at.answers / "mocktopus.yaml").write_text(json.dumps({"version": 1, "rules": [rule]}), encoding="utf-8")


def _chunk_size(at: Place) -> int:
    """How many characters make as many chunks as the mock sends."""
    length = len((at.answers / "text").read_text(encoding="utf-8"))
    return -(-length // CHUNKS)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def ours(folder: Path) -> Iterator[tuple[Server, str]]:
    """The mock, with nobody's quota at its end, and a key."""
    plans, credentials = folder / "plans.json", folder / "credentials.json"
    plans.write_text(json.dumps(generous_plans()), encoding="utf-8")
    arguments = mock_arguments("--plans", str(plans), "--credentials", str(credentials))
    with server(arguments, "/usage") as started:
        yield started, json.loads(credentials.read_text(encoding="utf-8"))["LIGHTNING_API_KEY"]


# ------------------------------------------------------------------------------------------------- measuring


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the reason why it is no answer to what was asked, or none, and its pieces."""

    amiss: str | None
    pieces: int = 1


def ask(port: int, scenario: Scenario, headers: Mapping[str, str]) -> tuple[Answer, bytes]:
    """Whether a server can serve a scenario at all."""
    body = None if scenario.body is None else json.dumps(scenario.body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{scenario.path}",
        body,
        {"Content-Type": "application/json", **headers},
        method=scenario.method,
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            content, kind = answer.read(), answer.headers.get("Content-Type", "")
    except urllib.error.HTTPError as error:
        return Answer(f"{error.code}"), b""
    return judged(scenario, kind, content), content


def judged(scenario: Scenario, kind: str, content: bytes) -> Answer:
    """Whether an answer is of the kind that was asked for."""
    if scenario is IMAGE or scenario.path == IMAGE.path:
        return Answer(None if content.startswith(b"\xff\xd8") else "no image")
    if scenario.streamed:
        if not kind.startswith("text/event-stream"):
            return Answer("no stream")
        return Answer(None, content.count(b'"content"'))
    wanted = "usage" if scenario.path == USAGE.path else "choices"
    try:
        found = json.loads(content)
    except ValueError:
        return Answer("no JSON")
    return Answer(None if isinstance(found, dict) and found.get(wanted) else f"no {wanted}")


@dataclass(slots=True)
class Measured:
    """What one round found of one server."""

    start: float
    memory: int
    loaded: int
    rates: dict[str, float]
    amiss: dict[str, str]
    pieces: int


def measure(
    running: Server, headers: Mapping[str, str], own: Callable[[Scenario], Scenario], size: Size
) -> Measured:
    """Ask for every scenario, and put it under load where it is served."""
    found = Measured(running.start, running.resident_bytes() or 0, 0, {}, {}, 0)
    for usual in SCENARIOS:
        scenario = own(usual)
        answer, _ = ask(running.port, scenario, headers)
        if answer.amiss is not None:
            found.amiss[usual.name] = answer.amiss
            continue
        if scenario.streamed:
            found.pieces = answer.pieces
        try:
            done = load(replace(job(scenario, headers, size), port=running.port))
        except RuntimeError:
            found.amiss[usual.name] = "breaks under load"
        else:
            found.rates[usual.name] = done.per_second
    found.loaded = running.resident_bytes() or 0
    return found


def run(size: Size, rounds: int, folder: Path, say: Say) -> dict[str, list[Measured]]:
    """Every server in turn, started anew each time."""
    with ours(folder) as (mock, key):
        _, stream = ask(mock.port, STREAM, {"Authorization": f"Bearer {key}"})
    write_answers(Place(folder, 0), said(stream))
    found: dict[str, list[Measured]] = defaultdict(list)
    for turn in range(rounds):
        say(f"round {turn + 1} ")
        with ours(folder) as (mock, key):
            bearer = {"Authorization": f"Bearer {key}"}
            found[OURS].append(measure(mock, bearer, lambda scenario: scenario, size))
            say(".")
        for peer in PEERS:
            at = Place(folder, free_port())
            with program(peer.command(at), at.port, folder) as running:
                found[peer.name].append(
                    measure(running, {"Authorization": "Bearer key"}, peer.scenario, size)
                )
            say(".")
        say("\n")
    return found


def said(stream: bytes) -> str:
    """The text of a streamed chat."""
    text = ""
    for line in stream.decode().splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line[6:]).get("choices", ()):
                text += choice["delta"].get("content") or ""
    return text


# ---------------------------------------------------------------------------------------------- what is said


def report(found: Mapping[str, Sequence[Measured]], versions: Mapping[str, str], rounds: int) -> str:
    """The tables in Markdown."""
    names = [scenario.name for scenario in SCENARIOS]
    rows = [_row(name, versions[name], turns, found[OURS], names) for name, turns in found.items()]
    return "\n".join(
        [
            "# The mock compared with the alternatives",
            "",
            _circumstances(rounds),
            "",
            row("", "start", "memory at start", "after the loads", *names),
            rule(4 + len(names)),
            *rows,
            "",
            _behind(found),
            "",
        ]
    )


def _row(
    name: str, version: str, turns: Sequence[Measured], mine: Sequence[Measured], names: Sequence[str]
) -> str:
    cells = []
    for scenario in names:
        rates = [turn.rates[scenario] for turn in turns if scenario in turn.rates]
        if not rates:
            cells.append(turns[0].amiss[scenario])
            continue
        pieces = f" of {turns[0].pieces} pieces" if scenario == STREAM.name else ""
        ratios = [their.rates[scenario] / our.rates[scenario] for their, our in zip(turns, mine, strict=True)]
        cells.append(f"{median(rates):,.0f}/s{pieces} ({median(ratios):.2f})")
    return row(
        f"{name} {version}".strip(),
        f"{median(turn.start for turn in turns):.2f} s",
        mib(median(turn.memory for turn in turns)),
        mib(median(turn.loaded for turn in turns)),
        *cells,
    )


def _behind(found: Mapping[str, Sequence[Measured]]) -> str:
    """Where somebody else is better."""
    measures: dict[str, Callable[[Measured], float | None]] = {
        "start": lambda turn: -turn.start,
        "memory at start": lambda turn: -turn.memory,
        "memory after the loads": lambda turn: -turn.loaded,
    }
    for scenario in SCENARIOS:
        measures[scenario.name] = lambda turn, name=scenario.name: turn.rates.get(name)  # type: ignore[misc]
    lines = []
    for measure_name, of in measures.items():
        mine = _median(of, found[OURS])
        better = [
            name
            for name, turns in found.items()
            if name != OURS
            and (theirs := _median(of, turns)) is not None
            and mine is not None
            and theirs > mine
        ]
        if better:
            lines.append(f"- {measure_name}: {', '.join(better)}")
    return "\n".join(["Where the mock is not ahead:", "", *(lines or ["- nowhere"])])


def _median(of: Callable[[Measured], float | None], turns: Sequence[Measured]) -> float | None:
    values = [value for turn in turns if (value := of(turn)) is not None]
    return median(values) if values else None


def _circumstances(rounds: int) -> str:
    how = pinned("on one core each, the client on another")
    node = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    return f"""\
{made(f"Node {node}")}; {how}. Rounds: {rounds}; in each, every \
server is restarted, in turn; medians. Made by `python -m benchmarks.peers --write`.

Answers per second, and in brackets the ratio to the mock's in the same round. Text or a status instead of a \
figure says why the route cannot be served at all. Prism, Mockoon and apiup serve `spec/openapi-3.1.yaml`; \
aimock and mocktopus serve chats at `{_THEIR_CHAT}` and return the mock's text, aimock in pieces of the same \
size. Only the mock checks callers and requests, counts quotas and keeps a journal; Prism checks requests."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description="The mock beside what you could pick instead."
    )
    parser.add_argument("--quick", action="store_true", help="one short round; figures mean nothing")
    parser.add_argument("--write", action="store_true", help=f"also write {REPORT.relative_to(ROOT)}")
    parser.add_argument("--installed", type=Path, metavar="FOLDER", help="where they are installed already")
    chosen = parser.parse_args(arguments)

    def make(say: Say) -> str:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if chosen.installed is None:
                install(folder, say)
            else:
                for part in ("node_modules", "venv"):
                    (folder / part).symlink_to(chosen.installed.absolute() / part)
            rounds = 1 if chosen.quick else ROUNDS
            found = run(QUICK if chosen.quick else USUAL, rounds, folder, say)
            versions: dict[str, Any] = {OURS: "", **{peer.name: peer.version(folder) for peer in PEERS}}
            return report(found, versions, rounds)

    publish(make, REPORT if chosen.write else None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
