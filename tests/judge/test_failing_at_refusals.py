"""A host that fails each time at what it has to refuse is told; one that has a bad time is not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from lightning_verify.judging import probes
from lightning_verify.judging.outcomes import Undecided, Violation
from lightning_verify.requests.callers import anonymous
from lightning_verify.requests.valid import CALLS, oversized
from lightning_verify.transport.exchange import Exchange

from tests.judge.tiny_server import Answer, Asked, tiny
from tests.judge.tools import judge_of

BROKEN = b'{"prompt": "a fo'
JSON = {"Content-Type": "application/json"}
FORBIDDEN = Answer(403, JSON, (b'{"error": "no"}',))
LOGIN = Answer(302, {"Location": "/login"})
REFUSED = Answer(400, JSON, (b'{"error": "no"}',))
SERVED = Answer(200, JSON, (b"{}",))
PICTURE = Answer(200, {"Content-Type": "image/png"}, (b"\x89PNG",))
CHALLENGE = Answer(503, {"Content-Type": "text/html"}, (b"<html>Just a moment...</html>",))


def _refuse(
    directory: Path, answer: Callable[[Asked], Answer], body: bytes | None, status: int = 400
) -> None:
    """Judge the answer to a picture that has to be refused: `body`, or a prompt that is too long."""
    path = CALLS["createImage"].path
    with tiny(answer) as host, judge_of(host.base_url, directory) as judge:
        exchange: Exchange
        if body is None:
            exchange = judge.post(path, oversized("createImage", 9000), lane="free")
        else:
            exchange = judge.client.send("POST", path, judge.caller(), body=body, lane="free")
        judge.refused("FAIL-1", exchange, status, "it")


def _is_broken(asked: Asked) -> bool:
    return asked.body == BROKEN


def _is_long(asked: Asked) -> bool:
    return len(asked.body) > 8000


@pytest.mark.parametrize("status", [502, 503, 504, 520])
def test_a_gateway_that_answers_for_a_dead_worker_each_time_is_told(status: int, tmp_path: Path) -> None:
    with pytest.raises(Violation, match=f"{status}: it must be 400, and the host failed at it each time"):
        _refuse(tmp_path, lambda asked: Answer(status) if _is_broken(asked) else REFUSED, BROKEN)


def test_so_is_a_host_that_hangs_up(tmp_path: Path) -> None:
    with pytest.raises(Violation, match="must be 400, and the host failed at it each time"):
        _refuse(tmp_path, lambda asked: Answer(drop=True) if _is_broken(asked) else REFUSED, BROKEN)


def test_so_is_one_that_hangs_up_on_a_valid_request(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(drop=True) if b"fantasy" in asked.body else PICTURE

    with tiny(answer) as host, judge_of(host.base_url, tmp_path) as judge:
        exchange = judge.post(CALLS["createImage"].path, {"prompt": "a fox", "mode": "fantasy"})
        with pytest.raises(Violation, match=r"for \{.*fantasy.*\}, each time"):
            judge.served("IMG-3", exchange)


def test_so_is_one_that_only_an_empty_request_kills(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(502) if asked.body == b"{}" else REFUSED

    with pytest.raises(Violation, match="each time"):
        _refuse(tmp_path, answer, b"{}")


def test_what_is_too_long_is_compared_with_what_is_served(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(504) if _is_long(asked) else SERVED

    with pytest.raises(Violation, match="must be 413, and the host failed at it each time"):
        _refuse(tmp_path, answer, None, 413)


@pytest.mark.parametrize("refusal", [FORBIDDEN, LOGIN])
@pytest.mark.parametrize("let_in", [True, False])
def test_a_403_or_a_login_is_about_the_request_where_such_callers_are_let_in(
    refusal: Answer, let_in: bool, tmp_path: Path
) -> None:
    others = SERVED if let_in else refusal
    with pytest.raises(Violation if let_in else Undecided):
        _refuse(tmp_path, lambda asked: refusal if _is_broken(asked) else others, BROKEN)


def _down(asked: Asked) -> Answer:
    """The upstream is down, and nothing is asked of it for what names no prompt."""
    return Answer(503) if b'"prompt": "' in asked.body else REFUSED


def _every_other() -> Callable[[Asked], Answer]:
    turn = count()
    return lambda asked: Answer(502) if next(turn) % 2 == 0 else REFUSED


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        pytest.param(lambda _: Answer(503), BROKEN, id="asleep"),
        pytest.param(_down, None, id="upstream down"),
        pytest.param(lambda asked: CHALLENGE if _is_broken(asked) else REFUSED, BROKEN, id="firewall"),
    ],
)
def test_nobody_else_is_accused(
    answer: Callable[[Asked], Answer], body: bytes | None, tmp_path: Path
) -> None:
    with pytest.raises(Undecided):
        _refuse(tmp_path, answer, body)


@pytest.mark.parametrize(("is_out", "raised"), [(True, Undecided), (False, Violation)])
def test_a_500_in_an_outage_shows_nothing(is_out: bool, raised: type[Exception], tmp_path: Path) -> None:
    failed = Answer(500, JSON, (b'{"error": "provider failed"}',))

    def answer(asked: Asked) -> Answer:
        return failed if _is_broken(asked) or is_out else PICTURE

    call = CALLS["createImage"]
    with tiny(answer) as host, judge_of(host.base_url, tmp_path) as judge:
        judge.post(call.path, call.body)
        exchange = judge.client.send("POST", call.path, judge.caller(), body=BROKEN, lane="free")
        with pytest.raises(raised):
            judge.refused("IMG-1", exchange, 400, "it")


def test_nor_is_a_gateway_that_fails_now_and_then(tmp_path: Path) -> None:
    _refuse(tmp_path, _every_other(), BROKEN)


def test_a_free_run_buys_nothing_to_compare_with(tmp_path: Path) -> None:
    with (
        tiny(lambda asked: Answer(504) if _is_long(asked) else SERVED) as host,
        judge_of(host.base_url, tmp_path, caps={"imagesDaily": 0}) as judge,
    ):
        body = oversized("createImage", 9000)
        exchange = judge.client.send(
            "POST", CALLS["createImage"].path, anonymous(), json_body=body, lane="free"
        )
        assert not judge.probes.fails_at_refusing(exchange).stands_out
    assert all(map(_is_long, host.asked))


def test_an_operation_that_takes_one_of_several_fields_is_looked_at_again_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "REQUIRED_FIELD", {})
    with pytest.raises(Violation):
        _refuse(tmp_path, lambda asked: Answer(504) if _is_long(asked) else SERVED, None)
