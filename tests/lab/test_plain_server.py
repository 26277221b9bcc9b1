"""The second server keeps the document, and counts what it charges."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from lab.client import Client
from lab.proofs import asset, at_once, decoded
from lab.running import Handle, running
from tests.lab.documented import keeps_the_document
from tests.support.guard import HANGS


@pytest.fixture
def lab() -> Iterator[Handle]:
    with running() as handle:
        yield handle


@pytest.fixture
def client(lab: Handle) -> Client:
    return Client(lab.base_url, lab.credentials)


def test_the_plain_server_keeps_the_document(lab: Handle) -> None:
    keeps_the_document(lab.base_url, lab.credentials)


def test_a_generation_is_charged_once_and_a_refusal_not_at_all(lab: Handle, client: Client) -> None:
    assert client.generate("image").status == 200
    assert client.post("/gen/image", {}).status == 400
    assert client.generate("image", "bad").status == 401
    assert client.generate("image", prompt="x" * 5000).status == 413
    assert lab.units == {(f"client:{client.client_id}", "imagesDaily"): 1}
    assert [status for _, _, status in lab.requests] == [200, 400, 401, 413]


def test_token_and_key_share_one_ledger(lab: Handle, client: Client) -> None:
    client.generate("image", "LIGHTNING_JWT")
    client.generate("image", "LIGHTNING_API_KEY")
    assert client.used("LIGHTNING_JWT") == client.used("LIGHTNING_API_KEY")
    assert lab.charged("imagesDaily", "user:paid") == 2


def test_calls_at_the_same_time_stay_within_the_limit(client: Client) -> None:
    assert at_once("createSfx", 8)(client) == [200] + [429] * 7


def test_head_of_a_metered_route_is_refused_and_free(lab: Handle, client: Client) -> None:
    assert client.get("/gen/image/fox", method="HEAD").status == 405
    assert lab.charged() == 0


@pytest.mark.parametrize("role", [{}, [], None, 5, "narrator"])
def test_a_role_of_any_other_kind_is_refused(client: Client, role: object) -> None:
    body = {"messages": [{"role": role, "content": "hi"}]}
    assert client.post("/gen/chat/completions", body).status == 400


def test_a_stored_image_comes_back_as_png(client: Client) -> None:
    found = asset(client)
    assert (found.status, found.type, decoded(found.body)) == (200, "image/png", "image PNG")


def test_the_video_lasts_as_long_as_asked_within_ten_seconds(client: Client) -> None:
    assert decoded(client.generate("video", duration=99).body) == "video 40"
    assert decoded(client.generate("video", duration=-5).body) == "video 4"


def test_only_the_given_credentials_are_known() -> None:
    with running(credentials={"LIGHTNING_JWT": "canary"}) as lab:
        client = Client(lab.base_url, {})
        assert client.get("/usage", "canary").json["plan_key"] == "light"
        assert client.get("/usage", "another").status == 401


def test_the_command_prints_where_it_listens_and_reads_credentials_from_the_environment() -> None:
    environment = {**os.environ, "LIGHTNING_API_KEY": "key-of-the-environment"}
    command = [sys.executable, "-m", "lab", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline().strip()
            assert re.fullmatch(r"listening on http://127\.0\.0\.1:\d+", line)
            client = Client(line.rpartition(" ")[2], {})
            assert client.get("/subscription", "key-of-the-environment").json["auth_type"] == "api_key"
        finally:
            process.terminate()
        assert process.wait(HANGS) in {0, -signal.SIGTERM}


def test_the_date_of_its_answers_moves(client: Client) -> None:
    first = client.get("/status").header("date")
    time.sleep(2.1)
    assert client.get("/status").header("date") != first
