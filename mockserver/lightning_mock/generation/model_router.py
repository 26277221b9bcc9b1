"""Which upstream model a conversation would be sent to: a pure function of the messages and the tools.

The document names four things that weigh in the choice: images, tools, code signals and the complexity of
the prompt. They are asked in that order, because each rules out the models below it: only a vision model
reads an image, only some models call tools, and a code model beats a general one on code whatever the
length. `prompt_analyze` has no tools to show, so for the same messages it and chat agree.
"""

from collections.abc import Mapping, Sequence, Set
from string import ascii_lowercase, ascii_uppercase
from typing import Any

import jsonschema_rs

from lightning_mock.generation.conversation import Conversation, Message, read_conversation

SIMPLE = "Meta Llama 3.1 8B Instant"
COMPLEX = "Meta Llama 3.3 70B Versatile"
CODE = "Qwen 2.5 Coder 32B Instruct"
TOOLS = "OpenAI GPT-OSS 120B"
VISION = "Meta Llama 4 Maverick 17B Instruct"

LONG_PROMPT_CHARACTERS = 400
LONG_CONVERSATION_TURNS = 8

# Signals are looked up in sets and by substring: one of Python's regular expressions over a long prompt would
# hold up every other caller.
_CODE_VOCABULARY = """
python javascript typescript java kotlin rust golang php perl sql html css bash regex regexp json yaml code
compile compiler debug refactor algorithm traceback stacktrace segfault undefined nullpointerexception
syntaxerror typeerror valueerror
"""
_HARD_VOCABULARY = """
analyze analyse compare contrast evaluate prove derive strategy architecture research essay critique theorem
hypothesis tradeoffs trade-offs step-by-step
"""
_CODE_WORDS = frozenset(_CODE_VOCABULARY.encode().split())
_HARD_WORDS = frozenset(_HARD_VOCABULARY.encode().split())
# Each phrase by one of its words: only a prompt with that word is searched for the phrase.
_CODE_PHRASES = {b"unit": "unit test"}
_HARD_PHRASES = {
    b"step": "step by step",
    b"pros": "pros and cons",
    b"detail": "in detail",
    b"explain": "explain why",
    b"reason": "reason about",
}
_TELLING_WORDS = _CODE_WORDS | _HARD_WORDS | _CODE_PHRASES.keys() | _HARD_PHRASES.keys()
_CODE_SIGNS = ("```", "=>", "();", "){", ") {", "};", "==", "!=", "#include", "</", "c++")
# Each sign has one of these, and `_CODE_STARTS` count where there is more than one line.
_SIGN_CHARACTERS = "`=;{}#<+\n"
_NO_SIGN_CHARACTERS = bytes(set(range(256)) - set(_SIGN_CHARACTERS.encode()))
# Most prompts hold none of these signs, which one search shows. The validator's engine needs linear time, a
# quarter of what it takes to cut the text into words.
_ANY_SIGN = "|".join([*sorted(word.decode() for word in _TELLING_WORDS), f"[{_SIGN_CHARACTERS}]"])
_may_hold_a_sign = jsonschema_rs.validator_for(
    {"pattern": f"(?i){_ANY_SIGN}"}, pattern_options=jsonschema_rs.RegexOptions()
).is_valid
_CODE_STARTS = ("def ", "class ", "import ", "from ", "const ", "let ", "var ", "fn ", "func ", "public ")

# Words are cut and put into lower case on bytes, several times as fast as on text: at punctuation, and at the
# four separators that are spaces to text only.
_ENDS = b"?!.,:;()[]'\"`*\x1c\x1d\x1e\x1f"
_TO_WORDS = bytes.maketrans(_ENDS + ascii_uppercase.encode(), b" " * len(_ENDS) + ascii_lowercase.encode())
_SPACES = dict.fromkeys(map(ord, "“”„‘’«»‹›…–—¿¡\xa0\u2002\u2003\u2009\u200b\u202f\u3000"), " ")


def choose_model(messages: Sequence[Message], tools: Sequence[Any] | None = None) -> str:
    """The display name of the model that the router picks for these messages, given these tools."""
    return choose_for(read_conversation(messages), bool(tools))


def choose_for(conversation: Conversation, has_tools: bool) -> str:
    """The same choice for a conversation that was read already."""
    if conversation.images:
        return VISION
    if has_tools:
        return TOOLS
    said = conversation.spoken
    long = len(said) > LONG_PROMPT_CHARACTERS or len(conversation.messages) > LONG_CONVERSATION_TURNS
    if said.isascii() and not _may_hold_a_sign(said):
        return COMPLEX if long else SIMPLE
    raw = (said if said.isascii() else said.lower().translate(_SPACES)).encode("utf-8", "replace")
    words = raw.translate(_TO_WORDS).split()
    telling = None if _TELLING_WORDS.isdisjoint(words) else _TELLING_WORDS.intersection(words)
    if telling and _speaks_of_code(said.lower(), telling):
        return CODE
    if raw.translate(None, _NO_SIGN_CHARACTERS) and _looks_like_code(said.lower()):
        return CODE
    return COMPLEX if long or (telling and _is_hard(said.lower(), telling)) else SIMPLE


def _speaks_of_code(said: str, telling: Set[bytes]) -> bool:
    return not _CODE_WORDS.isdisjoint(telling) or _holds(said, telling, _CODE_PHRASES)


def _looks_like_code(said: str) -> bool:
    if any(sign in said for sign in _CODE_SIGNS):
        return True
    return "\n" in said and any(line.lstrip().startswith(_CODE_STARTS) for line in said.splitlines())


def _is_hard(said: str, telling: Set[bytes]) -> bool:
    return not _HARD_WORDS.isdisjoint(telling) or _holds(said, telling, _HARD_PHRASES)


def _holds(said: str, telling: Set[bytes], phrases: Mapping[bytes, str]) -> bool:
    return any(phrases[word] in said for word in telling if word in phrases)
