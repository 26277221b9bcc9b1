"""Situations meet in every pair, and a kind of caller that is not served is found."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from lightning_spec.loader import load_spec
from lightning_verify.requests.situations import KINDS, cover

from lab.faults import seams
from lab.faults.fault import Fault
from lab.running import running
from lab.server.lab import Call, Lab, Refusal
from lab.triggers import TRIGGERS, sometimes
from tests.judge.commands import command

METERED = {name for name, operation in load_spec().operations.items() if operation.metric}


def test_every_two_meet_once_at_least_and_all_three_need_not() -> None:
    chosen = list(cover())
    assert {(each.kind, each.operation) for each in chosen} == set(product(KINDS, METERED))
    forms = {each.form for each in chosen}
    assert {(each.kind, each.form) for each in chosen} == set(product(KINDS, forms))
    assert len(chosen) < 60


def test_a_situation_is_a_valid_request() -> None:
    calls = {(each.operation, each.form): each.call for each in cover()}
    assert calls["createChatCompletion", "streamed tools"].body["stream"] is True  # type: ignore[index]
    assert calls["getVideo", "options"].path.endswith("?mode=normal&ratio=2%3A3&duration=2")
    assert all(call.body is None for call in calls.values() if call.method == "GET")


def _refused_to(kind: str) -> Callable[[Lab], None]:
    """A lab that refuses pictures, by GET, to one kind of caller."""

    def refuse(_: Lab, called: Call) -> None:
        raise Refusal("invalid", "Not for you")

    fault = Fault("", "", (), "", seams.check("getImage", refuse), lambda _: None)
    return sometimes(fault, TRIGGERS[kind])


def _twice_for_addresses(lab: Lab) -> None:
    """A lab that charges speech twice to whoever comes with neither bearer nor client id."""

    def more(_: Lab, call: Call) -> list[tuple[str, str]]:
        return [(call.identity.key, "audioWeekly")] if call.operation.id == "getTts" else []

    fault = Fault("", "", (), "", seams.charge_more(more), lambda _: None)
    sometimes(fault, TRIGGERS["only-address"])(lab)


def _no_reason_for_keys(lab: Lab) -> None:
    """A lab whose completions lack their reason where a key asks."""

    def edit(payload: Any) -> Any:
        payload["choices"][0]["finish_reason"] = None
        return payload

    fault = Fault("", "", (), "", seams.edit("createChatCompletion", edit), lambda _: None)
    sometimes(fault, TRIGGERS["only-key"])(lab)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prepare", "only", "owner"),
    [
        pytest.param(_refused_to("only-key"), "AUTH-2", "AUTH-2", id="a key is refused"),
        pytest.param(_refused_to("only-address"), "ID-4", "ID-4", id="an address is refused"),
        pytest.param(_twice_for_addresses, "ID-4", "TTS-3", id="an address pays twice"),
        pytest.param(_no_reason_for_keys, "AUTH-2", "CHAT-2", id="a key gets half an answer"),
    ],
)
def test_what_is_wrong_for_one_kind_of_caller_is_found(
    prepare: Callable[[Lab], None], only: str, owner: str, tmp_path: Path
) -> None:
    with running(prepare=prepare) as server:
        finished = command(
            f"--base-url={server.base_url}",
            "--spend=exhaust",
            "--settle=2",
            "--report-dir=reports",
            *(f"--only={name}" for name in {only, owner}),
            directory=tmp_path,
            credentials=server.credentials,
        )
    assert finished.documented("fail") == {owner}, finished.out[-2000:]
