"""Who may use the control plane, and from where."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from lightning_mock.background import RunningMock
from lightning_mock.command import greeting
from lightning_mock.control.guard import is_loopback

from .conftest import Control, Wire

TOKEN = "let-me-in-please"


def address() -> str:
    """An address of this machine that is not a loopback one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but the loopback one")
        return str(probe.getsockname()[0])


PATHS = [
    ("GET", "/__mock__/state"), ("GET", "/__mock__/"), ("GET", "/__mock__/events"),
    ("GET", "/__mock__/main.js"), ("POST", "/__mock__/clock"), ("POST", "/__mock__/reset"),
    ("GET", "/__mock__/control.json"), ("GET", "/__mock__/no-such-thing"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_on_an_open_address_everything_is_off_without_a_token(
    start: Callable[..., Any], method: Any, path: Any
) -> None:
    with start(host="0.0.0.0") as (mock, _):
        port = mock.base_url.rpartition(":")[2]
        for host in ("127.0.0.1", address()):
            answer = httpx2.request(
                method, f"http://{host}:{port}{path}", json={} if method == "POST" else None
            )
            assert answer.status_code == 403
            assert "--control-token" in answer.json()["detail"]
        assert "control page off, since others can reach" in (shown := greeting(mock.base_url, mock.state))
        assert "/__mock__/\n" not in shown
        assert mock.base_url.startswith("http://127.0.0.1:")
        lied = httpx2.get(f"http://{address()}:{port}/__mock__/state", headers={"Host": f"localhost:{port}"})
        assert lied.status_code == 403
        assert httpx2.get(f"http://{address()}:{port}/usage").status_code == 200


def test_with_a_token_it_is_on_everywhere_for_those_who_show_it(start: Callable[..., Any]) -> None:
    with start(host="0.0.0.0", control_token=TOKEN) as (mock, _):
        base_url = f"http://{address()}:{mock.base_url.rpartition(':')[2]}/__mock__"
        for headers in ({}, {"X-Control-Token": "let-me-in"}, {"Authorization": f"Bearer {TOKEN}"}):
            answer = httpx2.get(f"{base_url}/state", headers=headers)
            assert answer.status_code == 401
            assert "X-Control-Token" in answer.json()["detail"]
            assert TOKEN not in answer.text
        shown = {"X-Control-Token": TOKEN}
        assert httpx2.get(f"{base_url}/state", headers=shown).status_code == 200
        assert httpx2.post(f"{base_url}/clock", json={"frozen": True}, headers=shown).status_code == 200
        assert httpx2.get(f"{base_url}/?token={TOKEN}").status_code == 200
        assert httpx2.get(f"{base_url}/").status_code == 401
        assert httpx2.get(f"{base_url}/state?token={TOKEN}").status_code == 401
        assert httpx2.post(f"{base_url}/reset?token={TOKEN}").status_code == 401
        with httpx2.stream("GET", f"{base_url}/events?token={TOKEN}") as events:
            assert events.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("PATCH", "/__mock__/plans/free", "; expected one of /__mock__/plans/{key}/limits."),
        ("POST", "/__mock__/scenarios/x/again", "; expected one of /__mock__/scenarios/{name}."),
        ("GET", "/__mock__/nowhere/else", "; expected one of, or below, /__mock__/clock, /__mock__/events, "),
    ],
)
def test_a_path_that_leads_nowhere_is_told_what_there_is_beside_it(
    shared: Control, mock: RunningMock, method: str, path: str, expected: str
) -> None:
    answer = httpx2.request(method, mock.base_url + path)
    assert answer.status_code == 404
    assert expected in answer.json()["detail"]


def test_a_token_is_needed_on_this_machine_too_once_there_is_one(start: Callable[..., Any]) -> None:
    with start(control_token=TOKEN) as (_, control):
        control.refuse("GET", "/state", status=401)
        control.refuse("POST", "/reset", {}, status=401)
        assert control("GET", "/state", headers={"X-Control-Token": TOKEN})


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.com", "evil.example.com:{port}", "localhost.example.com",
        "127.0.0.1.example.com:{port}", "10.0.0.1", "",
    ],
)  # fmt: skip
def test_a_name_that_was_bent_to_point_here_is_refused(shared: Control, mock: RunningMock, host: Any) -> None:
    port = mock.base_url.rpartition(":")[2]
    assert "loopback" in shared.refuse("GET", "/state", status=403, headers={"Host": host.format(port=port)})
    shared.refuse("POST", "/reset", {}, status=403, headers={"Host": host.format(port=port)})


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:{port}", "mock.localhost:{port}", "127.0.0.1", "[::1]:{port}"]
)
def test_every_name_of_this_machine_is_good(shared: Control, mock: RunningMock, host: Any) -> None:
    assert shared("GET", "/clock", headers={"Host": host.format(port=mock.base_url.rpartition(":")[2])})


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "null", "http://localhost:1", "http://127.0.0.1", ""]
)
def test_a_page_of_another_origin_is_refused(shared: Control, origin: Any) -> None:
    for method, path, body in (("GET", "/state", None), ("POST", "/clock", {"frozen": False})):
        assert "origin" in shared.refuse(method, path, body, status=403, headers={"Origin": origin})


def test_the_page_of_the_mock_itself_is_heard(shared: Control, mock: RunningMock) -> None:
    assert shared("POST", "/clock", {"frozen": False}, headers={"Origin": mock.base_url})


def test_a_browser_that_asks_for_another_page_is_told_no(mock: RunningMock) -> None:
    headers = {"Origin": "https://evil.example.com", "Access-Control-Request-Method": "POST"}
    answer = httpx2.options(f"{mock.base_url}/__mock__/reset", headers=headers)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path",
    [
        "/gen/../__mock__/state", "/gen/image/..%2f..%2f__mock__%2fstate", "/%5F_mock__/state",
        "//__mock__/state", "/__MOCK__/state", "/asset-cdn/assets/../../__mock__/state",
        "/status/../__mock__/state",
        "/gen/__mock__/state", "/__mock__", "/__mock__%2fstate",
    ],
)  # fmt: skip
def test_no_path_of_the_api_leads_there(mock: RunningMock, wire: Callable[[str], Wire], path: Any) -> None:
    connection = wire(mock.base_url)
    connection.send("GET", path, Connection="close")
    answer = connection.read()[0]
    assert b'"clock"' not in answer
    assert b'"users"' not in answer


@pytest.mark.parametrize(
    "path",
    [
        "/../plane.py", "/..%2fplane.py", "/%2e%2e/plane.py", "//etc/passwd", "/page.py", "/page/index.html",
        "/..",
    ],
)  # fmt: skip
def test_the_page_gives_away_no_other_file(mock: RunningMock, wire: Callable[[str], Wire], path: Any) -> None:
    connection = wire(mock.base_url)
    connection.send("GET", f"/__mock__{path}", Connection="close")
    assert connection.read()[0].startswith(b"HTTP/1.1 404")


def test_the_page_runs_only_its_own_scripts(mock: RunningMock) -> None:
    page = httpx2.get(f"{mock.base_url}/__mock__/")
    policy = dict(
        directive.strip().partition(" ")[::2]
        for directive in page.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "frame-ancestors" in policy
    script = httpx2.get(f"{mock.base_url}/__mock__/main.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True), ("LOCALHOST", True), ("localhost.", True), ("127.0.0.1", True),
        ("127.8.8.8", True), ("::1", True), ("0.0.0.0", False), ("::", False), ("", False),
        ("192.168.1.5", False),
        ("example.com", False), ("notlocalhost", False), ("127.0.0.1.example.com", False),
    ],
)  # fmt: skip
def test_a_loopback_name_means_this_machine_and_no_other(host: Any, loopback: Any) -> None:
    assert is_loopback(host) is loopback


def test_the_page_is_found_without_its_last_slash(mock: RunningMock) -> None:
    answer = httpx2.get(f"{mock.base_url}/__mock__", follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, "/__mock__/")


def test_control_calls_are_not_in_the_journal(own: Control) -> None:
    own("GET", "/state")
    own("POST", "/clock", {"frozen": False})
    assert own("GET", "/journal") == {"entries": [], "total": 0}
