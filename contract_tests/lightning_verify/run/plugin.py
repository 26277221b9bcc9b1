"""The pytest plugin: the life cycle of a run, from test outcomes to findings, reports and the exit code."""

from __future__ import annotations

import datetime
import os
import tempfile
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lightning_verify.facts import REQUIREMENTS
from lightning_verify.judging.examples import write_examples
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.outcomes import NotRun, Undecided, Violation
from lightning_verify.judging.verdicts import (
    BROKE_OFF,
    EXIT_BROKEN,
    EXIT_INCONCLUSIVE,
    EXIT_KEPT,
    NOT_PART,
    Verdict,
    accept,
)
from lightning_verify.report.github import workflow_commands, write_summary
from lightning_verify.report.history import new_run, point_to
from lightning_verify.report.outcome import Outcome
from lightning_verify.report.terminal import alarm_lines, terminal_lines
from lightning_verify.report.writers import write_reports
from lightning_verify.requests.refusals import ABOUT_PAYLOADS
from lightning_verify.run import hooks, lifecycle, options
from lightning_verify.run.costs import Means
from lightning_verify.run.known import known_file
from lightning_verify.run.marks import MARKS, charge_of
from lightning_verify.run.option_table import declare_to_pytest
from lightning_verify.run.plan import obstacle
from lightning_verify.run.progress import Progress
from lightning_verify.run.scheduler import Scheduler, can_be_scheduled, run_test
from lightning_verify.run.session import Run, read_facts, read_findings, rulings
from lightning_verify.run.signals import INTERRUPTION
from lightning_verify.run.skipped import report_skipped
from lightning_verify.run.xdist import CombinedItem, ItemCounter
from lightning_verify.target import Target, not_one_host
from lightning_verify.transport.client import BudgetExhausted, HostGone

_run_key = pytest.StashKey[Run]()
_books_key = pytest.StashKey[Path]()
_judge_key = pytest.StashKey[Judge]()
_reports_key = pytest.StashKey[Path]()
_outcome_key = pytest.StashKey[Outcome]()
_trouble_key = pytest.StashKey[OSError]()
_scheduler_key = pytest.StashKey[Scheduler]()
# Why the run broke off, where it did.
_mistake_key = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the judge's options."""
    declare_to_pytest(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Offer `pytest_lightning_target`."""
    pluginmanager.add_hookspecs(hooks)


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _is_controller(config: pytest.Config) -> bool:
    return not _is_worker(config) and bool(getattr(config.option, "numprocesses", None))


class _Mistakes:
    """Keeps the error that ended a run before its checks were over: pytest's hooks do not say whose run it
    is."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._config.stash[_mistake_key] = f"{BROKE_OFF}: {excinfo.exconly()}"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what could not be collected: pytest then runs nothing."""
        if report.failed:
            *_, last = report.longreprtext.strip().splitlines() or [""]
            self._config.stash[_mistake_key] = (
                f"{BROKE_OFF}: {report.nodeid} cannot be read: {last.removeprefix('E').strip()}"
            )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks, check the options and set up the run's directory."""
    for mark, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{mark}: {meaning}")
    config.pluginmanager.register(_Mistakes(config))
    if _is_worker(config):
        config.stash[_books_key] = Path(config.workerinput["lightning_books"])  # type: ignore[attr-defined]
        return
    options.check(config)
    books = tempfile.TemporaryDirectory(prefix="lightning-run-")
    config.add_cleanup(books.cleanup)
    config.stash[_books_key] = Path(books.name)
    INTERRUPTION.watch()
    config.add_cleanup(INTERRUPTION.release)
    report_dir: Path | None = config.option.lightning_report_dir
    if report_dir is not None:
        options.check_writable(report_dir)
        if config.option.lightning_history:
            report_dir = new_run(report_dir)
        config.stash[_reports_key] = report_dir
        if not getattr(config.option, "xmlpath", None):
            config.option.xmlpath = str(report_dir / "junit.xml")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give each xdist worker the run's directory: they share one budget."""
    node.workerinput["lightning_books"] = str(node.config.stash[_books_key])


def _open_run(config: pytest.Config) -> Run:
    given = options.given_target(config)
    target: Target | None = given or config.hook.pytest_lightning_target(config=config)
    if target is None:
        raise pytest.UsageError(not_one_host(live=False))
    settings = options.settings_of(config, target, own_mock=given is None)
    worker = getattr(config, "workerinput", {}).get("workerid", "main")
    run = Run.open(settings, target, config.stash[_books_key], worker)
    config.add_cleanup(run.client.close)
    return run


def pytest_sessionstart(session: pytest.Session) -> None:
    """Correct the test count of xdist's progress."""
    if _is_controller(session.config):
        session.config.pluginmanager.register(ItemCounter(session))


def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Keep what the revision has and `--only` selects; sort by cost, the cheapest first."""
    only = options.selection(config)
    known = REQUIREMENTS.requirements

    def selected(item: pytest.Item) -> bool:
        charge = charge_of(item)
        if charge is None:
            return not only
        if not known.keys() >= set(charge.requirements):
            return False
        return not only or any(name in only or known[name].area in only for name in charge.requirements)

    dropped = [item for item in items if not selected(item)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if selected(item)]

    def price(item: pytest.Item) -> tuple[bool, int, bool, bool]:
        charge = charge_of(item)
        # A moved clock and changed limits stay with the target, so those tests come last, and an account that
        # is used up serves nobody after that. A host that serves what it should refuse is soon asked no more,
        # so those who judge just that come first.
        return (
            item.get_closest_marker("needs_control") is not None,
            0 if charge is None else int(charge.spend),
            item.get_closest_marker("uses_up_accounts") is not None,
            charge is None or not ABOUT_PAYLOADS.intersection(charge.requirements),
        )

    items.sort(key=price)
    judging = [item for item in items if charge_of(item)]
    if _is_worker(config) and judging:
        others = [item for item in items if not charge_of(item)]
        items[:] = [
            CombinedItem.from_parent(session, tests=judging),
            *others,
        ]


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Begin the run before the first test, unless xdist distributes the tests."""
    config = session.config
    if config.option.collectonly or _is_controller(config) or _is_worker(config):
        return
    if any(map(charge_of, session.items)):
        _begin(config, session.items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Begin the run on the worker that has it, and run all its tests. Those that show nothing with what the
    run was given are only reported."""
    if isinstance(item, CombinedItem):
        _begin(item.config, item.tests)
        item.run_all(nextitem)
        return True
    run = item.config.stash.get(_run_key, None)
    if run is None or not (untried := _untried(item, run)):
        return None
    charge = charge_of(item)
    assert charge is not None, "only tests that judge are left out"
    verdict, reason = untried[0], run.safe_line(untried[1])
    run.keep(_judge_of(run, item).close(charge.requirements, verdict, reason))
    report_skipped(item, nextitem, f"{verdict}: {reason}")
    return True


def _untried(item: pytest.Item, run: Run) -> tuple[Verdict, str] | None:
    """The verdict and the reason of a test that there is no use in running; None for one to run."""
    if charge_of(item) is None:
        return None
    if run.aborted:
        return "inconclusive", run.aborted
    reason = obstacle(item, run.settings.spend, run.target)
    return ("not_run", reason) if reason else None


def _begin(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Begin the run, and schedule the tests."""
    run = _open_run(config)
    config.stash[_run_key] = run
    lifecycle.begin(run, items, config.option.lightning_report_dir, partial(_say, config))
    settings = run.settings
    if settings.jobs > 1 and not run.aborted:
        able = [item for item in items if _can_judge(item, run) and can_be_scheduled(item)]
        means = Means(settings.spend, settings.examples, run.target.credentials.keys())
        config.stash[_scheduler_key] = Scheduler(able, settings.jobs, partial(_judge_of, run), means)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    # A worker says nothing, and has tests beside the contract's.
    if (
        reporter is not None
        and not _is_worker(config)
        and config.get_verbosity() <= 0
        and all(map(charge_of, items))
    ):
        config.pluginmanager.register(Progress(reporter, items))


def _can_judge(item: pytest.Item, run: Run) -> bool:
    return charge_of(item) is not None and obstacle(item, run.settings.spend, run.target) is None


def _on_github(config: pytest.Config) -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true" and not config.option.lightning_no_annotations


def _say(config: pytest.Config, line: str) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(line)


@pytest.fixture(scope="session")
def lightning_run(request: pytest.FixtureRequest) -> Run:
    """The run that a contract test belongs to."""
    return request.config.stash[_run_key]


@pytest.fixture
def judge(request: pytest.FixtureRequest, lightning_run: Run) -> Judge:
    """The judge of this test."""
    scheduler = request.config.stash.get(_scheduler_key, None)
    judge = (scheduler.judge(request.node) if scheduler else None) or _judge_of(lightning_run, request.node)
    request.node.stash[_judge_key] = judge
    return judge


def _judge_of(run: Run, item: pytest.Item) -> Judge:
    return Judge(
        test=item.name,
        target=run.target,
        spec=run.spec,
        client=run.client,
        recorder=run.recorder,
        spend=run.settings.spend,
        settle=run.settings.settle,
        learned=run.learned,
        examples=run.settings.examples,
        seed=run.settings.seed,
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Take the result of a scheduled test, or run one that could be scheduled."""
    scheduler = pyfuncitem.config.stash.get(_scheduler_key, None)
    if scheduler is not None and scheduler.wait_for(pyfuncitem):
        return True
    judge = pyfuncitem.stash.get(_judge_key, None)
    if judge is None or charge_of(pyfuncitem) is None or not can_be_scheduled(pyfuncitem):
        return None
    run_test(pyfuncitem, judge)
    return True


_STOPPED: tuple[tuple[type[BaseException], Verdict], ...] = (
    (Undecided, "inconclusive"),
    (HostGone, "inconclusive"),
    (NotRun, "not_run"),
    (BudgetExhausted, "not_run"),
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Skip a test that cannot show anything, and end others with a message instead of a traceback. pytest
    would look up the source of every frame of an exception; a run with many skips cannot wait for that."""
    run = item.config.stash.get(_run_key, None)
    if run is None or charge_of(item) is None:
        return (yield)
    redact = run.safe_line
    try:
        return (yield)
    except tuple(kind for kind, _ in _STOPPED) as stop:
        raise pytest.skip.Exception(redact(str(stop))) from stop
    except Violation as violation:
        raise pytest.fail.Exception(redact(str(violation)), pytrace=False) from violation


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the outcome of a contract test into findings, and into a report in plain words."""
    report = yield
    charge = charge_of(item)
    judge = item.stash.get(_judge_key, None)
    if charge is None or judge is None or call.when != "call":
        return report
    run = item.config.stash[_run_key]
    problem: BaseException | None = call.excinfo.value if call.excinfo else None
    if isinstance(problem, pytest.skip.Exception | pytest.fail.Exception):
        problem = problem.__cause__ or problem
    redact = run.safe_line
    outcome: Verdict | None = None
    reason = ""
    for kind, verdict in _STOPPED:
        if isinstance(problem, kind):
            outcome, reason = verdict, redact(str(problem))
            report.longrepr = (str(item.path), item.location[1] or 0, f"{verdict}: {reason}")
            break
    else:
        if isinstance(problem, Violation):
            outcome, reason = "inconclusive", f"not reached, since {problem.requirement} was broken first"
            broken = run.requirements.requirements.get(problem.requirement)
            level = "of another revision" if broken is None else broken.level
            known = run.settings.known.get(problem.requirement)
            if known is not None and not known.expired(_today()):
                report.outcome = "skipped"
                report.wasxfail = redact(f"known difference, {known}: {problem}")
            elif level == "documented" or run.settings.strict:
                report.longrepr = redact(f"{problem.requirement} is broken: {problem.message}")
            else:
                report.outcome = "skipped"
                report.wasxfail = redact(f"advice, {level}: {problem}")
        elif problem is not None:
            outcome, reason = "inconclusive", f"the check itself failed: {redact(repr(problem)[:300])}"
            report.longrepr = "\n".join(redact(line) for line in str(report.longrepr).splitlines())
    by_another = isinstance(problem, Violation)
    run.keep(judge.close(charge.requirements, outcome, reason, by_another=by_another))
    scheduler = item.config.stash.get(_scheduler_key, None)
    report.duration = (scheduler.seconds(item) if scheduler else None) or report.duration
    return report


# Inside the terminal reporter's own wrapper, so that its summary finds the outcome.
@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
    """Rule, write the reports, and set the exit code."""
    trouble: OSError | None = None
    try:
        yield
    except OSError as problem:  # pytest's own JUnit file.
        trouble = problem
    config = session.config
    run = config.stash.get(_run_key, None)
    if scheduler := config.stash.get(_scheduler_key, None):
        scheduler.stop()
    if run is not None:
        lifecycle.finish(run)
    if _is_worker(config):
        return
    outcome = _ruled(session, exitstatus, run)
    if outcome is None:
        if mistake := _mistake(config, exitstatus):
            config.get_terminal_writer().line(f"\n{mistake}")
        return
    config.stash[_outcome_key] = outcome
    try:
        _write(config, outcome)
    except OSError as problem:
        trouble = problem
    if trouble is not None:
        config.stash[_trouble_key] = trouble
        session.exitstatus = EXIT_INCONCLUSIVE
        return
    if INTERRUPTION.by is not None or _mistake(config, exitstatus) is not None:
        session.exitstatus = outcome.exit_code
        return
    judged_alone = all(charge_of(item) for item in session.items) and not _is_controller(config)
    if exitstatus == EXIT_KEPT or (exitstatus == EXIT_BROKEN and judged_alone):
        session.exitstatus = outcome.exit_code


def _mistake(config: pytest.Config, exitstatus: int) -> str | None:
    """What broke the run off before its checks were over; None when nothing did."""
    if exitstatus == pytest.ExitCode.INTERNAL_ERROR:
        return config.stash.get(_mistake_key, BROKE_OFF)
    return config.stash.get(_mistake_key, None) if exitstatus == pytest.ExitCode.INTERRUPTED else None


def _ruled(session: pytest.Session, exitstatus: int, run: Run | None) -> Outcome | None:
    """The outcome from the findings of all workers; None when no host was judged."""
    config = session.config
    books = config.stash[_books_key]
    facts = read_facts(books)
    if "target" not in facts:
        return None
    mistake = _mistake(config, exitstatus)
    if mistake is not None:
        mistake = run.safe_line(mistake) if run else mistake
        facts = {**facts, "aborted": facts.get("aborted") or mistake}
    only = options.selection(config)
    found = rulings(REQUIREMENTS, read_findings(books), only, _unreached(session, exitstatus))
    return Outcome.of(
        accept(found, options.known_differences(config), _today()),
        facts,
        books,
        strict=config.option.lightning_strict,
        interrupted=INTERRUPTION.by,
        earlier=options.earlier_verdicts(config),
        fail_on_new=config.option.lightning_fail_on == "new",
    )


def _write(config: pytest.Config, outcome: Outcome) -> None:
    """Write all requested reports. Raises OSError."""
    known: Path | None = config.option.lightning_write_known
    if known is not None and not outcome.run["aborted"] and INTERRUPTION.by is None:
        before = options.known_before(config)
        known.write_text(known_file(outcome.rulings, before, strict=outcome.strict), encoding="utf-8")
    report_dir = config.stash.get(_reports_key, None)
    if report_dir is not None:
        write_reports(outcome, report_dir)
        write_examples(config.option.lightning_report_dir, read_facts(config.stash[_books_key]))
        if config.option.lightning_history:
            point_to(report_dir)
    if _on_github(config):
        write_summary(outcome, os.environ)


def _unreached(session: pytest.Session, exitstatus: int) -> str:
    """Why a check that is part of the run did not run."""
    if INTERRUPTION.by is not None:
        return "the run was interrupted before its checks"
    if exitstatus == pytest.ExitCode.INTERNAL_ERROR:
        return f"{BROKE_OFF}, before its checks"
    if session.shouldfail or session.shouldstop:
        return "the run stopped at the first failure, before its checks"
    return NOT_PART


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The verdict, the reasons for it, and the bill."""
    outcome = config.stash.get(_outcome_key, None)
    if outcome is None:
        return
    write = terminalreporter.write_line
    if INTERRUPTION.by is not None and config.option.verbose <= 0:
        # The verdict says it; pytest would add in which line of ours it happened to be.
        setattr(terminalreporter, "_report_keyboardinterrupt", lambda: None)  # noqa: B010
    terminalreporter.section("Lightning contract")
    colour: dict[str, bool] = {
        "red": outcome.exit_code == EXIT_BROKEN,
        "yellow": outcome.exit_code == EXIT_INCONCLUSIVE,
        "green": outcome.exit_code == EXIT_KEPT,
    }
    terminalreporter.write_line(outcome.headline, bold=True, **colour)
    for line in alarm_lines(outcome):
        write(line, red=True, bold=True)
    for line in terminal_lines(outcome):
        write(line)
    if _on_github(config):
        for line in workflow_commands(outcome):
            write(line)
    trouble = config.stash.get(_trouble_key, None)
    if trouble is not None:
        write(f"not everything could be recorded: {trouble.strerror}: {trouble.filename}", red=True)
    elif _reports_key in config.stash:
        write(f"reports: {config.stash[_reports_key]}")
