"""Situations meet in every pair, and a kind of caller that is not served is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count, product
from pathlib import Path
from typing import Any

import pytest
from lightning_spec.loader import load_spec
from lightning_verify.checks import test_situations
from lightning_verify.checks.test_quota import TOO_LARGE_FOR
from lightning_verify.checks.test_situations import pays_once
from lightning_verify.judging.outcomes import Violation
from lightning_verify.judging.usage import observe
from lightning_verify.requests import callers
from lightning_verify.requests.credentials import JWT
from lightning_verify.requests.refusals import (
    BEARERS,
    FLAWS,
    KINDS,
    OPERATIONS,
    OPTIONS,
    TOO_LARGE,
    more_refusals,
    refusals,
)
from lightning_verify.requests.situations import ACCOUNTS, ASKED, OWN, Situation, cover
from lightning_verify.requests.valid import CALLS
from lightning_verify.transport.exchange import Exchange

from lab import seams
from lab.faults import FAULTS
from lab.faults.fault import Fault
from lab.running import running
from lab.server.lab import Call, Identity, Json, Lab, Refusal
from lab.server.router import VISION
from lab.triggers import TRIGGERS, Request, Trigger, sometimes
from tests.judge.commands import command
from tests.judge.tools import judge_of

METERED = {name for name, operation in load_spec().operations.items() if operation.metric}


def test_our_own_callers_meet_everything_and_accounts_every_two() -> None:
    chosen = list(cover())
    asked = set(ASKED)
    for kind in OWN:
        met = {(each.operation, each.form) for each in chosen if each.kind == kind}
        assert {(operation, form) for operation, form in asked - met if form != "plain"} == set()
    accounts = [each for each in chosen if each.kind in ACCOUNTS]
    assert {(each.kind, each.operation) for each in accounts} == set(product(ACCOUNTS, METERED))
    assert {(each.kind, each.form) for each in accounts} == set(
        product(ACCOUNTS, {form for _, form in asked})
    )
    assert len(accounts) < 50


def test_a_situation_is_a_valid_request() -> None:
    calls = {(each.operation, each.form): each.call for each in cover()}
    assert calls["createChatCompletion", "streamed tools"].body["stream"] is True  # type: ignore[index]
    assert calls["getVideo", "options"].path.endswith("?mode=normal&ratio=2%3A3&duration=-2")
    assert all(call.body is None for call in calls.values() if call.method == "GET")


def test_a_long_prompt_is_tried_by_every_account_and_in_every_address() -> None:
    long = {(each.kind, each.operation) for each in cover() if "prompt" in each.fields or each.form == "long"}
    assert long >= {*product(ACCOUNTS, METERED - {"getImage", "getVideo"}), *product(["client id"], METERED)}
    path = Situation("client id", "getVideo", "other options").call.path
    assert path.count("%F0%9F%97%BC?") == 1
    assert path.endswith("&duration=30")


def test_a_chat_is_told_not_to_stream_by_every_kind_of_caller() -> None:
    told = {each.kind for each in cover() if each.fields.get("stream") is False}
    assert told == {*OWN, *ACCOUNTS}
    assert Situation("API key", "createChatCompletion", "without a call").owner("stream") == "CHAT-3"


def test_a_long_chat_is_long_and_nothing_curbs_its_answer() -> None:
    long = Situation("address", "createChatCompletion", "long").call.body
    assert long is not None
    assert len(long["messages"]) > 20
    assert long.keys() == {"messages"}


def test_a_field_that_is_taken_away_takes_along_what_needs_it() -> None:
    situation = Situation("address", "createChatCompletion", "everything")
    body = situation.without("tools").body
    assert body is not None
    assert body.keys() == {"messages"}
    assert situation.owner("tools") == "CHAT-8"
    assert (
        Situation("address", "getVideo", "options").without("mode").path.endswith("?ratio=2%3A3&duration=-2")
    )


def test_what_is_refused_meets_in_pairs_and_could_be_served_without_its_flaw() -> None:
    chosen = list(refusals())
    assert {(each.kind, each.operation) for each in chosen} == set(product(KINDS, OPERATIONS))
    assert {(each.kind, each.flaw) for each in chosen} >= set(product(KINDS, (*FLAWS, *OPTIONS)))
    assert {each.flaw for each in chosen if each.form == "streamed"} >= {"left out", "too large", *BEARERS}
    assert len(chosen) < 80
    for each in chosen:
        body = each.body(100)
        assert (body is None) == (each.flaw in {"cut off", "no object"})
        if body is not None and each.flaw in BEARERS:
            assert body == {**(CALLS[each.operation].body or {}), **each.fields}


def test_where_asking_is_cheap_every_caller_meets_every_flaw_of_every_operation() -> None:
    chosen = {*refusals(), *more_refusals()}
    met = {(each.kind, each.operation, each.flaw) for each in chosen}
    # What is too large is tried with accounts elsewhere.
    of_accounts = [flaw for flaw in FLAWS if flaw != TOO_LARGE]
    assert met >= set(product(OWN, OPERATIONS, FLAWS)) | set(product(ACCOUNTS, OPERATIONS, of_accounts))
    assert met >= {(kind, of, flaw) for kind in KINDS for flaw, (of, *_) in OPTIONS.items()}
    formed = {(each.operation, each.flaw, each.form) for each in chosen}
    assert ("createImage", "of another kind", "inputs of an image") in formed
    assert ("createChatCompletion", "with tools that are text", "long") in formed
    with_a_bearer = {(each.operation, each.form) for each in chosen if each.flaw in BEARERS}
    assert with_a_bearer >= {("createImage", "inputs of an image"), ("createVideo", "inputs of a video")}
    assert len(chosen) == len(refusals()) + len(more_refusals()) < 250


def test_every_generation_is_refused_as_too_large_to_an_account_that_could_pay() -> None:
    tried = [operation for operations in TOO_LARGE_FOR.values() for operation in operations]
    assert sorted(tried) == sorted(METERED & set(OPERATIONS))


def _refused_to(kind: str) -> Callable[[Lab], None]:
    """A lab that refuses pictures, by GET, to one kind of caller."""

    def refuse(_: Lab, called: Call) -> None:
        raise Refusal("invalid", "Not for you")

    fault = Fault("", "handwritten", (), "", seams.check("getImage", refuse), lambda _: None)
    return sometimes(fault, TRIGGERS[kind])


def _no_images_for_client_ids(lab: Lab) -> None:
    """A lab that fails at each picture that a client id asks for."""
    failing = seams.instead("createImage getImage", lambda _: Json({"detail": "No model is free"}, 500))
    fault = Fault("", "handwritten", (), "", failing, lambda _: None)
    sometimes(fault, TRIGGERS["only-client"])(lab)


def _charged_for_forged_streams(lab: Lab) -> None:
    """A lab that charges whoever is named beside a bad bearer, where a stream is asked for."""
    sometimes(FAULTS["bad-bearer-charged"], TRIGGERS["only-streams"])(lab)


def _no_option_for_addresses(lab: Lab) -> None:
    """A lab that refuses one mode of a video to addresses."""
    sometimes(FAULTS["vid-mode-normal-refused"], TRIGGERS["only-address"])(lab)


def _twice_for_keys(lab: Lab) -> None:
    """A lab that charges an account twice for what its key asks."""

    def more(_: Lab, call: Call) -> list[tuple[str, str]]:
        return [(call.identity.key, "imagesDaily")] if call.operation.id == "getImage" else []

    fault = Fault("", "handwritten", (), "", seams.charge_more(more), lambda _: None)
    sometimes(fault, TRIGGERS["only-key"])(lab)


def _twice_for_addresses(lab: Lab) -> None:
    """A lab that charges speech twice to whoever comes with neither bearer nor client id."""

    def more(_: Lab, call: Call) -> list[tuple[str, str]]:
        return [(call.identity.key, "audioWeekly")] if call.operation.id == "getTts" else []

    fault = Fault("", "handwritten", (), "", seams.charge_more(more), lambda _: None)
    sometimes(fault, TRIGGERS["only-address"])(lab)


def _no_reason_for_keys(lab: Lab) -> None:
    """A lab whose completions lack their reason where a key asks."""

    def edit(payload: Any) -> Any:
        payload["choices"][0]["finish_reason"] = None
        return payload

    fault = Fault("", "handwritten", (), "", seams.edit("createChatCompletion", edit), lambda _: None)
    sometimes(fault, TRIGGERS["only-key"])(lab)


def _inputs_lost_for_keys(lab: Lab) -> None:
    """A lab that announces what a key sends along, and has nothing to show to keys."""
    lost = seams.instead("getAsset", lambda _: Json({"detail": "Not for you"}, 404))
    fault = Fault("", "handwritten", (), "", lost, lambda _: None)
    sometimes(fault, TRIGGERS["only-key"])(lab)


def _videos_without_end_for_tokens(lab: Lab) -> None:
    """A lab whose limit of videos is not there for access tokens."""

    def holds(asked: Request) -> bool:
        return asked.credential == "jwt" and asked.path.startswith("/gen/video")

    sometimes(FAULTS["no-limits-for-users"], Trigger("", lambda: holds))(lab)


def _any_inputs_for_keys(lab: Lab) -> None:
    """A lab that makes an image for a key, whatever comes as its inputs."""
    fault = Fault("", "handwritten", (), "", seams.without("image_urls", "createImage"), lambda _: None)
    sometimes(fault, TRIGGERS["only-key"])(lab)


def _another_analysis_of_long_ones(lab: Lab) -> None:
    """A lab that names another model for what it is to analyse, when there are many messages."""

    fault = Fault("", "handwritten", (), "", seams.edit("analyzePrompt", lambda _: [VISION]), lambda _: None)
    sometimes(fault, Trigger("", lambda: lambda asked: len(asked.messages) > 8))(lab)


def _no_analysis_for_tokens(lab: Lab) -> None:
    """A lab that refuses to analyse a prompt for a token."""

    def refuse(_: Lab, called: Call) -> None:
        raise Refusal("invalid", "Not for you")

    fault = Fault("", "handwritten", (), "", seams.check("analyzePrompt", refuse), lambda _: None)
    sometimes(fault, TRIGGERS["only-jwt"])(lab)


def _any_duration_for_tokens(lab: Lab) -> None:
    """A lab that takes any duration from a token, and whose free account has used up its videos."""
    lab.ledger.add("user:free", "videosDaily", lab.window_of("videosDaily", lab.clock()), 3)
    fault = Fault("", "handwritten", (), "", seams.without("duration", "createVideo"), lambda _: None)
    sometimes(fault, TRIGGERS["only-jwt"])(lab)


def _large_speech_now_and_then(lab: Lab) -> None:
    """A lab that speaks every tenth text that is too large."""

    def make() -> Callable[[Request], bool]:
        large = count(1)
        return lambda asked: asked.path == "/gen/tts?" and len(asked.body) > 100_000 and next(large) % 10 == 0

    sometimes(FAULTS["media-size-unlimited"], Trigger("", make))(lab)


def _limit_is_called_invalid_with_tools(lab: Lab) -> None:
    """A lab that says 400 at the limit where tools are given."""
    change = seams.refusal("exhausted", lambda _, reply: replace(reply, status=400))
    sometimes(Fault("", "handwritten", (), "", change, lambda _: None), TRIGGERS["only-tools"])(lab)


def _speech_of_any_length_for_tokens(lab: Lab) -> None:
    """A lab that speaks whatever a token asks, however long it is."""
    sometimes(FAULTS["speech-size-unlimited"], TRIGGERS["only-jwt"])(lab)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prepare", "only", "owner"),
    [
        pytest.param(_refused_to("only-key"), "AUTH-2", "AUTH-2", id="a key is refused"),
        pytest.param(_refused_to("only-address"), "ID-4", "ID-4", id="an address is refused"),
        pytest.param(_no_images_for_client_ids, "ID-4", "ID-4", id="a client id gets no images"),
        pytest.param(_twice_for_addresses, "ID-4", "TTS-3", id="an address pays twice"),
        pytest.param(_twice_for_keys, "AUTH-2", "IMG-6", id="a key pays twice"),
        pytest.param(_charged_for_forged_streams, "AUTH-4", "RATE-2", id="a forged bearer pays"),
        pytest.param(_no_option_for_addresses, "ID-4", "VID-4", id="an option is refused to an address"),
        pytest.param(_no_reason_for_keys, "AUTH-2", "CHAT-2", id="a key gets half an answer"),
        pytest.param(_inputs_lost_for_keys, "AUTH-2", "IMG-5", id="what a key sends along is lost"),
        pytest.param(_any_inputs_for_keys, "IMG-4", "IMG-4", id="a key may send any inputs"),
        pytest.param(
            _another_analysis_of_long_ones, "ANA-3", "ANA-3", id="a long chat is analysed otherwise"
        ),
        pytest.param(_limit_is_called_invalid_with_tools, "RATE-4", "RATE-4", id="400 at the limit"),
        pytest.param(_no_analysis_for_tokens, "AUTH-1", "ANA-1", id="no analysis for a token"),
        pytest.param(_any_duration_for_tokens, "VID-5", "VID-5", id="a token may ask for any duration"),
        pytest.param(_videos_without_end_for_tokens, "RATE-4", "RATE-4", id="a token knows no limit"),
        pytest.param(
            _speech_of_any_length_for_tokens, "FAIL-2", "FAIL-2", id="a token may ask for any length"
        ),
        pytest.param(_large_speech_now_and_then, "FAIL-2", "FAIL-2", id="a size is forgotten now and then"),
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


def test_a_short_chat_that_is_found_too_large_is_told(tmp_path: Path) -> None:
    situation = Situation("client id", "createChatCompletion", "streamed picture")
    streams = sometimes(FAULTS["image-parts-counted-as-text"], TRIGGERS["only-streams"])
    with (
        running(prepare=streams) as server,
        judge_of(server.base_url, tmp_path) as judge,
        pytest.raises(Violation, match=r"CHAT-10: .* 413 for .*served with plain messages"),
    ):
        test_situations.test_every_kind_of_caller_is_served_in_every_form(judge, situation)


def _other_counters_beside_a_client_id() -> seams.Apply:
    def others(_: Lab, called: Call, who: Identity) -> Identity:
        beside = called.operation.id == "getUsage" and "x-client-id" in called.request.headers
        return replace(who, key=f"{who.key} beside a client id") if beside else who

    return seams.resolve(others)


def _the_client_id_pays_as_well() -> seams.Apply:
    def beside(lab: Lab, called: Call) -> list[tuple[str, str]]:
        name = called.request.headers["x-client-id"]
        return [(lab.key_of_client(name), "imagesDaily")] * (called.operation.id == "createImage")

    return seams.charge_more(beside)


@pytest.mark.parametrize("apply", [_other_counters_beside_a_client_id, _the_client_id_pays_as_well])
def test_what_a_client_id_beside_an_account_changes_is_told(
    apply: Callable[[], seams.Apply], tmp_path: Path
) -> None:
    with (
        running(prepare=apply()) as lab,
        judge_of(lab.base_url, tmp_path, lab.credentials) as judge,
    ):
        account = judge.credential(JWT).also(X_Client_ID=callers.client_id())

        def ask() -> Exchange:
            return judge.post("/gen/image", {"prompt": "A fox."}, account)

        seen = observe(judge, account, "imagesDaily", ask)

        def look() -> None:
            pays_once(judge, "IMG-6", seen, ask)
            # What the client id has paid beside its account is looked at in the end.
            test_situations.test_a_client_id_beside_an_account_has_paid_nothing(judge)

        with pytest.raises(Violation, match="ID-5"):
            look()


def test_counters_that_never_moved_are_waited_for_in_full_only_once(tmp_path: Path) -> None:
    with running(fault="image-not-charged") as lab, judge_of(lab.base_url, tmp_path) as judge:
        judge.settle, judge.learned.lag = 3.0, 0.1
        looks = []
        for _ in range(2):
            before, caller = len(lab.requests), judge.caller()
            ask = partial(judge.post, "/gen/image", {"prompt": "A fox."}, caller)
            observe(judge, caller, "imagesDaily", ask)
            looks.append(len(lab.requests) - before)
    assert looks[1] < looks[0]


def test_a_bearer_that_was_good_once_is_tried_beside_a_client_id(tmp_path: Path) -> None:
    with running(fault="revoked-api-key-beside-a-client-id") as server:
        finished = command(
            *(f"--base-url={server.base_url}", "--report-dir=reports", "--spend=none", "--only=AUTH-6"),
            directory=tmp_path,
            credentials=server.credentials,
        )
    assert finished.documented("fail") == {"AUTH-6"}
    assert "beside a client id" in finished.out
