"""What a test needs of the judge, made by hand: a client with its budget, a judge, and a usage document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lightning_spec.loader import load_spec
from lightning_verify.facts import PUBLISHED_LIMITS
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.learned import Learned
from lightning_verify.judging.redaction import Redactor
from lightning_verify.target import Spend, Target
from lightning_verify.transport.budget import Budget
from lightning_verify.transport.client import Client, Timeouts


@contextmanager
def client_of(
    base_url: str,
    books: Path,
    caps: Mapping[str, int] | None = None,
    *,
    timeouts: Timeouts | None = None,
    rate: float | None = None,
) -> Iterator[tuple[Client, Budget]]:
    """A client and its budget; `books` is a directory that several of them may share."""
    budget = Budget(books / "budget.json", caps or {})
    client = Client(base_url, load_spec(), budget, timeouts=timeouts, rate=rate)
    try:
        yield client, budget
    finally:
        client.close()


@contextmanager
def judge_of(
    base_url: str,
    books: Path,
    credentials: Mapping[str, str] | None = None,
    settle: float = 0.2,
    caps: Mapping[str, int] | None = None,
) -> Iterator[Judge]:
    """A judge of one test, with no cap unless some are given."""
    target = Target(base_url, credentials or {})
    with client_of(base_url, books, caps) as (client, _):
        recorder = Recorder(base_url, Redactor(target.credentials))
        yield Judge(
            test="test_it",
            target=target,
            spec=load_spec(),
            client=client,
            recorder=recorder,
            spend=Spend.EXHAUST,
            settle=settle,
            learned=Learned(),
            examples=12,
            seed=0,
        )


def usage(counters: Mapping[str, int]) -> dict[str, Any]:
    """A usage document of the free plan."""
    rows = {
        metric: {
            "limit": PUBLISHED_LIMITS[metric],
            "used": used,
            "remaining": max(0, PUBLISHED_LIMITS[metric] - used),
            "window": "now",
            "period": "weekly" if metric == "audioWeekly" else "daily",
        }
        for metric, used in counters.items()
    }
    now = datetime.now(UTC).isoformat()
    return {"plan_key": "free", "plan_name": "Free", "generated_at": now, "usage": rows}
