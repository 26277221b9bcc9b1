"""The host to judge, and what the run may do to it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from urllib.parse import urlsplit

LIVE = "https://sharktide-lightning.hf.space"


class Spend(IntEnum):
    """How much of a host's quota a run may use; the order is the order of generosity."""

    NONE = 0
    SAMPLE = 1
    EXHAUST = 2


@dataclass(frozen=True, slots=True)
class Target:
    """A host to be judged.

    `credentials` maps the environment names of `credentials.py` to their secrets. `control` is the base
    address of a control plane that can move time and fail upstreams, or None: only our mock has one.
    """

    base_url: str
    credentials: Mapping[str, str] = field(default_factory=dict)
    control: str | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine, where politeness (pacing) would only cost time."""
        host = (urlsplit(self.base_url).hostname or "").rstrip(".")
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    def may_be_asked_often(self, spend: Spend) -> bool:
        """Whether nobody else needs the host or the units of the accounts, so that much may be requested."""
        return self.is_loopback and spend is Spend.EXHAUST


def is_address(url: str) -> bool:
    """Whether a text is the base address of a host, without query, fragment or credentials."""
    try:
        parts = urlsplit(url)
        bare = not (parts.query or parts.fragment or parts.username or parts.password)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and bare
    except ValueError:  # A port that is no port.
        return False


def not_one_host(*, live: bool) -> str:
    """What is wrong when there is no host to judge, or, with the live one, another beside it."""
    hosts = "two hosts" if live else "nothing"
    return f"{hosts} to judge: give --base-url URL, or --live for the documented host"
