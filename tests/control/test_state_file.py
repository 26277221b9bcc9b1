"""`--state`: a mock that is started again goes on where the last one stopped, or says why it cannot."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from lightning_mock.background import running
from lightning_mock.client import Lightning
from lightning_mock.control import state_file
from lightning_mock.private_file import PrivateFileError
from lightning_mock.settings import SettingsError
from lightning_spec.loader import OPENAPI_FILE, load_spec

from tests.support.guard import HANGS

from .conftest import Control, User


def usable(base_url: str, *bearers: str) -> list[int]:
    return [
        httpx2.get(base_url + "/usage", headers={"Authorization": f"Bearer {bearer}"}).status_code
        for bearer in bearers
    ]


def test_everything_goes_on_where_it_stopped(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with running(state=file) as mock:
        control = Control(mock.base_url)
        user = control.user("light")
        user.call("GET", "/gen/image/x")
        control("POST", f"/identities/{user.identity}/clock", {"advance": {"days": 3}})
        user.call("GET", "/gen/image/x")
        control("PATCH", f"/identities/{user.identity}/preferences", {"metadata_form": "choices"})
        control("PATCH", "/status", {"state": "degraded"})
        control("PUT", "/plans/light/limits", {"imagesDaily": 7})
        control("POST", "/replies", {"match": {"user": user.id}, "replies": [{"text": "1"}, {"text": "2"}]})
        control("POST", "/replies", {"match": {"prompt": "x", "nth": 2}, "reply": {"text": "3"}})
        assert user.chat().json()["choices"][0]["message"]["content"] == "1"
        control.fault("status", status=503, times=3, match={"user": user.id, "operation": "getUsage"})
        control("POST", "/clock", {"frozen": True})
        kept, printed = control("GET", "/snapshot"), dict(mock.credentials)
        control.close()
    with running(state=file) as mock:
        control = Control(mock.base_url)
        assert control("GET", "/snapshot") == kept
        assert mock.credentials == printed
        assert usable(mock.base_url, printed["LIGHTNING_JWT"], printed["LIGHTNING_API_KEY"]) == [200, 200]
        user = User(control, user.made)
        assert [user.call("GET", "/usage").status_code for _ in range(4)] == [503, 503, 503, 200]
        assert usable(mock.base_url, user.jwt) == [200]
        assert user.chat().json()["choices"][0]["message"]["content"] == "2"
        control("POST", "/reset", {})
        assert usable(mock.base_url, user.key, printed["LIGHTNING_API_KEY"]) == [401, 200]
        control.close()


def test_replies_of_a_file_are_read_anew_and_others_stay(tmp_path: Path) -> None:
    replies = tmp_path / "replies.yaml"
    for text, count in (("old", 1), ("new", 2)):
        replies.write_text(json.dumps([{"reply": {"text": text}, "match": {"prompt": "file"}}]))
        with (
            running(state=tmp_path / "state.json", replies=replies) as mock,
            Lightning(mock.base_url) as client,
        ):
            listed = client.replies()
            assert [reply.match for reply in listed].count({"prompt": "file"}) == 1
            assert len(listed) == count
            headers = client.user().headers()
            body = {"messages": [{"role": "user", "content": "a file"}]}
            answer = httpx2.post(mock.base_url + "/gen/chat/completions", json=body, headers=headers).json()
            assert answer["choices"][0]["message"]["content"] == text
            client._transport.call("POST", "/replies", {"match": {"prompt": "kept"}, "reply": {"text": "k"}})


def test_replies_of_a_file_stay_the_oldest(tmp_path: Path) -> None:
    replies, settings = tmp_path / "replies.json", {"state": tmp_path / "state.json"}
    replies.write_text(json.dumps([{"reply": {"text": "of the file"}}]))
    for kept in (0, 1):
        with running(**settings, replies=replies) as mock:
            control = Control(mock.base_url)
            assert len(control("GET", "/replies")["replies"]) == 1 + kept
            if not kept:
                control("POST", "/replies", {"reply": {"text": "kept"}})
            assert control.user().chat().json()["choices"][0]["message"]["content"] == "of the file"
            control.close()


def test_what_is_chosen_at_a_start_wins_over_the_file(tmp_path: Path) -> None:
    file, plans = tmp_path / "state.json", tmp_path / "plans.json"
    metrics = load_spec(OPENAPI_FILE).metrics

    @contextmanager
    def started(images: int, **chosen: Any) -> Iterator[Control]:
        """With a plans file in which the free plan has so many images a day."""
        rows = [
            {"key": key, "name": key, "url": "", "price": "0.00", "order": order, "limits": limits}
            for order, (key, limits) in enumerate(
                {
                    "free": dict.fromkeys(metrics, 9) | {"imagesDaily": images},
                    "light": dict.fromkeys(metrics, 100),
                }.items()
            )
        ]
        plans.write_text(json.dumps({"default": "free", "plans": rows}))
        with running(state=file, plans=plans, **chosen) as mock:
            control = Control(mock.base_url)
            yield control
            control.close()

    def shown(control: Control) -> Any:
        limits = [plan["limits"]["imagesDaily"] for plan in control("GET", "/plans")["plans"]]
        return tuple(control("GET", "/preferences").values()), limits

    with started(4) as control:
        assert shown(control) == (("bare", "none"), [4, 100])
        control("PATCH", "/preferences", {"retry_advice": "seconds"})
        control("PUT", "/plans/light/limits", {"imagesDaily": 777})
    with started(5, metadata_form="choices") as control:
        assert shown(control) == (("choices", "seconds"), [5, 777])
        control("POST", "/reset", {})
        assert shown(control) == (("choices", "none"), [5, 100])
        control("PUT", "/plans/free/limits", {"imagesDaily": 6})
    with started(5, metadata_form="bare") as control:
        assert shown(control) == (("bare", "none"), [6, 100])
    with started(8) as control:
        assert shown(control) == (("bare", "none"), [8, 100])


def test_a_scenario_of_a_later_start_is_there_after_a_reset(tmp_path: Path) -> None:
    """As it is without a file; one that a control call began is not."""
    file = tmp_path / "state.json"

    def shown(control: Control) -> Any:
        users = {user["id"] for user in control("GET", "/users")["users"]}
        active = {row["name"] for row in control("GET", "/scenarios")["scenarios"] if row["active"]}
        return "extra" in users, active

    with running(state=file) as mock:
        control = Control(mock.base_url)
        control("POST", "/users", {"id": "extra", "plan": "light"})
        control("POST", "/scenarios/slow-network", {})
        control.close()
    with running(state=file, scenario=("cold-start", "limit-reached")) as mock:
        control = Control(mock.base_url)
        assert shown(control) == (True, {"slow-network", "cold-start"})
        control("POST", "/reset", {})
        assert shown(control) == (False, {"cold-start"})
        control("POST", "/scenarios/broken-stream", {})
        control("DELETE", "/scenarios")
        usage = httpx2.get(mock.base_url + "/usage").json()["usage"]
        assert usage["imagesDaily"]["remaining"] == 0
        control("POST", "/scenarios/broken-stream", {})
        control.close()
    with running(state=file) as mock:
        control = Control(mock.base_url)
        assert shown(control) == (False, {"broken-stream"})
        control("POST", "/reset", {})
        assert shown(control) == (False, {"cold-start"})
        control.close()


def test_another_seed_than_the_kept_one_is_refused(tmp_path: Path) -> None:
    for first, others in ((5, (6,)), (None, (5,))):
        file = tmp_path / f"{first}.json"
        for seed in (first, first, None):
            with running(state=file, seed=seed):
                pass
        for seed in others:
            with pytest.raises(SettingsError, match="another seed"), running(state=file, seed=seed):
                pass


def test_the_file_is_private_from_the_start_and_written_while_the_mock_runs(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(state_file, "_INTERVAL", 0.05)
    monkeypatch.setattr(state_file, "_SHARE", 0)
    file = tmp_path / "state.json"
    with running(state=file) as mock:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        user = Lightning(mock.base_url).user()
        for _ in range(400):
            if user.id in file.read_text():
                break
            asyncio.run(asyncio.sleep(0.05))
        else:
            pytest.fail("the file was not written again")
        # Nothing has changed since: nothing is written.
        asyncio.run(asyncio.sleep(0.2))
        before = file.stat().st_ino
        asyncio.run(asyncio.sleep(0.3))
        assert file.stat().st_ino == before
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("changed", [True, False])
def test_a_state_that_cannot_be_written_at_the_end_is_one_line_and_exit_code_1(
    tmp_path: Path, changed: bool
) -> None:
    file = tmp_path / "gone" / "state.json"
    file.parent.mkdir()
    command = [sys.executable, "-m", "lightning_mock", "--port", "0", "--state", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        base_url = process.stdout.readline().split()[-1]
        while not process.stdout.readline().startswith("Ctrl-C"):
            pass
        if changed:
            Lightning(base_url).user()
        file.unlink()
        file.parent.rmdir()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=HANGS)
    assert process.returncode == 1
    [line] = [line for line in err.splitlines() if "could not be saved" in line]
    assert line.startswith(f"lightning-mock: state file {file}: No such file or directory; the whole state")
    assert "Traceback" not in err


def test_since_when_changes_are_lost_is_said_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "state.json"

    def full(*rest: Any) -> None:
        raise PrivateFileError("No space left on device")

    with running(state=file) as mock:
        kept = file.read_bytes()
        Lightning(mock.base_url).user()
        monkeypatch.setattr(state_file, "write_private", full)
    [record] = [record for record in caplog.records if "could not be saved" in record.getMessage()]
    assert "No space left on device; what changed since 20" in record.getMessage()
    assert file.read_bytes() == kept


def broken(document: Any, **changes: Any) -> bytes:
    return json.dumps({**document, **changes}).encode()


def credentials(document: Any, **changes: Any) -> bytes:
    return broken(document, credentials={**document["credentials"], **changes})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda document: b"", "not a complete state file"),
        (lambda document: json.dumps(document).encode()[:-5], "not a complete state file"),
        (lambda document: b"\x00\xff" * 100, "not a complete state file"),
        (lambda document: b"[1, 2]", "not a complete state file"),
        (lambda document: b'{"users": []}', "not a complete state file"),
        (lambda document: broken(document, version=2), "expected version 1"),
        (lambda document: broken(document, more=1), "expected the fields"),
        (lambda document: broken(document, version="x" * 1000), "expected version 1, got 'x{39};"),
        (lambda document: broken(document, credentials={}), "credentials"),
        (lambda document: credentials(document, named={}), "credentials are incomplete"),
        (lambda document: credentials(document, named="x"), "credentials are incomplete"),
        (lambda document: credentials(document, named={"LIGHTNING_JWT": 5}), "credentials are incomplete"),
        (lambda document: broken(document, state={**document["state"], "keys": 5}), "keys"),
        (lambda document: broken(document, state={**document["state"], "limits": {"gold": {}}}), "a plan"),
        (lambda document: broken(document, start={}), "required"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_and_left_alone(tmp_path: Path, change: Any, said: str) -> None:
    file = tmp_path / "state.json"
    with running(state=file):
        pass
    content = change(json.loads(file.read_bytes()))
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=f"state file .*{said}"), running(state=file):
        pass
    assert file.read_bytes() == content


def test_a_file_is_one_mock_s_own_and_what_a_killed_one_left_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    left, other = tmp_path / ".state.json.k1ll3d.part", tmp_path / ".state.json.of.mine"
    left.write_text("{")
    other.write_text("{")
    with running(state=file) as mock:
        assert not left.exists()
        before = file.read_bytes()
        with pytest.raises(SettingsError, match="another mock keeps it"), running(state=file):
            pass
        assert file.read_bytes() == before
        assert usable(mock.base_url, *mock.credentials.values())
    with running(state=file):
        assert other.exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from lightning_mock.background import running
from lightning_mock.client import Lightning
from lightning_mock.control import state_file

file, moment, user = Path(sys.argv[1]), *sys.argv[2:]
replace, write_private = os.replace, state_file.write_private

def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

def torn(pieces):
    yield b"".join(pieces)[:-10]
    die()

def arm():
    if moment == "in the middle":
        state_file.write_private = lambda path, pieces, placing: write_private(path, torn(pieces), placing)
    elif moment == "before the sync":
        os.fsync = die
    elif moment == "before the rename":
        os.replace = die
    else:
        os.replace = lambda source, target: (replace(source, target), die())

state_file._INTERVAL = 3600.0
if not user:
    arm()
with running(state=file) as mock:
    Lightning(mock.base_url).user(id=user)
    arm()
"""
"""Dies of SIGKILL at a moment of the last write, or of the first one without a user to make."""
MOMENTS = ("in the middle", "before the sync", "before the rename", "after the rename")


def kill(file: Path, moment: str, user: str) -> None:
    command = [sys.executable, "-c", KILLED, str(file), moment, user]
    died = subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr


def leftovers(file: Path) -> int:
    return len(list(file.parent.glob(f".{file.name}.*")))


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_mock_killed_while_it_writes_leaves_the_state_before_or_after(tmp_path: Path, moment: str) -> None:
    file = tmp_path / "state.json"
    with running(state=file) as mock:
        Lightning(mock.base_url).user(id="kept")
        keys = mock.credentials["LIGHTNING_API_KEY"], mock.credentials["LIGHTNING_JWT"]
    before = file.read_bytes()
    written = moment == "after the rename"
    for attempt in ("first", "second"):
        kill(file, moment, attempt)
        assert (file.read_bytes() == before) is not written
        # Each start has removed what the one before left.
        assert leftovers(file) == (not written)
    with running(state=file) as mock:
        users = {user["id"] for user in Lightning(mock.base_url).state()["users"]}
        assert "kept" in users
        assert users & {"first", "second"} == ({"first", "second"} if written else set())
        assert usable(mock.base_url, *keys) == [200, 200]
        assert leftovers(file) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_mock_killed_at_its_first_write_can_be_started_again(tmp_path: Path, moment: str) -> None:
    file = tmp_path / "state.json"
    for _ in range(2):
        file.unlink(missing_ok=True)
        kill(file, moment, "")
        assert file.exists() is (moment == "after the rename")
    with running(state=file) as mock:
        assert usable(mock.base_url, mock.credentials["LIGHTNING_API_KEY"]) == [200]
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("kind", ["directory", "device", "missing folder", "foreign"])
def test_what_is_no_file_of_ours_is_refused(tmp_path: Path, kind: str, monkeypatch: Any) -> None:
    place = tmp_path / "place"
    if kind == "directory":
        place.mkdir()
    elif kind == "device":
        place = Path(os.devnull)
    elif kind == "missing folder":
        place = tmp_path / "nowhere" / "state.json"
    else:
        place.write_text("theirs")
        monkeypatch.setattr("os.geteuid", lambda: place.stat().st_uid + 1)
    with pytest.raises(SettingsError, match="state file"), running(state=place):
        pass


def test_another_secret_than_the_kept_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with running(state=file):
        pass
    with pytest.raises(SettingsError, match="another jwt_secret"), running(state=file, jwt_secret="x" * 40):
        pass
