"""Whether judging makes sense is seen from four answers, also where not all of them are alike."""

from __future__ import annotations

import socket
import threading
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from lightning_mock.background import running as running_mock
from lightning_verify.run.preflight import preflight, wait_until_it_listens
from lightning_verify.transport.client import HostGone
from lightning_verify.transport.exchange import Exchange

from tests.judge.commands import command

Answer = dict[str, Any]

GOOD: list[Answer] = [
    {"status": 200, "headers": [("Content-Type", "application/json")], "body": body}
    for body in (b"{}", b"[]", b'{"plan": 1}', b'{"data": []}')
]
LED_AWAY: Answer = {"status": 302, "headers": [("Location", "https://elsewhere.example/")]}
SILENT: Answer = {"problem": "no complete answer within 15 s"}
ENDLESS: Answer = {"status": 200, "truncated": True}
PAGE: Answer = {"status": 200, "headers": [("Content-Type", "text/html; charset=utf-8")]}


class Host:
    """Gives the answers in turn, in a client's place."""

    base_url = "http://host"

    def __init__(self, answers: list[Answer | HostGone]) -> None:
        self._answers = cycle(answers)

    def send(self, method: str, path: str, _caller: object, *, follow: bool) -> Exchange:
        assert follow
        answer = next(self._answers)
        if isinstance(answer, HostGone):
            raise answer
        return Exchange(method, path, {}, None, None, "nobody", **answer)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (GOOD, None),
        ([*GOOD[:3], SILENT], None),
        ([*GOOD[:3], ENDLESS], None),
        ([{"status": 406}], None),
        ([SILENT], "the host does not answer: no complete answer within 15 s"),
        ([SILENT, HostGone("gone")], "the host does not answer: no complete answer within 15 s"),
        ([HostGone("gone")], "gone"),
        ([ENDLESS], "do not end within the bounds"),
        ([ENDLESS, ENDLESS, ENDLESS, SILENT], "do not end within the bounds"),
        ([SILENT, ENDLESS, SILENT, SILENT], "do not end within the bounds"),
        ([{"status": 503}], "answered only 503 for 0 s"),
        ([{"status": 502}, {"status": 504}], "answered only 502 for 0 s"),
        ([{"status": 400}], "answers every request with 400; is it https://?"),
        ([{"status": 404}], "answers every request with 404"),
        ([LED_AWAY], "redirects every request, the first to https://elsewhere.example/: is that the host"),
        ([PAGE], "with an HTML page"),
        ([{"status": 200, "body": b"hello"}], "answers every request alike"),
    ],
)
def test_a_host_is_judged_only_if_its_first_answers_make_sense(
    answers: list[Answer | HostGone], why: str | None
) -> None:
    told = preflight(Host(answers), wake=0)  # type: ignore[arg-type]
    assert (told is None) == (why is None), told
    assert (why or "") in (told or "")


def test_the_path_of_an_address_that_knows_nothing_is_doubted() -> None:
    host = Host([{"status": 404}])
    host.base_url = "http://host/foo"
    told = preflight(host, wake=0)  # type: ignore[arg-type]
    assert told == "the host answers every request with 404; is the path /foo of --base-url right?"


def test_a_control_plane_at_the_address_of_the_mock_itself_is_told_where_it_is(tmp_path: Path) -> None:
    with running_mock() as mock:
        wrong = (f"--control={mock.base_url}", "--only=TIER-1")
        run = command(f"--base-url={mock.base_url}", *wrong, directory=tmp_path)
    assert run.code == 3
    said = f"/clock -> 404: There is nothing at this path; is {mock.base_url}/__mock__ meant?"
    assert said in run.out
    assert '{"error"' not in run.out


def test_a_host_that_is_being_started_is_waited_for_and_that_is_told_once() -> None:
    told: list[str] = []
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{place.getsockname()[1]}/v1"
        opening = threading.Timer(0.7, place.listen)
        opening.start()
        wait_until_it_listens(url, 60, told.append)
        assert opening.finished.is_set()
    assert len(told) == 1
    assert told[0].startswith(f"nothing listens at {url} yet (")
    assert told[0].endswith("Connection refused): waiting up to 60 s")


def test_one_that_never_listens_is_given_up(tmp_path: Path) -> None:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{place.getsockname()[1]}"
        at_once, waited = (
            command(f"--base-url={url}", *wake, directory=tmp_path) for wake in ((), ("--wake=0.5",))
        )
    assert (at_once.code, waited.code) == (3, 3)
    assert "waiting up to" not in at_once.out
    assert f"nothing listens at {url} yet (Connection refused): waiting up to 0.5 s" in waited.out
    assert "connection refused" in waited.out
