"""Hosts that no run may trust: nothing passes that they did not show, and nothing is charged unbooked."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning_verify.facts import METRIC_OF
from lightning_verify.transport.budget import SURPRISES_ALLOWED

from lab.hostile import HOSTS
from lab.running import running
from lab.server.credentials import DEFAULTS
from tests.judge.commands import Finished, command

pytestmark = pytest.mark.slow

HURRIED = ("--wake=1", "--settle=0.1")
# Those that answer are given the time that a busy machine needs.
ANSWER_AT_ONCE = {
    "charges-everything",
    "counters-jump",
    "counters-stand-still",
    "counters-tenfold",
    "zero-limits",
}
# Not one promise can be seen kept there.
SHOW_NOTHING = {
    *(f"all-{status}" for status in (400, 401, 404, 429, 500, 503)),
    *("all-empty", "captive-portal", "redirect-loop", "redirects-to-charged"),
    *("hangs", "hangs-in-body", "slow-headers", "slow-body", "endless-headers", "endless-events"),
    *("huge-body", "zip-bomb", "resets", "no-http", "unplugged"),
}
SHOW_SOMETHING = sorted(set(HOSTS) - SHOW_NOTHING)
# What only an answered generation can show.
OF_STREAMS = {"CHAT-5", "CHAT-6", "CHAT-7"}
OF_GENERATION = OF_STREAMS | {
    *(
        "CHAT-2",
        "CHAT-4",
        "CHAT-9",
        "CHAT-10",
        "CHAT-11",
        "IMG-2",
        "IMG-3",
        "IMG-5",
        "IMG-6",
        "VID-2",
        "VID-3",
    ),
    *("VID-4", "VID-7", "AIR-1", "AIR-3", "SFX-1", "SFX-3", "TTS-1", "TTS-3", "ANA-3", "ROUTE-3", "CDN-1"),
    *("RATE-1", "RATE-4", "RATE-5", "RATE-6"),
}
NEVER_SHOWN = {
    "zero-limits": OF_GENERATION,
    "starved-half-way": OF_GENERATION,
    "dies-half-way": OF_GENERATION,
    "redirects-posts": OF_GENERATION - {"TTS-1", "TTS-3"},
    "endless-stream": OF_STREAMS,
    "stalled-stream": OF_STREAMS,
    "counters-stand-still": {"CHAT-11", "IMG-6", "VID-7", "AIR-3", "SFX-3", "TTS-3", "RATE-4"},
    "counters-jump": {"CHAT-11", "RATE-2", "RATE-3", "RATE-4"},
    "charges-everything": {"CHAT-11", "IMG-6", "VID-7", "AIR-3", "SFX-3", "TTS-3", "RATE-4"},
}
# Those that answer everything alike could pass for a host that refuses in some area, so all of a run is tried
# there. What is wrong with these shows in a part of it as well.
NARROWED = {
    **{name: ("chat", "account", "assets") for name in SHOW_NOTHING if not name.startswith("all-")},
    **dict.fromkeys(("endless-stream", "stalled-stream"), ("chat",)),
    **{name: tuple(NEVER_SHOWN[name]) for name in ("charges-everything", "counters-jump", "zero-limits")},
    # What serves what it should refuse surprises most where much is refused.
    "counters-stand-still": (*NEVER_SHOWN["counters-stand-still"], "failures"),
    "counters-tenfold": ("quota", "chat"),
}
# They charge without saying so, which nobody can hold them to from outside.
CHARGE_IN_SECRET = {"counters-tenfold", "charges-everything"}


def judged(name: str, spend: str, directory: Path) -> tuple[Finished, int]:
    """The run, and what the host's own ledger says that it cost."""
    timeout = 10 if name in ANSWER_AT_ONCE else 2
    with running(hostile=name) as server:
        run = command(
            *(f"--base-url={server.base_url}", f"--spend={spend}", "--report-dir=reports", *HURRIED),
            *(f"--timeout={timeout}", *(f"--only={part}" for part in NARROWED.get(name, ()))),
            directory=directory,
            credentials=DEFAULTS,
        )
        return run, server.charged()


def holds(name: str, run: Finished, charged: int) -> None:
    """What must be true of any run against this host."""
    assert run.code in {1, 3} or name == "counters-tenfold", run.out[-1000:]
    assert run.report["run"]["exit_code"] == run.code
    passed = run.documented("pass")
    assert not passed & (NEVER_SHOWN.get(name, set()) if name not in SHOW_NOTHING else passed)
    units = run.report["run"]["units"]
    for metric, booked in units["booked"].items():
        assert booked <= units["planned"].get(metric, 0)
    if name not in CHARGE_IN_SECRET:
        # One that refuses nothing can surprise us so often, before we stop asking.
        surprises = SURPRISES_ALLOWED * len(METRIC_OF) if name == "counters-stand-still" else 0
        assert charged <= sum(units["booked"].values()) + surprises
    assert run.seconds < 60
    assert run.memory < 700
    assert "Traceback" not in run.out + run.error


@pytest.mark.parametrize("name", sorted(SHOW_NOTHING))
def test_a_host_that_shows_nothing_passes_nothing(name: str, tmp_path: Path) -> None:
    run, charged = judged(name, "sample", tmp_path)
    holds(name, run, charged)
    assert run.code == 3
    assert run.report["run"]["aborted"] or "in a row unanswered" in run.out
    assert charged == 0


@pytest.mark.parametrize("name", SHOW_SOMETHING)
def test_a_host_that_misbehaves_passes_only_what_it_showed(name: str, tmp_path: Path) -> None:
    run, charged = judged(name, "sample", tmp_path)
    holds(name, run, charged)


@pytest.mark.parametrize("name", ["starved-half-way", "dies-half-way", "redirects-posts"])
def test_a_host_that_misbehaves_is_charged_nothing_in_a_free_run(name: str, tmp_path: Path) -> None:
    run, charged = judged(name, "none", tmp_path)
    assert run.report["run"]["units"]["booked"] == {}
    assert charged == 0
    assert not run.documented("pass") & OF_GENERATION
    assert run.code == 3


def test_every_hostile_host_is_tried() -> None:
    assert set(HOSTS) > SHOW_NOTHING
    assert set(NEVER_SHOWN) | {"counters-tenfold"} == set(SHOW_SOMETHING)
