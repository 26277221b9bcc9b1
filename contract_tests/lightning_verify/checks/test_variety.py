"""Valid requests of many kinds at once: the host must serve them all, and serve them well."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lightning_verify.facts import METRIC_OF
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.outcomes import NotRun, Violation
from lightning_verify.judging.search import Search, accuse, allowance
from lightning_verify.requests.kinds import Subject
from lightning_verify.requests.kinds_of_chat import ANALYSIS, CHAT
from lightning_verify.requests.kinds_of_media import MEDIA
from lightning_verify.run.costs import Means
from lightning_verify.run.marks import judges

SUBJECTS = (ANALYSIS, CHAT, *MEDIA)


def _requests(subject: Subject) -> Callable[[Means], int]:
    return lambda means: 1 + subject.count(means.examples)


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(
            subject,
            id=subject.operation,
            marks=judges(
                *subject.requirements,
                requests=_requests(subject),
                each_on=METRIC_OF.get(subject.operation),
            ),
        )
        for subject in SUBJECTS
    ],
)
def test_every_kind_of_valid_request_is_served(judge: Judge, subject: Subject) -> None:
    search = Search(judge, subject, allowance(judge.target, judge.spend))
    if not search.ask({}).served:
        raise NotRun("needs a host that serves the plainest request")
    kept = judge.learned.examples
    examples = [*kept.first(subject), *subject.drawn(subject.count(judge.examples), judge.seed)]
    violations = []
    for found in search.run(examples[: subject.count(judge.examples)]):
        violation = accuse(search, found)
        if violation is not None:
            if isinstance(violation, Violation):
                kept.keep(subject, found.chosen, violation.requirement)
            violations.append(violation)
    judge.leave(subject.requirements, "needs more --examples, to meet this kind of request")
    for violation in violations:
        raise violation
