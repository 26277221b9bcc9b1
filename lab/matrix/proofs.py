"""Whether a switch takes effect, so that the server can be told from the plain one."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from lab.client import Client
from lab.faults import FAULTS
from lab.hostile import HOSTS, LIFE
from lab.matrix import pairs
from lab.matrix.pairs import Pair
from lab.matrix.process_pool import Lost, in_processes
from lab.running import Handle, running
from lab.variants import VARIANTS

Kind = Literal["fault", "variant", "host", "pair"]
TIMEOUT = 120.0
SECONDS, BYTES = 1.5, 200_000
_CALLS = (
    ("GET", "/usage", ""),
    ("POST", "/gen/image", "{}"),
    ("POST", "/gen/image", '{"prompt": "a fox"}'),
    ("POST", "/gen/chat/completions", '{"messages": [{"role": "user", "content": "Hi"}], "stream": true}'),
    ("GET", "/usage", ""),
    *[("GET", "/status", "")] * LIFE,
)
_VOLATILE = re.compile(rb"date: [^\r]*|\d{4}-\d\d-\d\d[T ][\d:.]+|chatcmpl-\w+|\d{10}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Switch:
    """A fault, a variant or a host by name; a pair by both of its names."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether a switch takes effect; `why` says what prevented finding out."""

    switch: Switch
    proven: bool
    seconds: float = 0.0
    why: str = ""


def switches() -> list[Switch]:
    """All switches that there are."""
    return [
        *(Switch("fault", name) for name in FAULTS),
        *(Switch("variant", name) for name in VARIANTS),
        *(Switch("host", name) for name in HOSTS),
        *(of_pair(pair) for pair in pairs.all_pairs()),
    ]


def of_pair(pair: Pair) -> Switch:
    """The switch of a fault that only shows sometimes."""
    return Switch("pair", f"{pair.fault} {pair.trigger}")


def prove(switch: Switch) -> Proof:
    """Compare a server with this switch to one without."""
    started = time.monotonic()
    if switch.kind == "pair":
        proven = pairs.proven(Pair(*switch.name.split()))
    else:
        proven = _plain(switch) != _switched(switch)
    return Proof(switch, proven, round(time.monotonic() - started, 2))


def prove_all(wanted: Iterable[Switch], workers: int) -> Iterator[Proof]:
    """Prove these in parallel."""
    _seen_on_plain_host()
    for switch, result in in_processes(prove, wanted, workers, TIMEOUT):
        yield Proof(switch, False, why=result.why) if isinstance(result, Lost) else result


def _plain(switch: Switch) -> object:
    if switch.kind == "host":
        return _seen_on_plain_host()
    with running() as lab:
        return _observed(switch, lab)


def _switched(switch: Switch) -> object:
    if switch.kind == "host":
        with running(hostile=switch.name) as lab:
            return _seen(lab)
    fault = switch.name if switch.kind == "fault" else None
    with running(fault=fault, variants=[] if fault else [switch.name]) as lab:
        return _observed(switch, lab)


def _observed(switch: Switch, lab: Handle) -> object:
    client = Client(lab.base_url, lab.credentials)
    table = FAULTS if switch.kind == "fault" else VARIANTS
    return table[switch.name].prove(client)


@lru_cache(maxsize=1)
def _seen_on_plain_host() -> object:
    with running() as lab:
        return _seen(lab)


def _seen(lab: Handle) -> object:
    """What some thirty calls return, within bounds that no host can exceed, and what is charged."""
    answers = []
    for method, path, body in _CALLS:
        answers.append(_asked(lab, method, path, body))
        if answers[-1][2]:
            break  # No more than once is waited for a host that does not come to an end.
    return answers, lab.charged()


def _asked(lab: Handle, method: str, path: str, body: str) -> tuple[bytes, int, bool]:
    """(beginning, length, whether more could come) of the bytes of one answer."""
    address = urlsplit(lab.base_url)
    request = (
        f"{method} {path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\nX-Client-ID: ipc-0123456789abcdef\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    found, deadline = b"", time.monotonic() + SECONDS
    try:
        with socket.create_connection((address.hostname, address.port or 80), timeout=SECONDS) as connection:
            connection.sendall(request.encode())
            while len(found) < BYTES and time.monotonic() < deadline:
                piece = connection.recv(65_536)
                if not piece:
                    return _VOLATILE.sub(b"~", found)[:600], len(found), False
                found += piece
    except TimeoutError:
        pass
    except OSError:
        return b"broken", 0, False
    return found[:15], 0, True
