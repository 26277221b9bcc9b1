"""Before the first test: is anybody there, awake, and the API rather than a portal in front of it?"""

from __future__ import annotations

import time

from lightning_verify.requests.callers import anonymous
from lightning_verify.transport.client import Client, HostGone
from lightning_verify.transport.exchange import Exchange

DOORS = ("/status", "/tier-config", "/usage", "/models")


def preflight(client: Client, wake: float) -> str | None:
    """None when judging makes sense, else why not.

    A host that answers everything with 502 or 503 may be waking up: it is given `wake` seconds.
    """
    deadline = time.monotonic() + wake
    pause = 0.5
    while True:
        answers: list[Exchange] = []
        try:
            # One by one, so that those before the last one are kept.
            answers.extend(client.send("GET", path, anonymous()) for path in DOORS)
        except HostGone as gone:
            return f"the host does not answer: {answers[-1].problem}" if answers else str(gone)
        if not all(answer.status in {502, 503, 504} for answer in answers):
            return _sense(answers)
        if time.monotonic() + pause > deadline:
            return f"the host answered nothing but {answers[0].status} for {wake:g} s"
        time.sleep(pause)
        pause = min(pause * 1.5, 5.0)


def _sense(answers: list[Exchange]) -> str | None:
    if all(answer.problem for answer in answers):
        return f"the host does not answer: {answers[0].problem}"
    if all(answer.truncated for answer in answers):
        return "the host's answers do not end within the bounds that the judge reads to"
    statuses = {answer.status for answer in answers}
    if len(statuses) == 1:
        status = answers[0].status or 0
        # One that takes no JSON is awake, and HDR-1 has something to say to it.
        if status >= 400 and status != 406:
            return f"the host answers every request with {status}"
        if 300 <= status < 400:
            return "the host redirects every request"
    if all(answer.media_type == "text/html" for answer in answers):
        return "the host answers every request with an HTML page, as a portal or proxy does"
    if statuses != {406} and len({answer.body for answer in answers}) == 1:
        return "the host answers every request alike, so it is not the API that answers"
    return None
