"""The host's side of the bill: what it says that our own callers have used."""

from __future__ import annotations

import time
from collections import Counter
from itertools import islice

from lightning_verify.judging.ledger import Ledger
from lightning_verify.judging.observations import USAGE
from lightning_verify.judging.snapshot import Unreadable, parse_usage
from lightning_verify.transport.client import Client, HostGone

# The most callers that seem to owe something whose counters are read again at the end.
_OWING = 20
_A_MOMENT = 0.01


def observed_units(client: Client, jobs: int) -> dict[str, int] | None:
    """Units used, by metric, by the callers that only we can spend as; None when the host does not say.

    It reads every caller that was served, and one that was refused for each operation, but no shared account:
    others may spend there, and what they spend is not ours to explain.
    """
    counted: Counter[str] = Counter()
    callers = {caller.key: caller for caller in client.refused.values()} | client.spenders
    looks = [("GET", USAGE, caller, None) for caller in callers.values()]
    try:
        for begin in range(0, len(looks), jobs):
            for exchange in client.send_together(looks[begin : begin + jobs], retry=True, follow=True):
                counted.update(parse_usage(exchange).used)
    except (Unreadable, HostGone):
        return None
    return dict(counted)


def reread_lagging_counters(client: Client, ledger: Ledger) -> None:
    """Read once more the counters of callers that seem to owe something, once they cannot lag any longer."""
    try:
        for caller, moment in islice(ledger.owing(), _OWING):
            time.sleep(max(0.0, moment - time.monotonic()) + _A_MOMENT)
            client.send("GET", "/usage", caller, follow=True)
    except HostGone:
        return
