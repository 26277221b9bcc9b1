"""The intents of a prompt in everyday words, as (action, thing): "draw a picture of a cat" is about making an
image.

A tool's name and description are read in the same way, for the intents that it serves, so neither side has to
use the other's words. An intent is an action word followed within four words by a thing, with nothing like
"of" between them: "make a list of image formats" is not about making an image. A sentence that begins with a
wish is enough as well: "draw me a cat" is about an image without saying so, and "I'd like a photo" has no
action word. Questions about how to do it, and "don't", have no intent.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

Intent = tuple[str, str]

ANYTHING = "anything"
"""What a search is for: it has no thing of its own."""

_ACTIONS = {
    "make": """make create generate draw paint produce render compose design sketch illustrate animate film
        show give generator generation creator creation maker""",
    "read": "read open visit browse fetch load scrape summarize summarise reader scraper browser",
    "search": "search google lookup",
}
_THINGS = {
    "image": "image picture photo photograph drawing painting illustration portrait sketch pic",
    "video": "video clip movie animation film",
    "audio": "audio music song sound melody tune soundtrack jingle",
    "page": "page website site webpage link url",
}
_WISHES = "image video audio"
"""The things that can be wished for without saying what to do: they do not exist yet."""
_SILENT_WORDS = "web internet online ai tool new a an the from with by text prompt"
_SILENT = frozenset(_SILENT_WORDS.split())
"""Words of a tool's name that say nothing of what it is for."""

_MAX_WORDS_BETWEEN = 4
_BETWEEN_WORDS = "of for about with from in into to on how that which"
_BETWEEN = frozenset(_BETWEEN_WORDS.split())
_TOKEN = re.compile(r"https?://\S+|[a-z]+")
_ADDRESS = "http"
_NO_INTENT = re.compile(
    r"\bhow (?:do|does|did|can|could|would|should|to)\b|\b(?:do not|never)\b|\bdon['’]t\b"
)
_FOR_ME = re.compile(r"\b(show|give)(?: (?:me|us))?\b")
_SEARCH = re.compile(
    r"(?:please |can you |could you |would you )*(?:search|google|look up|look for|do a search)\b"
)
_CLAUSE_END = re.compile(r"[.!?;:,\n]+\s*")
_POLITELY = (
    r"(?:(?:please|kindly|now|then|and|just|hey|hi|hello|ok|okay|(?:can|could|would|will) you|"
    r"i(?:['’]d| would) (?:like|love) you to|i (?:want|need) you to|go ahead and|let['’]?s|try to) ){0,4}"
)
_DRAW = re.compile(
    _POLITELY
    + r"(?:(?P<drawn>draw|paint|sketch|illustrate)|(?P<filmed>animate)|(?P<sung>sing)) (?P<object>.+)"
)
"""Verbs that say what is made. Their object says what it shows."""
_OBJECT_OF_PAINT = re.compile(
    r"(?:(?:me|us|him|her|a|an|the|this|that|these|those|some|one|two|three|several|my|your|our|his|its|their|"
    r"another|every|both)\b|\d)"
)
"""How an object begins that is one beyond doubt: "paint colours" and "sketch comedy" are none."""
_NOT_DRAWN = re.compile(
    r"(?:up|out|from|on|in|near|by|is|are|was|were|and|or)\b|"
    r".{0,60}\b(?:conclusions?|comparisons?|parallels?|distinctions?|inferences?|lessons?|attention|lines?|breath|"
    r"cards?|numbers?|lots?|straws?|names?|winners?|blood|plans?|outlines?|drafts?|tables?|contracts?|ascii|svg|"
    r"mermaid|latex|tikz|html|css|code)\b"
)
"""Objects of these verbs that are no picture, and pictures that are written as text."""
_THINGS_WISHED = "|".join(word for kind in _WISHES.split() for word in _THINGS[kind].split())
_WISH = re.compile(
    _POLITELY + r"(?:i (?:want|need)|i(?:['’]d| would) (?:like|love)|(?:can|could|may) i (?:have|get|see)|"
    r"get me|let me (?:have|see))(?: to (?:have|get|see))? "
    rf"(?:(?!(?:{_BETWEEN_WORDS.replace(' ', '|')})\b)[\w-]{{1,30}} ){{0,4}}?(?P<thing>{_THINGS_WISHED})s?"
    r"(?= ?$| (?:of|with|showing|that|which|where|about|please|for|as)\b)"
)
"""The thing is the end of what is wished for: "a photo album" is no photo."""


def _by_word(groups: Mapping[str, str]) -> dict[str, str]:
    return {word: group for group, words in groups.items() for word in words.split()}


_ACTION_OF, _THING_OF = _by_word(_ACTIONS), _by_word(_THINGS)


def intents_of(prompt: str) -> list[Intent]:
    """The intents of a prompt, in order."""
    text = prompt.casefold()
    if _NO_INTENT.search(text):
        return []
    # A picture may show something; only "show me" asks for one.
    text = _FOR_ME.sub(lambda found: "make" if found[0] != found[1] else "", text)
    found = _pairs(_TOKEN.findall(text))
    if _SEARCH.match(text.lstrip()):
        found.append(("search", ANYTHING))
    if not any(action == "make" for action, _ in found):
        found += _wishes(text)
    return found


def _wishes(text: str) -> list[Intent]:
    """The things that a prompt wishes for without an action and a thing."""
    found = []
    for clause in _CLAUSE_END.split(text.strip()):
        drawing, wish = _DRAW.match(clause), _WISH.match(clause)
        if drawing and _is_object(drawing):
            thing = "image" if drawing["drawn"] else "video" if drawing["filmed"] else "audio"
            found.append(("make", thing))
        if wish:
            found.append(("make", _THING_OF[wish["thing"]]))
    return found


def _is_object(drawing: re.Match[str]) -> bool:
    """Whether what follows the verb is surely what to make."""
    object = drawing["object"]
    if _NOT_DRAWN.match(object):
        return False
    return drawing["drawn"] == "draw" or _OBJECT_OF_PAINT.match(object) is not None


def served_by(name: Iterable[str], description: str) -> set[Intent]:
    """The intents that a tool serves, by the words of its name and by its description."""
    words = list(name)
    actions = {_ACTION_OF[word] for word in words if word in _ACTION_OF}
    things = {_THING_OF[_singular(word)] for word in words if _singular(word) in _THING_OF}
    found = set(_pairs([_bare_verb(word) for word in _TOKEN.findall(description.casefold())]))
    if all(word in _ACTION_OF or _singular(word) in _THING_OF or word in _SILENT for word in words):
        found |= {(action, thing) for action in actions for thing in things}
    if "search" in actions:
        found.add(("search", ANYTHING))
    return found


def _pairs(tokens: Sequence[str]) -> list[Intent]:
    found = []
    for position, word in enumerate(tokens):
        action = _ACTION_OF.get(word)
        if action is None:
            continue
        for following in tokens[position + 1 : position + 2 + _MAX_WORDS_BETWEEN]:
            if following in _BETWEEN:
                break
            thing = "page" if following.startswith(_ADDRESS) else _THING_OF.get(_singular(following))
            if thing is not None:
                found.append((action, thing))
                break
    return found


def _singular(word: str) -> str:
    return word.removesuffix("s")


def _bare_verb(word: str) -> str:
    """`creates` as `create`: descriptions speak of the tool in the third person."""
    bare = _singular(word)
    return bare if bare in _ACTION_OF else word
