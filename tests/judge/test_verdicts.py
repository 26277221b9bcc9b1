"""The worst finding decides, and only what was seen makes a pass."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning_spec.loader import Requirement, load_requirements, load_spec
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.outcomes import Undecided, Violation
from lightning_verify.judging.verdicts import (
    Finding,
    Known,
    Ruling,
    Verdict,
    accept,
    exit_code,
    headline,
    rule,
)
from lightning_verify.requests.callers import anonymous
from lightning_verify.run.session import rulings
from lightning_verify.transport.exchange import Exchange

from tests.judge.tools import judge_of

REQUIREMENTS = load_requirements().requirements
DOCUMENTED, ADVICE = REQUIREMENTS["CHAT-5"], REQUIREMENTS["OBS-2"]
FROM_WORST: tuple[Verdict, ...] = ("fail", "known_difference", "inconclusive", "pass", "not_run")
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def finding(verdict: Verdict, test: str = "test_it", reason: str = "", witnesses: int = 1) -> Finding:
    return Finding("CHAT-5", verdict, test, reason or f"because {verdict}", witnesses, ({"shows": verdict},))


def ruling(verdict: Verdict, requirement: Requirement = DOCUMENTED) -> Ruling:
    return rule(requirement, [finding(verdict)])


# --- one requirement --------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", list(itertools.combinations(FROM_WORST, 2)))
def test_the_worse_of_two_findings_wins_in_any_order(pair: tuple[Verdict, Verdict]) -> None:
    worse, better = (finding(verdict) for verdict in pair)
    for order in ([worse, better], [better, worse]):
        judged = rule(DOCUMENTED, order)
        assert (judged.verdict, judged.reason) == (pair[0], f"because {pair[0]}")
        assert judged.evidence == [{"shows": pair[0]}]


def test_a_look_that_another_breach_prevented_does_not_decide() -> None:
    prevented = [finding("inconclusive", reason=words) for words in ("no plan (see IMG-1)", "a bad moment")]
    for seen, broken, verdict in (
        ([finding("pass"), prevented[0]], {"IMG-1"}, "pass"),
        ([finding("pass"), prevented[0]], {"IMG-2"}, "inconclusive"),
        ([finding("pass"), *prevented], {"IMG-1"}, "inconclusive"),
        ([finding("not_run"), prevented[0]], {"IMG-1"}, "inconclusive"),
        ([finding("fail"), finding("pass"), prevented[0]], {"IMG-1"}, "fail"),
    ):
        judged = rule(DOCUMENTED, seen, broken=broken)
        assert judged.verdict == verdict
        assert {one.verdict for one in judged.deciding} == {verdict}


def test_what_was_seen_before_another_breach_stands(tmp_path: Path) -> None:
    with judge_of("http://127.0.0.1:9", tmp_path) as judge:
        judge.witness("CHAT-5")

        def broken() -> None:
            raise judge.violation("IMG-1", "no image")

        def unseen() -> None:
            raise judge.undecided("CHAT-6", "no stream")

        with pytest.raises(Violation, match="IMG-1"):
            judge.look_at_all(unseen, broken, lambda: judge.witness("CHAT-7"))
        reason = "not reached, since IMG-1 was broken first"
        found = judge.close(("CHAT-5", "CHAT-7", "CHAT-8"), "inconclusive", reason, by_another=True)
    assert {one.requirement: one.verdict for one in found} == {
        **{"IMG-1": "fail", "CHAT-5": "pass", "CHAT-6": "inconclusive"},
        **{"CHAT-7": "pass", "CHAT-8": "inconclusive"},
    }


def test_what_no_test_looked_at_is_not_run() -> None:
    judged = rule(DOCUMENTED, [])
    assert (judged.verdict, judged.witnesses) == ("not_run", 0)
    assert "no check" in judged.reason


def test_witnesses_add_up_and_reasons_are_told_once() -> None:
    judged = rule(
        DOCUMENTED, [finding("fail", "a", "x", 2), finding("fail", "b", "x", 3), finding("fail", "c", "y", 1)]
    )
    assert (judged.witnesses, judged.reason) == (6, "x; y")


def test_a_finding_survives_being_written_down() -> None:
    one = finding("inconclusive")
    assert Finding.from_json(one.as_json()) == one


# --- the run ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["pass", "pass"], 0),
        (["pass", "not_run"], 0),
        (["pass", "known_difference"], 0),
        (["pass", "fail"], 1),
        (["fail", "inconclusive"], 1),
        (["pass", "inconclusive"], 3),
        (["not_run", "not_run"], 3),
        (["known_difference", "not_run"], 0),
        (["known_difference"], 0),
        ([], 3),
    ],
)
def test_the_exit_code_of_a_run(verdicts: list[Verdict], code: int) -> None:
    assert exit_code([ruling(verdict) for verdict in verdicts], strict=False) == code


def test_a_run_that_was_given_up_is_never_kept_but_may_be_broken() -> None:
    assert exit_code([ruling("pass")], strict=False, aborted="the host is gone") == 3
    assert exit_code([ruling("pass"), ruling("fail")], strict=False, aborted="the host is gone") == 1


@pytest.mark.parametrize(("verdict", "strictly"), [("fail", 1), ("inconclusive", 3), ("not_run", 0)])
def test_advice_counts_only_in_a_strict_run(verdict: Verdict, strictly: int) -> None:
    rulings = [ruling("pass"), ruling(verdict, ADVICE)]
    assert exit_code(rulings, strict=False) == 0
    assert exit_code(rulings, strict=True) == strictly


def test_advice_alone_shows_nothing_about_the_document() -> None:
    assert exit_code([ruling("pass", ADVICE)], strict=False) == 3
    assert exit_code([ruling("pass", ADVICE)], strict=True) == 0


@given(
    st.lists(st.tuples(st.sampled_from(VERDICTS), st.booleans()), max_size=6), st.booleans(), st.booleans()
)
@settings(deadline=None, database=None, derandomize=True)
def test_a_run_is_kept_only_when_something_was_seen_and_nothing_speaks_against_it(
    judged: list[tuple[Verdict, bool]], strict: bool, aborted: bool
) -> None:
    rulings = [ruling(verdict, DOCUMENTED if documented else ADVICE) for verdict, documented in judged]
    counts = [verdict for verdict, documented in judged if documented or strict]
    code = exit_code(rulings, strict=strict, aborted="gone" if aborted else None)
    assert (code == 1) is ("fail" in counts)
    assert (code == 0) is (
        not {"fail", "inconclusive"} & set(counts)
        and bool({"pass", "known_difference"} & set(counts))
        and not aborted
    )
    word = {0: "KEPT", 1: "BROKEN", 3: "INCONCLUSIVE"}[code]
    assert headline(rulings, strict=strict, aborted="gone" if aborted else None).startswith(word)


# --- known differences ------------------------------------------------------------------------------------


TODAY = date(2026, 11, 27)
ISSUE = {"CHAT-5": Known("issue 12", owner="search team", expires=TODAY)}


def undecided(*reasons: str, requirement: Requirement = ADVICE) -> Ruling:
    return rule(requirement, [finding("inconclusive", str(n), reason) for n, reason in enumerate(reasons)])


def test_a_known_difference_does_not_fail_the_run_and_says_why_with_its_evidence() -> None:
    judged = accept([ruling("fail"), ruling("pass", ADVICE)], ISSUE, TODAY)
    assert judged[0].verdict == "known_difference"
    assert judged[0].reason == "issue 12, owner search team, until 2026-11-27: because fail"
    assert judged[0].evidence == [{"shows": "fail"}]
    assert judged[1].verdict == "pass"
    assert exit_code(judged[:1], strict=True) == 0
    assert headline(judged, strict=True) == "KEPT: 1 of 2 requirements hold, 1 known not to"


def test_a_known_difference_that_is_gone_fails_the_run() -> None:
    judged = accept([ruling("pass")], ISSUE, TODAY)
    assert judged[0].verdict == "fail"
    assert "take it off the list" in judged[0].reason


def test_a_known_difference_that_has_expired_fails_the_run() -> None:
    judged = accept([ruling("fail")], ISSUE, TODAY + timedelta(days=1))
    assert judged[0].verdict == "fail"
    assert "until 2026-11-27), which has expired: because fail" in judged[0].reason


@pytest.mark.parametrize("verdict", ["inconclusive", "not_run"])
def test_a_known_difference_that_was_not_seen_stays_undecided(verdict: Verdict) -> None:
    assert accept([ruling(verdict)], ISSUE, TODAY) == [ruling(verdict)]


@pytest.mark.parametrize(
    "reasons",
    [
        ["GET /usage -> 404 (see CHAT-5)"],
        ["no field (see SUB-1, CHAT-5 and USE-1)"],
        ["not reached, since CHAT-5 was broken first", "no plan (see CHAT-5)"],
    ],
)
def test_what_only_a_known_difference_made_undecidable_is_excused(reasons: list[str]) -> None:
    judged = accept([ruling("fail"), undecided(*reasons)], ISSUE, TODAY)
    assert [one.verdict for one in judged] == ["known_difference"] * 2
    assert judged[1].reason.startswith("could not be decided because of CHAT-5, which is known: ")


@pytest.mark.parametrize(
    "reasons",
    [
        ["GET /usage -> 429: out of quota"],
        ["GET /usage -> 404 (see USE-1)"],
        ["no plan (see CHAT-5)", "GET /usage -> 429: out of quota"],
        ["the host said (see CHAT-5) and went on"],
    ],
)
def test_what_something_else_made_undecidable_is_not_excused(reasons: list[str]) -> None:
    assert accept([ruling("fail"), undecided(*reasons)], ISSUE, TODAY)[1].verdict == "inconclusive"


def test_nothing_is_excused_by_an_entry_that_was_not_seen_to_be_broken() -> None:
    judged = accept([ruling("inconclusive"), undecided("no plan (see CHAT-5)")], ISSUE, TODAY)
    assert [one.verdict for one in judged] == ["inconclusive"] * 2


# --- one test ---------------------------------------------------------------------------------------------


def answer(status: int | None, path: str = "/usage", **facts: object) -> Exchange:
    exchange = Exchange("GET", path, {}, None, None, anonymous().label, status=status)
    for name, value in facts.items():
        setattr(exchange, name, value)
    return exchange


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[Judge]:
    with judge_of("http://127.0.0.1:9", tmp_path) as made:
        yield made


def verdicts(judge: Judge) -> dict[str, Verdict]:
    return {one.requirement: one.verdict for one in judge.close(("USE-1", "USE-2"), None, "")}


def test_a_test_that_saw_nothing_does_not_pass(judge: Judge) -> None:
    judge.witness("USE-1", answer(200))
    assert verdicts(judge) == {"USE-1": "pass", "USE-2": "inconclusive"}


def test_a_run_shows_a_few_answers_of_what_is_kept_and_each_of_what_is_not(judge: Judge) -> None:
    shown = []
    for _ in range(5):
        judge.findings.clear()
        judge.witness("USE-1", answer(200))
        shown += [len(one.evidence) for one in judge.close(("USE-1",), None, "")]
    assert shown == [1, 1, 1, 0, 0]
    judge.violation("USE-1", "not fine", answer(200))
    assert len(judge.findings[-1].evidence) == 1


def test_a_violation_outlives_the_witnesses_before_it(judge: Judge) -> None:
    judge.check("USE-1", True, "fine", answer(200))
    with pytest.raises(Violation):
        judge.check("USE-1", False, "not fine", answer(200))
    found = judge.close(("USE-1", "USE-2"), "inconclusive", "not reached")
    assert {one.requirement: one.verdict for one in found} == {"USE-1": "fail", "USE-2": "inconclusive"}
    assert [one.reason for one in found] == ["not fine", "not reached"]


def test_what_stops_a_test_holds_for_all_it_had_not_decided(judge: Judge) -> None:
    judge.witness("USE-1", answer(200))
    found = judge.close(("USE-1", "USE-2"), "not_run", "needs LIGHTNING_JWT")
    assert {one.verdict for one in found} == {"not_run"}


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 520, 401, 403, 301, 307, None])
def test_an_answer_that_says_nothing_about_a_valid_request_decides_nothing(
    judge: Judge, status: int | None
) -> None:
    problem = None if status else "no complete answer within 15 s"
    with pytest.raises(Undecided):
        judge.served("USE-1", answer(status, problem=problem))
    assert verdicts(judge)["USE-1"] == "inconclusive"


@pytest.mark.parametrize("status", [400, 404, 405, 413, 422])
def test_a_valid_request_that_is_refused_as_wrong_is_a_violation(judge: Judge, status: int) -> None:
    with pytest.raises(Violation):
        judge.served("USE-1", answer(status))
    assert verdicts(judge)["USE-1"] == "fail"


@pytest.mark.parametrize("facts", [{"problem": "cut off"}, {"truncated": True}])
def test_a_success_that_did_not_come_whole_decides_nothing(judge: Judge, facts: dict[str, Any]) -> None:
    with pytest.raises(Undecided):
        judge.served("USE-1", answer(200, **facts))


@pytest.mark.parametrize("wanted", [400, 401, 413])
@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 404, 413, 422, 429, 500, 502, 503, 302, None])
def test_a_wrong_request_is_refused_as_documented_or_else(
    judge: Judge, wanted: int, status: int | None
) -> None:
    says_nothing = {429, 502, 503, 302, None} | ({401, 403} if wanted != 401 else set())
    exchange = answer(status, problem=None if status else "reset")
    if status == wanted:
        judge.refused("USE-1", exchange, wanted, "a wrong thing")
        expected = "pass"
    elif status in says_nothing:
        with pytest.raises(Undecided):
            judge.refused("USE-1", exchange, wanted, "a wrong thing")
        expected = "inconclusive"
    else:
        with pytest.raises(Violation):
            judge.refused("USE-1", exchange, wanted, "a wrong thing")
        expected = "fail"
    assert verdicts(judge)["USE-1"] == expected


@pytest.mark.parametrize(("others", "expected"), [(200, "fail"), (401, "fail"), (302, "inconclusive")])
def test_a_bad_bearer_that_is_led_to_a_login_is_not_refused(
    judge: Judge, monkeypatch: pytest.MonkeyPatch, others: int, expected: str
) -> None:
    """A proxy leads everybody to its login, and not the bad bearers alone."""
    monkeypatch.setattr(judge.client, "send", lambda *_, **__: answer(others))
    led = answer(302, operation=load_spec().operations["getUsage"], headers=[("Location", "/login")])
    with pytest.raises(Violation if expected == "fail" else Undecided):
        judge.refused("USE-1", led, 401, "a bad bearer")
    assert verdicts(judge)["USE-1"] == expected


def test_units_that_are_wanting_are_asked_for_once_and_for_the_least_that_suffices() -> None:
    wanting = [
        finding("not_run", "test_one", "needs --spend exhaust"),
        finding("not_run", "test_two", "needs --spend sample"),
        finding("not_run", "test_three", "needs LIGHTNING_JWT"),
    ]
    [told] = rulings(load_requirements(), wanting, ("CHAT-5",))
    assert told.reason == "needs --spend sample; needs LIGHTNING_JWT"
    [alone] = rulings(load_requirements(), wanting[:1], ("CHAT-5",))
    assert alone.reason == "needs --spend exhaust"
