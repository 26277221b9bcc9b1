"""Analyses that name another model than the streams of the same caller are found, and no others."""

from __future__ import annotations

import json

import pytest
from lightning_spec.loader import load_spec
from lightning_verify.checks.test_router import AGREEING
from lightning_verify.judging.agreement import TURNS, Agreement
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.observations import ANALYSED
from lightning_verify.judging.redaction import Redactor
from lightning_verify.requests import callers
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.situations import cover
from lightning_verify.transport.exchange import Exchange

SPEC = load_spec()
KEY = callers.bearer("LIGHTNING_API_KEY", "ipa_live_0000")
GUEST = callers.anonymous()
SMALL, LARGE = "Llama 3.1 8B Instant", "Llama 3.3 70B Versatile"


def asked(operation: str, caller: Caller, text: str, name: str, **more: object) -> Exchange:
    """A chat or an analysis of a text, and the model that the answer names."""
    found = SPEC.operations[operation]
    messages = [{"role": "user", "content": text}]
    if operation == "analyzePrompt":
        more, body, media_type = {"prompt": messages}, json.dumps([name]), "application/json"
    else:
        more, media_type = {"messages": messages, "stream": True, **more}, "text/event-stream"
        body = f"data: {json.dumps({'router_metadata': {'model_name': name}})}\n\ndata: [DONE]\n\n"
    return Exchange(
        found.method, found.path, caller.headers, json.dumps(more).encode(), found,
        caller.label, 200, [("Content-Type", media_type)], body.encode(),
    )  # fmt: skip


def chat(caller: Caller, text: str, name: str, **more: object) -> Exchange:
    return asked("createChatCompletion", caller, text, name, **more)


def analysis(caller: Caller, text: str, name: str) -> Exchange:
    return asked("analyzePrompt", caller, text, name)


# A model that was asked for by name, and a display name of the host's own.
BY_NAME = chat(KEY, "hi", LARGE, model="large")
OWN_NAME = [chat(KEY, "hi", "gpt-oss-20b"), analysis(KEY, "hi", "Lightning Auto")]
KNOWN = [chat(GUEST, "hi", SMALL), analysis(GUEST, "hi", SMALL)]
# Each time that it is asked for.
OTHERWISE = [
    *(chat(KEY, "hi", LARGE) for _ in range(TURNS["createChatCompletion"] + 1)),
    *(analysis(KEY, "hi", SMALL) for _ in range(TURNS["analyzePrompt"] + 1)),
]


@pytest.mark.parametrize(
    ("answers", "verdicts"),
    [
        pytest.param(KNOWN, ["pass"], id="same"),
        pytest.param([*KNOWN, chat(KEY, "hi", LARGE), analysis(KEY, "hi", LARGE)], ["pass"], id="by plan"),
        pytest.param([*KNOWN, *OTHERWISE], ["fail"], id="for a key"),
        pytest.param([*KNOWN, *OTHERWISE, analysis(KEY, "hi", LARGE)], ["pass"], id="drawn"),
        pytest.param([*KNOWN, *OTHERWISE[:1], *OTHERWISE[-1:]], ["pass"], id="asked only once"),
        pytest.param([*KNOWN, analysis(GUEST, "hi", SMALL), chat(GUEST, "hi", LARGE)], ["pass"], id="once"),
        pytest.param([*KNOWN, BY_NAME, analysis(KEY, "hi", SMALL)], ["pass"], id="by name"),
        pytest.param([chat(KEY, "hi", LARGE), analysis(GUEST, "hi", SMALL)], [], id="apart"),
        pytest.param(OWN_NAME, ["pass"], id="own name"),
    ],
)
def test_analyses_are_held_against_streams(answers: list[Exchange], verdicts: list[str]) -> None:
    seen = Agreement(Recorder("http://127.0.0.1", Redactor({})))
    for each in answers:
        seen.observe(each)
    assert [finding.verdict for finding in seen.findings()] == verdicts


def test_every_kind_of_caller_has_streams_analysed() -> None:
    forms = {(situation.kind, situation.form) for situation in cover() if situation.analysed}
    assert len(forms) == 8


def test_code_stands_in_the_instructions_alone_and_in_the_middle() -> None:
    places = [
        [message["role"] for message in ANALYSED[name] if "```" in str(message["content"])]
        for name in AGREEING
        if len(ANALYSED[name]) > 1
    ]
    assert sorted(places) == [["system"], ["user"]]
