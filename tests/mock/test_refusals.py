"""Refusals: their kinds are the rows of the spec, and each carries what its row says."""

from __future__ import annotations

import pytest
from lightning_mock.errors import REFUSALS, UpstreamFailure, refusal_with
from lightning_spec.loader import load_spec

from .conftest import Client


def test_the_kinds_of_refusal_are_the_rows_of_the_spec() -> None:
    assert {refusal.kind for refusal in REFUSALS} == set(load_spec().errors)
    for refusal in REFUSALS:
        assert refusal_with(refusal.row.status) is refusal
    assert refusal_with(503) is UpstreamFailure


def test_a_finer_kind_has_its_own_words_and_a_message_replaces_them() -> None:
    unauthorized = refusal_with(401)
    row = load_spec().errors["unauthorized"]
    for code, words in row.codes.items():
        assert unauthorized(code=code).message == words
    assert unauthorized().body()["detail"] == row.message
    assert unauthorized("So it is.").body()["detail"] == "So it is."


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}])
def test_every_401_says_which_scheme_it_wants(caller: Client, headers: dict[str, str]) -> None:
    refused = caller.get("/subscription", headers=headers)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
