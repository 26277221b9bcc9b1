"""The proxy's page in a real browser, while traffic passes."""

from __future__ import annotations

from collections.abc import Callable

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.judge.tiny_server import Answer, Asked, tiny
from tests.proxy.test_command import started

pytestmark = pytest.mark.browser


def nothing(_: Asked) -> Answer:
    return Answer(pieces=(b"{}",))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_what_passes_is_counted_and_what_is_broken_is_shown(
    browser: Browser, axe: Callable[[Page], list[str]], width: int, scheme: str
) -> None:
    with tiny(nothing) as host, started(host.base_url) as (_, base_url, address):
        for path in ("/status", "/status", "/no-such-route"):
            httpx2.get(f"{base_url}{path}")
        page = browser.new_page(viewport={"width": width, "height": 800}, locale="en-GB")
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.goto(address)
        expect(page.locator("#breaches li.documented")).to_contain_text("breach STAT-3 in 2 of 2 answers")
        expect(page.locator("#numbers div").first).to_have_text("exchanges3")
        assert page.locator("#answers div").all_inner_texts() == ["2xx\n3"]
        assert page.locator("#not_judged div").all_inner_texts() == ["no documented operation\n1"]
        assert not page.locator("#none").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert axe(page) == []
        page.close()
