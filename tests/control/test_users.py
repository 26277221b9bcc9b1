"""Users and their credentials: made, changed, revoked and broken through HTTP."""

from __future__ import annotations

import uuid
from typing import Any

import jwt
import pytest

from .conftest import Control, User

DAY = 86_400


def test_a_new_user_comes_with_a_token_and_a_key_that_work(shared: Control) -> None:
    user = shared.user("core", email="ada@example.com")
    for bearer, kind in ((user.jwt, "jwt"), (user.key, "api_key")):
        answer = user.call("GET", "/subscription", bearer=bearer).json()
        assert (answer["email"], answer["plan_key"], answer["auth_type"]) == ("ada@example.com", "core", kind)


def test_a_user_can_have_an_id_of_ones_own_once(shared: Control) -> None:
    user_id = f"me-{uuid.uuid4()}"
    assert shared.user(id=user_id).id == user_id
    assert "already taken; choose another id" in shared.refuse("POST", "/users", {"id": user_id}, status=409)
    assert shared("GET", f"/users/{user_id}")["id"] == user_id


@pytest.mark.parametrize(
    ("body", "allowed"),
    [
        ({"plan": "gold"}, "free, light, core, creator, professional"),
        ({"plan": 5}, "a string"),
        ({"name": "x"}, "plan, email, id"),
        ({"id": "a b"}, "^[A-Za-z0-9._@-]"),
        ({"email": ""}, "at least 1 character"),
    ],
)
def test_a_user_that_cannot_be_is_refused(shared: Control, body: Any, allowed: Any) -> None:
    assert allowed in shared.refuse("POST", "/users", body)


def test_a_plan_changes_in_mid_window_and_what_is_used_stays_used(user: User, shared: Control) -> None:
    assert user.call("GET", "/gen/image/x").status_code == 200
    assert user.call("GET", "/usage").json()["usage"]["imagesDaily"]["limit"] == 10
    shared("PATCH", f"/users/{user.id}", {"plan": "light"})
    usage = user.call("GET", "/usage").json()
    assert usage["plan_key"] == "light"
    assert usage["usage"]["imagesDaily"] | {"window": ""} == {
        "limit": 50, "used": 1, "remaining": 49, "window": "", "period": "daily",
    }  # fmt: skip
    assert user.call("GET", "/subscription", bearer=user.jwt).json()["plan_key"] == "light"


def test_a_deleted_user_is_gone_with_keys_tokens_and_counters(shared: Control) -> None:
    user = shared.user("light")
    assert user.call("GET", "/gen/image/x", bearer=user.jwt).status_code == 200
    shared("DELETE", f"/users/{user.id}")
    for bearer in (user.jwt, user.key):
        assert user.call("GET", "/usage", bearer=bearer).status_code == 401
    shared.refuse("GET", f"/users/{user.id}", status=404)
    assert user.identity not in {row["identity"] for row in shared("GET", "/identities")["identities"]}
    again = shared.user("light", id=user.id)
    assert again.used()["imagesDaily"] == 0
    assert again.call("GET", "/usage", bearer=user.jwt).status_code == 200


BROKEN = {
    "expired": "expired",
    "not_yet_valid": "not valid yet",
    "wrong_signature": "signature",
    "wrong_audience": "audience",
    "no_subject": "sub",
    "no_expiry": "exp",
    "unsigned": "signed",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_token_is_refused_for_what_is_broken(user: User, shared: Control, broken: Any) -> None:
    token = shared("POST", f"/users/{user.id}/tokens", {"broken": broken})["token"]
    answer = user.call("GET", "/subscription", bearer=token)
    assert answer.status_code == 401
    assert BROKEN[broken] in answer.json()["detail"]


def test_a_token_lives_as_long_as_asked_and_says_what_was_asked(user: User, shared: Control) -> None:
    token = shared(
        "POST",
        f"/users/{user.id}/tokens",
        {"lifetime_seconds": 7 * DAY, "claims": {"email": "new@example.com"}},
    )
    assert user.call("GET", "/usage", bearer=token["token"]).status_code == 200
    stranger = shared("POST", f"/users/{user.id}/tokens", {"claims": {"sub": str(uuid.uuid4())}})
    answer = user.call("GET", "/subscription", bearer=stranger["token"]).json()
    assert answer["plan_key"] == "free"


@pytest.mark.parametrize(
    ("body", "allowed"),
    [
        ({"broken": "dusty"}, ", ".join(BROKEN)),
        ({"lifetime_seconds": 0}, "at least 1"),
        ({"claims": []}, "an object"),
        ({"lifetime": 5}, "lifetime_seconds, claims, broken"),
    ],
)
def test_a_token_that_cannot_be_is_refused(user: User, shared: Control, body: Any, allowed: Any) -> None:
    assert allowed in shared.refuse("POST", f"/users/{user.id}/tokens", body)


def test_the_secret_of_a_key_is_shown_once_and_then_only_its_prefix(user: User, shared: Control) -> None:
    made = shared("POST", f"/users/{user.id}/keys", {"label": "laptop"})
    listed = shared.ask("GET", f"/users/{user.id}/keys")
    assert made["secret"].startswith("ipa_live_")
    assert made["secret"] not in listed.text
    assert made["secret"] not in shared.ask("GET", "/state").text
    [key] = [key for key in listed.json()["keys"] if key["id"] == made["id"]]
    assert (key["label"], key["expires_at"], key["last_used_at"], key["revoked_at"]) == (
        "laptop", None, None, None,
    )  # fmt: skip
    assert made["secret"].startswith(key["prefix"])
    assert len(made["secret"]) - len(key["prefix"]) > 20


def test_the_last_use_of_a_key_is_recorded(user: User, shared: Control) -> None:
    [before] = shared("GET", f"/users/{user.id}")["keys"]
    assert before["last_used_at"] is None
    user.call("GET", "/usage")
    [after] = shared("GET", f"/users/{user.id}")["keys"]
    assert after["last_used_at"] is not None


def test_a_revoked_key_is_refused_at_once_and_stays_in_the_list(user: User, shared: Control) -> None:
    key = shared("POST", f"/users/{user.id}/keys", {})
    assert user.call("GET", "/usage", bearer=key["secret"]).status_code == 200
    revoked = shared("DELETE", f"/users/{user.id}/keys/{key['id']}")
    assert revoked["revoked_at"] is not None
    answer = user.call("GET", "/usage", bearer=key["secret"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "revoked_api_key")
    assert user.call("GET", "/usage").status_code == 200
    assert len(shared("GET", f"/users/{user.id}/keys")["keys"]) == 2


def test_a_key_can_have_expired_from_the_start(user: User, shared: Control) -> None:
    key = shared("POST", f"/users/{user.id}/keys", {"expires_at": "2001-01-01T00:00:00Z"})
    answer = user.call("GET", "/usage", bearer=key["secret"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "expired_api_key")


def test_a_key_belongs_to_its_user_alone(user: User, shared: Control) -> None:
    [key] = user.made["keys"]
    other = shared.user()
    shared.refuse("DELETE", f"/users/{other.id}/keys/{key['id']}", status=404)
    assert user.call("GET", "/usage").status_code == 200
    assert "ISO 8601" in shared.refuse("POST", f"/users/{user.id}/keys", {"expires_at": "soon"})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None), ("PATCH", "", {"plan": "free"}), ("DELETE", "", None), ("POST", "/tokens", {}),
        ("GET", "/keys", None), ("POST", "/keys", {}), ("DELETE", "/keys/x", None),
    ],
)  # fmt: skip
def test_a_user_that_is_not_there_is_a_404(shared: Control, method: Any, path: Any, body: Any) -> None:
    assert "no such user" in shared.refuse(method, f"/users/nobody{path}", body, status=404)


def test_a_token_outlasts_the_clock_unless_a_lifetime_was_asked_for(own: Any) -> None:
    user = own.user("light")
    tokens = f"/users/{user.id}/tokens"
    more = own("POST", tokens, {"claims": {"role": "tester"}})["token"]
    short = own("POST", tokens, {"lifetime_seconds": 7200})["token"]
    dated = own("POST", tokens, {"claims": {"exp": int(own("GET", "/clock")["epoch"]) + 7200}})["token"]

    def statuses(*bearers: Any) -> Any:
        return [user.call("GET", "/subscription", bearer=bearer).status_code for bearer in bearers]

    assert statuses(user.jwt, more, short, dated) == [200] * 4
    own.advance(days=400)
    assert statuses(user.jwt, more, short, dated) == [200, 200, 401, 401]
    own("POST", "/scenarios/token-expired", {})
    assert statuses(user.jwt, more) == [401, 401]


def test_a_lasting_token_reads_like_a_real_one(own: Any) -> None:
    user = own.user()
    payload = jwt.decode(user.jwt, options={"verify_signature": False})
    assert payload["exp"] - payload["iat"] == 3600
