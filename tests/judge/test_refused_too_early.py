"""Refusals below a limit: who limits bursts is given time, and who refuses at any pace is told."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from itertools import count
from pathlib import Path

import pytest
from lightning_verify.checks import test_limits as limits
from lightning_verify.checks import test_races as races
from lightning_verify.checks import test_situations as situations
from lightning_verify.judging import limits as calls_at_limits
from lightning_verify.judging.outcomes import Undecided, Violation
from lightning_verify.requests.callers import by_user_agent
from lightning_verify.requests.credentials import JWT
from lightning_verify.requests.situations import Situation

from lab import seams
from lab.faults import FAULTS
from lab.running import running
from lab.server.lab import Call, Json, Lab, Refusal, Reply
from tests.judge.tiny_server import Answer, tiny
from tests.judge.tools import judge_of

VIDEOS = "createVideo getVideo createAirforceVideo getAirforceVideo"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (calls_at_limits, races):
        monkeypatch.setattr(module, "PAUSES", (0.06, 0.06))
    monkeypatch.setattr(calls_at_limits, "CALM", 0.06)


def _every_second(lab: Lab) -> None:
    """Every second video is refused as if there were no units left."""
    turn = count(1)

    def refuse(_: Lab, __: Call) -> None:
        if next(turn) % 2 == 0:
            raise Refusal("exhausted", "No")

    seams.check(VIDEOS, refuse)(lab)


def _bursts(lab: Lab) -> None:
    """Two videos in quick succession are too many."""
    last = [0.0]

    def refuse(_: Lab, __: Call) -> None:
        before, last[0] = last[0], time.monotonic()
        if last[0] - before < 0.03:
            raise Refusal("exhausted", "Not so fast")

    seams.check(VIDEOS, refuse)(lab)


def _tired_of_pictures(lab: Lab) -> None:
    """Whoever has had half of its pictures sends nothing valid any more."""
    had = Counter[str]()

    def refuse(_: Lab, called: Call) -> None:
        had[called.identity.key] += 1
        if had[called.identity.key] > 5:
            raise Refusal("invalid", "No")

    seams.check("createImage getImage", refuse)(lab)


def _apologies(lab: Lab) -> None:
    """Where a plan is used up, a success that says that it failed."""

    def apologize(_: Lab, __: Call, reply: Reply) -> Reply:
        over = isinstance(reply, Json) and reply.refused == "exhausted"
        return Json({"error": {"message": "That was all for today"}}, 200) if over else reply

    lab.changes.append(apologize)


def test_who_asks_twice_at_once_is_asked_for_again_at_leisure(tmp_path: Path) -> None:
    """The host holds a unit of whoever asks until it has looked at the body, and there is one."""
    turn = count()
    with (
        tiny(lambda _: Answer(429 if next(turn) == 0 else 400)) as host,
        judge_of(host.base_url, tmp_path) as judge,
    ):
        exchange = judge.post("/gen/tts", {}, lane="free")
        judge.refused("TTS-2", exchange, 400, "a body without a prompt")
    assert judge.witnesses["TTS-2"]


def _of_the_free_plan(lab: Lab) -> None:
    """Whoever is signed in is refused at the free plan's limit, and told that of their own plan."""

    def refuse(inner: Lab, called: Call) -> None:
        if called.identity.auth_type and inner.used_of(called.identity, "videosDaily") >= 3:
            raise Refusal("exhausted", "Videos are used up")

    seams.check(VIDEOS, refuse)(lab)


@pytest.mark.parametrize("used", [2, 3])
def test_an_account_that_is_refused_with_units_left_is_told(used: int, tmp_path: Path) -> None:
    with (
        running(prepare=_of_the_free_plan) as lab,
        judge_of(lab.base_url, tmp_path, {JWT: lab.credentials[JWT]}, settle=0.01) as judge,
    ):
        for _ in range(used):
            judge.post("/gen/video", {"prompt": "a fox"}, judge.credential(JWT))
        situation = Situation("access token", "createVideo", "plain")
        told = pytest.raises(Violation, match=r"RATE-4.*429 for an access token of a .* with units")
        with told if used == 3 else nullcontext():
            situations.test_every_kind_of_caller_is_served_in_every_form(judge, situation)


def test_what_is_called_invalid_once_half_of_the_limit_is_used_is_told(tmp_path: Path) -> None:
    with (
        running(prepare=_tired_of_pictures) as lab,
        judge_of(lab.base_url, tmp_path) as judge,
        pytest.raises(Violation, match=r"RATE-4.*400"),
    ):
        limits.test_beyond_the_limit_the_answer_is_429_and_stays_so(judge, "imagesDaily")


@pytest.mark.parametrize("prepare", [_apologies, FAULTS["no-limits-without-client-id"].apply])
def test_a_limit_that_stops_nobody_is_not_lost_by_a_race(
    prepare: Callable[[Lab], None], tmp_path: Path
) -> None:
    with (
        running(prepare=prepare) as lab,
        judge_of(lab.base_url, tmp_path) as judge,
        pytest.raises(Violation, match=r"RATE-4.*served beyond the limit"),
    ):
        races.race_for(judge, by_user_agent(), "videosDaily", calls_at_limits.calls_on("videosDaily"), 4)


def test_a_host_that_refuses_below_the_limit_at_any_pace_is_told(tmp_path: Path) -> None:
    with (
        running(prepare=_every_second) as lab,
        judge_of(lab.base_url, tmp_path) as judge,
        pytest.raises(Violation, match="with 2 of 3 videosDaily used"),
    ):
        limits.test_beyond_the_limit_the_answer_is_429_and_stays_so(judge, "videosDaily")


def test_a_host_that_limits_bursts_is_not(tmp_path: Path) -> None:
    with running(prepare=_bursts) as lab, judge_of(lab.base_url, tmp_path) as judge:
        limits.test_beyond_the_limit_the_answer_is_429_and_stays_so(judge, "videosDaily")


def test_a_429_for_one_kind_of_request_alone_is_no_limit(tmp_path: Path) -> None:
    def refuse(_: Lab, called: Call) -> None:
        if len(called.arguments["prompt"]) > 1000:
            raise Refusal("exhausted", "Too many words")

    body = {"prompt": "word " * 300}
    with (
        running(prepare=seams.check(VIDEOS, refuse)) as lab,
        judge_of(lab.base_url, tmp_path) as judge,
        pytest.raises(Violation, match="must be 413"),
    ):
        judge.refused("FAIL-2", judge.post("/gen/video", body, lane="free"), 413, "a long prompt")


def test_a_429_for_whatever_is_asked_tells_nothing(tmp_path: Path) -> None:
    with (
        tiny(lambda _: Answer(429)) as host,
        judge_of(host.base_url, tmp_path) as judge,
        pytest.raises(Undecided, match="out of quota"),
    ):
        judge.refused("FAIL-2", judge.post("/gen/video", {"prompt": "x"}, lane="free"), 413, "a long prompt")
