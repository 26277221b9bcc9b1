"""Where mock and judge meet: without `--base-url` the judge gets a mock of our own, on a free port."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest
from lightning_mock.background import running
from lightning_verify.facts import REVISION
from lightning_verify.target import Target

pytest_plugins = ["lightning_verify.run.plugin"]

TESTS = Path(__file__).parent / "tests"
TEST_TIMEOUT = 300


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Stop a test that hangs where pytest-timeout is installed; judging does without it, so it is not in the
    configuration file, which pytest would refuse then."""
    if getattr(config.option, "timeout", 0) is None:
        config.option.timeout = TEST_TIMEOUT


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while tests are collected, nor look for any in them afterwards: a mock that gives
    its memory back would have all of it looked through each time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_lightning_target(config: pytest.Config) -> Target:
    """A mock of the revision to judge by, with every credential and its control plane."""
    stack = ExitStack()
    mock = stack.enter_context(running(revision=REVISION))
    config.add_cleanup(stack.close)
    return Target(mock.base_url, mock.credentials, control=f"{mock.base_url}/__mock__")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With a host to judge, the tests of our own code are left out."""
    judging = config.option.lightning_live or getattr(config.option, "base_url", None)
    return True if judging and collection_path == TESTS else None
