"""The control client: each lever moves what it says, seen from the API's side."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from lightning_mock.background import RunningMock, running
from lightning_mock.client import Guest, Lightning, LightningError, NothingSeenError, User

from tests.support.guard import HANGS

PICTURE = "/gen/image/a%20quiet%20harbour"


def get(client: Lightning, path: str, headers: dict[str, str]) -> requests.Response:
    return requests.get(client.base_url + path, headers=headers, timeout=HANGS)


def status(client: Lightning, caller: User | Guest, path: str = PICTURE) -> int:
    return get(client, path, caller.headers()).status_code


def test_a_user_can_call_by_token_and_by_key(client: Lightning) -> None:
    user = client.user(plan="core", email="someone@example.com")
    for bearer in (user.jwt, user.api_key):
        seen = get(client, "/subscription", user.headers(bearer)).json()
        assert (seen["email"], seen["plan_key"]) == ("someone@example.com", "core")
    assert user.email == "someone@example.com"


def test_users_do_not_share_what_they_use(client: Lightning) -> None:
    one, other = client.user(), client.user()
    assert status(client, one) == 200
    assert one.usage()["imagesDaily"].used == 1
    assert other.usage()["imagesDaily"].used == 0


def test_an_exhausted_metric_is_refused_until_the_next_day(client: Lightning) -> None:
    user = client.user("light")
    used = user.exhaust("imagesDaily")["imagesDaily"]
    assert (used.limit, used.used, used.remaining, used.period) == (50, 50, 0, "daily")
    assert status(client, user) == 429
    client.next_day()
    assert status(client, user) == 200


def test_a_metric_without_a_limit_cannot_be_exhausted_and_the_error_says_so(client: Lightning) -> None:
    with pytest.raises(LightningError, match="no limit") as caught:
        client.user("light").exhaust("cloudChatDaily")
    assert caught.value.status == 400


def test_used_can_be_set(client: Lightning) -> None:
    user = client.user("light")
    user.set_used("imagesDaily", 49)
    assert [status(client, user) for _ in range(2)] == [200, 429]


def test_a_guest_has_a_quota_of_its_own(client: Lightning) -> None:
    guest = client.guest()
    assert guest.usage()["imagesDaily"].limit == 10
    guest.exhaust("imagesDaily")
    assert status(client, guest) == 429
    assert status(client, client.guest()) == 200


def test_the_plan_changes_in_mid_window(client: Lightning) -> None:
    user = client.user("free")
    user.exhaust("imagesDaily")
    assert status(client, user) == 429
    user.set_plan("core")
    assert status(client, user) == 200
    assert user.usage()["imagesDaily"].used == 11


def test_keys_are_made_listed_and_revoked(client: Lightning) -> None:
    user = client.user()
    key = user.new_key(label="laptop", expires_at=datetime.now(UTC) + timedelta(days=400))
    assert key.secret is not None
    assert key.secret.startswith(key.prefix)
    assert get(client, "/subscription", user.headers(key.secret)).status_code == 200
    listed = {entry.id: entry for entry in user.list_keys()}
    assert (listed[key.id].label, listed[key.id].secret) == ("laptop", None)
    assert listed[key.id].last_used_at is not None
    assert user.revoke(key).revoked_at is not None
    assert get(client, "/subscription", user.headers(key.secret)).status_code == 401
    assert status(client, user) == 200
    user.revoke()
    assert status(client, user) == 401


def test_a_key_expires_with_the_clock(client: Lightning) -> None:
    user = client.user()
    key = user.new_key(expires_at=datetime.fromtimestamp(client.clock().epoch + 3600, UTC))
    assert get(client, "/usage", user.headers(key.secret)).status_code == 200
    client.advance(hours=2)
    assert get(client, "/usage", user.headers(key.secret)).status_code == 401


@pytest.mark.parametrize(
    "broken",
    ["expired", "not_yet_valid", "wrong_signature", "wrong_audience", "no_subject", "no_expiry", "unsigned"],
)
def test_a_broken_token_is_refused_and_a_sound_one_is_not(client: Lightning, broken: Any) -> None:
    user = client.user()
    assert get(client, "/usage", user.headers(user.token())).status_code == 200
    assert get(client, "/usage", user.headers(user.token(broken=broken))).status_code == 401


def test_a_token_lives_as_long_as_asked(client: Lightning) -> None:
    user = client.user()
    bearer = user.headers(user.token(lifetime_seconds=60))
    assert get(client, "/usage", bearer).status_code == 200
    client.advance(minutes=2)
    assert get(client, "/usage", bearer).status_code == 401


def test_a_frozen_clock_stands_still_and_a_resumed_one_goes_on(client: Lightning) -> None:
    assert client.freeze().frozen
    assert client.clock().epoch == client.clock().epoch
    before = client.clock().epoch
    assert client.advance(days=1, hours=2, minutes=3, seconds=4).epoch - before == pytest.approx(93_784)
    assert not client.resume().frozen
    assert client.next_week().now.endswith("T00:00:00Z")


def test_the_clock_goes_back_only_by_force(client: Lightning) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with pytest.raises(LightningError) as caught:
        client.set_clock(yesterday)
    assert caught.value.status == 400
    assert client.set_clock(yesterday, force=True).epoch == pytest.approx(yesterday.timestamp(), abs=5)


def test_the_next_call_fails_as_asked_and_the_one_after_does_not(client: Lightning) -> None:
    user = client.user()
    fault = client.fail_next("POST /gen/image", status=500, user=user)

    def draw(caller: User) -> int:
        body = {"prompt": "a harbour"}
        return requests.post(
            f"{client.base_url}/gen/image", json=body, headers=caller.headers(), timeout=HANGS
        ).status_code

    assert draw(client.user()) == 200
    assert [draw(user), draw(user)] == [500, 200]
    assert next((known.fired, known.left) for known in client.faults() if known.id == fault.id) == (1, 0)
    assert user.usage()["imagesDaily"].used == 1


def test_a_fault_can_be_bound_to_a_header_and_be_removed(client: Lightning) -> None:
    user = client.user()
    fault = client.fault("status", status=503, header={"X-Case": "mine"})
    mine = {**user.headers(), "X-Case": "mine"}
    assert status(client, user, "/usage") == 200
    assert get(client, "/usage", mine).status_code == 503
    client.remove(fault)
    client.remove(fault)
    assert get(client, "/usage", mine).status_code == 200


def test_all_faults_can_be_cleared(client: Lightning) -> None:
    guest = client.guest()
    client.fail_next(status=500, times=None)
    assert status(client, guest) == 500
    client.clear_faults()
    assert client.faults() == []
    assert status(client, guest) == 200


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"kind": "earthquake"}, "latency"),
        ({"kind": "status", "status": 418}, "500"),
        ({"kind": "status", "status": 500, "operation": "POST /gen/imgae"}, "operation"),
    ],
)
def test_an_order_that_cannot_be_met_is_an_error_that_says_what_is_allowed(
    client: Lightning, order: Any, said: Any
) -> None:
    with pytest.raises(LightningError, match=said) as caught:
        client.fault(**order)
    assert caught.value.status == 400


def test_a_scenario_is_told_in_sentences_and_can_be_ended(client: Lightning) -> None:
    user = client.user()
    assert all(isinstance(sentence, str) for sentence in client.scenario("upstream-down"))
    assert status(client, user) == 500
    client.end_scenarios()
    assert status(client, user) == 200


def test_a_scenario_can_be_one_user_s(client: Lightning) -> None:
    user = client.user("light")
    client.scenario("limit-reached", user=user)
    assert status(client, user) == 429
    assert status(client, client.user("light")) == 200


def test_limits_of_a_plan_can_be_set_and_lifted(client: Lightning) -> None:
    user = client.user("creator")
    client.set_limits("creator", imagesDaily=1)
    assert [status(client, user) for _ in range(2)] == [200, 429]
    client.set_limits("creator", imagesDaily=None)
    assert status(client, user) == 200
    assert user.usage()["imagesDaily"].remaining is None


def test_the_journal_says_what_happened_and_why(client: Lightning) -> None:
    user = client.user("light")
    assert status(client, user) == 200
    user.exhaust("imagesDaily")
    assert status(client, user) == 429
    served, refused = client.journal(user=user)
    assert (served.method, served.status, served.metric, served.refused_by) == (
        "GET",
        200,
        "imagesDaily",
        None,
    )
    assert served.units == {"before": 0, "after": 1, "limit": 50}
    assert (refused.status, refused.refused_by) == (429, "quota")
    assert str(refused).startswith("GET /gen/image/")
    assert refused.explanation in str(refused)
    assert user.journal(status=429) == client.journal(user=user, since=served.id) == [refused]
    assert client.count(user=user) == 2
    assert user.api_key not in repr(client.journal(user=user))


def test_a_call_can_be_waited_for(client: Lightning) -> None:
    user = client.user()
    caller = threading.Timer(0.2, status, (client, user, "/usage"))
    caller.start()
    seen = client.wait_for(operation="GET /usage", user=user, timeout=60)
    caller.join()
    assert [exchange.status for exchange in seen] == [200]
    assert user.wait_for(operation="GET /usage")


def test_waiting_in_vain_ends_with_an_error_of_its_own(client: Lightning) -> None:
    began = time.monotonic()
    with pytest.raises(NothingSeenError):
        client.user().wait_for(timeout=0.1)
    assert time.monotonic() - began < 5


def test_a_user_can_start_anew(client: Lightning) -> None:
    user = client.user("light")
    user.exhaust("imagesDaily")
    user.reset()
    assert status(client, user) == 200


def test_a_state_can_be_kept_and_brought_back() -> None:
    with running() as mock:
        client = Lightning(mock.base_url)
        user = client.user("light")
        user.exhaust("imagesDaily")
        kept = client.snapshot()
        client.reset()
        assert status(client, user) == 401
        client.restore(kept)
        assert status(client, user) == 429
        client.clear_journal()
        assert client.journal() == []


def test_leaving_the_block_takes_back_what_was_done(mock: RunningMock) -> None:
    observer = Lightning(mock.base_url)
    limits = {plan["key"]: plan["limits"] for plan in observer.plans()}
    before = observer.clock().epoch
    with Lightning(mock.base_url) as client:
        user = client.user()
        client.fail_next(times=None, status=500)
        client.set_limits("core", imagesDaily=1, videosDaily=None)
        client.advance(days=3)
        client.freeze()
        client.scenario("slow-network")
    assert get(observer, "/usage", user.headers()).status_code == 401
    assert observer.faults() == []
    assert {plan["key"]: plan["limits"] for plan in observer.plans()} == limits
    assert not observer.clock().frozen
    assert observer.clock().epoch - before < 60


def test_leaving_the_block_takes_back_what_was_done_to_guests(mock: RunningMock) -> None:
    def looked_at() -> Any:
        guest = observer.guest("a-guest-who-stays-0001")
        state = observer.state()["preferences"]["identities"].get(guest.identity, {})
        return round(guest.clock().ahead_seconds), state, guest.usage()["imagesDaily"].used

    observer = Lightning(mock.base_url)
    for before in ((0, {}, 3), (86_400, {"retry_advice": "date"}, 3)):
        settled = observer.guest("a-guest-who-stays-0001")
        if before[0]:
            settled.advance(days=1)
            settled.prefer(retry_advice="date")
        settled.set_used("imagesDaily", 3)
        with Lightning(mock.base_url) as client:
            for _ in range(2):
                guest = client.guest("a-guest-who-stays-0001")
                guest.exhaust("imagesDaily")
                guest.advance(days=2)
                guest.prefer(metadata_form="choices", retry_advice="seconds")
                assert status(client, guest) == 200
        assert looked_at() == before


def test_a_user_made_anew_has_nothing_of_the_one_before(mock: RunningMock) -> None:
    for _ in range(2):
        with Lightning(mock.base_url) as client:
            user = client.user("light", id="made-anew")
            assert user.clock().ahead_seconds == 0
            assert user.usage()["imagesDaily"].used == 0
            assert user.identity not in client.state()["preferences"]["identities"]
            user.advance(days=1)
            user.prefer(metadata_form="choices")
            user.exhaust("imagesDaily")


def test_leaving_the_block_leaves_others_alone(mock: RunningMock) -> None:
    with Lightning(mock.base_url) as other:
        user = other.user()
        fault = other.fail_next("POST /gen/sfx", user=user)
        with other.fresh() as client:
            client.user()
            client.fail_next("POST /gen/sfx", user=user)
        assert [known.id for known in other.faults()] == [fault.id]
        assert status(other, user) == 200


def test_the_whole_state_can_be_read(client: Lightning) -> None:
    user = client.user()
    assert user.id in {known["id"] for known in client.state()["users"]}


def test_without_a_mock_the_error_says_how_to_start_one(free_address: str) -> None:
    with pytest.raises(LightningError, match="lightning-mock") as caught:
        Lightning(free_address).clock()
    assert caught.value.status is None
    assert free_address in str(caught.value)


@pytest.mark.parametrize("address", ["127.0.0.1:8787", "", "ftp://127.0.0.1"])
def test_an_address_that_is_none_is_refused_at_once(address: Any) -> None:
    with pytest.raises(LightningError, match="expected something like"):
        Lightning(address)


def test_something_else_at_the_address_is_told_apart(web_server: str) -> None:
    with pytest.raises(LightningError, match=r"is http://.* a Lightning mock"):
        Lightning(web_server).clock()


def test_a_control_token_is_sent() -> None:
    with running(control_token="open sesame") as mock:
        with pytest.raises(LightningError) as caught:
            Lightning(mock.base_url).clock()
        assert caught.value.status in (401, 403)
        assert Lightning(mock.base_url, token="open sesame").clock().epoch > 0


def test_preferences_hold_for_one_caller_or_for_everybody_until_the_block_ends(mock: Any) -> None:
    def refused(client: Lightning, user: User) -> requests.Response:
        user.exhaust("imagesDaily")
        return get(client, PICTURE, user.headers())

    with Lightning(mock.base_url) as client:
        one, other = client.user(), client.user()
        one.prefer(retry_advice="seconds")
        assert int(refused(client, one).headers["Retry-After"]) > 0
        assert "Retry-After" not in refused(client, other).headers
        client.prefer(retry_advice="x-should-retry-false")
        assert refused(client, other).headers["X-Should-Retry"] == "false"
    with Lightning(mock.base_url) as client:
        assert "X-Should-Retry" not in refused(client, client.user()).headers


def chat(client: Lightning, user: User, words: str = "Hello") -> str:
    body = {"messages": [{"role": "user", "content": words}]}
    url = f"{client.base_url}/gen/chat/completions"
    answer = requests.post(url, json=body, headers=user.headers(), timeout=HANGS).json()
    return str(answer["choices"][0]["message"]["content"])


def test_replies_are_scripted_in_turn_and_end_with_the_block(mock: Any) -> None:
    with Lightning(mock.base_url) as client:
        user = client.user()
        made = client.reply("One.", {"text": "Two."}, user=user, prompt="count", times=2)
        client.reply(route="/gen/image/*", user=user, content=b"GIF8", content_type="image/gif")
        assert [chat(client, user, "Count!") for _ in range(2)] == ["One.", "Two."]
        assert get(client, PICTURE, user.headers()).content == b"GIF8"
        chat(client, user, "Count!")
        assert "used up" in str(client.near_misses()[-1])
        [shown] = [reply for reply in client.replies() if reply.id == made.id]
        assert (shown.used, shown.left) == (2, 0)
    with Lightning(mock.base_url) as client:
        assert client.replies() == []
