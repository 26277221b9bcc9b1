"""Tests of the application, with the fixtures that the mock brings: nothing to start, nothing to import.

Run:  cd examples/client_app && pytest     (with LIGHTNING_MOCK_URL it uses the mock that runs there)
"""

import pytest
from postcards import LimitReached, PostcardError, PostOffice, SignInAgain


@pytest.fixture
def office(lightning, lightning_user):
    """The application, signed in as a user whom no other test knows."""
    return PostOffice(lightning.base_url, lightning_user.jwt)


def test_a_postcard_has_a_picture_and_a_greeting(office):
    card = office.postcard("a quiet harbour")
    assert card.picture.startswith(b"\xff\xd8")
    assert "quiet harbour" in card.greeting


def test_a_postcard_costs_one_picture(office):
    before = office.pictures_left()
    office.postcard("a quiet harbour")
    assert office.pictures_left() == before - 1


def test_the_user_is_told_about_the_limit_and_served_the_next_day(office, lightning, lightning_user):
    lightning_user.exhaust("imagesDaily")
    with pytest.raises(LimitReached, match="upgrade"):
        office.postcard("a quiet harbour")
    lightning.next_day()
    assert office.postcard("a quiet harbour")


def test_an_upgrade_helps_at_once(office, lightning_user):
    lightning_user.exhaust("imagesDaily")
    lightning_user.set_plan("core")
    assert office.postcard("a quiet harbour")


def test_there_may_be_no_limit(lightning):
    office = PostOffice(lightning.base_url, lightning.user(plan="core").api_key)
    lightning.set_limits("core", imagesDaily=None)
    assert office.pictures_left() is None


def test_one_upstream_failure_goes_unnoticed(office, lightning, lightning_user):
    lightning.fail_next("POST /gen/image", status=500, user=lightning_user)
    before = office.pictures_left()
    assert office.postcard("a quiet harbour")
    assert office.pictures_left() == before - 1
    assert [call.status for call in lightning_user.journal(operation="POST /gen/image")] == [500, 200]


def test_a_lasting_failure_is_admitted(office, lightning, lightning_user):
    lightning.fail_next("POST /gen/image", status=500, times=None, user=lightning_user)
    with pytest.raises(PostcardError, match="closed"):
        office.postcard("a quiet harbour")


@pytest.mark.parametrize("kind", ["expired", "wrong_signature"])
def test_a_bad_token_leads_to_the_sign_in(lightning, lightning_user, kind):
    with pytest.raises(SignInAgain):
        PostOffice(lightning.base_url, lightning_user.token(broken=kind)).postcard("a quiet harbour")


def test_a_revoked_key_leads_to_the_sign_in(lightning, lightning_user):
    office = PostOffice(lightning.base_url, lightning_user.api_key)
    assert office.pictures_left()
    lightning_user.revoke()
    with pytest.raises(SignInAgain):
        office.postcard("a quiet harbour")
