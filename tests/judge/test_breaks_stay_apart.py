"""What breaks one statement keeps no other from being looked at, and takes no other's name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lightning_verify.judging.observations import CHAT
from lightning_verify.requests.prompts import TOOLS
from lightning_verify.requests.valid import say

from lab.faults import FAULTS
from lab.running import running
from lab.server.lab import Lab
from tests.judge.commands import command
from tests.judge.tiny_server import Answer, tiny
from tests.judge.tools import judge_of

pytestmark = pytest.mark.slow

AT_A_LIMIT = ("RATE-1", "RATE-2", "RATE-4", "RATE-5", "RATE-7", "USE-1", "USE-4")


@pytest.mark.parametrize(
    ("fault", "only", "broken"),
    [
        ("audioWeekly-limit-plus-one", AT_A_LIMIT, "RATE-4"),
        ("audioWeekly-limit-minus-one", AT_A_LIMIT, "RATE-4"),
        ("tool-choice-ignored", ("AUTH-1", "AUTH-2", "ID-4", "CHAT-9", "CHAT-11"), "CHAT-9"),
    ],
)
def test_all_else_is_decided(fault: str, only: tuple[str, ...], broken: str, tmp_path: Path) -> None:
    with running(fault=fault) as server:
        run = command(
            *(f"--base-url={server.base_url}", "--spend=sample", "--settle=1", "--report-dir=reports"),
            *(f"--only={name}" for name in only),
            directory=tmp_path,
            credentials=server.credentials,
        )
    assert run.verdicts == {**dict.fromkeys(only, "pass"), broken: "fail"}


@pytest.mark.parametrize(
    ("fault", "only"),
    [
        ("subscription-plan-of-old", ("AUTH-1", "AUTH-2", "SUB-5")),
        ("asset-not-kept", ("CDN-1", "CDN-2", "ID-4", "IMG-5")),
        ("named-tool-500", ("CHAT-1", "CHAT-9", "FAIL-2")),
        ("streams-500", ("CHAT-1", "CHAT-4", "CHAT-8", "FAIL-2")),
        ("createVideo-500", ("VID-2", "VID-3", "VID-4", "VID-5", "VID-6")),
        ("usage-drop-plan_key", ("ID-4", "USE-1")),
        ("usage-is-a-list", ("USE-1", "USE-2", "USE-3")),
        ("usage-rows-are-numbers", ("USE-1", "USE-2", "USE-3")),
        ("bad-bearer-served-on-createAirforceVideo", ("AUTH-4", "AUTH-5", "AUTH-6")),
    ],
)
def test_one_fault_has_one_name(fault: str, only: tuple[str, ...], tmp_path: Path) -> None:
    with running(fault=fault) as server:
        run = command(
            *(f"--base-url={server.base_url}", "--spend=sample", "--settle=1", "--report-dir=reports"),
            *(f"--only={name}" for name in only),
            directory=tmp_path,
            credentials=server.credentials,
        )
    assert run.documented("fail") == {FAULTS[fault].requirements[-1]}


def test_what_the_free_plan_lacks_is_shown_to_an_account(tmp_path: Path) -> None:
    only = ("AIR-1", "CDN-1", "VID-2", "VID-3", "VID-4", "VID-5", "VID-6", "VID-7")

    def many_for_the_account(lab: Lab) -> None:
        plan = lab.plans["light"]
        lab.plans["light"] = replace(plan, limits={**plan.limits, "videosDaily": 200})

    with running(variants=["no-free-videos"], prepare=many_for_the_account) as server:
        run = command(
            *(f"--base-url={server.base_url}", "--spend=exhaust", "--settle=1", "--report-dir=reports"),
            *(f"--only={name}" for name in only),
            directory=tmp_path,
            credentials=server.credentials,
        )
        without = command(
            *(f"--base-url={server.base_url}", "--spend=sample", "--only=VID-2", "--report-dir=reports"),
            directory=tmp_path,
        )
    assert run.verdicts == dict.fromkeys(only, "pass")
    assert without.verdicts == {"VID-2": "not_run"}
    assert "needs a free tier with units of videosDaily" in without.out


def test_a_form_that_can_no_longer_be_tried_may_be_what_the_host_cannot_do(tmp_path: Path) -> None:
    fails_at_choices = {False: Answer(200), True: Answer(500)}
    chosen = {**say("Say hello.", tools=TOOLS, tool_choice="required"), "messages": "none"}
    with (
        tiny(lambda asked: fails_at_choices[b"tool_choice" in asked.body]) as host,
        judge_of(host.base_url, tmp_path, caps={"cloudChatDaily": 1}) as judge,
    ):
        refused = judge.post(CHAT, chosen, judge.caller(), lane="free")
        assert judge.probes.owner_of_form(refused) == "CHAT-9"
