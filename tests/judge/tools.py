"""The judge's own tools, made by hand for a test: a client with its budget, and a judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from contract_tests.target import Spend, Target
from contract_tests.transport.budget import Budget
from contract_tests.transport.client import Client, Timeouts
from contract_tests.weighing.evidence import Recorder
from contract_tests.weighing.judge import Judge
from contract_tests.weighing.redaction import Redactor
from spec.loader import load_spec


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
    base_url: str, books: Path, credentials: Mapping[str, str] | None = None, settle: float = 0.2
) -> Iterator[Judge]:
    """A judge of one test, with no cap."""
    target = Target(base_url, credentials or {})
    with client_of(base_url, books) as (client, _):
        recorder = Recorder(base_url, Redactor(target.credentials))
        yield Judge("test_it", target, load_spec(), client, recorder, Spend.EXHAUST, settle, {})
