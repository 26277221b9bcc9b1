"""report.html in a real browser: short when all is well, quick to search, for everybody and every screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lightning_verify.report.outcome import Outcome
from lightning_verify.report.writers import write_reports
from playwright.sync_api import Browser, Locator, Page, expect

from tests.judge.test_reports import HOSTILE, advisory, exchange, finding, mixed, outcome

pytestmark = pytest.mark.browser

SCREENS = [(1280, 800), (400, 800)]
SCHEMES = ["light", "dark"]


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB")
    yield context.new_page()
    context.close()


@pytest.fixture
def opened(tab: Page, tmp_path: Path) -> Callable[..., Page]:
    def load(
        result: Outcome, width: int = 1280, height: int = 800, scheme: str = "light", at: str = ""
    ) -> Page:
        write_reports(result, tmp_path)
        tab.set_viewport_size({"width": width, "height": height})
        tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        tab.goto("about:blank")
        tab.goto(f"file://{tmp_path}/report.html{at}")
        return tab

    return load


def green() -> Outcome:
    """All is kept; there is some advice, as there is with every real host."""
    return outcome(
        [
            finding(advisory(), "fail", "the host sends no Retry-After", exchange("{}", 429)),
            finding("AUTH-5", "not_run", "needs LIGHTNING_EXPIRED_JWT"),
        ]
    )


def shown(page: Page) -> set[str]:
    """The requirements that are in sight."""
    rows = page.locator("[data-requirement]:visible").all()
    return {str(row.get_attribute("data-requirement")) for row in rows}


@pytest.mark.parametrize(("width", "height"), SCREENS)
def test_a_green_report_takes_less_than_two_screens(
    opened: Callable[..., Page], width: int, height: int
) -> None:
    page = opened(green(), width, height)
    assert page.evaluate("document.documentElement.scrollHeight") < 2 * height


@pytest.mark.node
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_no_rule_of_accessibility_is_broken(
    opened: Callable[..., Page], axe: Callable[[Page], list[str]], width: int, scheme: str
) -> None:
    page = opened(mixed(), width, scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert axe(page) == []


def test_nothing_sticks_out_sideways_whatever_the_host_says(opened: Callable[..., Page]) -> None:
    for width in (400, 820, 1280):
        page = opened(mixed(HOSTILE, HOSTILE), width)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_follows_the_colour_scheme(opened: Callable[..., Page]) -> None:
    colours = [
        opened(green(), scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in SCHEMES
    ]
    light, dark = (sum(map(int, re.findall(r"\d+", colour))) for colour in colours)
    assert light > 600
    assert dark < 150


@pytest.mark.parametrize(
    ("chosen", "words", "left"),
    [
        ({"verdict": "fail"}, "", {"AUTH-4"}),
        ({"verdict": "not_run", "area": "identity"}, "", {"AUTH-5", "AUTH-6"}),
        ({"level": "observed"}, "retry-after", {advisory()}),
        ({}, "AUTH-5", {"AUTH-5"}),
        ({}, "quota  UNIT counted", {"AUTH-4"}),
        ({"verdict": "inconclusive", "area": "chat", "level": "assumed"}, "", set()),
    ],
)
def test_it_can_be_filtered_by_verdict_area_level_and_words(
    opened: Callable[..., Page], chosen: dict[str, str], words: str, left: set[str]
) -> None:
    page = opened(mixed())
    everything = page.get_by_role("status").inner_text()
    for name, value in chosen.items():
        page.get_by_role("combobox", name=name).select_option(value)
    page.get_by_label("Words").fill(words)
    assert shown(page) == left
    expect(page.get_by_role("status")).to_have_text(f"{len(left)} of {everything}")
    # What has nothing to show is not in the way.
    for section in page.locator("[data-section]:visible").all():
        assert section.locator("[data-requirement]:visible").count() > 0
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("status")).to_have_text(everything)


def test_a_filtered_pass_is_found_in_its_area(opened: Callable[..., Page]) -> None:
    page = opened(mixed())
    page.get_by_role("combobox", name="area").select_option("catalogue")
    row = page.locator("#row-TIER-1")
    expect(row).to_be_visible()
    row.locator("> summary").click()
    expect(row.locator(".exchange")).to_be_visible()


def test_a_link_unfolds_what_it_leads_to(opened: Callable[..., Page]) -> None:
    page = opened(mixed(), at="#row-AUTH-4")
    page.get_by_role("combobox", name="verdict").select_option("pass")
    page.evaluate("location.hash = '#broken-AUTH-4'")
    expect(page.locator("#broken-AUTH-4 .exchange").first).to_be_visible()


def tab_to(page: Page, wanted: Locator) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError("the Tab key does not get there")


def test_the_keyboard_alone_filters_and_unfolds(opened: Callable[..., Page]) -> None:
    page = opened(mixed())
    tab_to(page, page.get_by_label("Words"))
    page.keyboard.type("AUTH-4")
    tab_to(page, page.locator("#broken-AUTH-4 > summary"))
    page.keyboard.press("Enter")
    expect(page.locator("#broken-AUTH-4 .exchange").first).to_be_visible()


def test_without_a_script_everything_can_be_read(browser: Browser, tmp_path: Path) -> None:
    write_reports(mixed(), tmp_path)
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"file://{tmp_path}/report.html")
    expect(page.get_by_label("Words")).to_be_hidden()
    page.locator("#broken-AUTH-4 > summary").click()
    expect(page.locator("#broken-AUTH-4 .exchange").first).to_be_visible()
    page.close()
