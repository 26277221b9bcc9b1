"""Several processes on one port: what they count holds, whoever of them is stopped, killed or replaced."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
import pytest
from lightning_mock.background import running
from lightning_mock.settings import Settings, SettingsError
from redis import Redis

from tests.support.guard import HANGS

from .conftest import RedisServer

CALLERS = 8
client = httpx2.Client(timeout=HANGS, limits=httpx2.Limits(max_keepalive_connections=0))
"""One connection for each call."""


class Workers:
    """A running command with two workers."""

    def __init__(self, process: subprocess.Popen[str], base_url: str, key: str) -> None:
        self.process = process
        self.base_url = base_url
        self.bearer = {"Authorization": f"Bearer {key}"}

    def pids(self) -> set[int]:
        pid = self.process.pid
        return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}

    def used(self) -> int:
        answer = client.get(self.base_url + "/usage", headers=self.bearer)
        used: int = answer.json()["usage"]["imagesDaily"]["used"]
        return used

    def ended(self, number: int) -> tuple[int, str]:
        """The exit code and what was said, after a signal."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=HANGS)
        return self.process.returncode, said


def until(holds: Any, seconds: float) -> None:
    """Wait for something, but not for long."""
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether there is such a process, and more than its exit code is left of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def workers(redis: RedisServer, prefix: str, *more: str) -> Iterator[Workers]:
    arguments = ("--port", "0", "--workers", "2", "--store", redis.url, "--store-prefix", prefix, *more)
    process = subprocess.Popen(
        [sys.executable, "-m", "lightning_mock", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        greeting = ""
        for line in process.stdout:
            greeting += line
            if line.startswith("Ctrl-C"):
                break
        base_url = re.search(r"http://\S+:\d+", greeting)
        key = re.search(r"professional +key +(\S+)", greeting)
        assert base_url, process.communicate()
        assert key
        found = Workers(process, base_url[0], key[1])
        with Redis.from_url(redis.url) as looking:
            # Each subscribes to it once it has begun.
            until(lambda: looking.pubsub_numsub(f"{prefix}:ask")[0][1] == 2, 10)
        yield found
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=HANGS)


async def under_load(mock: Workers, disturb: Any) -> Counter[Any]:
    """What callers are answered while something is done to the mock, and for a moment after it."""
    answers: Counter[Any] = Counter()
    stop = asyncio.Event()

    async def call(session: aiohttp.ClientSession) -> None:
        url = mock.base_url + "/gen/image"
        while not stop.is_set():
            try:
                async with session.post(url, json={"prompt": "x"}, headers=mock.bearer) as answer:
                    await answer.read()
                    answers[answer.status] += 1
            except aiohttp.ClientError:
                answers["lost"] += 1

    async with aiohttp.ClientSession() as session:
        callers = [asyncio.create_task(call(session)) for _ in range(CALLERS)]
        await asyncio.sleep(0.2)
        await asyncio.to_thread(disturb)
        await asyncio.sleep(0.2)
        stop.set()
        await asyncio.gather(*callers)
    return answers


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workers") / "credentials.json"


@pytest.fixture(scope="module")
def two_workers(redis_server: RedisServer, credentials: Path) -> Iterator[Workers]:
    with workers(redis_server, f"workers-{os.getpid()}", "--credentials", str(credentials)) as started:
        yield started


@pytest.mark.redis
def test_both_serve_and_know_what_the_other_has_counted(two_workers: Workers) -> None:
    before = two_workers.used()

    def call(_: int) -> int:
        return client.get(two_workers.base_url + "/gen/image/x", headers=two_workers.bearer).status_code

    with ThreadPoolExecutor(CALLERS) as pool:
        assert set(pool.map(call, range(40))) == {200}
    assert two_workers.used() == before + 40


@pytest.mark.redis
def test_a_listener_hears_of_what_every_process_does(two_workers: Workers) -> None:
    with client.stream("GET", two_workers.base_url + "/__mock__/events") as events:
        lines = events.iter_lines()
        next(lines)
        for number in range(8):
            client.get(f"{two_workers.base_url}/models?{number}")
        told: set[str] = set()
        while len(told) < 8:
            told |= set(re.findall(r"/models\?\d", next(lines)))


@pytest.mark.redis
async def test_a_rolling_restart_costs_nobody_a_call(two_workers: Workers) -> None:
    before, used = two_workers.pids(), two_workers.used()

    def restart() -> None:
        two_workers.process.send_signal(signal.SIGHUP)
        until(lambda: len(two_workers.pids()) == 2 and not two_workers.pids() & before, 10)

    answers = await under_load(two_workers, restart)
    assert answers.keys() == {200}
    assert two_workers.used() == used + answers[200]


@pytest.mark.redis
async def test_killing_a_worker_loses_no_unit_and_charges_none_twice(two_workers: Workers) -> None:
    before, used = two_workers.pids(), two_workers.used()

    def kill() -> None:
        os.kill(min(before), signal.SIGKILL)
        until(lambda: len(two_workers.pids()) == 2 and min(before) not in two_workers.pids(), 1)

    answers = await under_load(two_workers, kill)
    assert answers.keys() <= {200, "lost"}
    # What was on its way when the process died may have been charged already, once.
    assert answers[200] <= two_workers.used() - used <= answers[200] + answers["lost"]
    assert answers["lost"] <= CALLERS


@pytest.mark.redis
@pytest.mark.slow
def test_the_judge_finds_nothing_amiss_in_what_two_processes_count(
    two_workers: Workers, credentials: Path
) -> None:
    """A part of what docs/scale.md has the command for, since the whole takes a minute."""
    asked = [
        ("--base-url", two_workers.base_url),
        ("--control", two_workers.base_url + "/__mock__"),
        ("--credentials", str(credentials)),
        ("--spend", "sample"),
        ("--examples", "1"),
        ("--only", "quota"),
    ]
    command = [sys.executable, "-m", "lightning_verify", *(word for words in asked for word in words)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=HANGS)
    assert done.returncode == 0, done.stdout
    assert re.search(r"KEPT: \d+ of \d+ documented requirements hold", done.stdout)


@pytest.mark.redis
def test_a_termination_signal_lets_a_stream_end(redis_server: RedisServer, prefix: str) -> None:
    with workers(redis_server, prefix, "--token-rate", "20") as mock:
        message = {"messages": [{"role": "user", "content": "hello"}], "stream": True, "max_tokens": 16}
        path = mock.base_url + "/gen/chat/completions"
        with client.stream("POST", path, json=message, headers=mock.bearer) as answer:
            lines = answer.iter_lines()
            next(lines)
            pids = mock.pids()
            mock.process.terminate()
            assert "data: [DONE]" in list(lines)
        assert mock.ended(signal.SIGTERM) == (0, "")
        assert not any(map(runs, pids))


@pytest.mark.redis
def test_a_worker_that_comes_back_without_its_redis_waits_for_it(own_redis: RedisServer, prefix: str) -> None:
    with workers(own_redis, prefix) as mock:
        own_redis.kill()
        before = mock.pids()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(mock.pids()) == 2 and not mock.pids() & before, 2)
        own_redis.start()
        assert mock.used() == 0


@pytest.mark.redis
def test_workers_leave_when_what_watches_over_them_is_killed(redis_server: RedisServer, prefix: str) -> None:
    with workers(redis_server, prefix) as mock:
        left = mock.pids()
        mock.process.kill()
        until(lambda: not any(map(runs, left)), 5)


@pytest.mark.redis
def test_a_restart_that_could_not_start_changes_nothing_and_an_interrupt_ends_all_at_once(
    redis_server: RedisServer, prefix: str, tmp_path: Path
) -> None:
    replies = tmp_path / "replies.json"
    replies.write_text("[]")
    with workers(redis_server, prefix, "--replies", str(replies)) as mock:
        before = mock.pids()
        replies.write_text(json.dumps([{"reply": {"text": "another mock"}}]))
        mock.process.send_signal(signal.SIGHUP)
        assert mock.process.stderr is not None
        assert "the workers stay as they are" in mock.process.stderr.readline()
        assert mock.pids() == before
        assert mock.used() == 0
        with client.stream("GET", mock.base_url + "/__mock__/events"):
            began = time.monotonic()
            assert mock.ended(signal.SIGINT) == (0, "")
            # What is under way is given eight seconds when it is asked to end in order.
            assert time.monotonic() - began < 6


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "users, counters and clock of its own; add --store redis://"),
        ({"store": "redis://127.0.0.1", "record": "http://127.0.0.1:9"}, "written by one process"),
        ({"store": "redis://127.0.0.1", "replay": Path("recording.yaml")}, "which answer"),
        ({"store": "redis://127.0.0.1", "state": Path("state.json")}, "expected only one of the two"),
        ({"workers": 0}, "expected 1 to 256"),
    ],
)
def test_what_several_processes_cannot_do_together_is_refused(settings: Any, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        Settings(**{"workers": 2, **settings})


def test_a_program_of_its_own_has_one_process() -> None:
    with (
        pytest.raises(SettingsError, match="the command"),
        running(workers=2, store="redis://127.0.0.1"),
    ):
        pass
