"""Before the first test: does the host answer, is it awake, and is it the API rather than a portal in front
of it?"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from lightning_verify.judging.admission import is_let_in
from lightning_verify.judging.observations import shown_to
from lightning_verify.reading.tokens import has_expired
from lightning_verify.requests.callers import anonymous
from lightning_verify.requests.credentials import GOOD
from lightning_verify.transport.causes import SILENCE
from lightning_verify.transport.client import Client, HostGone
from lightning_verify.transport.exchange import Exchange

PROBED_PATHS = ("/status", "/tier-config", "/usage", "/models")
AT_THE_DOOR = "a look at the credentials"
"""What a finding about a credential gives in place of a test's name."""
# Seconds between two looks whether something listens.
_LISTENS_SOON = 0.2


def wait_until_it_listens(base_url: str, seconds: float, say: Callable[[str], None]) -> None:
    """Wait for a host that is only being started: one whose name is not known yet, or which refuses
    connections. Gives up after `seconds`, and leaves it to the first request to say why."""
    address = urlsplit(base_url)
    port = address.port or {"http": 80, "https": 443}[address.scheme]
    deadline = time.monotonic() + seconds
    told = False
    while (left := deadline - time.monotonic()) > 0:
        try:
            socket.create_connection((address.hostname, port), timeout=left).close()
        except OSError as problem:
            if not told:
                why = problem.strerror or problem
                say(f"nothing listens at {base_url} yet ({why}): waiting up to {seconds:g} s")
                told = True
            time.sleep(min(_LISTENS_SOON, left))
        else:
            return


def preflight(client: Client, wake: float) -> str | None:
    """None when judging makes sense, otherwise why not. A host that answers everything with 502 or 503 may be
    waking up: it is given `wake` seconds."""
    deadline = time.monotonic() + wake
    pause = 0.5
    while True:
        answers: list[Exchange] = []
        try:
            # One by one, so that those before the last one are kept.
            answers.extend(client.send("GET", path, anonymous(), follow=True) for path in PROBED_PATHS)
        except HostGone as gone:
            return _silent(answers, client.base_url) if answers else str(gone)
        if not all(answer.status in {502, 503, 504} for answer in answers):
            return _moved(answers, client.base_url) or _sense(answers, client.base_url)
        if time.monotonic() + pause > deadline:
            return f"the host answered only {answers[0].status} for {wake:g} s"
        time.sleep(pause)
        pause = min(pause * 1.5, 5.0)


def _silent(answers: list[Exchange], base_url: str) -> str:
    problem = answers[-1].problem
    return f"the host does not answer: {problem}{_hint(base_url, None) if problem == SILENCE else ''}"


def _hint(base_url: str, status: int | None) -> str:
    """What may be wrong with the address of a host that gives no answer, or this one to everything."""
    path = urlsplit(base_url).path
    if status == 404 and path:
        return f"; is the path {path} of --base-url right?"
    # Some that want TLS hang up on plain HTTP, and others answer it with 400.
    return "; is it https://?" if status in (None, 400) and base_url.startswith("http:") else ""


def _moved(answers: list[Exchange], base_url: str) -> str | None:
    """Why not, where everything is below another path, and the plain one leads there."""
    prefixes = {
        answer.path.removesuffix(path) if answer.path.endswith(path) else ""
        for answer, path in zip(answers, PROBED_PATHS, strict=True)
    }
    if len(prefixes) > 1 or not (prefix := prefixes.pop()):
        return None
    return f"the host redirects every request to {prefix}: is --base-url {base_url}{prefix} meant?"


def _sense(answers: list[Exchange], base_url: str) -> str | None:
    if all(answer.problem for answer in answers):
        return _silent(answers, base_url)
    if all(answer.truncated or answer.problem for answer in answers):
        return "the host's answers do not end within the bounds that the judge reads to"
    statuses = {answer.status for answer in answers}
    if len(statuses) == 1:
        status = answers[0].status or 0
        # One that takes no JSON is awake, and HDR-1 has something to say to it.
        if status >= 400 and status != 406:
            return f"the host answers every request with {status}{_hint(base_url, status)}"
        if 300 <= status < 400:
            where = answers[0].header("location")
            return f"the host redirects every request, the first to {where}: is that the host to judge?"
    if all(answer.media_type == "text/html" for answer in answers):
        return "the host answers every request with an HTML page, as a portal or proxy does"
    if statuses != {406} and len({answer.body for answer in answers}) == 1:
        return "the host answers every request alike, so it is not the API"
    return None


def refused_everywhere(
    client: Client, credentials: Mapping[str, str], observations: dict[str, Any]
) -> dict[str, str]:
    """Why good credentials cannot be used, by name: those that are let in nowhere. They may belong to another
    host, or be revoked, which is not the host's fault; one that has expired is not tried. What they are shown
    meanwhile is kept among the `observations`, and need not be requested again."""
    refused = dict[str, str]()
    for name in GOOD:
        if name not in credentials or has_expired(credentials[name]):
            continue

        def keep(path: str, answer: Exchange, name: str = name) -> None:
            observations[shown_to(name, path)] = answer

        try:
            shut_out = not is_let_in(client, name, credentials[name], keep)
        except HostGone:
            break
        if shut_out:
            refused[name] = f"{name} is refused everywhere: is it valid, and for this host?"
    return refused
