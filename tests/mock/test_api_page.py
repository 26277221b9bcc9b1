"""The API page in a real browser: it shows the spec, tries it out on the mock, and asks nobody else."""

from __future__ import annotations

import os
import shutil

import pytest
from lightning_mock.background import RunningMock
from lightning_spec.loader import load_spec
from playwright.sync_api import sync_playwright

CHROMIUM = os.environ.get("LIGHTNING_CHROMIUM") or shutil.which("chromium")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium; set LIGHTNING_CHROMIUM")
def test_the_page_shows_every_operation_and_tries_one_without_asking_another_host(mock: RunningMock) -> None:
    asked, complaints = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        try:
            page = browser.new_page()
            page.on("request", lambda request: asked.append(request.url))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            page.goto(mock.base_url + "/__mock__/docs")
            page.wait_for_selector(".opblock")
            assert page.locator(".opblock").count() == len(load_spec().operations)
            page.locator("#operations-account-getUsage").click()
            page.get_by_role("button", name="Execute").click()
            answer = page.locator(".live-responses-table")
            answer.wait_for()
            assert "cloudChatDaily" in answer.inner_text()
        finally:
            browser.close()
    assert [url for url in asked if not url.startswith((mock.base_url, "data:"))] == []
    assert complaints == []
