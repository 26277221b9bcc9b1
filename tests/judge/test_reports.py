"""Reports say what was found, show it, and stay inert whatever the host sent."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from lightning_spec.loader import load_requirements
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.harmless import one_line, shortened, visible
from lightning_verify.judging.redaction import Redactor
from lightning_verify.judging.verdicts import Finding, Verdict, exit_code, headline, rule
from lightning_verify.report.markdown import MAX_BYTES, render_markdown
from lightning_verify.report.outcome import Outcome
from lightning_verify.report.sections import sections
from lightning_verify.report.terminal import alarm_lines, terminal_lines
from lightning_verify.report.writers import write_reports
from lightning_verify.transport.exchange import Exchange

CANARY = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLW9mLWEtY2FuYXJ5"
HOSTILE = (
    '<script>alert("x")</script><img src=https://example.com/x onerror=alert(1)>\n'
    "```\n<script>after a closed fence</script>\n`````\n"
    "``` ~~~ `` | pipe | </pre></details><!-- [link](https://example.com) @everyone "
    "\x1b[31m\u202eesrever\u202c \ud800 " + "long" * 2000
)


def exchange(body: str, status: int | None = 200, token: str | None = None, **facts: Any) -> dict[str, Any]:
    """Evidence as the judge records it."""
    headers = {"User-Agent": "lightning-contract/0.1", "X-Client-ID": "c-1"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    recorder = Recorder("http://127.0.0.1:8787", Redactor({"LIGHTNING_JWT": CANARY}))
    return recorder.record(
        Exchange(
            method=facts.pop("method", "POST"),
            path=facts.pop("path", "/gen/image"),
            request_headers=headers,
            request_body=facts.pop("request_body", b'{"prompt":"a fox"}'),
            operation=None,
            caller=facts.pop("caller", "a fresh client"),
            status=status,
            headers=facts.pop("headers", [("Content-Type", "application/json"), ("Server", "uvicorn")]),
            body=body.encode("utf-8", "surrogatepass"),
            seconds=0.1234,
            **facts,
        )
    )


def finding(
    requirement: str, verdict: Verdict, reason: str = "", *evidence: Mapping[str, Any], test: str = "test_it"
) -> Finding:
    """What one test says about one requirement."""
    return Finding(requirement, verdict, test, reason, int(verdict in {"pass", "fail"}), evidence)


def outcome(
    findings: Iterable[Finding], *, strict: bool = False, aborted: str | None = None, **run: Any
) -> Outcome:
    """An outcome over all requirements; those without a finding pass."""
    found = list(findings)
    judged = {one.requirement for one in found}
    found += [
        finding(name, "pass", "", exchange('{"ok":true}'))
        for name in load_requirements().requirements
        if name not in judged
    ]
    rulings = [
        rule(requirement, [one for one in found if one.requirement == requirement.id])
        for requirement in load_requirements().requirements.values()
    ]
    facts = {
        "target": "http://127.0.0.1:8787",
        "verdict": headline(rulings, strict=strict, aborted=aborted),
        "exit_code": exit_code(rulings, strict=strict, aborted=aborted),
        "spend": "sample",
        "credentials": ["LIGHTNING_API_KEY", "LIGHTNING_JWT"],
        "strict": strict,
        "aborted": aborted,
        "started": "2026-01-02T03:04:05Z",
        "finished": "2026-01-02T03:04:45Z",
        "seconds": 40.25,
        "requests": {"planned": 300, "sent": 287},
        "units": {
            "planned": {"imagesDaily": 6, "cloudChatDaily": 40},
            "booked": {"imagesDaily": 6, "cloudChatDaily": 38},
            "served": {"imagesDaily": 5, "cloudChatDaily": 38},
            "observed": {"imagesDaily": 7, "cloudChatDaily": 38},
            "unexplained": {"imagesDaily": 2, "cloudChatDaily": 0},
            "paid_by": {"throwaway callers": {"imagesDaily": 5}, "LIGHTNING_JWT": {"cloudChatDaily": 38}},
        },
        "generated": {"examples": 12, "seed": 0},
        "versions": {"lightning-contract": "0.1.0", "python": "3.11.2"},
        **run,
    }
    return Outcome(rulings, facts, facts["exit_code"], facts["verdict"], strict)


def mixed(body: str = '{"detail":"quota is not counted"}', reason: str = "a unit was not counted") -> Outcome:
    """Some of everything."""
    return outcome(
        [
            finding("AUTH-4", "fail", reason, exchange(body, token=CANARY), test="test_a_bad_bearer"),
            finding("AUTH-4", "fail", reason, exchange(body), test="test_another_bad_bearer"),
            finding("AUTH-5", "not_run", "needs LIGHTNING_EXPIRED_JWT"),
            finding("AUTH-6", "not_run", "needs LIGHTNING_REVOKED_API_KEY"),
            finding("CHAT-1", "inconclusive", "out of quota, so nothing could be seen", exchange(body, 429)),
            finding("CHAT-2", "inconclusive", "out of quota, so nothing could be seen"),
            finding(advisory(), "fail", "the host sends no Retry-After", exchange(body, 429)),
        ]
    )


def leaking(*, strict: bool = False) -> Outcome:
    """A host that repeats a credential, and is wrong about something that is only advice."""
    return outcome(
        [
            finding(advisory(), "fail", "the host sends no Retry-After", exchange("{}", 429)),
            finding("ASM-12", "fail", "the answer repeats the credential", exchange("{}", 401)),
        ],
        strict=strict,
    )


def advisory() -> str:
    """The id of a requirement that is not documented."""
    known = load_requirements().requirements.values()
    return next(requirement.id for requirement in known if requirement.level == "observed")


class Page(HTMLParser):
    """Everything in a page that could act, and its visible text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(source)
        self.text = "".join(self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element."""
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "img", "link", "input"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note an element that closes out of order."""
        if not self._open or self._open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.words.append(data)


def written(result: Outcome, directory: Path) -> dict[str, str]:
    """The reports of `result` by file name."""
    write_reports(result, directory / "made" / "for it")
    return {file.name: file.read_text(encoding="utf-8") for file in (directory / "made" / "for it").iterdir()}


def test_the_json_has_the_run_and_a_list_of_requirements(tmp_path: Path) -> None:
    report = json.loads(written(mixed(), tmp_path)["report.json"])
    assert {"target", "versions", "started", "finished", "requests", "units", "verdict"} <= set(report["run"])
    assert isinstance(report["requirements"], list)
    for entry in report["requirements"]:
        assert {"id", "level", "verdict", "reason", "witnesses", "evidence"} <= entry.keys()
    by_id = {entry["id"]: entry for entry in report["requirements"]}
    assert by_id["AUTH-4"]["verdict"] == "fail"
    assert by_id["AUTH-4"]["tests"] == ["test_a_bad_bearer", "test_another_bad_bearer"]
    assert by_id["AUTH-4"]["evidence"][0]["response"]["status"] == 200
    assert by_id["AUTH-5"]["verdict"] == "not_run"
    assert len(by_id) == len(load_requirements().requirements)


def test_a_hostile_body_stays_text_in_the_page(tmp_path: Path) -> None:
    source = written(mixed(HOSTILE, HOSTILE), tmp_path)["report.html"]
    page = Page(source)
    assert page.unbalanced == []
    assert [tag for tag, _ in page.tags if tag == "script"] == ["script"]
    assert not any(tag in {"img", "iframe", "object", "form", "base", "link"} for tag, _ in page.tags)
    names = {name for _, attrs in page.tags for name in attrs}
    assert not any(name.startswith("on") or name in {"src", "srcset"} for name in names)
    assert all((attrs["href"] or "").startswith("#") for tag, attrs in page.tags if tag == "a")
    assert '<script>alert("x")</script>' in page.text


def test_the_page_allows_no_request_and_no_script_but_its_own(tmp_path: Path) -> None:
    source = written(mixed(), tmp_path)["report.html"]
    policy = next(attrs["content"] for tag, attrs in Page(source).tags if "http-equiv" in attrs)
    script = re.search(r"<script>(.*?)</script>", source, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert policy is not None
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    assert "url(" not in source
    assert "@import" not in source


def test_every_link_of_the_page_leads_somewhere(tmp_path: Path) -> None:
    page = Page(written(mixed(), tmp_path)["report.html"])
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"] for tag, attrs in page.tags if tag == "a"} <= {f"#{name}" for name in ids}


def test_the_page_shows_what_failed_with_words_place_request_and_response(tmp_path: Path) -> None:
    page = Page(written(mixed(), tmp_path)["report.html"])
    requirement = load_requirements().requirements["AUTH-4"]
    broken = page.text.index("What is broken")
    matrix = page.text.index("Every requirement, by area")
    told = page.text[broken:matrix]
    assert requirement.statement in told
    assert "The document, section Failure modes, line 247" in told
    assert "curl -i -X POST http://127.0.0.1:8787/gen/image" in told
    assert "Content-Type: application/json" in told
    assert '{"detail":"quota is not counted"}' in told
    assert "test_a_bad_bearer, test_another_bad_bearer" in told


def test_the_page_says_the_verdict_before_anything_else(tmp_path: Path) -> None:
    result = mixed()
    source = written(result, tmp_path)["report.html"]
    page = Page(source)
    head = " ".join(page.text.split())
    assert head.index("BROKEN 1 of") < head.index("What is broken") < head.index("What could not be decided")
    assert head.index("What was not run") < head.index("Advice") < head.index("Every requirement, by area")
    assert '<header class="banner fail">' in source
    kept = written(outcome([]), tmp_path)["report.html"]
    assert '<header class="banner pass">' in kept
    assert "What is broken" not in kept


def test_every_requirement_is_in_the_matrix_by_word_and_symbol(tmp_path: Path) -> None:
    source = written(mixed(), tmp_path)["report.html"]
    for name in load_requirements().requirements:
        assert f'id="row-{name}"' in source
    assert "✕ fail" in source
    assert "? inconclusive" in source
    assert "– not run" in source
    assert "! advice" in source
    assert "✓ pass" in source


def test_an_unreachable_host_is_told_once_and_not_per_requirement(tmp_path: Path) -> None:
    gone = "the host does not answer: connection refused"
    names = load_requirements().requirements
    result = outcome([finding(name, "inconclusive", gone) for name in names], aborted=gone)
    reports = written(result, tmp_path)
    assert reports["report.md"].count(f"({len(names)} requirements)") == 1
    undecided = Page(reports["report.html"]).text.split("Every requirement, by area")[0]
    assert undecided.count(gone) == 3  # headline, facts, group
    assert '<header class="banner inconclusive">' in reports["report.html"]


def test_an_answer_that_never_came_is_shown_as_such(tmp_path: Path) -> None:
    silence = exchange("", None, headers=[], problem="no answer within 30 s")
    reports = written(outcome([finding("CHAT-1", "inconclusive", "silence", silence)]), tmp_path)
    assert "No answer after 0.123 s" in " ".join(Page(reports["report.html"]).text.split())
    failed = written(outcome([finding("CHAT-1", "fail", "cut off", silence)]), tmp_path)
    assert "no answer after 0.123 s" in failed["report.md"]
    assert "no answer within 30 s" in failed["report.md"]


def test_missing_credentials_are_explained(tmp_path: Path) -> None:
    reports = written(mixed(), tmp_path)
    for name in ("report.md", "report.html"):
        text = reports[name] if name.endswith("md") else Page(reports[name]).text
        assert "an API key that was revoked" in text
        assert "needs LIGHTNING" in text.replace("\\_", "_")


def test_failures_that_only_advise_become_failures_when_strict() -> None:
    findings = [finding(advisory(), "fail", "differs")]
    relaxed, strict = sections(outcome(findings)), sections(outcome(findings, strict=True))
    assert [entry.ruling.requirement.id for entry in relaxed.advice] == [advisory()]
    assert (relaxed.broken, relaxed.tone) == ((), "pass")
    assert [entry.ruling.requirement.id for entry in strict.broken] == [advisory()]
    assert (strict.advice, strict.tone) == ((), "fail")


def test_what_endangers_callers_is_told_first_and_in_red(tmp_path: Path) -> None:
    told = leaking()
    assert told.exit_code == 0
    assert alarm_lines(told)[0].startswith("danger       ASM-12")
    assert not [line for line in terminal_lines(told) if "ASM-12" in line]
    summary = render_markdown(told)
    assert summary.index("Danger to callers") < summary.index("Target") < summary.index("Advice, which")
    page = written(told, tmp_path)["report.html"]
    assert page.index('id="danger"') < page.index("The run and its bill") < page.index('id="advice"')
    assert 'class="finding danger" id="danger-ASM-12"' in page
    assert ".danger { --tone: var(--fail)" in page


def test_what_endangers_callers_is_the_first_failure_when_strict() -> None:
    told = leaking(strict=True)
    assert alarm_lines(told) == []
    assert [entry.ruling.requirement.id for entry in sections(told).broken] == ["ASM-12", advisory()]


def test_advice_says_why_it_is_no_more(tmp_path: Path) -> None:
    why = load_requirements().requirements[advisory()].why_advice
    assert why in written(leaking(), tmp_path)["report.html"]
    assert why in render_markdown(leaking())
    told = {entry["id"]: entry["why_advice"] for entry in leaking().as_json()["requirements"]}
    assert told[advisory()] == why
    assert told["AUTH-1"] is None


def test_units_nobody_looked_at_are_unknown_and_not_zero(tmp_path: Path) -> None:
    units = {"planned": {}, "booked": {"imagesDaily": 1}, "served": {}, "observed": None, "unexplained": None}
    reports = written(outcome([], units=units), tmp_path)
    assert "| imagesDaily | 0 | 1 | 0 | ? | ? |" in reports["report.md"]
    assert reports["report.html"].count("<td>?</td>") == 2


def test_the_bill_says_who_paid_and_what_its_words_mean(tmp_path: Path) -> None:
    reports = written(mixed(), tmp_path)
    for text in (reports["report.md"], Page(reports["report.html"]).text):
        plain = " ".join(text.replace("`", "").split())
        # In the page, a term and its description stand side by side.
        assert re.search(r"(?i)paid by ?throwaway callers: 5 imagesDaily", plain)
        assert re.search(r"(?i)paid by ?LIGHTNING_JWT: 38 cloudChatDaily", plain)
        assert "the most the plan could cost" in plain


def test_long_filler_is_cut_and_can_still_be_copied(tmp_path: Path) -> None:
    body = json.dumps({"prompt": "word " * 600}).encode()
    shown = exchange("{}", request_body=body, path="/gen/image/a%20red%20fox")
    reports = written(outcome([finding("CHAT-1", "fail", "it was served", shown)]), tmp_path)
    for text in (reports["report.md"], Page(reports["report.html"]).text):
        assert "word …(600 times)…" in text
        assert "word word" not in text
        assert "POST /gen/image/a red fox as a fresh client" in text
    copied = [attrs["data-whole"] for _, attrs in Page(reports["report.html"]).tags if "data-whole" in attrs]
    assert body.decode() in str(copied)


def test_everything_is_folded_and_says_its_line_where_it_stands(tmp_path: Path) -> None:
    page = Page(written(mixed(), tmp_path)["report.html"])
    assert not any("open" in attrs for tag, attrs in page.tags if tag == "details")
    folded = " ".join(page.text.split())
    assert "documented, line 247 POST /gen/image as a fresh client: a unit was not counted" in folded


def test_unexplained_units_stand_out(tmp_path: Path) -> None:
    assert '<td class="odd">+2</td>' in written(mixed(), tmp_path)["report.html"]


def test_the_summary_has_verdict_areas_failure_and_curl(tmp_path: Path) -> None:
    text = written(mixed(), tmp_path)["report.md"]
    assert text.startswith("## ❌ BROKEN: 1 of ")
    assert re.search(r"^\| identity \|", text, re.MULTILINE)
    assert "<details><summary>❌ <b>AUTH-4</b>" in text
    assert "```sh\ncurl -i -X POST http://127.0.0.1:8787/gen/image" in text
    assert "### What could not be decided" in text
    assert "### What was not run" in text


def test_hostile_text_cannot_leave_its_place_in_the_summary(tmp_path: Path) -> None:
    text = written(mixed(HOSTILE, HOSTILE), tmp_path)["report.md"]
    outside, fence = [], ""
    for line in text.splitlines():
        if fence:
            fence = "" if line == fence else fence
        elif opening := re.match(r"`{3,}", line):
            fence = opening[0]
        else:
            outside.append(line)
    assert fence == ""
    prose = "\n".join(outside)
    assert "<script" not in prose
    assert "<img" not in prose
    assert "https://" not in prose
    assert "@everyone" not in prose
    assert "\\| pipe \\|" in prose
    assert not re.search(r"(?<!\\)`", re.sub(r"`test_\w+`|`LIGHTNING_\w+`|`[\w:/., ]+`", "", prose))
    assert prose.count("<details>") == prose.count("</details>")


@pytest.mark.parametrize("size", [1, 5000])
def test_the_summary_fits_a_ci_job_whatever_fails(size: int) -> None:
    body = "é`|<" * size
    names = load_requirements().requirements
    findings = [finding(name, "fail", f"{name} {body}", exchange(body)) for name in names]
    text = render_markdown(outcome(findings))
    assert len(text.encode()) < MAX_BYTES
    assert text.count("<details>") == text.count("</details>")
    told = [name for name in names if f"**{name}**" in text or f"<b>{name}</b>" in text]
    assert len(told) == len(names) or f"{len(names) - len(told)} more entries did not fit" in text


def test_failures_leave_room_for_what_was_not_run() -> None:
    names = list(load_requirements().requirements)
    findings = [finding(name, "fail", "x" * 900, exchange("y" * 900)) for name in names[:-1]]
    text = render_markdown(outcome([*findings, finding(names[-1], "not_run", "needs LIGHTNING_JWT")]))
    assert "### What was not run" in text


def test_no_report_holds_a_secret(tmp_path: Path) -> None:
    leaking = exchange(f"your token is {CANARY}", token=CANARY, headers=[("X-Echo", f"Bearer {CANARY}")])
    reports = written(outcome([finding("AUTH-4", "fail", "leaks", leaking)]), tmp_path)
    for text in reports.values():
        assert not any(part in text for part in CANARY.split("."))
    assert "LIGHTNING_JWT" in reports["report.json"]


def test_invisible_characters_are_spelled_out() -> None:
    assert visible("a\u202eb\x00c\ud800") == "a\\u202eb\\u0000c\\ud800"
    assert visible("tab\tline\r\nnext é 👩‍🚀") == "tab\tline\nnext é 👩‍🚀"
    assert shortened("x" * 30, 10) == "x" * 10 + "… (30 characters)"
    assert one_line("a\nb", 10) == "a b"
