"""Streams are read as the standard says and held to one grammar: no false alarm, no rule without teeth."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning_verify.reading.sse import Event, read_events, told_again, transcribe

from tests.judge.chat_streams import LABELS, MUTATIONS, Said, broken, chunk, dressed, plainly, scripts

thorough = settings(max_examples=60, deadline=None, derandomize=True, database=None)


# --- the reader -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\ndata: b\n\n", ["a", "b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
        (b"data: a\r\rdata: b\r\r", ["a", "b"]),
        (b"data: a\r\n\ndata: b\n\r\n", ["a", "b"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b"data:a\n\n", ["a"]),
        (b"data:  a\n\n", [" a"]),
        (b"data\n\n", [""]),
        (b"data: a: b\n\n", ["a: b"]),
        (b": hello\n\ndata: a\n:\n\n", ["a"]),
        (b"id: 1\nretry: 10\nother: x\n\ndata: a\n\n", ["a"]),
        (b"datax: a\n\n data: b\n\n", []),
        (b"data: a\n\ndata: b", ["a", "b"]),
        (b"\n\n\n", []),
        (b"", []),
        ("data: é灯\u2028\x85x\n\n".encode(), ["é灯\u2028\x85x"]),
        (b"data: \xff\n\n", ["\ufffd"]),
    ],
)
def test_the_data_of_events_is_found_whatever_the_lines_look_like(stream: bytes, events: list[str]) -> None:
    assert read_events(stream) == [Event("message", data) for data in events]


def test_an_event_has_the_name_of_its_own_block_only() -> None:
    stream = b"event: ping\ndata: 1\n\ndata: 2\n\nevent: lost\n\ndata: 3\n\nevent:\ndata: 4\n\n"
    expected = [Event("ping", "1"), Event("message", "2"), Event("message", "3"), Event("message", "4")]
    assert read_events(stream) == expected


@given(st.binary(max_size=200))
@thorough
def test_any_bytes_can_be_read(stream: bytes) -> None:
    transcribe(stream)


_odd: st.SearchStrategy[object] = st.sampled_from(
    [None, True, 0, -1, 1.5, "", "x", [], {}, [[]], [None], [{}]]
)


def _objects(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Objects with some of these fields, where each may hold something odd instead."""
    return _odd | st.fixed_dictionaries({}, optional={name: value | _odd for name, value in fields.items()})


_calls = st.lists(_objects(index=_odd, id=_odd, function=_objects(name=_odd, arguments=_odd)), max_size=2)
_deltas = _objects(role=_odd, content=_odd, tool_calls=_calls)
_choices = st.lists(_objects(index=_odd, delta=_deltas, finish_reason=_odd), max_size=2)
_chunks = _objects(
    choices=_choices, router_metadata=_objects(model_name=_odd), error=_objects(message=_odd), object=_odd
)


@given(st.lists(_chunks, max_size=4))
@settings(thorough, max_examples=300)
def test_whatever_stands_in_an_event_is_read_without_an_accident(events: list[object]) -> None:
    transcribe("".join(f"data: {json.dumps(event)}\n\n" for event in events).encode())


# --- the grammar ------------------------------------------------------------------------------------------


@given(st.data(), scripts())
@thorough
def test_a_legal_stream_in_any_legal_dress_breaks_no_rule(data: st.DataObject, said: Said) -> None:
    transcript = transcribe(data.draw(dressed(said.script)))
    assert transcript.problems == {}
    assert transcript.upstream_error is None
    assert (transcript.done, transcript.model_name, transcript.content) == (True, said.model, said.content)
    assert transcript.finish_reasons == {0: said.finish}
    assert {i: (call.name, call.arguments) for i, call in transcript.tool_calls.items()} == said.tools


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_stream_with_one_mistake_breaks_the_rule_it_should(name: str) -> None:
    mutation = MUTATIONS[name]

    @given(st.data(), scripts(tools=True if mutation.tools else None))
    @settings(thorough, max_examples=6)
    def holds(data: st.DataObject, said: Said) -> None:
        problems = transcribe(data.draw(dressed(broken(said.script, mutation)))).problems
        assert mutation.rule in problems, f"{said.script} with {name} breaks only {problems}"

    holds()


@given(scripts(words=True, tools=False), st.integers(0, 3))
@thorough
def test_a_failure_of_the_host_in_mid_stream_is_told_apart(said: Said, at: int) -> None:
    script = [*said.script[:-1][: at + 1], {"error": {"message": "upstream is gone"}}]
    transcript = transcribe(plainly(script))
    assert transcript.upstream_error is not None
    assert "upstream is gone" in transcript.upstream_error


def test_another_choice_is_held_to_the_grammar_as_well() -> None:
    both = [
        {"router_metadata": {"model_name": "m"}},
        {
            **LABELS,
            "choices": [{"index": i, "delta": {"role": "assistant", "content": "hi"}} for i in (0, 1)],
        },
        chunk({}, "stop"),
        "[DONE]",
    ]
    assert list(transcribe(plainly(both)).problems) == ["end"]


def test_the_metadata_chunk_is_seen_with_and_without_choices() -> None:
    metadata = {"router_metadata": {"model_name": "m"}}
    assert not transcribe(plainly([metadata])).metadata_has_choices
    assert transcribe(plainly([{**metadata, "choices": []}])).metadata_has_choices


@pytest.mark.parametrize(
    "pieces",
    [
        ("A fox", "A fox in", "A fox in the rain."),
        ("A fox", "A fox", " in", " in", " the rain.", " the rain."),
        ("A fox", " in", " the rain.", "A fox in the rain."),
    ],
)
def test_deltas_that_say_again_what_was_said_do_not_add_up(pieces: tuple[str, ...]) -> None:
    assert told_again(list(pieces))
    assert not told_again([*pieces, "\nThe end."])


@pytest.mark.parametrize("pieces", [[], ["Hello, hello there!"], ["ha "] * 8, ["1", "10", "100"]])
def test_words_may_be_alike(pieces: list[str]) -> None:
    assert not told_again(pieces)


@pytest.mark.parametrize(
    ("fragments", "name"),
    [(["get_", "time"], "get_time"), (["get_time", "get_time"], "get_time"), (["a", "b"], "ab")],
)
def test_the_name_of_a_tool_is_put_together_unless_it_is_repeated(fragments: list[str], name: str) -> None:
    deltas = [{"tool_calls": [{"index": 0, "function": {"name": each}}]} for each in fragments]
    assert transcribe(plainly([chunk(delta) for delta in deltas])).tool_calls[0].name == name


@pytest.mark.parametrize(
    ("place", "missed"), [({"index": 0}, False), ({"index": None}, False), ({}, True), ({"index": "0"}, True)]
)
def test_clients_put_a_tool_call_together_by_its_index(place: dict[str, object], missed: bool) -> None:
    delta = {"tool_calls": [{**place, "id": "call_1", "function": {"name": "get_time", "arguments": "{}"}}]}
    assert ("tools" in transcribe(plainly([chunk(delta)])).problems) == missed
