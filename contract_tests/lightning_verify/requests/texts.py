"""Texts in every script, as kinds of valid requests, and texts with a little of everything."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from lightning_verify.requests.kinds import Fields, Kind

Strategy = st.SearchStrategy[str]


def _of(*ranges: tuple[int, int]) -> Strategy:
    """A few assigned letters, marks or symbols of these ranges."""
    return st.text(
        st.one_of(
            *(
                st.characters(min_codepoint=low, max_codepoint=high, categories=["L", "M", "N", "P", "S"])
                for low, high in ranges
            )
        ),
        min_size=1,
        max_size=8,
    )


def _from(*signs: str) -> Strategy:
    return st.lists(st.sampled_from(signs), min_size=1, max_size=4).map(" ".join)


words = st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=3, max_size=10)
# What every host takes that takes text; in addresses as well.
SCRIPTS: dict[str, Strategy] = {
    "letters beyond ASCII": _of((0xC0, 0x24F), (0x391, 0x3C9), (0x410, 0x44F)),
    "East Asian characters": _of((0x3041, 0x30FA), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3)),
    "letters of India and Thailand": _of((0x905, 0x939), (0xB85, 0xBB9), (0xE01, 0xE30)),
    "right-to-left letters": _of((0x5D0, 0x5EA), (0x627, 0x64A)),
    "combining marks": _of((0x300, 0x36F)).map(lambda marks: f"e{marks}"),
    "characters beyond the basic plane": _of((0x1F300, 0x1F64F), (0x20000, 0x2A6D6), (0x1D400, 0x1D454)),
    "an emoji of several characters": _from(
        "\U0001f3dd\ufe0f",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f1f3\U0001f1f4",
        "\U0001f44d\U0001f3fd",
    ),
    "characters without a width": _from("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200f", "\u202e"),
    "signs that mean something elsewhere": _from('"', "'", "&", "?", "#", "+", "%", "=", ";", "$", "{{x}}"),
}
# What JSON carries and an address does not everywhere.
IN_JSON: dict[str, Strategy] = {
    "line breaks and tabs": _from("\n", "\r\n", "\t", "\n\n", "\u2028"),
    "backslashes and markup": _from("\\", "\\n", "\\u0041", "<b>", "</s>", "${x}", "/* */", "..", "//"),
}
_CONTROL = st.text(
    st.characters(max_codepoint=0x7F, categories=["Cc"], exclude_characters="\t\n\r"), min_size=1, max_size=3
)

anywhere: Strategy = st.lists(
    st.one_of(words, *SCRIPTS.values(), *IN_JSON.values()), min_size=1, max_size=5
).map(" ".join)


def text_kinds(requirement: str, put: Callable[[Fields, str], None], *, in_json: bool = True) -> list[Kind]:
    """A kind for each script, added to the text of a request by `put`."""
    found = {**SCRIPTS, **(IN_JSON if in_json else {})}
    kinds = [Kind(name, requirement, values, put) for name, values in found.items()]
    if in_json:
        kinds.append(Kind("control characters", requirement, _CONTROL, put, doubtful=True))
    return kinds
