"""The control page by clicks, in a real browser: what it promises is what the API then does."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import requests
from lightning_mock.background import RunningMock, running
from lightning_spec.loader import load_spec
from lightning_spec.recording import read_recording
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.guard import HANGS

pytestmark = pytest.mark.browser


def user(page: Page, name: str) -> None:
    """Makes a free user by clicks; the page then shows it and calls as it."""
    page.get_by_text("New user", exact=True).click()
    page.get_by_label("Email (optional)").fill(name)
    page.get_by_role("button", name="Create user").click()
    page.get_by_role("button", name="I have copied it").click()
    expect(page.locator("#caller-detail h3")).to_have_text(name)


def send(page: Page, operation: str, prompt: str | None = None) -> Locator:
    """Sends a call from the panel and gives its result."""
    page.get_by_role("combobox", name="Operation", exact=True).select_option(operation)
    if prompt is not None:
        page.locator("#try-form textarea").first.fill(prompt)
    before = page.locator("#try-result .result")
    if before.count():
        before.evaluate("result => result.dataset.seen = 'before'")
    page.get_by_role("button", name="Send", exact=True).click()
    result = page.locator("#try-result .result:not([data-seen])")
    expect(result.locator(".status")).to_be_visible()
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    return result


def test_an_empty_mock_says_what_to_do_first(page: Page, mock: RunningMock) -> None:
    greeting = page.get_by_role("region", name="Three steps to your first limit")
    expect(greeting.get_by_role("listitem")).to_have_count(3)
    for command in greeting.locator("pre").all_inner_texts():
        ran = subprocess.run(
            ["bash", "-c", command.replace("curl ", "curl -sS --fail --noproxy '*' ")],
            check=False,
            capture_output=True,
            text=True,
            timeout=HANGS,
        )
        assert ran.returncode == 0, (command, ran.stderr)
        json.loads(ran.stdout)
    expect(greeting).to_be_hidden()
    page.get_by_role("button", name="First steps").click()
    expect(greeting).to_be_visible()


def test_a_command_can_be_copied(page: Page) -> None:
    command = page.locator("#greeting pre").first.inner_text()
    page.get_by_role("button", name="Copy the command of “Make a call”").click()
    expect(page.locator("#notices")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == command


def test_a_used_up_quota_refuses_the_next_call_until_the_next_day(page: Page) -> None:
    user(page, "limit@example.com")
    page.get_by_role("button", name="Exhaust Images").click()
    images = page.get_by_role("article", name="Images, daily")
    expect(images).to_contain_text("Full")
    expect(images.get_by_role("meter")).to_have_attribute("aria-valuetext", "10 of 10 used")

    refused = send(page, "createImage", "a lighthouse")
    expect(refused.locator(".status")).to_have_text("429 Limit reached")
    expect(refused.locator(".why")).to_contain_text("limit@example.com")

    page.get_by_role("button", name="Next day").click()
    expect(images).to_contain_text("0 of 10")
    served = send(page, "createImage", "a lighthouse")
    expect(served.locator(".status")).to_have_text("200 OK")
    expect(images).to_contain_text("1 of 10")


def test_a_counter_can_be_set_and_reset(page: Page) -> None:
    user(page, "counter@example.com")
    chat = page.get_by_role("article", name="Cloud chat, daily")
    page.get_by_label("Used units of Cloud chat", exact=True).fill("45")
    page.get_by_role("button", name="Set used units of Cloud chat").click()
    expect(chat).to_contain_text("45 of 50")
    expect(chat).to_contain_text("Nearly full")
    page.get_by_role("button", name="Reset Cloud chat").click()
    expect(chat).to_contain_text("0 of 50")


def test_a_changed_plan_changes_the_limits(page: Page) -> None:
    user(page, "plan@example.com")
    detail = page.locator("#caller-detail")
    detail.get_by_role("combobox", name="Plan", exact=True).select_option("light")
    detail.get_by_role("button", name="Change plan").click()
    expect(page.get_by_role("article", name="Cloud chat, daily")).to_contain_text("Unlimited")
    expect(page.get_by_role("article", name="Images, daily")).to_contain_text("0 of 50")


def test_a_plan_can_be_given_other_limits(page: Page) -> None:
    user(page, "limits@example.com")
    page.get_by_text("Limits of the Free plan").click()
    page.get_by_role("spinbutton", name="Cloud chat", exact=True).fill("")
    page.get_by_role("spinbutton", name="Images", exact=True).fill("0")
    page.get_by_role("button", name="Set limits").click()
    expect(page.get_by_role("article", name="Cloud chat, daily")).to_contain_text("Unlimited")
    expect(page.get_by_role("article", name="Images, daily")).to_contain_text("0 of 0")
    expect(send(page, "createImage").locator(".status")).to_have_text("429 Limit reached")


def test_the_secret_of_a_key_is_shown_once(page: Page, mock: RunningMock) -> None:
    user(page, "key@example.com")
    page.get_by_role("textbox", name="Label", exact=True).fill("my laptop")
    page.get_by_role("button", name="Create key").click()
    secret = page.locator(".once code").inner_text()
    assert secret.startswith("ipa_live_")
    called = requests.get(
        f"{mock.base_url}/subscription", headers={"Authorization": f"Bearer {secret}"}, timeout=HANGS
    )
    assert called.json()["auth_type"] == "api_key"
    expect(page.locator(".key", has_text="my laptop")).to_contain_text("last used")

    page.reload()
    page.get_by_role("button", name="key@example.com").click()
    row = page.locator(".key", has_text="my laptop")
    expect(row).to_be_visible()
    assert secret not in page.content()
    shown = row.locator("code").inner_text().removesuffix("…")
    assert secret.startswith(shown)
    assert len(shown) < len(secret)


def test_a_revoked_key_is_refused(page: Page) -> None:
    user(page, "revoke@example.com")
    page.get_by_role("textbox", name="Label", exact=True).fill("old phone")
    page.get_by_role("button", name="Create key").click()
    page.get_by_role("button", name="I have copied it").click()
    page.get_by_role("combobox", name="Who calls", exact=True).select_option(
        "Key “old phone” of revoke@example.com"
    )
    expect(send(page, "getSubscription").locator(".status")).to_have_text("200 OK")
    page.get_by_role("button", name="Revoke old phone").click()
    expect(page.locator(".key", has_text="old phone")).to_contain_text("Revoked")
    refused = send(page, "getSubscription")
    expect(refused.locator(".status")).to_have_text("401 Not authorised")
    expect(refused.locator(".why")).to_contain_text("revoked")


def test_a_broken_token_is_refused(page: Page) -> None:
    user(page, "token@example.com")
    page.get_by_role("combobox", name="Access token", exact=True).select_option("wrong signature")
    page.get_by_role("button", name="Mint token").click()
    page.get_by_role("combobox", name="Who calls", exact=True).select_option(
        "Token, wrong signature of token@example.com"
    )
    expect(send(page, "getSubscription").locator(".status")).to_have_text("401 Not authorised")


def test_a_fault_makes_the_next_call_fail_and_the_journal_says_so(page: Page) -> None:
    user(page, "fault@example.com")
    page.get_by_text("New fault", exact=True).click()
    page.get_by_role("combobox", name="Affected operation", exact=True).select_option("POST /gen/image")
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator("#faults-active")).to_have_text("1 fault on")

    failed = send(page, "createImage", "a lighthouse")
    expect(failed.locator(".status")).to_have_text("500 Failed")
    entry = page.locator("#journal .entry").first
    expect(entry).to_contain_text("POST /gen/image")
    expect(entry).to_contain_text("Fault")
    explanation = entry.locator(".entry-why").inner_text()
    assert "fault" in explanation.lower()
    entry.locator("summary").click()
    expect(entry.locator(".entry-detail")).to_contain_text("createImage")
    expect(entry.locator(".entry-detail")).not_to_contain_text("eyJ")

    expect(send(page, "createImage").locator(".status")).to_have_text("200 OK")


def test_a_fault_can_be_switched_off_and_on_and_removed(page: Page) -> None:
    page.get_by_text("New fault", exact=True).click()
    page.get_by_role("combobox", name="What happens", exact=True).select_option("Answer with a failure")
    page.get_by_role("combobox", name="How often", exact=True).select_option("every call")
    page.get_by_role("button", name="Switch on").click()
    fault = page.get_by_role("switch", name="Answers 500")
    expect(fault).to_have_attribute("aria-checked", "true")
    fault.click()
    expect(fault).to_have_attribute("aria-checked", "false")
    expect(page.locator("#faults-active")).to_be_hidden()
    fault.click()
    expect(fault).to_have_attribute("aria-checked", "true")
    page.get_by_role("button", name="Remove: Answers 500").click()
    expect(fault).to_have_count(0)


def test_a_scenario_lasts_until_it_is_switched_off(page: Page) -> None:
    user(page, "scenario@example.com")
    scenario = page.get_by_role("switch", name="Upstream down")
    scenario.click()
    expect(scenario).to_have_attribute("aria-checked", "true")
    expect(send(page, "createImage").locator(".status")).to_have_text("500 Failed")
    scenario.click()
    expect(scenario).to_have_attribute("aria-checked", "false")
    expect(send(page, "createImage").locator(".status")).to_have_text("200 OK")
    page.get_by_role("button", name="Run Limit reached").click()
    expect(page.get_by_role("article", name="Images, daily")).to_contain_text("Full")


def test_a_chat_streams(page: Page) -> None:
    result = send(page, "createChatCompletion", "Name three rivers in Europe.")
    expect(result.locator(".status")).to_have_text("200 OK")
    expect(result.locator(".answer")).not_to_be_empty()
    expect(result.locator(".broken")).to_have_count(0)


def test_a_stream_is_shown_as_it_comes(page: Page, mock: RunningMock) -> None:
    control = f"{mock.base_url}/__mock__/faults"
    stall: dict[str, Any] = {"kind": "stall", "after_events": 4}
    requests.post(control, json=stall, timeout=HANGS).raise_for_status()
    page.get_by_role("combobox", name="Operation", exact=True).select_option("createChatCompletion")
    page.locator("#try-form textarea").first.fill("Name three rivers in Europe.")
    page.get_by_role("button", name="Send", exact=True).click()
    answer = page.locator("#try-result .answer")
    expect(answer).not_to_be_empty()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    before = answer.inner_text()
    requests.delete(control, timeout=HANGS).raise_for_status()
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    assert answer.inner_text().startswith(before)
    assert len(answer.inner_text()) > len(before)


def test_a_picture_shows(page: Page) -> None:
    picture = send(page, "createImage", "a lighthouse").get_by_role("img")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 0


def test_a_picture_to_start_from_is_stored_and_linked(page: Page) -> None:
    page.get_by_role("combobox", name="Operation", exact=True).select_option("createImage")
    content = io.BytesIO()
    Image.new("RGB", (4, 4), "teal").save(content, "PNG")
    page.get_by_label("Input images").set_input_files(
        {"name": "teal.png", "mimeType": "image/png", "buffer": content.getvalue()}
    )
    link = send(page, "createImage").get_by_role("link", name="/asset-cdn/assets/")
    stored = page.request.get(str(link.evaluate("link => link.href")))
    assert stored.headers["content-type"] == "image/png"


@pytest.mark.parametrize(("operation", "tag"), [("createVideo", "video"), ("createTts", "audio")])
def test_what_moves_or_sounds_plays(page: Page, operation: str, tag: str) -> None:
    media = send(page, operation, "waves on a pebble beach").locator(tag)
    expect(media).to_be_visible()
    length, position = media.evaluate(
        """async media => {
            media.muted = true;
            await media.play();
            while (media.currentTime === 0) await new Promise(requestAnimationFrame);
            return [media.duration, media.currentTime];
        }"""
    )
    assert length > 0
    assert position > 0


def test_the_calls_of_others_appear_as_they_happen(page: Page, mock: RunningMock) -> None:
    requests.get(f"{mock.base_url}/usage", headers={"X-Client-ID": "somebody-else-0001"}, timeout=HANGS)
    expect(page.locator("#journal .entry").first).to_contain_text("GET /usage")
    page.get_by_role("button", name="somebody-else-0001").click()
    expect(page.get_by_role("article", name="Cloud chat, daily")).to_contain_text("0 of 50")


def test_what_others_send_is_shown_as_text(page: Page, mock: RunningMock) -> None:
    requests.get(f"{mock.base_url}/gen/image/<img src=x id=injected>", timeout=HANGS)
    entry = page.locator("#journal .entry").first
    expect(entry).to_contain_text("/gen/image/")
    entry.locator("summary").click()
    expect(page.locator("#injected")).to_have_count(0)
    script = {"match": {"prompt": "turned \u202eround"}, "reply": {"text": "x"}}
    requests.post(f"{mock.base_url}/__mock__/replies", json=script, timeout=HANGS)
    expect(page.get_by_text("prompt turned \ufffdround · used 0 times")).to_be_visible()


def test_the_journal_can_be_searched(page: Page, mock: RunningMock) -> None:
    for path in ("/usage", "/subscription"):
        requests.get(mock.base_url + path, timeout=HANGS)
    entries = page.locator("#journal .entry")
    expect(entries).to_have_count(2)
    page.get_by_role("combobox", name="Answers", exact=True).select_option("Refused or failed")
    expect(entries).to_have_count(1)
    expect(entries).to_contain_text("/subscription")
    page.get_by_role("searchbox", name="Find", exact=True).fill("nothing of the kind")
    expect(entries).to_have_count(0)


def test_a_saved_state_can_be_restored(page: Page, tmp_path: Path) -> None:
    user(page, "kept@example.com")
    page.get_by_role("button", name="Exhaust Images").click()
    images = page.get_by_role("article", name="Images, daily")
    expect(images).to_contain_text("10 of 10")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save state").click()
    saved = tmp_path / "state.json"
    download.value.save_as(saved)
    page.get_by_role("button", name="Reset all").click()
    page.get_by_role("button", name="Reset everything").click()
    expect(page.get_by_role("button", name="kept@example.com")).to_have_count(0)
    page.get_by_label("Snapshot to restore").set_input_files(saved)
    page.get_by_role("button", name="kept@example.com").click()
    expect(images).to_contain_text("10 of 10")


def tab_to(page: Page, wanted: Locator) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError("the Tab key does not get there")


def test_the_keyboard_alone_can_make_a_call_and_freeze_the_clock(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the controls")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("textbox", name="Message", exact=True))
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("Hello from the keyboard")
    tab_to(page, page.get_by_role("button", name="Send", exact=True))
    page.keyboard.press("Enter")
    expect(page.locator("#try-result .status")).to_have_text("200 OK")
    tab_to(page, page.get_by_role("button", name="Freeze"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Resume")).to_be_focused()
    expect(page.locator("#clock")).to_contain_text("Frozen")


def test_the_page_follows_the_colour_scheme(page: Page) -> None:
    for scheme, is_dark in (("light", False), ("dark", True)):
        page.emulate_media(color_scheme="dark" if is_dark else "light")
        picture = Image.open(io.BytesIO(page.screenshot())).convert("L")
        histogram = picture.histogram()
        dark = sum(histogram[:80]) / sum(histogram)
        assert (dark > 0.7) == is_dark, scheme
        assert sum(1 for count in histogram if count > 50) > 20, f"the {scheme} page is blank"
    page.emulate_media(color_scheme=None)


def test_nothing_sticks_out_sideways(page: Page) -> None:
    for width in (400, 820, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def in_sight(page: Page, wanted: Locator) -> bool:
    """Whether all of it is inside the window, and nothing lies over its middle."""
    return bool(
        wanted.evaluate(
            """element => {
                const {left, right, top, bottom} = element.getBoundingClientRect();
                const over = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
                return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight
                    && (element.contains(over) || over.contains(element));
            }"""
        )
    )


def test_the_journal_is_in_sight_while_things_are_tried_out(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    result = send(page, "createChatCompletion", "Name three rivers in Europe.")
    result.scroll_into_view_if_needed()
    assert in_sight(page, page.locator("#journal .entry").first)
    assert in_sight(page, page.get_by_role("button", name="Send", exact=True))


def test_a_first_call_can_be_tried_and_seen_while_the_first_steps_are_shown(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    assert in_sight(page, page.locator("#greeting"))
    assert in_sight(page, page.get_by_role("button", name="Send", exact=True))
    assert in_sight(page, page.locator("#journal"))


def test_the_header_takes_one_row(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    tops = page.locator(".top button, .top a:visible").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(({top, bottom}) => (top + bottom) / 2)"
    )
    assert max(tops) - min(tops) < 12


def test_a_message_covers_nothing(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_role("button", name="Freeze").click()
    message = page.locator(".notice").first
    expect(message).to_be_visible()
    assert in_sight(page, message)
    below = page.locator("main").evaluate("main => main.getBoundingClientRect().bottom")
    assert below <= page.locator("#notices").evaluate("one => one.getBoundingClientRect().top")


def test_a_list_that_goes_on_says_so_and_no_limit_is_called_unlimited(page: Page, mock: RunningMock) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    expect(page.locator("#callers-count")).to_contain_text("scroll for more")
    page.set_viewport_size({"width": 1700, "height": 900})
    expect(page.locator("#callers-count")).to_have_text("5 callers")
    for _ in range(8):
        requests.post(f"{mock.base_url}/__mock__/users", json={"plan": "light"}, timeout=HANGS)
    expect(page.locator("#callers-count")).to_contain_text("scroll for more")
    caller = page.get_by_role("button", name="light@example.com")
    expect(caller).to_contain_text("Unlimited: Cloud chat")
    caller.click()
    expect(page.get_by_role("article", name="Cloud chat, daily")).to_contain_text("0 used · unlimited")


def test_a_scripted_reply_answers_until_it_is_taken_back(page: Page) -> None:
    page.get_by_text("New reply", exact=True).click()
    page.get_by_label("When the prompt contains").fill("weather")
    page.get_by_label("Text", exact=True).fill("It will rain.")
    page.get_by_role("button", name="Add reply").click()
    expect(page.locator("#replies-body")).to_contain_text("prompt weather · used 0 times · always")
    expect(send(page, "createChatCompletion", "How is the weather?")).to_contain_text("It will rain.")
    send(page, "createChatCompletion", "Name three rivers.")
    expect(page.locator("#replies-body")).to_contain_text("1 call matched none of them")
    page.get_by_role("button", name="Remove reply-").click()
    expect(page.locator("#replies-body")).to_contain_text("No scripted replies")


def test_a_reply_that_is_no_json_is_refused_in_words(page: Page) -> None:
    page.get_by_text("New reply", exact=True).click()
    page.get_by_role("combobox", name="Answer with").select_option("json")
    page.get_by_label("JSON", exact=True).fill("{credits: 12}")
    page.get_by_role("button", name="Add reply").click()
    expect(page.get_by_role("alert").filter(has_text="is not JSON")).to_be_visible()


def test_the_forms_left_open_can_be_chosen_for_everybody_and_for_one(page: Page, mock: RunningMock) -> None:
    user(page, "forms@example.com")
    page.get_by_role("combobox", name="First event of a stream").select_option("choices")
    page.get_by_role("combobox", name="For", exact=True).select_option("forms@example.com")
    page.get_by_role("combobox", name="What a 429 says").select_option("seconds")
    expect(page.get_by_role("button", name="Use the defaults")).to_be_visible()
    preferences = requests.get(f"{mock.base_url}/__mock__/state", timeout=HANGS).json()["preferences"]
    assert preferences["everybody"] == {"metadata_form": "choices", "retry_advice": "none"}
    assert list(preferences["identities"].values()) == [{"retry_advice": "seconds"}]
    page.get_by_role("button", name="Use the defaults").click()
    expect(page.get_by_role("combobox", name="What a 429 says")).to_have_value("none")


def test_one_caller_can_be_moved_in_time_alone(page: Page) -> None:
    user(page, "clock@example.com")
    page.get_by_role("button", name="Exhaust Images").click()
    page.get_by_role("button", name="Advance a day").click()
    clock = page.get_by_role("group", name="Clock of this caller")
    expect(clock).to_contain_text("Own time: ")
    expect(page.locator("#clock")).to_contain_text("real time")
    expect(page.get_by_role("article", name="Images, daily")).to_contain_text("0 of 10")
    clock.get_by_role("button", name="Rejoin").click()
    expect(clock).to_contain_text("On the shared clock")


def test_a_call_in_the_journal_can_be_copied_sent_again_and_exported(page: Page, tmp_path: Path) -> None:
    send(page, "getUsage")
    entries = page.locator("#journal .entry")
    entries.first.locator("summary").click()
    entries.first.get_by_role("button", name="Copy as curl").click()
    expect(page.locator("#notices")).to_contain_text("Copied the command")
    assert page.evaluate("navigator.clipboard.readText()").startswith("curl ")
    entries.first.get_by_role("button", name="Send again").click()
    expect(page.locator("#notices")).to_contain_text("Sent again: ")
    expect(entries).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save HAR").click()
    archive = tmp_path / "calls.har"
    download.value.save_as(archive)
    assert len(json.loads(archive.read_text())["log"]["entries"]) == 2


def test_the_status_can_be_changed_and_put_back(page: Page, mock: RunningMock) -> None:
    def said() -> dict[str, Any]:
        answer: dict[str, Any] = requests.get(f"{mock.base_url}/status", timeout=HANGS).json()
        return answer

    before = said()
    panel = page.locator("#status-body")
    expect(panel).to_contain_text("every service ok")
    panel.get_by_text("Change it").click()
    panel.get_by_label("Overall state").fill("degraded")
    panel.get_by_label("Latest version").fill("3.0.0")
    panel.get_by_label("Notification").fill("Back at noon.")
    panel.get_by_label("State of video").fill("down")
    panel.get_by_label("Message of video").fill("The provider is away.")
    panel.get_by_role("button", name="Set status").click()
    expect(panel).to_contain_text("video down")
    assert said() == {
        "state": "degraded",
        "services": {**before["services"], "video": {"state": "down", "message": "The provider is away."}},
        "notifications": "Back at noon.",
        "latest": "3.0.0",
    }
    panel.get_by_role("button", name="Restore the initial status").click()
    expect(panel).to_contain_text("every service ok")
    assert said() == before


def test_the_journal_can_be_saved_as_a_recording(page: Page, tmp_path: Path) -> None:
    send(page, "getUsage")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save recording").click()
    saved.value.save_as(tmp_path / "kept.json")
    exchanges = read_recording(tmp_path / "kept.json").exchanges
    assert [exchange.request.target for exchange in exchanges] == ["/usage"]


@pytest.mark.node
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_of_accessibility_is_broken(
    page: Page, axe: Callable[[Page], list[str]], scheme: Literal["light", "dark"]
) -> None:
    user(page, "axe@example.com")
    page.emulate_media(color_scheme=scheme)
    send(page, "getUsage")
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    page.wait_for_timeout(300)
    assert axe(page) == []
    page.emulate_media(color_scheme=None)


@pytest.mark.node
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_of_accessibility_is_broken_on_the_pages_of_the_apis(
    page: Page, mock: RunningMock, axe: Callable[[Page], list[str]], scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    for api in ("", "?api=control"):
        page.goto(f"{mock.base_url}/__mock__/docs{api}")
        # Each click waits for the page to draw its operation, as a list of them taken now would not.
        for nth in range(3):
            page.locator(".opblock-summary-control").nth(nth).click()
        expect(page.locator(".opblock-body")).to_have_count(3)
        brightness = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (brightness == "rgb(28, 32, 34)") == (scheme == "dark")
        assert axe(page) == [], api
    page.emulate_media(color_scheme=None)


def test_the_page_of_the_api_shows_every_operation_has_tokens_ready_and_a_way_back(
    page: Page, mock: RunningMock
) -> None:
    page.goto(f"{mock.base_url}/__mock__/docs")
    expect(page.locator(".opblock")).to_have_count(len(load_spec().operations))
    page.get_by_label("Call as").select_option("core@example.com (core)")
    page.locator("#operations-account-getSubscription .opblock-summary-control").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table")).to_contain_text("core@example.com")
    page.get_by_role("link", name="Control API").click()
    expect(page.locator("#api")).to_contain_text("/__mock__/users")
    page.get_by_role("link", name="Control page").click()
    expect(page.locator("#connection")).to_have_text("Live")


def test_whoever_has_no_control_token_is_asked_for_it(browser: Browser) -> None:
    with running(control_token="open-sesame-open-sesame") as mock:
        page = browser.new_page()
        page.goto(f"{mock.base_url}/__mock__/")
        expect(page.locator("#connection")).to_have_text("Control token needed")
        expect(page.get_by_role("alert")).to_contain_text("needs the control token")
        expect(page.get_by_role("main")).to_be_hidden()
        page.get_by_label("Control token").fill("something else")
        page.get_by_role("button", name="Open").click()
        expect(page.get_by_role("alert")).to_contain_text("is not the one")
        page.get_by_label("Control token").fill("open-sesame-open-sesame")
        page.get_by_role("button", name="Open").click()
        expect(page.locator("#connection")).to_have_text("Live")
        expect(page.get_by_label("Control token")).to_have_count(0)
        page.reload()
        expect(page.locator("#connection")).to_have_text("Live")
        assert "sesame" not in page.url
        page.close()


def test_a_control_token_leaves_the_address_and_outlasts_a_reload(browser: Browser) -> None:
    with running(control_token="open-sesame-open-sesame") as mock:
        page = browser.new_page()
        page.goto(f"{mock.base_url}/__mock__/?token=open-sesame-open-sesame#clock")
        expect(page.locator("#connection")).to_have_text("Live")
        assert page.url == f"{mock.base_url}/__mock__/#clock"
        page.reload()
        page.get_by_role("button", name="Freeze").click()
        expect(page.locator("#clock")).to_contain_text("Frozen")
        page.close()


def test_a_browser_without_storage_can_use_a_control_token(browser: Browser) -> None:
    with running(control_token="open-sesame-open-sesame") as mock:
        page = browser.new_page()
        # As a browser does that blocks all data of sites.
        page.add_init_script(
            "Object.defineProperty(window, 'sessionStorage', { get() { throw new Error('blocked'); } })"
        )
        page.goto(f"{mock.base_url}/__mock__/?token=open-sesame-open-sesame")
        expect(page.locator("#connection")).to_have_text("Live")
        assert page.url == f"{mock.base_url}/__mock__/"
        page.reload()
        expect(page.locator("#connection")).to_have_text("Control token needed")
        page.close()
