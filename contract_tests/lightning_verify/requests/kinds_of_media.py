"""The kinds of valid requests for images, videos and sounds, by POST and by GET."""

from __future__ import annotations

from hypothesis import strategies as st

from lightning_verify.facts import OWNER_OF
from lightning_verify.requests.kinds import Fields, Kind, Subject, put_in
from lightning_verify.requests.texts import text_kinds, words
from lightning_verify.requests.valid import CALLS, PROMPTED, picture_base64, picture_data_uri


def _say_more(fields: Fields, text: str) -> None:
    fields["prompt"] += f" {text} at dawn"


def _prompt(fields: Fields, text: str) -> None:
    fields["prompt"] = text


def _prompts(requirement: str, *, in_json: bool) -> list[Kind]:
    long = st.lists(words, min_size=20, max_size=30).map(" ".join)
    return [
        Kind("a prompt of one word", requirement, words, _prompt, "prompt"),
        Kind("a long prompt", requirement, long, _prompt, "prompt"),
        *text_kinds(requirement, _say_more, in_json=in_json),
    ]


def _choices(field: str, requirement: str, *values: str) -> list[Kind]:
    return [Kind(f"{field} {value}", requirement, st.just(value), put_in(field), field) for value in values]


def _inputs(requirement: str) -> list[Kind]:
    bare, uri = picture_base64(), picture_data_uri()
    lists = {
        "a base64 image": st.just([bare]),
        "an image as a data URI": st.just([uri]),
        "two images": st.sampled_from([[bare, uri], [uri, bare]]),
        "an empty list of images": st.just([]),
    }
    return [
        Kind(name, requirement, values, put_in("image_urls"), "image_urls") for name, values in lists.items()
    ]


def _durations(requirement: str) -> list[Kind]:
    ranges = {
        "a duration from 1 to 10": st.integers(1, 10),
        "a duration below 1": st.integers(-1000, 0),
        "a duration above 10": st.integers(11, 1_000_000),
    }
    return [
        Kind(name, requirement, values, put_in("duration"), "duration") for name, values in ranges.items()
    ]


def _video_options() -> list[Kind]:
    return [
        *_choices("ratio", "VID-3", "3:2", "2:3", "1:1"),
        *_choices("mode", "VID-4", "normal", "fun"),
        *_durations("VID-5"),
    ]


_HALF, _QUARTER = 0.5, 0.25
_WITH_OPTIONS = [
    Subject.of(
        "createImage",
        [
            *_prompts("IMG-2", in_json=True),
            *_choices("mode", "IMG-3", "fantasy", "realistic"),
            *_inputs("IMG-4"),
        ],
        _HALF,
    ),
    Subject.of(
        "getImage",
        [*_prompts("IMG-2", in_json=False), *_choices("mode", "IMG-3", "fantasy", "realistic")],
        _QUARTER,
    ),
    Subject.of(
        "createVideo", [*_prompts("VID-2", in_json=True), *_video_options(), *_inputs("VID-6")], _HALF
    ),
    Subject.of("getVideo", [*_prompts("VID-2", in_json=False), *_video_options()], _HALF),
]
_NAMED = {subject.operation for subject in _WITH_OPTIONS}
# What is known of the others is that they take a prompt.
MEDIA = [
    *_WITH_OPTIONS,
    *(
        Subject.of(name, _prompts(OWNER_OF[name], in_json=CALLS[name].method == "POST"), _QUARTER)
        for name in PROMPTED
        if name not in _NAMED
    ),
]
