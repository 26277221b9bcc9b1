"""What is refused or fails, and says so inside a success, is told from one bad moment of an upstream."""

from __future__ import annotations

from typing import Any

import pytest
from lightning_verify.judging.failures_as_success import FailuresAsSuccess
from lightning_verify.transport.exchange import Exchange

from tests.judge.test_laws import USAGE, exchange

AWAY = {"error": "the provider is away"}
PICTURE = b"\xff\xd8\xff\xe0 and so on"


def _generation(answer: Any, status: int = 200) -> Exchange:
    media_type = "image/jpeg" if isinstance(answer, bytes) else "application/json"
    made = exchange("createImage", answer, status=status, media_type=media_type, asked={"prompt": "a fox"})
    made.repeatable = False
    return made


def _told(*answers: Exchange) -> dict[str, tuple[int, int, str]]:
    """By broken requirement: how many answers broke it, of how many, and what they are called."""
    told = FailuresAsSuccess()
    for second, answer in enumerate(answers):
        answer.sent = float(second)
        note = told.failed if answer.failure else told.answered
        note(answer.path, answer)
    return {requirement: (tally.broken, tally.seen, of) for requirement, tally, of in told.tallies()}


@pytest.mark.parametrize("count", [1, 3])
def test_a_few_failures_are_a_bad_moment(count: int) -> None:
    assert _told(*(_generation(PICTURE if turn % 2 else AWAY) for turn in range(2 * count))) == {}


def test_failures_failures_as_success_again_and_again_are_how_the_host_is() -> None:
    answers = [_generation(PICTURE if turn % 5 else AWAY) for turn in range(20)]
    assert _told(*answers) == {"IMG-2": (4, 20, "answers")}
    assert _told(*(_generation(AWAY) for _ in range(5))) == {"IMG-2": (5, 5, "answers")}


def test_an_outage_is_a_bad_moment_however_many_requests_meet_it() -> None:
    answers = [_generation(AWAY if 4 < turn < 16 else PICTURE) for turn in range(20)]
    assert _told(*answers) == {}


def test_more_than_an_error_may_be_an_answer() -> None:
    made = {"code": 10_000, "message": "Success", "image": "elsewhere.example/1.png"}
    assert _told(*(_generation(made) for _ in range(9))) == {}


def test_failures_told_with_the_status_of_a_failure_are_none_of_that() -> None:
    assert _told(*(_generation(AWAY, status=500) for _ in range(9))) == {}


def test_what_is_said_to_whoever_is_to_be_refused_is_for_the_statement_about_refusals() -> None:
    """A payload that is no JSON and is answered with 200 breaks FAIL-1, and not the route's own statement."""
    expected_to_be_refused = exchange("createImage", AWAY, asked={})
    assert _told(expected_to_be_refused, *(_generation(AWAY) for _ in range(9))) == {}


def test_numbers_and_ids_in_the_words_do_not_matter() -> None:
    expected_to_be_refused = exchange("createImage", {"error": "limit; resets in 3541 s"}, asked={})
    answers = (_generation({"error": f"limit; resets in {3540 - turn} s"}) for turn in range(9))
    assert _told(expected_to_be_refused, *answers) == {}


def test_a_document_with_an_error_in_it_may_tell_of_something_else() -> None:
    assert _told(*(exchange("getUsage", {**USAGE, **AWAY}) for _ in range(9))) == {}


def test_a_refusal_in_the_same_words_is_told_by_its_own_statement() -> None:
    answers = [_generation(AWAY, status=400), _generation(AWAY), _generation(AWAY)]
    assert _told(*answers) == {"FAIL-1": (2, 3, "refusals")}
