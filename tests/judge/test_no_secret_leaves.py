"""A whole run against a host that repeats every credential it sees, in every way it can: none is written."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from lab.running import running
from lab.server.lab import Call, Json, Lab, Reply
from tests.judge.canaries import CANARIES, leaks, texts
from tests.judge.commands import command

BEGINNINGS = {secret[:30] for secret in CANARIES.values()}

pytestmark = pytest.mark.slow


def gossip(lab: Lab) -> None:
    """Repeat the caller's Authorization wherever an answer has room for it, and break rules to be quoted."""

    def change(_: Lab, call: Call, reply: Reply) -> Reply:
        said = call.request.headers.get("authorization", "")
        if not said or "public" in said or not isinstance(reply, Json):
            return reply
        token = said.partition(" ")[2]
        encoded = base64.b64encode(said.encode()).decode()
        if reply.refused == "credential":
            # Those that are nearly good come last, and the first broken rule ends a check.
            reply.status = 422 if token[:30] in BEGINNINGS else 401
            reply.payload = {
                "detail": f"bad {said}",
                "debug": {"headers": [encoded, token[: len(token) // 2]]},
            }
        elif call.operation.id == "getSubscription":
            # No JSON, with the token where a message of a hundred letters would cut it in two.
            reply.payload = (" " * 90 + said).encode()
        elif isinstance(reply.payload, dict):
            reply.payload = {**reply.payload, "plan_name": said, "generated_at": token, "echo": encoded}
        reply.headers += [("X-Echo", token), ("X-Echo-64", encoded), ("Set-Cookie", f"jwt={token}")]
        # In names as well, and in encodings that are no Base64.
        reply.headers += [(f"X-{token}", "1"), ("Set-Cookie", f"{token}=1; Path=/")]
        reply.headers += [("X-Echo-16", token.encode().hex()), ("X-Echo-Back", token[::-1])]
        return reply

    lab.changes.append(change)


@pytest.fixture(scope="module")
def leftovers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, set[str]]:
    """(everything the run left behind, what it printed, every bearer that the host saw)."""
    home = tmp_path_factory.mktemp("run")
    for name in ("here", "tmp", "reports"):
        (home / name).mkdir()
    secrets = home.parent / "secrets.json"
    secrets.write_text(json.dumps(CANARIES))
    seen: set[str] = set()

    def prepare(lab: Lab) -> None:
        gossip(lab)

        def listen(_: Lab, call: Call, reply: Reply) -> Reply:
            scheme, _space, token = call.request.headers.get("authorization", "").partition(" ")
            if scheme == "Bearer" and len(token) > 10:
                seen.add(token)
            return reply

        lab.changes.append(listen)

    with running(credentials=CANARIES, prepare=prepare) as server:
        run = command(
            *("-v", "--strict", "--spend=sample", "--settle=0.5"),
            *(f"--only={area}" for area in ("identity", "account", "quota", "failures")),
            f"--base-url={server.base_url}",
            f"--credentials={secrets}",
            f"--report-dir={home / 'reports'}",
            directory=home / "here",
            credentials={"TMPDIR": str(home / "tmp")},
            fresh=True,
        )
    assert run.code == 1, run.out[-2000:] + run.error[-2000:]
    return home, run.out + run.error, seen


def test_no_credential_is_written_or_printed(leftovers: tuple[Path, str, set[str]]) -> None:
    home, printed, seen = leftovers
    places = [("the terminal", printed), *texts(home)]
    assert leaks([*CANARIES.values(), *seen], places) == []


def test_every_kind_of_bad_bearer_was_tried(leftovers: tuple[Path, str, set[str]]) -> None:
    _, _, seen = leftovers
    assert set(CANARIES.values()) < seen
    forged = seen - set(CANARIES.values())
    assert any(bad.endswith(".") for bad in forged), "no unsigned token"
    assert any(bad.startswith(CANARIES["LIGHTNING_JWT"].rpartition(".")[0]) for bad in forged), (
        "none tampered"
    )


def test_the_reports_are_there_and_quote_the_gossip(leftovers: tuple[Path, str, set[str]]) -> None:
    home, printed, _ = leftovers
    for name in ("report.json", "report.md", "report.html", "junit.xml"):
        assert (home / "reports" / name).stat().st_size > 1000
    report = (home / "reports" / "report.json").read_text()
    assert "<LIGHTNING_JWT>" in report
    assert "bad Bearer <" in report
    assert "AUTH-4 is broken" in printed


def test_nothing_is_left_where_temporary_files_go(leftovers: tuple[Path, str, set[str]]) -> None:
    home, _, _ = leftovers
    assert list((home / "tmp").iterdir()) == []
