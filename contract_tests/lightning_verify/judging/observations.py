"""What several tests look at, each from its own side, and a run asks for only once.

A paid call of each metered operation is made by a fresh free-tier caller between two looks at its counters:
one unit shows the answer's form, what it consumed, and whom. What costs nothing is shared as well, since a
host that is not ours gets two requests a second: one reader's documents, and one refusal of each kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from lightning_verify.facts import METRIC_OF, SPEC
from lightning_verify.judging.assets import revealed_assets
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.outcomes import NotRun
from lightning_verify.judging.usage import Observation, observe
from lightning_verify.reading.json_text import parsed
from lightning_verify.reading.sse import Transcript, transcribe
from lightning_verify.requests import callers
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.credentials import BAD, invalid_bearers
from lightning_verify.requests.invalid import NOTHING_ASKED
from lightning_verify.requests.prompts import AFTER_CODE, CODE, COMPLEX, IMAGE, INSTRUCTED, SIMPLE
from lightning_verify.requests.refusals import TOO_LARGE
from lightning_verify.requests.valid import (
    BEYOND_REASON,
    CALLS,
    NO_ASSETS,
    OVERSIZED,
    POSTS,
    PROMPT,
    Call,
    oversized,
    picture_base64,
    picture_data_uri,
    say,
)
from lightning_verify.target import Spend
from lightning_verify.transport.client import BudgetExhausted, Lane
from lightning_verify.transport.exchange import Exchange

CHAT = "/gen/chat/completions"
ANALYZE = "/gen/prompt_analyze"
# Enough to meet what is wrong once in ten times, nineteen times of twenty.
OFTEN = 29
# With so many examples, every kind of bad bearer meets every operation.
THOROUGH = 10


def enough(examples: int, few: int) -> int:
    """How many wrong values of one field are tried: `few` with few examples; with many, enough to meet what
    is let through once in ten times, together with the values that every kind of caller sends."""
    return max(few, examples + 1) if examples >= THOROUGH else few


# --- what is served -------------------------------------------------------------------------------------

STREAM = Call("createChatCompletion", "POST", CHAT, say("Say hello in one short sentence.", stream=True))


def operation_observed(judge: Judge, operation: str) -> Observation:
    """The observation of a plain call of `operation`, made on first use."""
    return call_observed(judge, CALLS[operation])


def answer_to(judge: Judge, call: Call) -> Exchange:
    """The answer to a call in any form, for whoever looks at nothing else: that of an account where the free
    tier has no unit for it."""
    metric = METRIC_OF[call.operation]
    if judge.payers.stand_in(metric) is None:
        return call_observed(judge, call).call
    return judge.once(f"answer to {call}", lambda: judge.ask(call, judge.newcomer(call.operation)))


def call_observed(judge: Judge, call: Call) -> Observation:
    """The observation of a call in any form, made on first use."""
    return judge.once(f"call of {call}", lambda: _make(judge, call))


def transcript_of(
    judge: Judge,
    requirement: str,
    exchange: Exchange,
    failed: Callable[[str, str, Exchange], Exception] | None = None,
) -> Transcript:
    """The transcript of a served stream. Raises Undecided for plain JSON, which is CHAT-4's matter, and where
    the host failed in mid-stream, unless `failed` makes more of it."""
    if exchange.media_type == "application/json":
        raise judge.undecided(requirement, "plain JSON came instead of a stream (see CHAT-4)", exchange)
    transcript = transcribe(exchange.body)
    if transcript.upstream_error:
        message = f"the host failed in mid-stream: {transcript.upstream_error}"
        raise (failed or judge.undecided)(requirement, message, exchange)
    return transcript


def _make(judge: Judge, call: Call) -> Observation:
    caller = callers.anonymous()
    metric = judge.spec.operations[call.operation].metric
    assert metric is not None, f"{call.operation} is not metered"
    return observe(judge, caller, metric, lambda: judge.ask(call, caller))


# --- options that several checks look at: what is tried, and the names of the observations ----------------

CHOICES = ("auto", "required")
"""Choices of tools."""
DURATION_ENDS = (SPEC.duration.minimum, SPEC.duration.maximum)
DURATIONS = (*DURATION_ENDS, 0, -5, 11, 2**31)
"""Seconds of a video: the ends of the range, and what is brought into it, one beyond 32 bits too."""
QUERIES: tuple[Mapping[str, Any], ...] = (
    {"ratio": "2:3", "mode": "fun", "duration": 99},
    {"ratio": "3:2", "mode": "normal"},
    {"ratio": "1:1"},
)
"""Few calls of a video that have every option and value between them."""


def with_tools(choice: Any, *, stream: bool = False) -> str:
    """The name of a chat with tools."""
    return f"tools {choice}{', streamed' if stream else ''}"


def video_of(seconds: int) -> str:
    """The name of a video of that duration."""
    return f"video of {seconds} s"


def video_queried(turn: int) -> str:
    """The name of the video with one of `QUERIES`."""
    return f"video queried {turn}"


def inputs_to(path: str) -> str:
    """The name of a call with pictures as inputs."""
    return f"inputs to {path}"


TRIES = 3


def retried(send: Callable[[], Exchange]) -> Exchange:
    """The answer to a request that is sent again, a few times, while it fails."""
    for _ in range(TRIES - 1):
        exchange = send()
        if (exchange.status or 0) < 500:
            return exchange
    return send()


def with_pictures(judge: Judge, path: str) -> Exchange:
    """The answer to a call with two pictures in base64 as inputs."""
    body = {"prompt": PROMPT, "image_urls": [picture_base64(), picture_data_uri()]}
    return judge.once(inputs_to(path), lambda: retried(lambda: judge.post(path, body)))


def is_gone(asset: Exchange) -> bool:
    """Whether a stored input is not there, or cannot be read."""
    return asset.status in {404, 410, 500}


def loses_inputs_of_images(judge: Judge) -> bool:
    """Whether the inputs of an image are not there either. Where nothing may be spent to know, they are."""

    def look() -> bool:
        try:
            stored = revealed_assets(with_pictures(judge, CALLS["createImage"].path))
        except BudgetExhausted:
            return False
        return any(is_gone(judge.get(asset.path)) for asset in stored if not asset.guessed)

    return judge.once("inputs of images are lost", look)


# --- what anybody may read, and what an account is shown ------------------------------------------------

CATALOGUE, TIERS, MODELS, STATUS = "/tier-config", "/tiers", "/models", "/status"
USAGE, SUBSCRIPTION = "/usage", "/subscription"
NO_ASSET = NO_ASSETS[0]
READABLE = (USAGE, CATALOGUE, TIERS, MODELS, STATUS, SUBSCRIPTION, NO_ASSET)
CAPABILITIES = ("image", "video", "sfx", "text")


def shown(judge: Judge, path: str, credential: str | None = None) -> Exchange:
    """The document at `path`, as shown to anybody, or to the account of a credential."""
    if credential is not None:
        caller = judge.credential(credential)
        return judge.once(shown_to(credential, path), lambda: judge.get(path, caller))
    caller, usage = judge.reader()
    return usage if path == USAGE else judge.once(path, lambda: judge.get(path, caller))


def name_two_emails(judge: Judge, *credentials: str) -> bool:
    """Whether the accounts of these credentials name different emails, as far as they name any: the host's
    mistake, or that of whoever gave credentials of two accounts."""
    documents = [parsed(shown(judge, SUBSCRIPTION, name).text) for name in credentials]
    return len({str(one["email"]) for one in documents if isinstance(one, dict) and one.get("email")}) > 1


def shown_to(credential: str | None, path: str) -> str:
    """The name of that observation."""
    return path if credential is None else f"{path} as {credential}"


def capability_check(judge: Judge, capability: str) -> Exchange:
    """The answer to HEAD for one capability."""
    caller, _ = judge.reader()
    path = f"/status/{capability}"
    return judge.once(path, lambda: judge.client.send("HEAD", path, caller))


# --- what is refused ------------------------------------------------------------------------------------

NOTHING, BROKEN, BAD_BEARER, WRONG = "nothing asked", "broken JSON", "a bad bearer", "a wrong option"
# Wrong in one optional field that the document names for the operation, of a kind that no host can take for a
# right one.
WRONG_OPTION: dict[str, dict[str, Any]] = {
    "createChatCompletion": {"tools": "a hammer"},
    "createImage": {"image_urls": {"first": 1}},
    "createVideo": {"duration": "long"},
}
NOT_A_TOKEN = "not-a-token-whatsoever"


# The operations that throwaway callers are refused, and whose counters are looked at after that.
REFUSED = tuple(dict.fromkeys((*POSTS, *METRIC_OF)))


def refusals_of(operation: str) -> list[str]:
    """The kinds of refusals of an operation. A GET whose prompt is in its path is mostly a valid one, and is
    refused by who asks."""
    if CALLS[operation].method == "GET":
        return [BAD_BEARER]
    return [NOTHING, BROKEN, TOO_LARGE, BAD_BEARER, *[WRONG] * (operation in WRONG_OPTION)]


def refusals_made(judge: Judge, operation: str) -> list[str]:
    """Those of them that this host can be asked for: not every one refuses a prompt for its size, and it may
    cost a unit to know."""
    kinds = refusals_of(operation)
    if TOO_LARGE in kinds:
        try:
            refused_size(judge, operation)
        except NotRun:
            kinds.remove(TOO_LARGE)
    return kinds


def refusal(operation: str, kind: str) -> str:
    """The name of one refusal of an operation."""
    return f"{operation}: {kind}"


def refused_caller(judge: Judge, metric: str | None) -> tuple[Caller, Exchange | None]:
    """The throwaway caller who is refused all calls of a metric, and its counters before that."""

    def begin() -> tuple[Caller, Exchange | None]:
        caller = judge.caller()
        return caller, judge.get(USAGE, caller) if metric else None

    return judge.once(refused_calls(metric), begin)


def refused_calls(metric: str | None) -> str:
    """The name of the observation of that caller."""
    return f"refused calls of {metric}"


def refused_call(judge: Judge, operation: str, kind: str) -> Exchange:
    """The answer to a call that has to be refused, made on first use."""
    caller, _ = refused_caller(judge, METRIC_OF.get(operation))
    return judge.once(refusal(operation, kind), lambda: _ask_for_refusal(judge, operation, kind, caller))


def _ask_for_refusal(judge: Judge, operation: str, kind: str, caller: Caller) -> Exchange:
    call = CALLS[operation]
    if kind == BROKEN:
        return judge.client.send("POST", call.path, caller, body=b"{broken", lane="free")
    body: Any = NOTHING_ASKED
    if kind == TOO_LARGE:
        body = oversized(operation, refused_size(judge, operation))
    elif kind == WRONG:
        body = {**(call.body or {}), **WRONG_OPTION[operation]}
    elif kind == BAD_BEARER:
        body = call.body
        caller = judge.forged("garbled", NOT_A_TOKEN).also(**dict(caller.headers))
        caller = caller.also(Authorization=f"Bearer {NOT_A_TOKEN}")
        if call.method == "GET":
            return judge.get(call.path, caller, lane="free")
    return judge.post(call.path, body, caller, lane="free")


def _sizes_looked_at(judge: Judge, operation: str) -> tuple[int, Exchange]:
    """The largest prompt that was sent to find one that is refused, in characters, and its answer."""

    def ask(size: int, lane: Lane) -> Exchange:
        # As nobody else: who is refused everything must not be served this.
        return judge.post(CALLS[operation].path, oversized(operation, size), lane=lane)

    def look() -> tuple[int, Exchange]:
        size = OVERSIZED[0]
        exchange = ask(size, "free")
        for more in (OVERSIZED[1], *[BEYOND_REASON] * judge.target.is_loopback):
            failed = size == OVERSIZED[0] and (exchange.status or 0) >= 500
            if exchange.served or failed:
                with judge.client.second_look():
                    size, exchange = more, ask(more, "paid")
        return size, exchange

    return judge.once(f"{operation}: how much is too large", look)


def refused_size(judge: Judge, operation: str) -> int:
    """How many characters a caller of our own is refused: as few as are seen to be refused, since millions
    take long to send. Raises NotRun where the host takes everything, and where nothing may be spent to know:
    a host may be configured to serve it, and then charges for it."""
    size = _refused_size(judge, operation)
    if size is None:
        raise NotRun("needs a host that refuses some size (see FAIL-2)")
    return size


def size_to_refuse(judge: Judge, operation: str) -> int:
    """The same where a host has to refuse some size. One that takes everything breaks FAIL-2, or leaves it
    undecided."""
    size = _refused_size(judge, operation)
    if size is None:
        raise _takes_everything(judge, operation)
    return size


def _refused_size(judge: Judge, operation: str) -> int | None:
    if judge.spend is Spend.NONE and operation in METRIC_OF:
        # A host of one's own that measures what is free serves nowhere what is beyond reason.
        _, analysis = _sizes_looked_at(judge, "analyzePrompt")
        if judge.target.is_loopback and analysis.status == 413:
            return BEYOND_REASON
        raise NotRun("needs --spend sample: a host may be configured to serve so long a prompt")
    size, exchange = _sizes_looked_at(judge, operation)
    return None if exchange.served else size


def _takes_everything(judge: Judge, operation: str) -> Exception:
    """What is to be said of a host that refuses no size: the document leaves the sizes to configuration, so
    that only what is beyond reason counts against it."""
    size, exchange = _sizes_looked_at(judge, operation)
    message = f"{exchange.title}: a prompt of {size:,} characters"
    if size == BEYOND_REASON:
        return judge.violation("FAIL-2", f"{message} must be 413, but was served", exchange)
    return judge.undecided("FAIL-2", f"{message} was served; the limit may be larger", exchange)


def nothing_asked_by(judge: Judge, operation: str, credential: str) -> Exchange:
    """The answer to an invalid payload with a good credential: only a caller that is let in gets that far."""
    caller = judge.credential(credential)
    return judge.once(
        asked_by(credential, operation),
        lambda: judge.post(CALLS[operation].path, NOTHING_ASKED, caller, lane="free"),
    )


def asked_by(credential: str, operation: str) -> str:
    """The name of that observation."""
    return f"{operation}: nothing asked by {credential}"


FAMILIES_OF_BEARERS = 2


def bad_bearers(judge: Judge, operation: str) -> dict[str, str]:
    """Bearers that no host may accept, by kind. With few examples, each operation gets one that looks like a
    token and one that does not, and each kind is tried on one operation by POST and on one by GET."""
    every = judge.once("bad bearers", lambda: invalid_bearers(judge.target.credentials))
    if judge.examples >= THOROUGH:
        return every
    alike = [name for name, call in CALLS.items() if call.method == CALLS[operation].method]
    turn = alike.index(operation)
    families = [[kind for kind in every if (every[kind].count(".") == 2) is token] for token in (True, False)]
    return {kinds[turn % len(kinds)]: every[kinds[turn % len(kinds)]] for kinds in families if kinds}


def with_bad_bearer(judge: Judge, operation: str, kind: str, token: str) -> Exchange:
    """The answer to a valid call with a bearer that the judge has made, requested once."""
    call, caller = CALLS[operation], judge.forged(kind, token)
    return judge.once(
        f"{operation} with {kind}",
        lambda: judge.ask(call, caller, lane="free", follow=True),
    )


def with_bad_credential(judge: Judge, operation: str, credential: str) -> Exchange:
    """The answer to a valid call with a credential that was good once, requested once: every other time
    beside a client id, as the desktop application sends it."""
    return judge.once(
        used_on(operation, credential),
        lambda: ask_with_bad(
            judge, operation, credential, beside=_comes_beside_a_client_id(operation, credential)
        ),
    )


def otherwise_with_bad_credential(judge: Judge, operation: str, credential: str) -> Exchange:
    """The same without a client id, where the other answer was to one beside it, and the other way round."""
    beside = not _comes_beside_a_client_id(operation, credential)
    return ask_with_bad(judge, operation, credential, beside=beside)


def ask_with_bad(judge: Judge, operation: str, credential: str, *, beside: bool) -> Exchange:
    """The answer to a valid call with a credential that was good once, be it beside a client id."""
    caller = judge.credential(credential)
    if beside:
        caller = caller.beside_a_client_id()
    return judge.ask(CALLS[operation], caller, lane="free", follow=True)


def _comes_beside_a_client_id(operation: str, credential: str) -> bool:
    # Calls that are paid alike are compared with each other.
    alike = list(dict.fromkeys(METRIC_OF.get(name, name) for name in CALLS))
    turn = alike.index(METRIC_OF.get(operation, operation)) + BAD.index(credential)
    return turn % 2 == 0


def used_on(operation: str, credential: str) -> str:
    """The name of that observation."""
    return f"{operation} with {credential}"


def bearers_tried_on(operation: str) -> str:
    """The name of the observations of one operation with each of its bad bearers."""
    return f"{operation} with bad bearers"


# --- what a generator thinks of -------------------------------------------------------------------------


def generated(operation: str) -> str:
    """The name of the observation of its generated valid requests."""
    return f"generated {operation}"


# --- what is analysed ------------------------------------------------------------------------------------

# Prompts whose analysis several tests look at.
ANALYSED = {
    "hi": SIMPLE[0],
    "simple": SIMPLE[1],
    "complex": COMPLEX[0],
    "code": CODE[0],
    "image": IMAGE[1],
    "conversation": AFTER_CODE,
    "instructions": INSTRUCTED,
}
# More analyses of the second of these, by callers who have not asked for it: a host may draw one of several
# models.
PLAIN_ONES, MORE_PLAIN_ONES = 2, "more analyses of simple"


def prompt_label(messages: Any) -> str:
    """The name of a prompt that several tests share; others by their own words."""
    return next((name for name, known in ANALYSED.items() if known == messages), json.dumps(messages))
