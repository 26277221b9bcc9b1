"""Everything at once: generated requests for the whole spec, by schemathesis.

A valid request of any shape must be answered in the documented shape; no generated nonsense may break the
server. Whether a lenient host serves a value that the spec does not list is not judged here, and the schemas
of the spec are stricter than the document's words, so that what only they say is advice.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import requests
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup

from lightning_verify.facts import FREE, METRIC_OF
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import generated
from lightning_verify.judging.outcomes import NotRun
from lightning_verify.judging.probes import ask_past_losses
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.generated import CASES, cases
from lightning_verify.requests.prompts import model_name
from lightning_verify.requests.valid import CALLS
from lightning_verify.run.marks import judges
from lightning_verify.target import Spend
from lightning_verify.transport.exchange import Exchange
from lightning_verify.transport.schemathesis_transport import ClientAdapter, session

load_all_checks()
SHAPE = CHECKS.get_one("response_schema_conformance")
NONSENSE = 5
Answers = list[tuple[Any, Exchange, requests.Response | None]]


def _send(judge: Judge, case: Any, caller: Caller) -> tuple[Exchange, requests.Response | None]:
    adapter = ClientAdapter(judge.client, caller, "paid")
    response = None
    try:
        case.call(base_url=judge.target.base_url, session=session(adapter), allow_redirects=False)
        response = adapter.response
    except requests.RequestException:
        pass  # No answer, or a request that cannot be sent as HTTP; the exchange tells which.
    assert adapter.exchange is not None, "schemathesis sent nothing"
    return adapter.exchange, response


def _answers(judge: Judge, operation: str) -> Answers:
    """Generated valid requests and their answers, shared by the tests that look at them."""

    def make() -> Answers:
        return [
            (case, *_send(judge, case, judge.newcomer(operation)))
            for case in cases(operation, GenerationMode.POSITIVE, CASES, judge.seed)
        ]

    return judge.once(generated(operation), make)


def _served(
    judge: Judge, requirement: str, operation: str
) -> Iterator[tuple[Any, Exchange, requests.Response]]:
    """The answers that are served: odd but valid requests may be refused."""
    seen = False
    for case, exchange, response in _answers(judge, operation):
        judge.answered(requirement, exchange)
        if response is not None and exchange.served:
            seen = True
            yield case, exchange, response
    if not seen:
        raise NotRun("needs a host that serves one of the generated requests")


@judges("ANA-1", shares=[generated("analyzePrompt")])
def test_generated_prompts_are_analysed(judge: Judge) -> None:
    for _, exchange, _ in _served(judge, "ANA-1", "analyzePrompt"):
        is_text = exchange.media_type == "text/plain"
        named = model_name(exchange.text if is_text else judge.document("ANA-1", exchange)) is not None
        judge.check("ANA-1", named, f"{exchange.title}: names no model", exchange)


@judges("CHAT-2", units={"cloudChatDaily": CASES}, shares=[generated("createChatCompletion")])
def test_generated_chats_are_answered_in_shape(judge: Judge) -> None:
    for _, exchange, _ in _served(judge, "CHAT-2", "createChatCompletion"):
        if exchange.media_type != "text/event-stream":
            judge.document("CHAT-2", exchange)
            judge.keeps("CHAT-2", exchange)


@pytest.mark.parametrize(
    "operation",
    [
        *(
            pytest.param(operation, marks=judges("OBS-18", shares=[generated(operation)]))
            for operation in FREE
        ),
        pytest.param(
            "createChatCompletion",
            marks=judges(
                "OBS-18", units={"cloudChatDaily": CASES}, shares=[generated("createChatCompletion")]
            ),
        ),
    ],
)
def test_answers_fit_the_schemas_of_the_spec(judge: Judge, operation: str) -> None:
    for case, exchange, response in _served(judge, "OBS-18", operation):
        try:
            case.validate_response(response, checks=[SHAPE])
        except (Failure, FailureGroup) as failure:
            problem = _words(failure)
            raise judge.violation("OBS-18", f"{exchange.title}: {problem}", exchange) from None
        judge.witness("OBS-18", exchange)


def _words(failure: Failure | FailureGroup) -> str:
    first = failure.exceptions[0] if isinstance(failure, FailureGroup) else failure
    return " ".join(str(first).split())[:300]


def lacks_words(value: object) -> bool:
    """Whether something in it is empty: a lenient host may pass that on to an upstream that fails at it."""
    if isinstance(value, dict):
        value = [*value.values()]
    return value in ("", []) or (isinstance(value, list) and any(map(lacks_words, value)))


def _survives(judge: Judge, operation: str) -> None:
    call = CALLS[operation]
    for case in cases(operation, GenerationMode.NEGATIVE, NONSENSE, judge.seed):
        if lacks_words(case.body):
            continue

        def ask(case: Any = case) -> Exchange:
            return _send(judge, case, judge.caller())[0]

        plain = partial(judge.post, call.path, call.body)
        judge.survives("FAIL-1", ask_past_losses(ask), ask, plain, "an invalid request")


@judges("FAIL-1", requests=NONSENSE)
def test_generated_nonsense_does_not_break_prompt_analysis(judge: Judge) -> None:
    _survives(judge, "analyzePrompt")


@pytest.mark.parametrize(
    "operation",
    [
        # A lenient host may serve some of it, so the units are booked.
        pytest.param(
            name,
            marks=judges("FAIL-1", units={METRIC_OF[name]: NONSENSE}, requests=NONSENSE, spend=Spend.EXHAUST),
        )
        for name, call in CALLS.items()
        if name in METRIC_OF and call.method == "POST"
    ],
)
def test_generated_nonsense_does_not_break_generation(judge: Judge, operation: str) -> None:
    _survives(judge, operation)
