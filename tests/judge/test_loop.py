"""The loop holds: what the judge asks for in earnest fits the spec, and so does all that the mock answers."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jsonschema_rs
import lightning_mock
import pytest
from lightning_mock.client import Lightning
from lightning_spec.loader import Operation, Parameter, load_spec
from lightning_verify.checks import test_media as media
from lightning_verify.checks.test_failures import ODD
from lightning_verify.reading.sse import read_events, transcribe
from lightning_verify.transport.operations import OperationFinder

from tests.judge.recorder import Recorded
from tests.judge.watched_runs import Watched, watch

pytestmark = pytest.mark.slow

SPEC = load_spec()
VALIDATORS = jsonschema_rs.validator_map_for(dict(SPEC.document))
CHUNK = VALIDATORS["#/components/schemas/StreamChunk"]


def thorough_run(folder: Path) -> Watched:
    """The most thorough run against the mock, with its control plane."""
    with lightning_mock.running() as mock:
        lightning = Lightning(mock.base_url)
        lightning.advance(days=10)
        run = watch(
            *("--spend=exhaust", f"--base-url={mock.base_url}", f"--control={mock.base_url}/__mock__"),
            credentials=mock.credentials,
            folder=folder,
        )
        left = datetime.fromisoformat(lightning.clock().now)
    # Somebody else had moved it, and tests of the judge do.
    assert "clock: the target's was +86" in run.finished.out
    assert abs(left - datetime.now(UTC)) < timedelta(minutes=2)
    return run


def problems(validator: jsonschema_rs.Validator, value: Any) -> list[str]:
    return [
        f"{'/'.join(map(str, error.instance_path))}: {error.message[:200]}"
        for error in validator.iter_errors(value)
    ]


def told(found: list[str]) -> str:
    """The most frequent problems, for a message that can be read."""
    return "\n".join(f"{count} x {problem}" for problem, count in Counter(found).most_common(10))


# --- requests ---------------------------------------------------------------------------------------------


def arguments(operation: Operation, exchange: Recorded) -> list[tuple[Parameter, Any]]:
    """The path and query parameters of a request, as values of their types."""
    address = urlsplit(exchange.path)
    query = parse_qs(address.query, keep_blank_values=True)
    values: list[tuple[Parameter, Any]] = []
    for parameter in operation.parameters:
        if parameter.location == "path":
            values.append((parameter, unquote(address.path.rsplit("/", 1)[1])))
        elif parameter.location == "query" and parameter.name in query:
            texts = query.pop(parameter.name)
            values.append(
                (parameter, texts if parameter.name == "image_urls" else coerced(parameter.name, texts[0]))
            )
    assert not query, f"{exchange.path}: the spec knows no {sorted(query)}"
    return values


def coerced(name: str, text: str) -> Any:
    return int(text) if name == "duration" and text.lstrip("-").isdigit() else text


def request_problems(exchange: Recorded) -> list[str]:
    operation = SPEC.operations[str(exchange.operation)]
    found: list[str] = []
    if operation.body_pointer is not None:
        found += problems(VALIDATORS[operation.body_pointer], json.loads(exchange.request or b"null"))
    for parameter, value in arguments(operation, exchange):
        found += problems(VALIDATORS[parameter.pointer], value)
    return [f"{operation.id}: {problem}" for problem in found]


def is_odd(exchange: Recorded) -> bool:
    """Whether a request is nonsense that the document does not forbid, so that a host may serve it."""
    odd = ODD.get(exchange.operation or "", [])
    refused_as_we_assume = exchange.test.endswith(media.test_unknown_options_are_400.__name__)
    return exchange.request is not None and (refused_as_we_assume or json.loads(exchange.request) in odd)


def every_request_that_is_made_in_earnest_fits_the_spec(exchanges: list[Recorded]) -> None:
    earnest = [
        exchange
        for exchange in exchanges
        # Generated and odd ones are nonsense on purpose, which a lenient host may serve all the same.
        if exchange.operation and exchange.lane == "paid" and not exchange.generated and not is_odd(exchange)
    ]
    assert {exchange.operation for exchange in earnest} == set(SPEC.operations)
    assert len(earnest) > 300
    found = [problem for exchange in earnest for problem in request_problems(exchange)]
    assert not found, told(found)


def nothing_is_served_that_does_not_fit_the_spec(exchanges: list[Recorded]) -> None:
    served = [e for e in exchanges if e.operation and e.status is not None and 200 <= e.status < 300]
    assert any(exchange.generated for exchange in served)
    found = [problem for exchange in served for problem in request_problems(exchange)]
    assert not found, told(found)


def the_requests_that_should_be_refused_are(exchanges: list[Recorded]) -> None:
    lane = [exchange for exchange in exchanges if exchange.operation and exchange.lane == "free"]
    assert {exchange.status for exchange in lane} == {400, 401, 413, 429}
    assert len(lane) > 300


def the_judge_knows_what_it_asks_for(exchanges: list[Recorded]) -> None:
    finder = OperationFinder(SPEC)
    for exchange in exchanges:
        found = finder.find(exchange.method, exchange.path)
        assert (found.id if found else None) == exchange.operation
    strangers = {(e.method, e.path) for e in exchanges if e.operation is None and "/__mock__/" not in e.path}
    # Probes of what no document offers; OBS-7's second spelling of a path; a preflight.
    assert strangers <= {
        ("GET", "/no-such-path"),
        ("DELETE", "/usage"),
        ("OPTIONS", "/gen/chat/completions"),
    }


# --- answers ----------------------------------------------------------------------------------------------


def answer_problems(exchange: Recorded) -> list[str]:
    operation = SPEC.operations[str(exchange.operation)]
    where = f"{operation.id} {exchange.status}"
    media = operation.responses.get(str(exchange.status))
    if media is None:
        return [f"{where}: the spec has no such status"]
    if not media or operation.method == "HEAD":
        return [f"{where}: a body where none belongs"] if exchange.response else []
    pointers = [pointer for name, pointer in media.items() if fnmatch(exchange.media_type, name)]
    if not pointers:
        return [f"{where}: the spec has no such type: {exchange.media_type}"]
    if exchange.media_type == "text/event-stream":
        found = stream_problems(exchange.response)
    elif exchange.media_type == "application/json":
        found = problems(VALIDATORS[str(pointers[0])], json.loads(exchange.response))
    else:
        found = [] if exchange.response else ["the body is empty"]
    return [f"{where}: {problem}" for problem in found]


def stream_problems(body: bytes) -> list[str]:
    """What no chunk may be, and what the events together may not."""
    chunks = [json.loads(event.data) for event in read_events(body) if event.data != "[DONE]"]
    found = [problem for chunk in chunks for problem in problems(CHUNK, chunk)]
    transcript = transcribe(body)
    failed = transcript.upstream_error is not None
    return found + ([] if failed else [p for rule in transcript.problems.values() for p in rule])


def every_answer_of_the_mock_fits_the_spec(exchanges: list[Recorded]) -> None:
    answered = [exchange for exchange in exchanges if exchange.operation]
    assert all(exchange.status is not None for exchange in answered)
    kinds = {(exchange.operation, exchange.status) for exchange in answered}
    assert len(kinds) > 60, "too little was seen"
    found = [problem for exchange in answered for problem in answer_problems(exchange)]
    assert not found, told(found)


def test_the_most_thorough_run_keeps_to_its_plan_and_to_the_spec(tmp_path: Path) -> None:
    # All that is asked of one run in one test: shared out among workers, each would make the run again.
    run = thorough_run(tmp_path)
    run.keeps_to_its_plan()
    every_request_that_is_made_in_earnest_fits_the_spec(run.exchanges)
    nothing_is_served_that_does_not_fit_the_spec(run.exchanges)
    the_requests_that_should_be_refused_are(run.exchanges)
    the_judge_knows_what_it_asks_for(run.exchanges)
    every_answer_of_the_mock_fits_the_spec(run.exchanges)


def test_the_check_of_answers_has_teeth(tmp_path: Path) -> None:
    whole = Recorded("", "GET", "/usage", "getUsage", "paid", False, None, 200, "application/json", b"{}")
    assert answer_problems(whole)
    assert stream_problems(b"data: [DONE]\n\n")
    assert stream_problems(b'data: {"choices": {}}\n\n')
    asked = Recorded(
        "", "POST", "/gen/image", "createImage", "paid", False, b'{"mode": 5}', 200, "image/jpeg", b"x"
    )
    assert len(request_problems(asked)) == 2
