"""A check that cannot fail proves nothing. The lab's faults break every documented requirement; here are the
checks that no such fault is for: of what is observed or assumed, and a few that others stand in front of.

Each row names a check, the least that breaks it, and the requirement under which it must be told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import lightning_verify
import pytest
from lightning_mock.background import running as running_mock
from lightning_mock.quota.ledger import Charge, Ledger
from lightning_spec.loader import load_requirements
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lab import seams
from lab.running import running
from lab.seams import before_checks
from lab.server.credentials import DEFAULTS
from lab.server.lab import Call, Data, Identity, Json, Lab, Refusal, Reply, Stream, encode_event
from tests.judge.commands import command

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Broken:
    """What breaks a check: a change of the lab, or of our mock for what needs a control plane."""

    requirement: str
    apply: seams.Apply | None = None
    spend: str = "none"
    mock: Callable[[], Any] | None = None
    credentials: tuple[tuple[str, str], ...] = ()


def _as_it_is(_: Lab) -> None:
    """The plain lab differs from our mock in this already."""


def _payload(value: Any) -> seams.Apply:
    def other(_: Call, reply: Json) -> Reply:
        reply.payload = value
        return reply

    return seams.refusal("invalid credential oversize", other)


def _refuse_bearers(wanted: Callable[[str], bool]) -> seams.Apply:
    async def step(_: Lab, called: Call, run: Callable[[], Any]) -> None:
        header = called.request.headers.get("authorization")
        if called.operation.auth != "none" and header is not None and wanted(header):
            raise Refusal("credential", "Not like this")
        await run()

    return seams.around("identify", step)


async def _served_to_all(lab: Lab, called: Call, run: Callable[[], Any]) -> None:
    try:
        await run()
    except Refusal:
        called.identity = Identity("client:nobody", lab.default_plan, "jwt", "a@example.com")


def _one_more_used(payload: Any) -> Any:
    for entry in payload["usage"].values():
        entry["used"] += 1
    return payload


def _made_before(_: Lab, __: Call, reply: Reply) -> Reply:
    """A stream that is sent as a whole, with its length."""
    if not isinstance(reply, Stream):
        return reply
    return Data(b"".join(map(encode_event, reply.events)), reply.content_type)


def _metadata_with_choices(events: list[Any]) -> list[Any]:
    return [{**events[0], "choices": []}, *events[1:]]


_bytes = iter(range(1_000_000))


def _always_others(_: Call, reply: Data) -> Reply:
    return replace(reply, content=reply.content + bytes([next(_bytes) % 256]))


def _site(_: Call) -> Reply:
    return Data(b"", "text/html", 308, [("Location", "https://example.com")])


def _missing_routes(lab: Lab) -> None:
    seams.instead("getImage createTts analyzePrompt", seams.plain_refusal(404))(lab)

    async def gone(_: Lab, called: Call, run: Callable[[], Any]) -> None:
        if called.operation.id in {"getImage", "createTts", "analyzePrompt"}:
            raise Refusal("missing", "Not Found")
        await run()

    seams.around("identify", gone)(lab)


def _pages_for_the_lost(app: ASGIApp) -> ASGIApp:
    async def lost(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/no-such-path":
            await Response("<h1>Not here</h1>", 404, media_type="text/html")(scope, receive, send)
        else:
            await app(scope, receive, send)

    return lost


def _without_status(view: Any) -> Any:
    for row in view["subscription"] or []:
        del row["status"]
    return view


async def _generous(self: Ledger, identity: str, metric: str, limit: int | None) -> Charge:
    """One unit more than the plan gives."""
    return await _spend(self, identity, metric, None if limit is None else limit + 1)


_spend = Ledger.spend


async def _kept(self: Ledger, charge: object) -> None:
    """The unit of a failed call is not given back."""


CHECKS: dict[str, Broken] = {
    # --- documented, but in the shadow of others
    "test_a_documented_route_is_there": Broken("IMG-2", _missing_routes),
    "test_a_fresh_client_id_has_spent_nothing": Broken("ID-2", seams.edit("getUsage", _one_more_used)),
    "test_a_fresh_user_agent_has_spent_nothing": Broken("ID-3", seams.edit("getUsage", _one_more_used)),
    "test_any_sequence_of_calls_agrees_with_the_model": Broken(
        "RATE-1", spend="exhaust", mock=lambda: patch.object(Ledger, "spend", _generous)
    ),
    # --- observed
    "test_the_bearer_public_counts_as_none": Broken("OBS-1", _refuse_bearers(lambda h: h == "Bearer public")),
    "test_a_refusal_can_be_read_by_clients": Broken("OBS-2", _payload({"no": "words"})),
    "test_the_published_sizes_are_the_limits": Broken(
        "OBS-3", lambda lab: lab.text_limits.update(media=9_000), "sample"
    ),
    "test_the_mode_auto_counts_as_left_out": Broken(
        "OBS-4",
        seams.refuse_when("createImage", lambda called: called.arguments.get("mode") == "auto"),
        "sample",
    ),
    "test_unknown_fields_and_no_tools_are_harmless": Broken(
        "OBS-5", seams.refuse_when("createChatCompletion", lambda c: "x_unknown" in c.arguments), "sample"
    ),
    "test_the_status_has_the_form_that_clients_read": Broken(
        "OBS-7", seams.edit("getStatus", seams.at("services", seams.put([])))
    ),
    "test_plans_have_the_form_that_clients_read": Broken(
        "OBS-8", seams.edit("getTierConfig", seams.at("plans.*.price", seams.put(9.99)))
    ),
    "test_the_plans_are_the_published_ones": Broken(
        "OBS-9", seams.edit("getTierConfig", seams.at("plans.*.limits.imagesDaily", seams.put(11)))
    ),
    "test_an_analysis_is_an_array_of_one_name": Broken(
        "OBS-10", seams.edit("analyzePrompt", lambda names: {"model": names[0]})
    ),
    "test_browsers_of_any_origin_may_call": Broken("OBS-11", _as_it_is),
    "test_a_subscription_row_can_be_shown": Broken("OBS-12", seams.edit("getSubscription", _without_status)),
    "test_the_metadata_chunk_has_no_choices": Broken(
        "OBS-13", seams.events(_metadata_with_choices), "sample"
    ),
    "test_windows_have_the_keys_that_clients_show": Broken(
        "OBS-14", seams.edit("getUsage", seams.at("usage.*.window", seams.put("today")))
    ),
    "test_media_are_raw_jpeg_mp4_and_mp3_that_decode": Broken(
        "OBS-15",
        seams.data("createImage", lambda _, reply: replace(reply, content_type="image/webp")),
        "sample",
    ),
    "test_the_root_leads_to_the_public_site": Broken("OBS-16", seams.instead("getSite", _site)),
    "test_an_api_key_has_the_known_prefix": Broken(
        "OBS-17", _as_it_is, credentials=(("LIGHTNING_API_KEY", "another-form-of-key-0123456789"),)
    ),
    "test_answers_fit_the_schemas_of_the_spec": Broken(
        "OBS-18", seams.edit("getStatus", seams.at("state", seams.put(5)))
    ),
    # --- assumed
    "test_an_empty_bearer_and_other_schemes_count_as_none": Broken(
        "ASM-1", _refuse_bearers(lambda header: not header.startswith("Bearer "))
    ),
    "test_a_malformed_client_id_is_ignored": Broken("ASM-2", _as_it_is, "sample"),
    "test_an_unsigned_token_is_never_accepted": Broken("ASM-3", seams.around("identify", _served_to_all)),
    "test_there_is_no_subscription_without_a_bearer": Broken(
        "ASM-4", seams.around("identify", _served_to_all)
    ),
    "test_prompt_analysis_costs_nothing": Broken(
        "ASM-5", lambda lab: lab.metric_of.update(analyzePrompt="cloudChatDaily")
    ),
    "test_a_failed_generation_costs_nothing": Broken(
        "ASM-6", spend="sample", mock=lambda: patch.object(Ledger, "refund", _kept)
    ),
    "test_days_and_weeks_are_those_of_utc": Broken(
        "ASM-7", seams.edit("getUsage", seams.at("usage.*.window", seams.put("2001-01-01")))
    ),
    "test_unknown_options_are_400": Broken(
        "ASM-8", seams.without("mode", "createImage createVideo"), "sample"
    ),
    "test_a_video_shows_what_was_asked_for": Broken(
        "ASM-9", lambda lab: before_checks(lab, "createVideo", "ratio", lambda _: "1:1"), "sample"
    ),
    "test_the_same_request_gives_the_same_bytes": Broken(
        "ASM-10", seams.data("createImage", _always_others), "sample"
    ),
    "test_unknown_assets_are_404_and_known_ones_are_linked": Broken("ASM-11", _as_it_is, "sample"),
    "test_a_refusal_leaks_nothing": Broken("ASM-12", _payload({"detail": 'File "/srv/app.py", line 3'})),
    "test_unknown_paths_and_methods_are_refused_in_json": Broken(
        "ASM-13", lambda lab: lab.middleware.append(_pages_for_the_lost)
    ),
    "test_events_arrive_as_they_are_made": Broken("ASM-14", seams.change(_made_before), "sample"),
    "test_a_plain_completion_tells_its_model_as_well": Broken("ASM-15", _as_it_is, "sample"),
    "test_a_body_beyond_32_mib_is_413": Broken("ASM-16", seams.refused_with("oversize", 400)),
}


@contextmanager
def target(broken: Broken) -> Iterator[tuple[dict[str, str], list[str]]]:
    """The broken host: its credentials, and the arguments that lead to it."""
    if broken.mock is not None:
        with broken.mock(), running_mock() as mock:
            where = [f"--base-url={mock.base_url}", f"--control={mock.base_url}/__mock__"]
            yield dict(mock.credentials), where
    else:
        known = {**DEFAULTS, **dict(broken.credentials)}
        with running(prepare=broken.apply, credentials=known) as lab:
            yield known, [f"--base-url={lab.base_url}"]


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_fails_where_it_is_broken(check: str, tmp_path: Path) -> None:
    broken = CHECKS[check]
    with target(broken) as (known, where):
        options = [f"--spend={broken.spend}", f"--only={broken.requirement}", "--settle=1", "-v"]
        finished = command(*where, *options, directory=tmp_path, credentials=known)
    assert re.search(rf"::{check}(\[.*\])? (FAILED|XFAIL)", finished.out), finished.out[-2000:]


def test_every_check_of_what_only_advises_is_here() -> None:
    levels = {name: entry.level for name, entry in load_requirements().requirements.items()}
    advising = set()
    for file in (Path(lightning_verify.__file__).parent / "checks").glob("test_*.py"):
        for marks, name in re.findall(
            r"((?:^@.*\n|^[ )\]].*\n)+)^def (test_\w+)", file.read_text(), re.MULTILINE
        ):
            ids = set(re.findall(r'"((?:OBS|ASM)-\d+)"', marks))
            # What only another revision has is no check of this one.
            if any(levels.get(i, "documented") != "documented" for i in ids):
                advising.add(name)
    assert advising <= CHECKS.keys()
    assert len(advising) > 30
