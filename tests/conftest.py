"""What all tests share: how Hypothesis looks at time, and a mock."""

from __future__ import annotations

import inspect
import signal
import ssl
from collections.abc import Iterator
from typing import Any

import httpx2
import hypothesis
import pytest
import requests
from lightning_mock.background import RunningMock, running

# How long an example takes says something about the machine, and nothing about what is tested.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

# Nor do the five seconds after which a client of the tests would give up; all share one default.
inspect.signature(httpx2.Client).parameters["timeout"].default.read = 60

# A shell lets what it starts in the background ignore Ctrl-C, and so would every command the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


_DEFAULTS = ssl.get_default_verify_paths()
_FILES = {None, requests.utils.DEFAULT_CA_BUNDLE_PATH, _DEFAULTS.cafile, _DEFAULTS.openssl_cafile}
_FOLDERS = {None, _DEFAULTS.capath, _DEFAULTS.openssl_capath}


@pytest.fixture(scope="session", autouse=True)
def _no_authorities() -> Iterator[None]:
    """Leave the machine's certificate authorities unread: loopback needs none, and HTTP clients would read
    all of them anew, each for longer than most tests take."""
    load = ssl.SSLContext.load_verify_locations

    def load_own(context: ssl.SSLContext, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        if cadata is not None or cafile not in _FILES or capath not in _FOLDERS:
            load(context, cafile, capath, cadata)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl.SSLContext, "load_verify_locations", load_own)
        yield


@pytest.fixture(scope="session")
def mock() -> Iterator[RunningMock]:
    """The mock that the tests of mock, control plane and clients share, in its natural state; they keep to
    callers of their own."""
    with running() as started:
        yield started
