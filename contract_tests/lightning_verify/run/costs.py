"""The cost of tests, and of observations that several tests share: requests, and units at worst."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field

from lightning_verify.facts import FREE, METRIC_OF, PUBLISHED_LIMITS, SPEC
from lightning_verify.judging.observations import (
    ANALYSED,
    CAPABILITIES,
    CHOICES,
    DURATIONS,
    FAMILIES_OF_BEARERS,
    MORE_PLAIN_ONES,
    OFTEN,
    PLAIN_ONES,
    QUERIES,
    READABLE,
    REFUSED,
    SUBSCRIPTION,
    THOROUGH,
    USAGE,
    asked_by,
    bearers_tried_on,
    generated,
    inputs_to,
    refusal,
    refusals_of,
    refused_calls,
    shown_to,
    used_on,
    video_of,
    video_queried,
    with_tools,
)
from lightning_verify.requests.credentials import (
    API_KEY,
    BAD,
    FREE_JWT,
    GOOD,
    JWT,
    foreign_token,
    invalid_bearers,
    unknown_key,
)
from lightning_verify.requests.generated import CASES
from lightning_verify.requests.refusals import TOO_LARGE
from lightning_verify.requests.valid import CALLS, POSTS
from lightning_verify.target import Spend


@dataclass(frozen=True, slots=True)
class Means:
    """What the number of requests depends on: what may be spent, how many examples each property gets, and
    which credentials there are."""

    spend: Spend
    examples: int
    credentials: Set[str] = frozenset()


# How many requests a conforming host is sent.
Requests = int | Callable[[Means], int]


def request_count(requests: Requests, means: Means) -> int:
    """The number of requests under these conditions."""
    return requests if isinstance(requests, int) else requests(means)


@dataclass(frozen=True, slots=True)
class Cost:
    """What an observation costs: requests, and units by metric at worst."""

    requests: Requests = 1
    units: Mapping[str, int] = field(default_factory=dict)


def _kinds_of_bad_bearers(means: Means) -> int:
    # As many as are made of credentials of the same kinds.
    kinds = {JWT: foreign_token, FREE_JWT: foreign_token, API_KEY: unknown_key}
    alike = {name: make() for name, make in kinds.items() if name in means.credentials}
    return len(invalid_bearers(alike)) if means.examples >= THOROUGH else FAMILIES_OF_BEARERS


def where_thorough(means: Means) -> int:
    """One request where every combination is tried."""
    return int(means.examples >= THOROUGH)


def _asking_to_be_refused(operation: str, kind: str) -> Requests:
    if operation in POSTS and kind == TOO_LARGE:
        # The size that is refused is looked for first.
        return 2
    return 1 if operation in POSTS else where_thorough


def _cases(operation: str) -> int:
    """How many cases are generated: just one for an operation without arguments."""
    taken = SPEC.operations[operation]
    return CASES if taken.parameters or taken.body_pointer else 1


# The cost of each shared observation, by its name in `judges(shares=...)`.
COST_OF: dict[str, Cost] = {
    **{operation: Cost(3, {metric: 1}) for operation, metric in METRIC_OF.items()},
    "stream": Cost(3, {"cloudChatDaily": 1}),
    "long stream": Cost(1, {"cloudChatDaily": 1}),
    # Up to the limit, often beyond it by every road, and the counters around it.
    **{
        f"limit of {metric}": Cost(limit + OFTEN + 4, {metric: limit})
        for metric, limit in PUBLISHED_LIMITS.items()
    },
    **{path: Cost() for path in READABLE},
    "root": Cost(),
    **{f"/status/{capability}": Cost() for capability in CAPABILITIES},
    **{shown_to(name, path): Cost() for name in GOOD for path in (USAGE, SUBSCRIPTION)},
    **{
        refusal(operation, kind): Cost(
            _asking_to_be_refused(operation, kind),
            # A host that serves so much is asked for more.
            {METRIC_OF[operation]: 1} if kind == TOO_LARGE and operation in METRIC_OF else {},
        )
        for operation in REFUSED
        for kind in refusals_of(operation)
    },
    **{refused_calls(metric): Cost() for metric in PUBLISHED_LIMITS},
    **{asked_by(name, operation): Cost() for operation in POSTS for name in (JWT, API_KEY)},
    **{bearers_tried_on(operation): Cost(_kinds_of_bad_bearers) for operation in CALLS},
    **{used_on(operation, name): Cost() for operation in CALLS for name in BAD},
    **{f"analysis of {prompt}": Cost() for prompt in ANALYSED},
    MORE_PLAIN_ONES: Cost(PLAIN_ONES),
    **{f"stream of {prompt}": Cost() for prompt in ANALYSED},
    **{with_tools(choice, stream=stream): Cost() for choice in CHOICES for stream in (False, True)},
    **{inputs_to(path): Cost() for path in ("/gen/image", "/gen/video")},
    **{video_of(seconds): Cost() for seconds in DURATIONS},
    **{video_queried(turn): Cost() for turn, _ in enumerate(QUERIES)},
    **{generated(operation): Cost(_cases(operation)) for operation in (*FREE, "createChatCompletion")},
}
