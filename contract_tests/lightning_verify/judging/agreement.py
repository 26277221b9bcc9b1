"""The models that analyses of a run name, held against those that its streams report for the same messages.

Each kind of caller is looked at by itself: a host may choose otherwise for who pays.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.ledger import kind_of_caller
from lightning_verify.judging.tally import Tally, finding
from lightning_verify.judging.verdicts import Finding
from lightning_verify.laws.law import answer_json, is_complete, request_json
from lightning_verify.reading.model_names import disagreements
from lightning_verify.reading.sse import transcribe
from lightning_verify.requests.prompts import model_name
from lightning_verify.transport.exchange import Exchange

# What a finding about the models gives in place of a test's name.
NAME = "analyses beside streams"
# What a request may have beside its messages for the choice to be about these alone.
_FIELDS = {"createChatCompletion": {"messages", "stream"}, "analyzePrompt": {"prompt"}}
_MAX_TITLE_LENGTH = 60


@dataclass(slots=True)
class _Named:
    """The models that were named for one prompt, with the answers that did."""

    exchanges: dict[str, list[Exchange]] = field(default_factory=dict)

    def add(self, name: str, exchange: Exchange) -> None:
        self.exchanges.setdefault(name, []).append(exchange)

    @property
    def usual(self) -> str:
        """The model that was named most often: one odd answer may be a bad moment."""
        return max(self.exchanges, key=lambda name: len(self.exchanges[name]))


class Agreement:
    """What analyses and streams of a run say of the router's choice."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        # By kind of caller and messages, then by operation.
        self._named: dict[tuple[str, str], dict[str, _Named]] = {}

    def observe(self, exchange: Exchange) -> None:
        """Keep the model that one answer names."""
        operation = exchange.operation
        if operation is None or operation.id not in _FIELDS or not is_complete(exchange):
            return
        request = request_json(exchange)
        messages = request.get("prompt", request.get("messages"))
        if not request.keys() <= _FIELDS[operation.id] or not isinstance(messages, list):
            return
        streamed = operation.id == "createChatCompletion"
        name = transcribe(exchange.body).model_name if streamed else model_name(answer_json(exchange))
        who = kind_of_caller(exchange.request_headers)
        if name and who:
            asked = who, json.dumps(messages)
            self._named.setdefault(asked, {}).setdefault(operation.id, _Named()).add(name, exchange)

    def findings(self) -> list[Finding]:
        """Whether both name the same models; nothing where the names do not tell."""
        both = {asked: named for asked, named in self._named.items() if len(named) == len(_FIELDS)}
        pairs, shown = dict[str, tuple[str, str]](), dict[str, list[Exchange]]()
        for (_, messages), named in both.items():
            chats, analyses = (named[operation] for operation in _FIELDS)
            title = f"{messages[:_MAX_TITLE_LENGTH]} of {analyses.exchanges[analyses.usual][0].caller}"
            key = title if title not in pairs else f"{title} ({len(pairs)})"
            pairs[key] = analyses.usual, chats.usual
            shown[key] = [each.exchanges[each.usual][0] for each in (analyses, chats)]
        broken, unclear = disagreements(pairs)
        tally = Tally()
        for key, exchanges in shown.items():
            if key not in unclear:
                tally.count([broken[key]] if key in broken else [], 1, *exchanges)
        return [finding(self._recorder, "ANA-3", NAME, tally, "prompts")] if tally.seen else []
