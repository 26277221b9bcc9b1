"""The router that the API and the control plane share."""

from __future__ import annotations

import pytest
from lightning_mock.errors import MethodNotAllowed, NotFound
from lightning_mock.http.routing import Router, RoutingError


@pytest.fixture
def router() -> Router[str]:
    routes: Router[str] = Router()
    for method, path in (
        ("GET", "/users"),
        ("GET", "/users/{id}"),
        ("POST", "/users/{id}/keys"),
        ("DELETE", "/users/{user}/keys/{key_id}"),
        ("POST", "/users/new"),
    ):
        routes.add(method, path, f"{method} {path}")
    return routes


def test_parameters_may_stand_anywhere_and_keep_the_names_of_their_route(router: Router[str]) -> None:
    match = router.find("DELETE", "/users/a%2Fb/keys/k")
    assert match.target == "DELETE /users/{user}/keys/{key_id}"
    assert match.segments == {"user": "a%2Fb", "key_id": "k"}
    assert router.find("POST", "/users/1/keys").segments == {"id": "1"}


def test_a_concrete_path_wins_and_leaves_other_methods_to_the_template(router: Router[str]) -> None:
    assert router.find("POST", "/users/new").target == "POST /users/new"
    assert router.find("GET", "/users/new").segments == {"id": "new"}


@pytest.mark.parametrize("path", ["/", "/users/", "/users//keys", "/users/1/keys/2/3", "/usersx", "/xusers"])
def test_what_fits_no_path_is_not_found(router: Router[str], path: str) -> None:
    with pytest.raises(NotFound):
        router.find("GET", path)


def test_a_method_that_is_not_served_is_told_those_that_are(router: Router[str]) -> None:
    for path, allowed in (("/users/1/keys/2", "DELETE"), ("/users/new", "POST"), ("/users/1", "GET")):
        with pytest.raises(MethodNotAllowed) as refused:
            router.find("PUT", path)
        assert refused.value.headers == {"Allow": allowed}


def test_a_parameter_inside_a_segment_is_a_mistake_of_the_spec() -> None:
    with pytest.raises(RoutingError):
        Router[str]().add("GET", "/users/u-{id}", "x")
