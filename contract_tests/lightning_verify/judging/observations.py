"""One paid call of each metered operation, shared by all tests that look at it from different sides.

Each is made by a fresh free-tier caller between two looks at its counters: one unit shows the answer's
form, what it consumed, and whom.
"""

from __future__ import annotations

from lightning_verify.facts import METRIC_OF, PUBLISHED_LIMITS
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.usage import Observation, observe
from lightning_verify.requests import callers
from lightning_verify.requests.valid import CALLS, Call, say

CHAT = "/gen/chat/completions"
# Worst-case units of each shared observation, by its name in `judges(shares=...)`.
COST: dict[str, dict[str, int]] = {
    **{operation: {metric: 1} for operation, metric in METRIC_OF.items()},
    "stream": {"cloudChatDaily": 1},
    "long stream": {"cloudChatDaily": 1},
    **{f"limit of {metric}": {metric: limit} for metric, limit in PUBLISHED_LIMITS.items()},
}

STREAM = Call("createChatCompletion", "POST", CHAT, say("Say hello in one short sentence.", stream=True))


def operation_observed(judge: Judge, operation: str) -> Observation:
    """The observation of a plain call of `operation`, made on first use."""
    return judge.once(f"call of {operation}", lambda: _make(judge, CALLS[operation]))


def stream_observed(judge: Judge) -> Observation:
    """The observation of a streamed chat, made on first use."""
    return judge.once("streamed chat", lambda: _make(judge, STREAM))


def _make(judge: Judge, call: Call) -> Observation:
    caller = callers.anonymous()
    metric = judge.spec.operations[call.operation].metric
    assert metric is not None, f"{call.operation} is not metered"
    return observe(
        judge, caller, metric, lambda: judge.client.send(call.method, call.path, caller, json_body=call.body)
    )
