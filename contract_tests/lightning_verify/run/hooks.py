"""The hook through which a project offers a target when no `--base-url` is given."""

from __future__ import annotations

import pytest

from lightning_verify.target import Target


@pytest.hookspec(firstresult=True)
def pytest_lightning_target(config: pytest.Config) -> Target | None:
    """Start something to judge and return it; end it with `config.add_cleanup`."""
