"""Questions to the host about an answer that says too little by itself: does the route exist, does it always
fail, is it this request that the host cannot do?

Law: fresh callers ask them, unless the question is about one caller. They cost units only if the answer in
question cost one as well, or may have been meant for a valid request; a free run asks for none of these.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from lightning_verify.facts import REQUIRED_FIELD
from lightning_verify.judging.contrast import Ask, SecondLook, Well, is_served, look_again, trouble
from lightning_verify.judging.payers import Once, Payers
from lightning_verify.laws.law import request_json
from lightning_verify.laws.witnesses import tells_failure
from lightning_verify.reading import gateways
from lightning_verify.requests.callers import Caller, anonymous, by_user_agent
from lightning_verify.requests.invalid import NO_OBJECT, NOTHING_ASKED
from lightning_verify.requests.valid import CALLS, Call
from lightning_verify.transport.client import BudgetExhausted, Client
from lightning_verify.transport.exchange import NOT_OFFERED, REDIRECTS, Exchange
from lightning_verify.transport.retries import GATEWAY_RETRIES
from lightning_verify.transport.timeline import has_bearer

_CHAT = "createChatCompletion"
# How often two requests are compared that nothing but chance may tell apart.
_TURNS = 3


def ask_past_losses(ask: Callable[[], Exchange]) -> Exchange:
    """The answer to a request that may be repeated, which is done once if it is lost on the way."""
    exchange = ask()
    return ask() if exchange.is_lost else exchange


@dataclass(frozen=True, slots=True)
class Probes:
    """The questions, each asked `once` where its answer cannot change."""

    client: Client
    once: Once
    payers: Payers

    def _ask_nothing(self, path: str) -> Exchange:
        return self.client.send("POST", path, anonymous(), json_body=NOTHING_ASKED, lane="free")

    def second_look(
        self, exchange: Exchange, again: Ask, plain: Ask, *, beside: str = "", well: Well = is_served
    ) -> SecondLook:
        """Whether it is this request that the host cannot do. Decided once in a run for each request
        (`beside` distinguishes several plain ones), and with more rounds if others fail as well."""

        def look() -> SecondLook:
            with self.client.second_look():
                rounds = 2 if self._fails_elsewhere(exchange) else 1
                return look_again(exchange, again, plain, rounds=rounds, well=well)

        asked = f"{exchange.caller} {exchange.method} {exchange.path} {exchange.request_body!r}"
        return self.once(f"second look at {asked} {beside}", look)

    def shows_a_page(self, exchange: Exchange) -> bool:
        """Whether a call that costs a unit gets a page every time, other callers' calls included."""

        def again() -> bool:
            body = exchange.request_body
            looks = (
                self.client.send(exchange.method, exchange.path, anonymous(), body=body)
                for _ in range(GATEWAY_RETRIES)
            )
            return all(look.is_page for look in looks)

        return self.once(f"a page for {exchange.method} {exchange.path} {exchange.request_body!r}", again)

    def _fails_elsewhere(self, exchange: Exchange) -> bool:
        """Whether an operation has failed at several different requests, so that failures may be random."""
        operation = exchange.operation
        return operation is not None and len(self.client.failed[operation.id]) > 1

    def fails_at(self, exchange: Exchange) -> SecondLook:
        """A second look at a valid request that failed, compared with the plainest one that asks for the
        same."""
        in_the_middle = exchange.cut_off or tells_failure(exchange)
        plain = _plainest_stream(exchange) if in_the_middle else _plainer(exchange)
        operation, body = exchange.operation, exchange.request_body
        metric = operation.metric if operation is not None else None
        if plain is None or (has_bearer(exchange) and self.payers.stand_in(metric) is None):
            return SecondLook()
        who = partial(self.payers.newcomer, metric)
        return self.second_look(
            exchange,
            lambda: self.client.send(exchange.method, exchange.path, who(), body=body),
            lambda: self.client.send(plain.method, plain.path, who(), json_body=plain.body),
        )

    def fails_at_refusing(self, exchange: Exchange) -> SecondLook:
        """A second look at a request that has to be refused, where the host hung up or a gateway says that it
        failed: compared with another one that has to be refused. What could be taken for a valid request may
        have been sent on to an upstream that is down, and is compared with a valid one."""
        call = CALLS.get(exchange.operation.id) if exchange.operation is not None else None
        if call is None or exchange.method != "POST" or has_bearer(exchange):
            return SecondLook()
        told = gateways.host_failed(exchange.status, exchange.headers, exchange.body)
        if not told and not exchange.hung_up:
            return SecondLook()
        path, body, sent = exchange.path, exchange.request_body, request_json(exchange)

        def refused(what: bytes | None) -> Exchange:
            return self.client.send("POST", path, anonymous(), body=what, lane="free", retry=False)

        # Where one of several fields will do, any may be the one.
        needed = REQUIRED_FIELD.get(call.operation)
        if needed in sent or (needed is None and sent.keys() - NOTHING_ASKED):
            return self.second_look(
                exchange,
                lambda: refused(body),
                lambda: self.client.send("POST", path, anonymous(), json_body=call.body),
            )
        other = NO_OBJECT[0] if sent else json.dumps(NOTHING_ASKED).encode()
        return self.second_look(exchange, lambda: refused(body), lambda: refused(other), well=_is_refused)

    def is_missing(self, exchange: Exchange) -> bool:
        """Whether a route answers to everything that it is not there. A GET that generates counts as missing
        unless it was served before: a real request would cost a unit."""
        if exchange.operation is None or self.client.served[exchange.operation.id]:
            return False
        if exchange.method == "GET":
            return exchange.operation.metric is not None
        path = exchange.path
        plain = self.once(f"is there {path}", lambda: self._ask_nothing(path))
        return plain.status in NOT_OFFERED

    def _plain(self, exchange: Exchange, newcomer: Callable[[], Caller]) -> Exchange | None:
        """The answer to the plainest valid request of an operation, asked once; None where nothing may be
        spent to know."""
        call = CALLS.get(exchange.operation.id) if exchange.operation is not None else None
        if call is None:
            return None

        def ask() -> Exchange | None:
            try:
                return self.client.send(call.method, call.path, newcomer(), json_body=call.body)
            except BudgetExhausted:
                return None

        return self.once(f"plain {call.operation} of {newcomer.__name__}", ask)

    def fails_anyway(self, exchange: Exchange) -> bool:
        """Whether the plainest valid request fails like this one, so that the route does not work at all."""
        if exchange.operation is None or self.client.served[exchange.operation.id]:
            return False
        plain = self._plain(exchange, anonymous)
        return plain is not None and plain.status == exchange.status

    def owner_of_form(self, exchange: Exchange) -> str | None:
        """The requirement about the form of a chat, streamed or with tools, in which valid ones are answered
        with the same status, or may be, where the units to know are used up; None where they are not, and
        where none may be spent at all."""
        if exchange.operation is None or exchange.operation.id != _CHAT:
            return None
        metric, plain = exchange.operation.metric, CALLS[_CHAT]

        def ask(form: dict[str, Any]) -> int | None:
            body = {**(plain.body or {}), **form}
            with suppress(BudgetExhausted), self.client.second_look():
                who = self.payers.newcomer(metric)
                return self.client.send(plain.method, plain.path, who, json_body=body).status
            return None

        for owner, form in _forms_of(request_json(exchange)):
            status = self.once(f"a chat with {json.dumps(form)}", partial(ask, form))
            if status == exchange.status or (status is None and self.client.served[_CHAT]):
                return owner
        return None

    def fails_at_everything(self, exchange: Exchange) -> bool:
        """Whether the valid requests that went out at the same time failed with the same status, and none was
        served."""
        return self.client.timeline.valid_beside(exchange) == {exchange.status}

    def lets_in(self, exchange: Exchange) -> bool:
        """Whether the plainest valid request of such a throwaway caller is served, so that it is not the
        caller who is refused."""
        if has_bearer(exchange):
            return False
        newcomer = anonymous if "X-Client-ID" in exchange.request_headers else by_user_agent
        plain = self._plain(exchange, newcomer)
        return plain is not None and plain.served

    def redirects_bad_bearers_alone(self, exchange: Exchange) -> bool:
        """Whether a route redirects on this host, but only when the bearer is bad. A GET that generates is
        not tried: it would cost a unit."""
        operation = exchange.operation
        if operation is None or exchange.leads_away or (exchange.method == "GET" and operation.metric):
            return False
        body = None if exchange.method == "GET" else NOTHING_ASKED
        plain = self.once(
            f"is anybody redirected {exchange.path}",
            lambda: self.client.send(
                exchange.method, exchange.path, anonymous(), json_body=body, lane="free"
            ),
        )
        return plain.problem is None and plain.status not in REDIRECTS

    def always_fails(self, exchange: Exchange) -> bool:
        """Whether a route that needs no upstream fails again and again on a host that is well otherwise."""
        operation = exchange.operation
        if operation is None or operation.upstream:
            return False
        caller = Caller(exchange.caller, exchange.request_headers)
        again = [self.client.send(exchange.method, exchange.path, caller) for _ in range(2)]
        well = self.client.send("GET", "/usage", anonymous()).served
        return well and all(
            answer.status == exchange.status and trouble(answer) == "failed" for answer in again
        )

    def ask_at_leisure(self, exchange: Exchange, stand_in: Caller | None) -> Exchange:
        """The answer to the same request of a caller that asks for nothing else meanwhile, or of a `stand_in`
        for whoever has no units at all. A host that looks at the plan first may hold a unit until it has
        looked at the rest, and so refuse whoever asks twice at once."""
        alone = Caller(exchange.caller, exchange.request_headers) if has_bearer(exchange) else None
        caller, path, body = alone or stand_in or anonymous(), exchange.path, exchange.request_body

        def ask() -> Exchange:
            return self.client.send(exchange.method, path, caller, body=body, lane="free")

        if alone is not None or stand_in is None:
            return ask()
        return self.once(f"{exchange.method} {path} {body!r} as {caller.label}", ask)

    def refuses_this_alone(self, exchange: Exchange) -> bool:
        """Whether callers that have spent nothing always get 429 for this request, and never for an empty
        one. A host may count bad bearers, and a GET that is not refused would cost a unit."""
        if exchange.method != "POST" or has_bearer(exchange):
            return False
        path, body = exchange.path, exchange.request_body
        for _ in range(_TURNS):
            nothing = self._ask_nothing(path)
            again = self.client.send("POST", path, anonymous(), body=body, lane="free")
            if nothing.status not in {400, 422} or again.status != 429:
                return False
        return True


def _forms_of(sent: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The forms in which a chat was asked for, as far as they are valid, each with whose they are."""
    stream = {"stream": True} if sent.get("stream") is True else {}
    if stream:
        yield "CHAT-4", stream
    tools = sent.get("tools")
    if not isinstance(tools, list) or not tools or not all(isinstance(tool, dict) for tool in tools):
        return
    yield "CHAT-8", {"tools": tools, **stream}
    if isinstance(sent.get("tool_choice"), str | dict):
        yield "CHAT-9", {"tools": tools, "tool_choice": sent["tool_choice"], **stream}


def _is_refused(exchange: Exchange) -> bool:
    own = exchange.doubt is None or exchange.is_deliberate
    return own and exchange.status in {400, 413, 422}


def _plainest_stream(exchange: Exchange) -> Call | None:
    """The same of streams, for an answer that fails in the middle: that all of them do is another matter."""
    plain, streams = _plainer(exchange), request_json(exchange).get("stream")
    if plain is None or not streams:
        return plain
    stream = replace(plain, body={**(plain.body or {}), "stream": streams})
    return None if exchange.is_of(stream.method, stream.path, stream.body) else stream


def _plainer(exchange: Exchange) -> Call | None:
    """The plainest request that asks for what this one asks for; None when it is that itself. For the
    plainest of one method it is that of the other, where there is one."""
    operation = exchange.operation.id if exchange.operation is not None else ""
    plain = CALLS.get(operation)
    if plain is None or not exchange.is_of(plain.method, plain.path, plain.body):
        return plain
    verb, other = ("get", "create") if operation.startswith("get") else ("create", "get")
    return CALLS.get(other + operation.removeprefix(verb))
