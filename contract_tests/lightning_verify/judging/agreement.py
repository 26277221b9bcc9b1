"""The models that analyses of a run name, held against those that its streams report for the same messages.

Each kind of caller is looked at by itself: a host may choose otherwise for who pays. It may also draw one of
several models, at random or by load, and so choose otherwise the next time: only what stays the same however
often it is asked counts against it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.ledger import kind_of_caller
from lightning_verify.judging.observations import prompt_label
from lightning_verify.judging.tally import Tally, finding
from lightning_verify.judging.verdicts import Finding
from lightning_verify.laws.law import is_complete, request_json
from lightning_verify.reading.model_names import disagreements, same
from lightning_verify.reading.sse import transcribe
from lightning_verify.requests.callers import another_like
from lightning_verify.requests.prompts import model_name
from lightning_verify.transport.client import BudgetExhausted, Client
from lightning_verify.transport.exchange import Exchange, NotJson

# What a finding about the models gives in place of a test's name.
NAME = "analyses beside streams"
# What a request may have beside its messages for the choice to be about these alone.
_FIELDS = {"createChatCompletion": {"messages", "stream"}, "analyzePrompt": {"prompt"}}
_CHAT, _ANALYSIS = _FIELDS
TURNS = {_ANALYSIS: 12, _CHAT: 3}
"""How often an answer is asked for once more before its model counts as the only one for these messages."""
_MAX_TITLE_LENGTH = 60


def named_model(exchange: Exchange) -> str | None:
    """The model that a stream reports or an analysis names, in JSON or in plain text: the content type is for
    HDR-1 to judge."""
    if exchange.operation is None or not is_complete(exchange):
        return None
    if exchange.operation.id == _CHAT:
        return transcribe(exchange.body).model_name or None
    try:
        return model_name(exchange.json())
    except NotJson:
        return model_name(exchange.text) if exchange.media_type == "text/plain" else None


def ask_again(client: Client, *exchanges: Exchange) -> tuple[list[Exchange], bool]:
    """Ask for the same in turns, until an answer names another model than before: the answers, and whether
    one does. Raises BudgetExhausted when there are no units left to know."""
    answers = list[Exchange]()
    with client.second_look():
        for turn in range(max(TURNS.values())):
            for exchange in exchanges:
                if exchange.operation is None or turn >= TURNS[exchange.operation.id]:
                    continue
                caller = another_like(exchange.caller, exchange.request_headers)
                body = exchange.request_body
                answers.append(client.send(exchange.method, exchange.path, caller, body=body))
                one, other = named_model(exchange), named_model(answers[-1])
                if one and other and one != other:
                    return answers, True
    return answers, False


@dataclass(slots=True)
class _Choice:
    """What a kind of caller was told of one prompt: the models by operation, and the answers that named
    them."""

    named: dict[str, list[str]] = field(default_factory=lambda: {operation: [] for operation in _FIELDS})
    exchanges: dict[str, Exchange] = field(default_factory=dict)

    def add(self, operation: str, name: str, exchange: Exchange) -> None:
        self.named[operation].append(name)
        self.exchanges.setdefault(operation, exchange)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every model that was shown, with every one that was reported."""
        shown, reported = (dict.fromkeys(self.named[operation]) for operation in (_ANALYSIS, _CHAT))
        return [(one, other) for one in shown for other in reported]

    @property
    def is_drawn(self) -> bool:
        """Whether the host has chosen otherwise from one time to the next."""
        return len(self.pairs) > 1

    @property
    def is_settled(self) -> bool:
        """Whether it was asked so often, and chose alike each time, that it can be held to that."""
        return not self.is_drawn and all(len(self.named[name]) > turns for name, turns in TURNS.items())

    @property
    def fits(self) -> bool:
        """Whether a model that was shown is one that was reported."""
        return any(same(*pair) for pair in self.pairs)

    @property
    def shown(self) -> list[Exchange]:
        """An analysis and a stream."""
        return [self.exchanges[operation] for operation in (_ANALYSIS, _CHAT)]


@dataclass(frozen=True, slots=True)
class Told:
    """By the names of prompts: how the host names two models each time, where nothing is shown, where it has
    to be asked more often to know, and an analysis and a stream of each."""

    broken: dict[str, str]
    unclear: list[str]
    suspects: list[str]
    shown: dict[str, list[Exchange]]


class Agreement:
    """What analyses and streams of a run say of the router's choice."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._choices: dict[tuple[str, str], _Choice] = {}
        self._seen: dict[int, Exchange] = {}

    def observe(self, exchange: Exchange) -> None:
        """Keep the model that one answer names; the same answer once only."""
        operation = exchange.operation
        if operation is None or operation.id not in _FIELDS or id(exchange) in self._seen:
            return
        request = request_json(exchange)
        messages = request.get("prompt", request.get("messages"))
        if not request.keys() <= _FIELDS[operation.id] or not isinstance(messages, list):
            return
        name, who = named_model(exchange), kind_of_caller(exchange.request_headers)
        if name and who:
            self._seen[id(exchange)] = exchange
            choice = self._choices.setdefault((who, json.dumps(messages)), _Choice())
            choice.add(operation.id, name, exchange)

    def _titled(self) -> dict[str, _Choice]:
        """The choices that both an analysis and a stream have told, by a name of the prompt."""
        titled = dict[str, _Choice]()
        for (_, messages), choice in self._choices.items():
            if choice.pairs:
                words = prompt_label(json.loads(messages))[:_MAX_TITLE_LENGTH]
                title = f"{words} of {choice.shown[0].caller}"
                titled[title if title not in titled else f"{title} ({len(titled)})"] = choice
        return titled

    def told(self) -> Told:
        """What is known so far."""
        titled = self._titled()
        alike = {title: choice.pairs[0] for title, choice in titled.items() if not choice.is_drawn}
        drawn = [pair for choice in titled.values() if choice.is_drawn for pair in choice.pairs]
        suspected, unclear = disagreements(alike, drawn)
        settled = {title: pair for title, pair in alike.items() if titled[title].is_settled}
        unsettled = [
            pair for title, choice in titled.items() if title not in settled for pair in choice.pairs
        ]
        broken, _ = disagreements(settled, unsettled)
        suspects = [title for title in suspected if title not in broken]
        # Neither of the two has to be the other's.
        unfit = [title for title, choice in titled.items() if choice.is_drawn and not choice.fits]
        shown = {title: choice.shown for title, choice in titled.items()}
        open_ = [title for title in suspects if not titled[title].is_settled]
        return Told(broken, [*unclear, *suspects, *unfit], open_, shown)

    def look_again(self, client: Client) -> None:
        """Ask once more for what disagrees, until the host is known to name two models each time, to draw
        them, or not to disagree at all; or until no units are left."""
        tried = set[str]()
        while not (told := self.told()).broken:
            suspects = [title for title in told.suspects if title not in tried]
            if not suspects:
                return
            tried.add(suspects[0])
            try:
                answers, _ = ask_again(client, *told.shown[suspects[0]])
            except BudgetExhausted:
                return
            for each in answers:
                self.observe(each)

    def findings(self) -> list[Finding]:
        """Whether both name the same models; nothing where the names do not tell."""
        told, tally = self.told(), Tally()
        for title, exchanges in told.shown.items():
            if title not in told.unclear:
                tally.count([told.broken[title]] if title in told.broken else [], 1, *exchanges)
        return [finding(self._recorder, "ANA-3", NAME, tally, "prompts")] if tally.seen else []
