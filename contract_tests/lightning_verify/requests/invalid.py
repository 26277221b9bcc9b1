"""Generated payloads that the document makes invalid, each kind under the requirement it breaks.

Only what no reading of the document allows: a number that spells an integer, an unknown mode, an empty list
or a message whose content is an object may be served by a lenient host, so none of them is here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st

JsonBody = Any
# A payload without any field that an operation knows: every host must refuse it, so that it costs nothing.
NOTHING_ASKED = {"nothing": "asked"}
# Of every script: what is invalid is so in any.
_text = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)
_thing = st.dictionaries(_text, st.integers(1, 9), min_size=1, max_size=2)
_list_of_things = st.lists(_thing, min_size=1, max_size=2)
_not_a_list = st.one_of(st.integers(1, 99), _thing, st.just(True))


# Tests may run side by side; what draws for them need not know.
DRAWING = threading.RLock()


def sample(strategy: st.SearchStrategy[Any], count: int, seed: int) -> list[Any]:
    """`count` examples, the same ones for the same seed. They are drawn before anything is sent, so that
    neither shrinking nor replaying costs a host a request."""
    drawn: list[Any] = []

    @hypothesis_seed(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(example: Any) -> None:
        drawn.append(example)

    with DRAWING:
        draw()
    return drawn[:count]


def wrong_messages() -> st.SearchStrategy[JsonBody]:
    """Values that are no array of messages."""
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        _text,
        _thing,
        st.lists(
            st.one_of(st.integers(), _text, st.none(), st.lists(st.integers(), max_size=1)),
            min_size=1,
            max_size=2,
        ),
    )


def wrong_prompt() -> st.SearchStrategy[JsonBody]:
    """Values that are no text."""
    return st.one_of(st.none(), _thing, _list_of_things)


def wrong_stream() -> st.SearchStrategy[JsonBody]:
    """Values that no coercion turns into a boolean."""
    return st.one_of(_thing, _list_of_things, st.sampled_from(["banana", "perhaps"]))


def wrong_tools() -> st.SearchStrategy[JsonBody]:
    """Values that are no list of tools."""
    return st.one_of(_not_a_list, _text, st.lists(st.integers(1, 99), min_size=1, max_size=2))


def wrong_duration() -> st.SearchStrategy[JsonBody]:
    """Values that no coercion turns into an integer."""
    return st.one_of(_thing, _list_of_things, st.sampled_from(["long", "ten seconds"]))


def wrong_image_urls() -> st.SearchStrategy[JsonBody]:
    """Values that are neither a list nor one address."""
    return _not_a_list


# Bodies that are no JSON object, whatever the operation.
NO_OBJECT = (b"[]", b"[1, 2]", b'"text"', b"42", b"null", b"true", b"", b"{", b"not json", b"\xff\xfe{}")


def broken_json(valid: Mapping[str, Any]) -> st.SearchStrategy[bytes]:
    """Bodies that are no JSON object: cut off, garbled, followed by more, other kinds of JSON, nothing at
    all."""
    whole = json.dumps(valid).encode()
    return st.one_of(
        st.integers(1, len(whole) - 1).map(lambda cut: whole[:cut]),
        st.sampled_from([whole + more for more in (b"}", b" {}", b", and a fox")]),
        st.sampled_from(NO_OBJECT),
        # In the place of a sign: within a text, a lenient reader may take it for a letter.
        st.sampled_from([at for at, sign in enumerate(whole) if sign in b'{}[]":']).map(
            lambda at: whole[:at] + b"\x00" + whole[at + 1 :]
        ),
    )
