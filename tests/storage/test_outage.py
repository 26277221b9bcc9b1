"""Redis goes away and comes back: refused with a clear answer, nothing miscounted, and said once."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any

import httpx2
import pytest
from lightning_mock.background import running
from lightning_mock.settings import SettingsError

from tests.support.guard import HANGS

from .conftest import RedisServer

pytestmark = pytest.mark.redis


client = httpx2.Client(timeout=HANGS, limits=httpx2.Limits(max_connections=32))


def call(base_url: str, path: str, key: str) -> httpx2.Response:
    return client.get(base_url + path, headers={"Authorization": f"Bearer {key}"})


def used(base_url: str, key: str) -> Any:
    return call(base_url, "/usage", key).json()["usage"]["imagesDaily"]["used"]


def test_without_redis_every_call_gets_500_and_the_log_one_line(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with running(store=own_redis.url) as mock:
        key = mock.plans["core"].api_key
        assert call(mock.base_url, "/gen/image/x", key).status_code == 200
        with caplog.at_level(logging.WARNING):
            own_redis.kill()
            for path in ("/gen/image/x", "/usage", "/tiers", "/nowhere") * 3:
                answer = call(mock.base_url, path, key)
                assert answer.status_code == 500
                body = answer.json()
                assert "store" in body["detail"]
                assert body["error"] == {
                    "message": body["detail"],
                    "type": "api_error",
                    "param": None,
                    "code": "upstream_failure",
                }
            control = httpx2.get(mock.base_url + "/__mock__/users", timeout=HANGS)
            assert (control.status_code, control.json().keys()) == (500, {"detail"})
            own_redis.start()
            assert used(mock.base_url, key) == 1
            assert call(mock.base_url, "/gen/image/x", key).status_code == 200
        lines = [record.getMessage() for record in caplog.records if "store" in record.getMessage()]
        assert len(lines) == 2
        assert "every call gets 500" in lines[0]
        assert lines[1] == "the store answers again"


def charged_as_served(
    redis: RedisServer, before: int, stop: Callable[[], None], go_on: Callable[[], None], pause: float
) -> None:
    """Call while Redis stops and goes on: what fails is not charged, and what is served is, once."""
    with running(store=redis.url) as mock, ThreadPoolExecutor(8) as pool:
        key = mock.plans["core"].api_key
        asked = [pool.submit(call, mock.base_url, f"/gen/image/{turn % 3}", key) for turn in range(before)]
        wait(asked, return_when=FIRST_COMPLETED)
        stop()
        asked += [pool.submit(call, mock.base_url, "/gen/image/0", key) for _ in range(20)]
        time.sleep(pause)
        go_on()
        statuses = Counter(answer.result().status_code for answer in asked)
        assert set(statuses) <= {200, 500}
        assert statuses[500]
        assert used(mock.base_url, key) == statuses[200]


def test_what_was_served_is_what_was_charged_though_redis_stood_still(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightning_mock.storage.link.TIMEOUT", 0.2)
    charged_as_served(own_redis, 40, own_redis.hang, own_redis.go_on, pause=1.0)


def test_what_was_charged_stays_charged_when_redis_crashes(own_redis: RedisServer) -> None:
    charged_as_served(own_redis, 60, own_redis.kill, own_redis.start, pause=0.1)


def test_a_redis_that_comes_back_empty_gets_the_state_again(own_redis: RedisServer, tmp_path: Any) -> None:
    with running(store=own_redis.url) as mock:
        key = mock.plans["core"].api_key
        call(mock.base_url, "/gen/image/x", key)
        own_redis.kill()
        for kept in tmp_path.rglob("*.aof*"):
            kept.unlink()
        for kept in tmp_path.rglob("*.manifest"):
            kept.unlink()
        own_redis.start()
        assert used(mock.base_url, key) == 0
        with running(store=own_redis.url) as other:
            assert other.credentials == mock.credentials


def test_a_mock_does_not_start_where_no_redis_answers_and_that_is_all_it_says(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    own_redis.kill()
    with pytest.raises(SettingsError, match="no Redis answers"), running(store=own_redis.url):
        pass
    assert not caplog.records
