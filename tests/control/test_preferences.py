"""How the mock answers where the document leaves it open: at start, while it runs, for single identities."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import pytest

ROLE = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
ADVICE = {
    "none": {},
    "seconds": {"retry-after": "3600"},
    "x-should-retry-true": {"x-should-retry": "true"},
    "x-should-retry-false": {"x-should-retry": "false"},
}


def first_event(user: Any) -> Any:
    return json.loads(user.chat(stream=True).text.partition("\n")[0].removeprefix("data: "))


def advice_of(response: httpx2.Response) -> dict[str, str]:
    return {
        name: value for name, value in response.headers.items() if name in ("retry-after", "x-should-retry")
    }


def exhausted(control: Any, user: Any) -> httpx2.Response:
    control("POST", f"/identities/{user.identity}/exhaust", {"metric": "audioWeekly"})
    response: httpx2.Response = user.call("GET", "/gen/sfx/rain")
    assert response.status_code == 429
    return response


@pytest.fixture
def late(own: Any) -> Any:
    """An hour before the day and the week end."""
    own("POST", "/clock", {"to": "next_week", "frozen": True})
    own("POST", "/clock", {"advance": {"days": 6, "hours": 23}})
    return own


@pytest.mark.parametrize("advice", ADVICE)
def test_a_refusal_at_the_limit_says_of_coming_back_what_is_preferred(late: Any, advice: str) -> None:
    late("PATCH", "/preferences", {"retry_advice": advice})
    assert advice_of(exhausted(late, late.user())) == ADVICE[advice]


@pytest.mark.parametrize("advice", ADVICE)
def test_an_ordered_429_says_the_same(late: Any, advice: str) -> None:
    late("PATCH", "/preferences", {"retry_advice": advice})
    late.fault("status", status=429)
    for path in ("/gen/sfx/rain", "/gen/image/rain", "/usage"):
        response = late.user().call("GET", path)
        assert (response.status_code, advice_of(response)) == (429, ADVICE[advice])


def test_an_ordered_429_lasts_as_long_as_the_window_of_its_metric(own: Any) -> None:
    own("POST", "/clock", {"to": "next_week", "frozen": True})
    own("PATCH", "/preferences", {"retry_advice": "seconds"})
    own.fault("status", status=429)
    user = own.user()
    assert user.call("GET", "/gen/image/rain").headers["retry-after"] == str(86_400)
    assert user.call("GET", "/gen/sfx/rain").headers["retry-after"] == str(7 * 86_400)


def test_a_date_is_one_of_the_wall_clock_however_far_the_mock_s_has_moved(late: Any) -> None:
    late("PATCH", "/preferences", {"retry_advice": "date"})
    response = exhausted(late, late.user())
    until = parsedate_to_datetime(response.headers["retry-after"]) - datetime.now(UTC)
    assert 3590 < until.total_seconds() <= 3600


@pytest.mark.parametrize("status", [400, 401, 413, 500, 502, 503, 504])
def test_no_other_ordered_refusal_says_when_to_come_back(own: Any, status: Any) -> None:
    own("PATCH", "/preferences", {"retry_advice": "seconds"})
    own.fault("status", status=status)
    assert advice_of(own.user().call("GET", "/usage")) == {}


@pytest.mark.parametrize(
    ("advice", "said"),
    [("none", {"retry-after": "30"}), ("x-should-retry-false", {"x-should-retry": "false"})],
)
def test_a_cold_start_says_how_long_it_was_ordered_for(own: Any, advice: str, said: Any) -> None:
    own("POST", "/clock", {"frozen": True})
    own("PATCH", "/preferences", {"retry_advice": advice})
    own.fault("cold_start", seconds=30)
    assert advice_of(own.user().chat()) == said


def test_the_first_event_changes_form_while_the_mock_runs(own: Any) -> None:
    user = own.user()
    assert set(first_event(user)) == {"router_metadata"}
    own("PATCH", "/preferences", {"metadata_form": "choices"})
    assert first_event(user)["choices"] == [ROLE]
    own("PATCH", "/preferences", {"metadata_form": "bare"})
    assert set(first_event(user)) == {"router_metadata"}


def test_an_identity_can_be_answered_in_another_form_than_everybody(own: Any) -> None:
    one, other = own.user(), own.user()
    seen = own("PATCH", f"/identities/{one.identity}/preferences", {"metadata_form": "choices"})
    assert seen == {"metadata_form": "choices", "retry_advice": "none"}
    assert first_event(one)["choices"] == [ROLE]
    assert "choices" not in first_event(other)
    # What is not its own follows everybody's.
    own("PATCH", "/preferences", {"retry_advice": "x-should-retry-false"})
    assert advice_of(exhausted(own, one)) == {"x-should-retry": "false"}
    own("DELETE", f"/identities/{one.identity}/preferences")
    assert "choices" not in first_event(one)


def test_a_signed_out_caller_has_preferences_too(own: Any) -> None:
    client_id = "ipc-0123456789abcdef"
    own("PATCH", f"/identities/client:{client_id}/preferences", {"metadata_form": "choices"})
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
    answer = httpx2.post(
        f"{own.base_url}/gen/chat/completions", json=body, headers={"X-Client-ID": client_id}
    )
    assert '"choices"' in answer.text.partition("\n")[0]


def test_a_reset_takes_preferences_back_and_a_snapshot_keeps_them(start: Any) -> None:
    with start(metadata_form="choices", retry_advice="date") as (_, control):
        begun = control("GET", "/preferences")
        assert begun == {"metadata_form": "choices", "retry_advice": "date"}
        user = control.user()
        control("PATCH", "/preferences", {"metadata_form": "bare"})
        control("PATCH", f"/identities/{user.identity}/preferences", {"retry_advice": "seconds"})
        kept = control("GET", "/snapshot")
        control("POST", "/reset", {"user": user.id})
        assert control("GET", f"/identities/{user.identity}/preferences")["retry_advice"] == "date"
        control("POST", "/reset", {})
        assert control("GET", "/preferences") == begun
        control("POST", "/restore", kept)
        assert control("GET", "/preferences")["metadata_form"] == "bare"
        assert control("GET", f"/identities/{user.identity}/preferences")["retry_advice"] == "seconds"


@pytest.mark.parametrize("body", [{}, {"metadata_form": "yaml"}, {"retry_advice": True}, {"colour": "red"}])
def test_preferences_that_do_not_exist_are_refused(shared: Any, body: Any) -> None:
    assert "expected" in shared.refuse("PATCH", "/preferences", body)
