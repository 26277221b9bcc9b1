"""Chat, streamed: the content type, the grammar of the events, and their arrival."""

from __future__ import annotations

from functools import partial

from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import (
    CHAT,
    STREAM,
    answer_to,
    transcript_of,
)
from lightning_verify.reading.sse import Transcript, transcribe
from lightning_verify.requests.valid import (
    CALLS,
    CONVERSATION,
    say,
)
from lightning_verify.run.marks import judges
from lightning_verify.transport.exchange import Exchange

ONE_CHAT = {"cloudChatDaily": 1}


def _stream(judge: Judge, requirement: str, exchange: Exchange) -> Transcript:
    """The transcript of a served stream. Raises Undecided when it is not one or the host failed in it."""
    if exchange.problem and exchange.served:
        raise _broken_off(judge, requirement, f"the stream broke off: {exchange.problem}", exchange)
    # That streams are served at all is CHAT-4.
    judge.served(requirement, exchange, owner=False)
    return transcript_of(judge, requirement, exchange, partial(_broken_off, judge))


def _broken_off(judge: Judge, requirement: str, failure: str, exchange: Exchange) -> Exception:
    """One broken stream is bad luck; that none completes while plain chats do is not."""
    plain = answer_to(judge, CALLS["createChatCompletion"])
    if requirement == "CHAT-7" and plain.served and not any(_complete(each) for each in _both(judge)):
        return judge.violation(requirement, f"no stream comes to its end: {failure}", exchange, plain)
    return judge.undecided(requirement, failure, exchange)


def _complete(exchange: Exchange) -> bool:
    return exchange.problem is None and transcribe(exchange.body).upstream_error is None


def _both(judge: Judge) -> list[Exchange]:
    """Two streams of different kinds: a short one, and a longer one after a conversation."""
    longer = judge.once("long stream", lambda: judge.post(CHAT, {"messages": CONVERSATION, "stream": True}))
    return [answer_to(judge, STREAM), longer]


@judges("CHAT-4", shares=["stream"])
def test_a_stream_is_an_event_stream(judge: Judge) -> None:
    exchange = answer_to(judge, STREAM)
    judge.served("CHAT-4", exchange)
    judge.keeps("CHAT-4", exchange)


def _holds(judge: Judge, requirement: str) -> None:
    for exchange in _both(judge):
        _stream(judge, requirement, exchange)
        judge.keeps(requirement, exchange)


@judges("CHAT-5", shares=["stream", "long stream"])
def test_the_metadata_chunk_comes_first_and_names_the_model(judge: Judge) -> None:
    _holds(judge, "CHAT-5")


@judges("CHAT-6", shares=["stream", "long stream"])
def test_the_chunks_add_up_to_a_message(judge: Judge) -> None:
    _holds(judge, "CHAT-6")


@judges("CHAT-7", shares=["stream", "long stream", "createChatCompletion"])
def test_the_stream_ends_with_a_reason_and_done(judge: Judge) -> None:
    _holds(judge, "CHAT-7")


@judges("OBS-6", shares=["stream", "long stream"])
def test_the_chunks_are_labelled(judge: Judge) -> None:
    _holds(judge, "OBS-6")


@judges("OBS-13", shares=["stream"])
def test_the_metadata_chunk_has_no_choices(judge: Judge) -> None:
    exchange = answer_to(judge, STREAM)
    transcript = _stream(judge, "OBS-13", exchange)
    judge.check("OBS-13", not transcript.metadata_has_choices, "the metadata chunk has choices", exchange)


@judges("ASM-14", units=ONE_CHAT, requests=1)
def test_events_arrive_as_they_are_made(judge: Judge) -> None:
    exchange = judge.post(CHAT, say("Count from one to forty, in words.", stream=True))
    _stream(judge, "ASM-14", exchange)
    whole = exchange.header("content-length") is not None
    judge.check(
        "ASM-14", not whole, "the stream has a Content-Length: it was made before it was sent", exchange
    )
