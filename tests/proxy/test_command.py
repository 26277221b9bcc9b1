"""`lightning-proxy` as a user starts, asks and ends it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from lightning_spec.recording import read_recording
from lightning_verify.proxy.command import main

from lab.running import running
from tests.judge.canaries import leaks
from tests.support.guard import HANGS

REPORTS = ["junit.xml", "report.html", "report.json", "report.md"]
CHAT = {"messages": [{"role": "user", "content": "Say hello, please."}], "stream": True}


@contextmanager
def started(upstream: str, *options: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A running command, its address and that of its page."""
    command = [sys.executable, "-m", "lightning_verify.proxy.command", "--upstream", upstream]
    proxy = subprocess.Popen(
        [*command, "--port", "0", "--page-port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert proxy.stdout is not None
        first, second = proxy.stdout.readline(), proxy.stdout.readline()
        yield proxy, first.split()[3], second.split()[1]
    finally:
        proxy.kill()
        proxy.wait()


def ended(proxy: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str]:
    """The exit code and the log of a proxy that is told to end."""
    proxy.send_signal(number)
    _, log = proxy.communicate(timeout=HANGS)
    return proxy.returncode, log


def test_a_breach_is_logged_shown_reported_recorded_and_fails(tmp_path: Path) -> None:
    reports, tape = tmp_path / "reports", tmp_path / "tape.yaml"
    with running(fault="done-dropped") as lab:
        key = lab.credentials["LIGHTNING_API_KEY"]
        options = ["--report-dir", str(reports), "--record", str(tape), "--fail-on-breach"]
        with started(lab.base_url, *options) as (proxy, base_url, page):
            bearer = {"Authorization": f"Bearer {key}"}
            for path in ("/usage", "/status"):
                httpx2.get(base_url + path, headers=bearer)
            httpx2.post(f"{base_url}/gen/chat/completions", json=CHAT, headers=bearer)
            deadline = time.monotonic() + 10
            while not (view := httpx2.get(f"{page}status.json").json())["breaches"]:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert httpx2.get(f"{page}report.html").headers["content-type"].startswith("text/html")
            assert not list(reports.iterdir())
            assert httpx2.post(f"{page}reports").status_code == 204
            assert sorted(file.name for file in reports.iterdir()) == REPORTS
            code, log = ended(proxy)
    assert code == 1
    assert [one["id"] for one in view["breaches"]] == ["CHAT-7"]
    assert view["passed"] == 3
    assert "breach CHAT-7 in 1 of 1 answers: " in log
    report = json.loads((reports / "report.json").read_text(encoding="utf-8"))
    assert report["run"]["verdict"].startswith("BROKEN: 1 of ")
    recording = read_recording(tape)
    assert [one.request.target for one in recording.exchanges] == [
        "/usage",
        "/status",
        "/gen/chat/completions",
    ]
    stream = recording.exchanges[-1].response
    assert len(stream.pieces) > 3
    assert stream.content.startswith(b'data: {"router_metadata"')
    assert tape.stat().st_mode & 0o077 == 0
    shown = {file.name: file.read_text(encoding="utf-8") for file in (*reports.iterdir(), tape)}
    assert leaks([key], [*shown.items(), ("log", log), ("page", json.dumps(view))]) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_a_report_even_in_the_middle_of_a_stream(tmp_path: Path, number: int) -> None:
    with (
        running(variants=["stream-slowly"]) as lab,
        started(lab.base_url, "--report-dir", str(tmp_path)) as (proxy, base_url, _),
        httpx2.stream("POST", f"{base_url}/gen/chat/completions", json=CHAT) as stream,
    ):
        next(stream.iter_raw())
        code, log = ended(proxy, number)
    assert code == 0
    assert "Traceback" not in log
    assert sorted(file.name for file in tmp_path.iterdir()) == REPORTS


def test_it_reports_when_asked_to() -> None:
    with running() as lab, started(lab.base_url) as (proxy, base_url, page):
        httpx2.get(f"{base_url}/status")
        # The client has its answer a moment before the relay is done with it.
        while not httpx2.get(f"{page}status.json").json()["passed"]:
            time.sleep(0.01)
        proxy.send_signal(signal.SIGUSR1)
        assert proxy.stderr is not None
        assert "KEPT: 1 of " in proxy.stderr.readline()
        assert ended(proxy)[0] == 0


def test_the_page_is_for_this_machine_and_for_itself() -> None:
    with running() as lab, started(lab.base_url) as (_, _, page):
        answer = httpx2.get(page)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        for name in ("page.js", "page.css", "status.json"):
            assert httpx2.get(page + name).headers["x-content-type-options"] == "nosniff"
        assert httpx2.get(page, headers={"Host": "evil.example"}).status_code == 403
        assert httpx2.post(f"{page}reports", headers={"Origin": "http://evil.example"}).status_code == 403
        assert httpx2.post(f"{page}reports").status_code == 409


@pytest.mark.parametrize(
    "wrong",
    [
        ["--upstream", "here"],
        ["--upstream", "ftp://here"],
        ["--upstream", "http://user:word@here"],
        ["--upstream", "http://here?a=b"],
        ["--upstream", "http://here:99999"],
        ["--upstream", "http://here", "--settle", "-1"],
        ["--upstream", "http://here", "--port", "70000"],
        ["--upstream", "http://here", "--report-dir", "/dev/null/reports"],
        ["--upstream", "http://here", "--record", "/dev/null"],
        ["--upstream", "http://here", "--host", "192.0.2.1"],
    ],
)
def test_what_makes_no_sense_is_told_before_anything_starts(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(wrong) == 2
    assert capsys.readouterr().err.startswith("lightning-proxy: ")


def test_a_proxy_that_cannot_start_leaves_no_recording(tmp_path: Path) -> None:
    tape = tmp_path / "tape.yaml"
    assert main(["--upstream", "http://here", "--host", "192.0.2.1", "--record", str(tape)]) == 2
    assert not tape.exists()


def test_help_says_what_it_keeps_and_what_it_never_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    for word in ("what it keeps", "what it never does", "exit codes", "SIGUSR1"):
        assert word in shown


def test_without_its_extra_each_command_says_in_a_line_what_to_install() -> None:
    script = (
        "import importlib, sys\n"
        "sys.modules['pytest'] = None\n"
        "for name in ('lightning_verify.command', 'lightning_verify.proxy.command'):\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except SystemExit as end:\n"
        "        print(end.code)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "2\n2\n"
    assert ["pip install 'lightning-contract[verify]'" in line for line in result.stderr.splitlines()] == [
        True,
        True,
    ]


@pytest.mark.parametrize("option", ["--port", "--page-port"])
def test_a_port_in_use_is_told_with_what_to_do(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--upstream", "http://here", "--port", "0", option, str(port)]) == 2
    assert capsys.readouterr().err == (
        f"lightning-proxy: cannot listen on 127.0.0.1:{port}: the port is in use; "
        f"choose another with {option}, or 0 for a free one\n"
    )


def test_a_host_that_cannot_be_reached_is_told_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    with started(f"http://{address}") as (proxy, base_url, _):
        for _ in range(2):
            assert httpx2.get(f"{base_url}/status").status_code == 502
        _, log = ended(proxy)
    told = [line for line in log.splitlines() if "cannot be reached" in line]
    assert len(told) == 1
    assert f"no connection to {address}: Connection refused" in told[0]
