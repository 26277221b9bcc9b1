"""Whether two names are of one model: the one displayed, and the one that a chat reports.

The document lets a host show `Llama 3.3 70B` for `meta-llama/llama-3.3-70b-instruct:free`, but also a name of
its own that has nothing in common with the model's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

# Words that tell how a model was trained or is sold, and not which one it is.
_IDLE = {"instruct", "chat", "free", "it", "latest", "model"}
_ALIKE = 0.75
# A name that stands for so many models, and the only one there is, is the display name of none of them.
_MANY = 3


def _words(text: str) -> list[str]:
    words = re.findall(r"[a-z]+|\d+", text.lower())
    return [word for word in words if word not in _IDLE] or words


def _bare(name: str) -> str:
    """A name without its maker's path, its tag and its remarks in brackets."""
    path = re.sub(r"[(\[].*?[)\]]", " ", name).rstrip("/ ")
    return re.sub(r":[\w.-]+$", "", path.rpartition("/")[2])


def same(shown: str, reported: str) -> bool:
    """Whether `shown` can be the display name of the model `reported`: shorter, or with its maker."""
    display, model = _words(_bare(shown)), _words(_bare(reported))
    known = Counter(_words(reported)) | Counter(model)
    if Counter(display) <= known:
        return True
    one_maker = len(display) > 2 and Counter(display[1:]) <= known
    return one_maker or (len(model) > 1 and display[-len(model) :] == model)


def alike(one: str, other: str) -> bool:
    """Whether two names are of one vocabulary: of the same model, or similar enough that they must be."""
    first, second = Counter(_words(_bare(one))), Counter(_words(_bare(other)))
    return same(one, other) or (first & second).total() >= _ALIKE * (first | second).total()


def disagreements(
    pairs: dict[str, tuple[str, str]], others: Sequence[tuple[str, str]] = ()
) -> tuple[dict[str, str], list[str]]:
    """What is wrong with (shown, reported) names by prompt: the prompts that break the agreement and how, and
    those that show nothing. If both sides use the same names for models, each pair has to match. If the
    display names are the host's own, a model has only one of them; that several models share one tells
    nothing, unless it is the only one of many. Of `others` only the names count, and not that they came
    together."""
    shown, reported = ({pair[side] for pair in (*pairs.values(), *others)} for side in (0, 1))
    one_vocabulary = any(alike(one, other) for one in shown for other in reported)
    one_for_all = len(shown) == 1 and len(reported) >= _MANY
    broken, unclear = dict[str, str](), list[str]()
    for prompt, (analysed, chosen) in pairs.items():
        words = f"for the prompt {prompt} the chat reports {chosen!r}, the analysis {analysed!r}"
        renamed = any(pair[0] != analysed and pair[1] == chosen for pair in pairs.values())
        shared = any(pair[0] == analysed and pair[1] != chosen for pair in pairs.values())
        if same(analysed, chosen) and (analysed == chosen or analysed not in reported):
            continue
        known = any(alike(analysed, name) for name in reported) or any(alike(name, chosen) for name in shown)
        if renamed or known or (shared and (one_vocabulary or one_for_all)):
            broken[prompt] = words
        elif shared or one_vocabulary:
            unclear.append(prompt)
    return broken, unclear
