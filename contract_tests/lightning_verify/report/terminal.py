"""What a terminal shows below the verdict when a run is over: the reasons and the bill."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lightning_verify.judging.harmless import one_line
from lightning_verify.judging.verdicts import Ruling
from lightning_verify.report.outcome import Outcome
from lightning_verify.report.sections import BILL_WORDS, request_line, seen

_MAX_LENGTH = 300


def alarm_lines(outcome: Outcome) -> list[str]:
    """What puts callers in danger and would otherwise be one piece of advice among others: at the top, in
    red."""
    return [
        _line("danger", _statement(ruling), *_request(ruling), one_line(seen(ruling), _MAX_LENGTH))
        for ruling in outcome.rulings
        if _alarms(outcome, ruling)
    ]


def _alarms(outcome: Outcome, ruling: Ruling) -> bool:
    return ruling.verdict == "fail" and ruling.requirement.urgent and not outcome.counts(ruling)


def terminal_lines(outcome: Outcome) -> list[str]:
    """The lines below the verdict."""
    return [*(_line(label, *text) for label, *text in _told(outcome)), *_bill(outcome)]


def _line(label: str, first: str, *more: str) -> str:
    return "\n".join([f"{label:12} {first}", *(f"{'':21} {line}" for line in more)])


def _told(outcome: Outcome) -> Iterator[tuple[str, ...]]:
    counting = [ruling for ruling in outcome.rulings if outcome.counts(ruling)]
    for ruling in counting:
        if ruling.verdict == "fail":
            yield "broken", _statement(ruling), *_request(ruling), one_line(seen(ruling), _MAX_LENGTH)
    for reason, names in _by_reason(counting, "inconclusive").items():
        # What keeps the whole run from deciding is in its headline already.
        if reason != outcome.run["aborted"]:
            yield "not decided", f"{', '.join(names)}: {one_line(reason, _MAX_LENGTH)}"
    for ruling in outcome.rulings:
        if ruling.verdict == "known_difference":
            yield "known", _statement(ruling), one_line(ruling.reason, _MAX_LENGTH)
    for reason, names in _by_reason(counting, "not_run").items():
        yield "not run", f"{one_line(reason, _MAX_LENGTH)}: {', '.join(names)}"
    for ruling in outcome.rulings:
        if ruling.verdict == "fail" and not outcome.counts(ruling) and not _alarms(outcome, ruling):
            yield "advice", _statement(ruling)
    if outcome.comparison is not None:
        for line in outcome.comparison.lines():
            yield "compared", line


def _statement(ruling: Ruling) -> str:
    return f"{ruling.requirement.id:8} {ruling.requirement.statement}"


def _request(ruling: Ruling) -> list[str]:
    """The request that showed it; empty when none was recorded."""
    return [one_line(request_line(item), 160) for item in ruling.evidence[:1]]


def _by_reason(rulings: Iterable[Ruling], verdict: str) -> Mapping[str, list[str]]:
    names: dict[str, list[str]] = {}
    for ruling in rulings:
        if ruling.verdict == verdict:
            names.setdefault(ruling.reason, []).append(ruling.requirement.id)
    return names


def _bill(outcome: Outcome) -> Iterator[str]:
    units, requests = outcome.run["units"], outcome.run["requests"]["sent"]
    columns = ("planned", "booked", "observed", "unexplained")
    amounts = ", ".join(f"{name} {_amounts(units[name])}" for name in columns)
    yield f"bill: {amounts}; {requests} requests in {outcome.run['seconds']:g} s"
    for payer, paid in units.get("paid_by", {}).items():
        yield _line("", f"paid by {payer}: {_amounts(paid)}")
    if any(any((units[name] or {}).values()) for name in columns):
        yield from (_line("", f"{name} is {BILL_WORDS[name]}") for name in columns)


def _amounts(units: Mapping[str, int] | None) -> str:
    if units is None:
        return "unknown"
    return " + ".join(f"{count} {metric}" for metric, count in sorted(units.items()) if count) or "0"
