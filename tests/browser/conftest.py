"""A real browser on the control page of a mock of its own.

Law: whatever a test is about, the page must have asked nobody but the mock, and must have had no error of
its own; that is checked when the test is over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from lightning_mock.background import RunningMock, running
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect, sync_playwright

from tests.support import node
from tests.support.guard import HANGS

CHROMIUM = Path(os.environ.get("LIGHTNING_CHROMIUM", "/usr/bin/chromium"))
SIZE: ViewportSize = {"width": 1360, "height": 1000}
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# A busy machine may take longer than the five seconds that playwright waits for what it expects.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}; install chromium or set LIGHTNING_CHROMIUM")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Page], list[str]]:
    """What axe-core finds wrong with a page as it stands."""
    workplace = node.install(Path(__file__).parent / "axe", tmp_path_factory.mktemp("axe"))
    source = (workplace / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")

    def violations(page: Page) -> list[str]:
        page.evaluate(source)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    return violations


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    # Slow enough that a stream can be seen to arrive in pieces.
    with running(token_rate=100) as started:
        yield started


class Watch:
    """Everything that a page asked for and complained of since it was last cleared."""

    def __init__(self, page: Page, origin: str) -> None:
        self._origin = origin
        self._strangers: list[str] = []
        self._errors: list[str] = []
        page.on("request", lambda request: self._asked(request.url))
        page.on("console", self._said)
        page.on("pageerror", lambda error: self._errors.append(str(error)))

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self._origin}/", f"blob:{self._origin}/", "data:")):
            self._strangers.append(url)

    def _said(self, message: ConsoleMessage) -> None:
        # The browser itself notes every refusal, and the tests make refusals on purpose.
        noted = message.text.startswith("Failed to load resource: the server responded")
        if message.type == "error" and not noted:
            self._errors.append(message.text)

    def clear(self) -> None:
        self._strangers.clear()
        self._errors.clear()

    def check(self) -> None:
        assert not self._strangers, f"the page asked others than the mock: {self._strangers}"
        assert not self._errors, f"the page had errors: {self._errors}"


@pytest.fixture(scope="module")
def tab(browser: Browser, mock: RunningMock) -> Iterator[tuple[Page, Watch]]:
    """One tab for all tests of a module: a new one for each would cost more than the test."""
    context = browser.new_context(viewport=SIZE, locale="en-GB")
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=mock.base_url)
    page = context.new_page()
    yield page, Watch(page, mock.base_url)
    context.close()


@pytest.fixture
def page(tab: tuple[Page, Watch], mock: RunningMock) -> Iterator[Page]:
    """The page, freshly loaded, of a mock that is as it was at its start."""
    opened, watch = tab
    requests.post(f"{mock.base_url}/__mock__/reset", json={}, timeout=HANGS).raise_for_status()
    opened.set_viewport_size(SIZE)
    watch.clear()
    opened.goto(f"{mock.base_url}/__mock__/")
    expect(opened.locator("#connection")).to_have_text("Live")
    yield opened
    watch.check()
