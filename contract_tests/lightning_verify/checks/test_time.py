"""What only a target with a control plane can show: days and weeks that pass, upstreams that fail, and random
sequences of both against a model."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from lightning_verify.facts import METRIC_OF, PUBLISHED_LIMITS, SPEC
from lightning_verify.judging.catalogue import catalogue
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.model import QuotaModel
from lightning_verify.judging.snapshot import Snapshot
from lightning_verify.judging.usage import read_usage
from lightning_verify.reading.plans import plans_of
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.invalid import NOTHING_ASKED
from lightning_verify.requests.valid import CALLS
from lightning_verify.run.marks import judges, needs_control
from lightning_verify.target import Spend
from lightning_verify.transport.control import Control
from lightning_verify.transport.exchange import Exchange

# What it takes to ask once for each, and once more for one of each metric.
EACH_ONCE = {metric: units + 1 for metric, units in Counter(METRIC_OF.values()).items()}


def _control(judge: Judge) -> Control:
    assert judge.target.control is not None, "the mark needs_control lets no other target in"
    judge.learned.time_moved = True
    return Control(judge.client, judge.target.control)


@needs_control
@judges("RATE-7", units={"imagesDaily": 1, "audioWeekly": 1}, requests=10)
def test_counters_begin_again_with_the_day_and_the_week(judge: Judge) -> None:
    control, caller = _control(judge), judge.caller()
    control.move_to("next_week")  # A Monday, so that the next day is in the same week.
    for operation in ("createImage", "createSfx"):
        judge.served("RATE-7", judge.post(CALLS[operation].path, CALLS[operation].body, caller))
    _used(judge, caller, "on Monday", imagesDaily=1, audioWeekly=1)
    control.move_to("next_day")
    _used(judge, caller, "on Tuesday", imagesDaily=0, audioWeekly=1)
    control.move_to("next_week")
    _used(judge, caller, "a week later", imagesDaily=0, audioWeekly=0)


def _used(judge: Judge, caller: Caller, when: str, **expected: int) -> None:
    snapshot = read_usage(judge, "RATE-7", caller)
    for metric, units in expected.items():
        got = snapshot.used[metric]
        judge.check("RATE-7", got == units, f"{when} {metric} is {got}, not {units}", snapshot.exchange)


@needs_control
@judges("FAIL-3", units=EACH_ONCE, requests=2 * len(METRIC_OF) + 2)
def test_an_upstream_that_fails_is_500(judge: Judge) -> None:
    control = _control(judge)
    for operation in METRIC_OF:
        exchange = _failing(judge, control, operation, judge.caller())
        failures = [status for status in SPEC.operations[operation].responses if status.startswith("5")]
        allowed = str(exchange.status) in failures
        judge.check("FAIL-3", allowed, f"{exchange.title}: expected {' or '.join(failures)}", exchange)


@needs_control
@judges("ASM-6", units=EACH_ONCE, requests=3 * len(METRIC_OF) + 3)
def test_a_failed_generation_costs_nothing(judge: Judge) -> None:
    control = _control(judge)
    for operation in METRIC_OF:
        caller = judge.caller()
        exchange = _failing(judge, control, operation, caller)
        used = {metric: units for metric, units in read_usage(judge, "ASM-6", caller).used.items() if units}
        judge.check(
            "ASM-6", (exchange.status or 0) >= 500 and not used, f"{exchange.title}: moved {used}", exchange
        )


def _failing(judge: Judge, control: Control, operation: str, caller: Caller) -> Exchange:
    control.fail_upstream(operation, caller)
    call = CALLS[operation]
    return judge.ask(call, caller)


# --- any sequence ---------------------------------------------------------------------------------------

LIMITS = {metric: min(limit, 3) for metric, limit in PUBLISHED_LIMITS.items()}
_callers = st.sampled_from(["Ada", "Ben"])


class Mismatch(AssertionError):
    """The target and the model disagree."""

    def __init__(self, requirement: str, message: str, exchange: Exchange) -> None:
        super().__init__(message)
        self.requirement = requirement
        self.exchange = exchange


def _machine(judge: Judge, control: Control, plan: str) -> type[RuleBasedStateMachine]:
    class Quotas(RuleBasedStateMachine):
        """Callers spend, are refused, read and wait; the model predicts the results."""

        @initialize()
        def begin(self) -> None:
            control.set_limits(plan, LIMITS)
            control.move_to("next_day")  # As far as can be from the midnight that comes by itself.
            self.model = QuotaModel(datetime.fromisoformat(control.now()).date(), dict(LIMITS))
            self.callers = {name: judge.caller() for name in ("Ada", "Ben")}

        @rule(name=_callers, operation=st.sampled_from(sorted(METRIC_OF)))
        def spend(self, name: str, operation: str) -> None:
            call, metric = CALLS[operation], METRIC_OF[operation]
            exchange = judge.ask(call, self.callers[name])
            expected = "served" if self.model.spend(name, metric) else "429"
            got = "served" if exchange.served else str(exchange.status)
            if got != expected:
                raise Mismatch("RATE-4", f"{exchange.title}: expected to be {expected}", exchange)

        @rule(name=_callers, operation=st.sampled_from(["createChatCompletion", "createImage", "createSfx"]))
        def be_refused(self, name: str, operation: str) -> None:
            judge.post(CALLS[operation].path, NOTHING_ASKED, self.callers[name], lane="free")

        @rule()
        def sleep(self) -> None:
            control.move_to("next_day")
            self.model.next_day()

        @rule()
        def go_on_holiday(self) -> None:
            control.move_to("next_week")
            self.model.next_week()

        @rule(chats=st.integers(0, 5))
        def change_the_plan(self, chats: int) -> None:
            control.set_limits(plan, {"cloudChatDaily": chats})
            self.model.set_limits({"cloudChatDaily": chats})

        @invariant()
        def usage_is_as_the_model_says(self) -> None:
            for name, caller in getattr(self, "callers", {}).items():
                snapshot = self._snapshot(caller)
                if dict(snapshot.used) != self.model.used(name):
                    message = f"{name} has {dict(snapshot.used)}, the model {self.model.used(name)}"
                    raise Mismatch("RATE-1", message, snapshot.exchange)

        def _snapshot(self, caller: Caller) -> Snapshot:
            return read_usage(judge, "RATE-1", caller)

    return Quotas


@needs_control
@judges("RATE-1", "RATE-4", units=dict.fromkeys(METRIC_OF.values(), 300), requests=900, spend=Spend.EXHAUST)
def test_any_sequence_of_calls_agrees_with_the_model(judge: Judge) -> None:
    control = _control(judge)
    document = catalogue(judge, "RATE-4")
    plan = str(document["defaultPlanKey"])
    before: dict[str, Any] = next(p["limits"] for p in plans_of(document) if p["key"] == plan)
    profile = settings(
        max_examples=20,
        stateful_step_count=15,
        deadline=None,
        database=None,
        derandomize=True,
        # A shorter sequence would be asked for many times over, and says no more than the first.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(_machine(judge, control, plan), settings=profile)
    except Mismatch as mismatch:
        raise judge.violation(mismatch.requirement, str(mismatch), mismatch.exchange) from None
    finally:
        control.set_limits(plan, before)
    judge.witness("RATE-1")
    judge.witness("RATE-4")
