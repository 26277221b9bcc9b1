"""The command as a user meets it: what goes wrong is said in one line, what was found is written down."""

from __future__ import annotations

import contextlib
import html
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from lightning_spec.loader import SpecError, load_requirements
from lightning_verify import command as cli
from lightning_verify.command import main, parser
from lightning_verify.judging.verdicts import BROKE_OFF, EXIT_BROKEN, EXIT_KEPT
from lightning_verify.requests.credentials import MEANING
from lightning_verify.run.option_table import OPTIONS
from lightning_verify.target import LIVE

from lab.running import running
from lab.server.credentials import DEFAULTS
from tests.judge.canaries import token
from tests.judge.certificates import self_signed
from tests.judge.commands import Finished, command
from tests.judge.tiny_server import Answer, Asked, tiny
from tests.support.guard import HANGS

STATEMENT = load_requirements().requirements["TIERS-1"].statement
HOST = "--base-url=http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in MEANING:
        monkeypatch.delenv(name, raising=False)


# --- used wrongly -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to judge: give --base-url URL, or --live"),
        ([HOST, "--live"], "two hosts to judge: give --base-url URL, or --live"),
        (["--base-url=ftp://host"], "--base-url ftp://host: expected an address"),
        (["--base-url=127.0.0.1:8787"], "expected an address such as"),
        (["--base-url=http://"], "expected an address"),
        (["--base-url=http://host:99999"], "expected an address"),
        (["--base-url=http://host/?key=1"], "expected an address"),
        (["--base-url=https://user:secret-word@host"], "must not contain a user name or password"),
        ([HOST, "--only=nonsense"], "--only nonsense: neither an area"),
        ([HOST, "--only=CHAT-999"], "--only CHAT-999: neither an area"),
        ([HOST, "--max-units=images=3"], "--max-units images=3: expected METRIC=N"),
        ([HOST, "--max-units=imagesDaily=-1"], "expected METRIC=N with METRIC one of cloudChatDaily"),
        ([HOST, "--max-units=imagesDaily=many"], "expected METRIC=N"),
        ([HOST, "--max-units=imagesDaily=²"], "expected METRIC=N"),
        ([HOST, "--rate=0"], "--rate 0: expected a number above 0"),
        ([HOST, "--rate=-2"], "--rate -2: expected a number"),
        ([HOST, "--examples=0"], "--examples 0: expected a number above 0"),
        ([HOST, "--seed=-1"], "--seed -1: expected a whole number"),
        ([HOST, "--timeout=nan"], "--timeout nan: expected a number"),
        (
            [HOST, "--credentials=no-such-file.json"],
            "--credentials no-such-file.json: cannot be read (No such file or directory)",
        ),
        ([HOST, "--credentials=list.json"], "list.json must hold a JSON object"),
        ([HOST, "--credentials=broken.json"], "cannot read the credentials file broken.json"),
        (
            [HOST, "--known=no-such-file.yaml"],
            "--known no-such-file.yaml: cannot be read (No such file or directory)",
        ),
        ([HOST, "--known=twice.yaml"], "--known twice.yaml: line 2: the key 'CHAT-7' appears twice"),
        (
            [HOST, "--known=open.yaml"],
            "--known open.yaml: is not YAML: line 2, column 1: expected ',' or ']'",
        ),
        ([HOST, "--compare=nowhere/report.json"], "--compare nowhere/report.json: cannot be read (No such"),
        ([HOST, "--known=list.json"], "expected lines such as `CHAT-7: why this is accepted`"),
        ([HOST, "--known=other.yaml"], "no requirement is called CHAT-999, GHOST-1"),
        ([HOST, "--known=never.yaml"], "CHAT-7: expires must be a date such as 2030-01-31"),
    ],
)
def test_a_wrong_use_is_exit_2_and_one_line(
    arguments: list[str], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("list.json").write_text('["LIGHTNING_JWT"]')
    Path("other.yaml").write_text("CHAT-999: because\nCHAT-7: because\nGHOST-1: because\n")
    Path("twice.yaml").write_text("CHAT-7: because\nCHAT-7: another\n")
    Path("open.yaml").write_text("CHAT-7: [1, 2\n")
    Path("never.yaml").write_text("CHAT-7: {reason: because, expires: never}\n")
    Path("broken.json").write_text('{"LIGHTNING_JWT": "secret-word')
    code = main(arguments)
    printed = capfd.readouterr()
    lines = [line for line in (printed.out + printed.err).splitlines() if line.strip()]
    assert code == 2
    assert len(lines) == 1, lines
    assert lines[0].startswith("lightning-verify: ")
    assert says in lines[0]
    assert "secret-word" not in lines[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--spend=everything"], "--spend: expected one of none, sample, exhaust, got 'everything'"),
        (["--nonsense"], "there is no option --nonsense"),
        (["--exmaples=3"], "there is no option --exmaples (did you mean --examples?)"),
        (["--rate=fast"], "--rate: expected a number, got 'fast'"),
        (["stray"], "'stray' is more than was expected"),
    ],
)
def test_an_option_that_does_not_exist_is_exit_2_and_one_line(
    arguments: list[str], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main([HOST, *arguments])
    assert stop.value.code == 2
    assert capfd.readouterr().err == f"lightning-verify: {says}; see --help\n"


@pytest.mark.parametrize("option", [["-n", "4"], ["-n4"], ["-k", "chat"]])
def test_an_option_of_pytest_points_to_pytest(option: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([HOST, *option])
    assert stop.value.code == 2
    assert f"try `pytest contract_tests {option[0][:2]}" in capfd.readouterr().err


def test_plain_pytest_refuses_two_hosts_too(tmp_path: Path) -> None:
    run = command(
        *(str(Path(__file__).parents[2] / "contract_tests"), "-p", "no:cacheprovider", HOST, "--live"),
        directory=tmp_path,
        program="pytest",
    )
    assert run.code == 4
    assert "two hosts to judge" in run.out + run.error


def test_a_wrong_use_leaves_no_directory_behind(tmp_path: Path) -> None:
    assert main([HOST, "--only=nonsense", "--report-dir=reports"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_the_help_says_what_each_exit_code_means(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    text = capfd.readouterr().out
    assert stop.value.code == 0
    codes = text.partition("exit codes:")[2]
    for code, word in ((0, "kept"), (1, "broken"), (2, "wrongly"), (3, "inconclusive")):
        assert any(line.startswith(f"  {code}  ") and word in line for line in codes.splitlines())
    for name in MEANING:
        assert name in text
    assert LIVE in "".join(text.split())


def test_the_help_breaks_no_name_at_its_hyphens(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for columns in ("60", "80", "100"):
        monkeypatch.setenv("COLUMNS", columns)
        with pytest.raises(SystemExit):
            main(["--help"])
        assert not [line for line in capfd.readouterr().out.splitlines() if line.endswith("-")]


@pytest.mark.parametrize("arguments", [[HOST], ["--lint"], [HOST, "--revision=2026-06-19"]])
def test_a_spec_that_cannot_be_used_is_told_as_such(
    arguments: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise SpecError("openapi.yaml", "expected a mapping, got nothing")

    for name in ("revision_folder", "pytest.main"):
        with monkeypatch.context() as patched:
            patched.setattr(f"lightning_verify.command.{name}", broken)
            assert main(arguments) == 2
        assert capfd.readouterr().err == ("lightning-verify: openapi.yaml: expected a mapping, got nothing\n")


def test_live_is_short_for_the_documented_host() -> None:
    arguments = cli.pytest_arguments(parser().parse_args(["--live"]))
    assert "--lightning-live" in arguments
    assert not any(argument.startswith("--lightning-spend") for argument in arguments)


# --- run --------------------------------------------------------------------------------------------------


def test_a_host_that_is_not_there_is_exit_3(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        run = command(f"--base-url={address}", "--only=status", directory=tmp_path, fresh=True)
    assert run.code == 3
    assert "INCONCLUSIVE" in run.out
    assert "Traceback" not in run.out + run.error


@pytest.mark.parametrize(
    ("answer", "scheme", "says"),
    [
        (None, "http", "connection refused by 127.0.0.1"),
        (b"220 mail.example ESMTP\r\n", "http", "does not speak HTTP"),
        (b"", "http", "closed the connection without an answer"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "https", "does not speak TLS"),
    ],
)
def test_a_host_that_cannot_be_talked_to_is_said_once_with_the_cause(
    answer: bytes | None, scheme: str, says: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if answer is None:
            server.close()
        else:
            threading.Thread(target=_answer_all, args=(server, answer), daemon=True).start()
        run = command(f"--base-url={scheme}://127.0.0.1:{port}", "--only=status", directory=tmp_path)
    assert run.code == 3
    assert (run.out + run.error).count(says) == 1, run.out


def test_a_name_that_is_not_known_is_said_once(tmp_path: Path) -> None:
    run = command("--base-url=http://nobody.invalid", "--only=TIER-1", directory=tmp_path)
    assert run.code == 3
    assert run.out.count("the name nobody.invalid cannot be resolved") == 1


@pytest.mark.parametrize(
    ("name", "days", "trusted", "says"),
    [
        ("127.0.0.1", 1, False, "the certificate of 127.0.0.1 is not valid: self-signed certificate"),
        ("127.0.0.1", -1, True, "the certificate of 127.0.0.1 is not valid: certificate has expired"),
        ("shop.example", 1, True, "certificate is not valid for '127.0.0.1'"),
    ],
)
def test_a_certificate_that_cannot_be_trusted_is_said_once(
    name: str, days: int, trusted: bool, says: str, tmp_path: Path
) -> None:
    context, file = self_signed(tmp_path, name, days=days)
    with tiny(lambda _: Answer(), context) as host:
        run = command(
            *(f"--base-url={host.base_url}", "--only=TIER-1"),
            directory=tmp_path,
            # The library reads it when it is imported.
            fresh=trusted,
            credentials={"SSL_CERT_FILE": str(file)} if trusted else {},
        )
    assert run.code == 3
    assert (run.out + run.error).count(says) == 1, run.out
    assert host.asked == []


@pytest.mark.parametrize("answer", [None, b"Client sent an HTTP request to an HTTPS server.\n"])
def test_plain_http_to_a_server_of_tls_is_told_what_to_try(answer: bytes | None, tmp_path: Path) -> None:
    context = None if answer else self_signed(tmp_path)[0]
    with tiny(lambda _: Answer(400, {"Content-Type": "text/plain"}, (answer or b"",)), context) as host:
        address = host.base_url.replace("https:", "http:")
        run = command(f"--base-url={address}", "--only=TIER-1", directory=tmp_path)
    assert run.code == 3
    assert (run.out + run.error).count("is it https://?") == 1, run.out


def _answer_all(server: socket.socket, answer: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            connection.sendall(answer)
            connection.close()


# --- unable to write, interrupted -------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/reports"])
def test_a_folder_that_cannot_be_written_is_refused_before_the_first_request(
    folder: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    with running() as server:
        run = command(f"--base-url={server.base_url}", f"--report-dir={folder}", directory=tmp_path)
        assert server.requests == []
    assert run.code == 2
    assert f"--report-dir {folder}: cannot be written" in run.out + run.error
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("file", ["folder", "folder/", "nowhere/known.yaml", "/proc/known.yaml", "note/x"])
def test_a_list_that_cannot_be_written_is_refused_before_the_first_request(file: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "note").write_text("mine")
    with running() as server:
        run = command(f"--base-url={server.base_url}", f"--write-known={file}", directory=tmp_path)
        assert server.requests == []
    assert run.code == 2
    assert f"--write-known {file.rstrip('/')}: cannot be written" in run.out + run.error


def test_what_is_no_list_of_known_differences_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("port: 8000\n")
    run = command(HOST, "--write-known=settings.yaml", directory=tmp_path)
    assert run.code == 2
    assert "--write-known settings.yaml: exists and is not a list of known differences" in run.out + run.error
    assert (tmp_path / "settings.yaml").read_text() == "port: 8000\n"


def test_a_list_written_anew_keeps_its_words_and_what_was_not_looked_at(tmp_path: Path) -> None:
    before = {
        "TIERS-1": {"reason": "on purpose", "owner": "shop", "expires": "2999-12-31"},
        "TIER-1": {"reason": "mended since"},
        "CHAT-7": {"reason": "not looked at"},
    }
    (tmp_path / "known.yaml").write_text(json.dumps(before))
    with running(fault="tiers-default-by-name") as server:
        options = (f"--base-url={server.base_url}", "--only=TIERS-1", "--only=TIER-1")
        run = command(*options, "--write-known=known.yaml", directory=tmp_path)
    assert run.code == 1
    after = yaml.safe_load((tmp_path / "known.yaml").read_text())
    assert after["TIERS-1"] | {"expires": str(after["TIERS-1"]["expires"])} == before["TIERS-1"]
    assert after.keys() == before.keys() - {"TIER-1"}


@pytest.mark.parametrize("name", ["report.json", "report.html", "junit.xml"])
def test_a_disk_that_is_full_later_is_said_and_is_no_broken_host(name: str, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / name).symlink_to("/dev/full")
    with running() as server:
        run = command(
            f"--base-url={server.base_url}", "--only=TIER-1", "--report-dir=full", directory=tmp_path
        )
    assert run.code == 3
    assert "not everything could be recorded: No space left on device" in run.out
    assert "Traceback" not in run.out + run.error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_says_so_and_is_never_green(number: signal.Signals, tmp_path: Path) -> None:
    def slow(asked: Asked) -> Answer:
        if len(host.asked) > 6:
            time.sleep(30)
        return Answer(pieces=(json.dumps({"path": asked.path}).encode(),))

    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with tiny(slow) as host:
        process = subprocess.Popen(
            [sys.executable, "-m", "lightning_verify", f"--base-url={host.base_url}", "--report-dir=reports"],
            cwd=tmp_path, env={**os.environ, "TMPDIR": str(temporary)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while len(host.asked) <= 6 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(number)
        out, _ = process.communicate(timeout=HANGS)
    assert process.returncode == 128 + number, out
    assert "KEPT" not in out
    assert f"INTERRUPTED by {number.name}" in out
    assert "KeyboardInterrupt" not in out
    assert ".py" not in out
    report = json.loads((tmp_path / "reports" / "report.json").read_text())
    assert report["run"]["interrupted"] == number.name
    assert report["run"]["exit_code"] == 128 + number
    unreached = [entry for entry in report["requirements"] if not entry["tests"]]
    assert {entry["reason"] for entry in unreached} == {"the run was interrupted before its checks"}
    for name in ("report.md", "report.html"):
        assert "INTERRUPTED" in (tmp_path / "reports" / name).read_text()
    assert list(temporary.iterdir()) == []


def test_a_run_that_breaks_off_by_itself_says_so_and_is_never_green(tmp_path: Path) -> None:
    with running() as server:
        run = command(
            *(f"--base-url={server.base_url}", "--spend=none", "--only=STAT-1", "--report-dir=reports"),
            "--write-known=known.yaml",
            directory=tmp_path,
            plugins=("tests.judge.broken_plugin",),
        )
    assert (run.code, run.report["run"]["exit_code"]) == (3, 3)
    assert run.report["run"]["verdict"] == f"INCONCLUSIVE: {BROKE_OFF}: RuntimeError: a mistake of our own"
    assert not (tmp_path / "known.yaml").exists()


def test_a_run_whose_checks_cannot_be_read_is_never_green(tmp_path: Path) -> None:
    with running() as server:
        run = command(
            *(f"--base-url={server.base_url}", "--spend=none", "--only=STAT-1", "--report-dir=reports"),
            directory=tmp_path,
            plugins=("tests.judge.unreadable_checks_plugin",),
        )
    assert run.code not in {EXIT_KEPT, EXIT_BROKEN}
    assert run.report.get("run", {}).get("exit_code") != EXIT_KEPT
    assert "test_status.py cannot be read: RuntimeError: a name that is not there" in run.out


@pytest.fixture(scope="module")
def free_run(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A part of the judge against a server that keeps its promises."""
    with running() as server:
        return command(
            f"--base-url={server.base_url}", "--report-dir=reports", "--only=catalogue", "--only=ID-5",
            directory=tmp_path_factory.mktemp("run"), credentials=dict(server.credentials),
        )  # fmt: skip


def test_a_run_writes_four_reports(free_run: Finished) -> None:
    assert free_run.code == 0, free_run.out
    reports = free_run.directory / "reports"
    assert {file.name for file in reports.iterdir()} == {
        "report.json",
        "report.md",
        "report.html",
        "junit.xml",
    }
    assert {entry["area"] for entry in free_run.report["requirements"]} == {"catalogue", "identity"}
    assert free_run.report["run"]["exit_code"] == 0
    assert set(free_run.report["run"]) >= {"target", "versions", "seconds", "requests", "units", "verdict"}
    entry = free_run.report["requirements"][0]
    assert set(entry) >= {"id", "level", "verdict", "reason", "witnesses", "evidence"}
    cases = list(ElementTree.parse(reports / "junit.xml").iter("testcase"))
    assert any(case.get("name") == "test_the_catalogue_names_its_default_plan" for case in cases)
    assert free_run.report["run"]["verdict"] in (reports / "report.md").read_text()
    assert free_run.report["run"]["verdict"].partition(": ")[2] in (reports / "report.html").read_text()


def test_a_run_tells_its_plan_before_and_its_bill_after(free_run: Finished) -> None:
    plan, bill = free_run.out.index("plan: about"), free_run.out.index("bill: planned")
    # The verdict comes first, since it is what a reader looks for.
    progress = free_run.out.index("\ncatalogue 7/7\n")
    assert plan < free_run.out.index("time: about") < progress < free_run.out.index("KEPT: ") < bill


def test_nothing_is_written_but_what_was_asked_for(free_run: Finished) -> None:
    assert [file.name for file in free_run.directory.iterdir()] == ["reports"]


def test_only_selects_an_area_or_a_requirement(tmp_path: Path) -> None:
    with running() as server:
        run = command(
            f"--base-url={server.base_url}", "--report-dir=reports", "--only=TIER-1", directory=tmp_path
        )
        asked = {path for _, path, _ in server.requests}
    assert run.verdicts == {"TIER-1": "pass"}
    assert asked <= {"/tier-config", "/usage", "/status", "/models"}


def test_fail_fast_stops_at_the_first_broken_requirement(tmp_path: Path) -> None:
    def portal(asked: Asked) -> Answer:
        return Answer(pieces=(json.dumps({"path": asked.path}).encode(),))

    with tiny(portal) as host:
        base, only = f"--base-url={host.base_url}", "--only=catalogue"
        fast = command(base, only, "--fail-fast", "--report-dir=reports", directory=tmp_path)
        asked = len(host.asked)
        slow = command(base, only, "--report-dir=reports", directory=tmp_path)
    assert (fast.code, slow.code) == (1, 1)
    # One answer may break more than one requirement.
    assert fast.documented("fail")
    assert fast.documented("fail") < slow.documented("fail")
    reasons = {entry["reason"] for entry in fast.report["requirements"] if not entry["tests"]}
    assert reasons == {"the run stopped at the first failure, before its checks"}
    assert asked < len(host.asked) - asked


def test_credentials_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text(json.dumps({**DEFAULTS, "unknown": 5}))
    with running() as server:
        run = command(
            f"--base-url={server.base_url}", "--report-dir=reports", "--credentials=secrets.json",
            "--only=AUTH-6", directory=tmp_path,
        )  # fmt: skip
    assert run.verdicts == {"AUTH-6": "pass"}
    assert run.report["run"]["credentials"] == sorted(DEFAULTS)


def test_what_a_missing_credential_leaves_out_is_said(tmp_path: Path) -> None:
    with running() as server:
        run = command(
            f"--base-url={server.base_url}", "--report-dir=reports", "--only=AUTH-5", "--only=AUTH-4",
            directory=tmp_path,
        )  # fmt: skip
    assert run.verdicts == {"AUTH-4": "pass", "AUTH-5": "not_run"}
    entry = next(entry for entry in run.report["requirements"] if entry["id"] == "AUTH-5")
    assert "LIGHTNING_EXPIRED_JWT" in entry["reason"]
    assert run.code == 0


@pytest.mark.parametrize(
    ("name", "stale", "of_its_own"),
    [
        pytest.param("LIGHTNING_JWT", token("somebody-elsewhere"), "AUTH-1", id="token"),
        pytest.param("LIGHTNING_FREE_JWT", token("somebody-elsewhere"), "AUTH-1", id="free token"),
        pytest.param("LIGHTNING_API_KEY", "ipa_live_of_another_host_0123456789", "AUTH-2", id="key"),
    ],
)
def test_a_credential_of_another_host_leaves_only_undecided_that_it_lets_in(
    name: str, stale: str, of_its_own: str, tmp_path: Path
) -> None:
    kept = {"USE-1", "USE-8", "SUB-1", "SUB-4", "AUTH-4"}
    with running() as server:
        run = command(
            f"--base-url={server.base_url}", "--report-dir=reports", *(f"--only={one}" for one in kept),
            f"--only={of_its_own}", directory=tmp_path, credentials={**server.credentials, name: stale},
        )  # fmt: skip
    reason = f"{name} is refused everywhere: is it valid, and for this host?"
    assert f"not used: {reason}" in run.out
    assert run.verdicts == {**dict.fromkeys(kept, "pass"), of_its_own: "inconclusive"}
    entry = next(entry for entry in run.report["requirements"] if entry["id"] == of_its_own)
    assert entry["reason"] == reason
    assert run.code == 3


def test_a_cap_of_one_image_is_kept_by_the_servers_own_ledger(tmp_path: Path) -> None:
    with running() as server:
        run = command(
            f"--base-url={server.base_url}", "--report-dir=reports", "--spend=exhaust",
            "--max-units=imagesDaily=1", "--max-units=videosDaily=0", "--only=IMG-2", "--only=IMG-3",
            "--only=IMG-6", "--only=VID-2", "--settle=0.5", directory=tmp_path,
            credentials=dict(server.credentials),
        )  # fmt: skip
        assert server.charged("imagesDaily") == run.report["run"]["units"]["booked"]["imagesDaily"] == 1
        assert server.charged() == 1
    assert run.report["run"]["units"]["paid_by"] == {"throwaway callers": {"imagesDaily": 1}}
    assert "paid by throwaway callers: 1 imagesDaily" in run.out
    assert "unexplained is what they show beyond" in run.out
    assert "caps: imagesDaily=1, videosDaily=0" in run.out
    assert "at most these units: 1 imagesDaily\n" in run.out
    assert run.report["run"]["units"]["planned"] == {"imagesDaily": 1}
    assert run.verdicts["VID-2"] == "not_run"
    assert run.code == 0


def test_advice_fails_a_strict_run_only(tmp_path: Path) -> None:
    with running() as server:
        options = [f"--base-url={server.base_url}", "--only=OBS-11", "--only=TIER-1", "--report-dir=reports"]
        assert command(*options, directory=tmp_path).code == 0
        strict = command(*options, "--strict", directory=tmp_path)
    assert strict.code == 1
    assert strict.verdicts["OBS-11"] == "fail"


def test_a_known_difference_keeps_the_run_and_one_that_is_gone_breaks_it(tmp_path: Path) -> None:
    (tmp_path / "known.yaml").write_text("TIERS-1: the free plan is listed on purpose\n")
    options = ["--only=TIERS-1", "--only=TIER-1", "--known=known.yaml", "--report-dir=reports"]
    with running(fault="tiers-default-by-name") as server:
        known = command(f"--base-url={server.base_url}", *options, directory=tmp_path)
    with running() as server:
        gone = command(f"--base-url={server.base_url}", *options, directory=tmp_path)
    assert (known.code, known.verdicts["TIERS-1"]) == (0, "known_difference")
    assert (gone.code, gone.verdicts["TIERS-1"]) == (1, "fail")


def test_what_is_broken_is_told_in_three_lines_and_no_paths(tmp_path: Path) -> None:
    with running(fault="tiers-default-by-name") as server:
        run = command(f"--base-url={server.base_url}", "--only=catalogue", directory=tmp_path)
    lines = run.out.splitlines()
    [first] = [n for n, line in enumerate(lines) if line.startswith("broken")]
    assert lines[first].split() == ["broken", "TIERS-1", *STATEMENT.split()]
    assert lines[first + 1].strip().startswith("GET /tiers as ")
    assert "costs nothing" in lines[first + 2]
    assert run.out.count("costs nothing") == 1
    assert run.out.index("BROKEN: 1 of") < run.out.index("TIERS-1  ")
    assert "FAILED" not in run.out
    assert ".py" not in run.out


@pytest.mark.parametrize("options", [[], ["--no-annotations"]])
def test_github_gets_its_summary_and_annotations_by_itself(options: list[str], tmp_path: Path) -> None:
    summary = tmp_path / "summary"
    with running(fault="tiers-default-by-name") as server:
        run = command(
            *(f"--base-url={server.base_url}", "--only=TIERS-1", *options),
            directory=tmp_path,
            credentials={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)},
        )
    assert run.code == 1
    annotated = [line for line in run.out.splitlines() if line.startswith("::")]
    assert summary.exists() is (not options)
    assert len(annotated) == (not options)
    if not options:
        assert annotated[0].startswith(f"::error title=Lightning contract TIERS-1::{STATEMENT}")
        assert "TIERS-1" in summary.read_text()


def test_a_file_of_known_differences_is_written_turns_the_run_green_and_leaves_no_failure(
    tmp_path: Path,
) -> None:
    options = ["--only=TIERS-1", "--report-dir=reports"]
    with running(fault="tiers-default-by-name") as server:
        host = f"--base-url={server.base_url}"
        first = command(host, *options, "--write-known=known.yaml", directory=tmp_path)
        again = command(host, *options, "--known=known.yaml", directory=tmp_path)
    assert (first.code, again.code) == (1, 0), again.out
    assert "1 known not to" in again.out
    assert " failed" not in again.out
    [entry] = again.report["requirements"]
    assert entry["verdict"] == "known_difference"
    assert entry["known"]["reason"] in first.report["requirements"][0]["reason"]
    assert entry["evidence"]
    page = html.unescape((tmp_path / "reports" / "report.html").read_text())
    assert entry["known"]["reason"] in page
    suite = next(ElementTree.parse(tmp_path / "reports" / "junit.xml").iter("testsuite"))
    assert suite.get("failures") == suite.get("errors") == "0"


def test_a_known_difference_that_has_expired_is_a_failure_everywhere(tmp_path: Path) -> None:
    (tmp_path / "known.yaml").write_text("TIERS-1: {reason: for now, owner: shop, expires: 2020-01-31}\n")
    with running(fault="tiers-default-by-name") as server:
        run = command(
            *(f"--base-url={server.base_url}", "--only=TIERS-1", "--known=known.yaml"),
            *("--write-known=again.yaml", "--report-dir=reports"),
            directory=tmp_path,
        )
    assert run.code == 1
    assert "(for now, owner shop, until 2020-01-31), which has expired" in run.out
    suite = next(ElementTree.parse(tmp_path / "reports" / "junit.xml").iter("testsuite"))
    assert int(suite.get("failures") or 0) > 0
    # Writing the list anew does not prolong what has expired.
    assert "expires: 2020-01-31" in (tmp_path / "again.yaml").read_text()


def test_a_check_that_is_not_run_is_not_set_up(tmp_path: Path) -> None:
    with running() as server:
        run = command(
            *(f"--base-url={server.base_url}", "--only=assets"),
            directory=tmp_path,
            plugins=("tests.judge.setups_plugin",),
        )
    assert "set up: test_an_id_that_nobody_made_is_no_file\n" in run.out
    assert "needs --spend sample: CDN-1" in run.out


# --- as a part of pytest ----------------------------------------------------------------------------------


def test_plain_pytest_with_a_host_judges_that_host_and_leaves_our_own_tests_out(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    with running() as server:
        run = command(
            *(str(root / "contract_tests"), str(root / "tests"), f"--rootdir={root}"),
            *("-q", "-p", "no:cacheprovider", "--only=TIER-1", "--report-dir=reports"),
            f"--base-url={server.base_url}",
            directory=tmp_path,
            program="pytest",
        )
    assert run.code == 0, run.out + run.error
    assert run.verdicts == {"TIER-1": "pass"}
    assert f"target {server.base_url}, spend none" in run.out


def test_the_help_alone_says_how_many_units_a_sample_uses() -> None:
    """What is said once cannot contradict itself; the other pages point to the plan."""
    spend = next(option.help for option in OPTIONS if option.name == "spend")
    assert "for about 200 units on a conforming host (60 of them videos)" in spend
    for page in ("README.md", "docs/live.md"):
        text = " ".join((Path(__file__).parents[2] / page).read_text(encoding="utf-8").split())
        assert re.search(r"\babout \d+ (units|chats|pictures|films|sounds)\b", text) is None
        assert "plan and its cost are printed first" in text
