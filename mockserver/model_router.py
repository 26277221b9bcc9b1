"""Which upstream model a conversation would be sent to: a pure function of the messages and the tools.

The document names four things that weigh in the choice: images, tools, code signals and the complexity of
the prompt. They are asked in that order, because each rules out the models below it: only a vision model
reads an image, only some models call tools, and a code model beats a general one on code whatever the
length. `prompt_analyze` has no tools to show, so for the same messages it and chat agree.
"""

from collections.abc import Sequence
from typing import Any

from mockserver.conversation import Conversation, Message, read_conversation

SIMPLE = "Meta Llama 3.1 8B Instant"
COMPLEX = "Meta Llama 3.3 70B Versatile"
CODE = "Qwen 2.5 Coder 32B Instruct"
TOOLS = "OpenAI GPT-OSS 120B"
VISION = "Meta Llama 4 Maverick 17B Instruct"

LONG_PROMPT_CHARACTERS = 400
LONG_CONVERSATION_TURNS = 8

# Signals are looked up in sets and by substring: a regular expression over a long prompt would hold up
# every other caller.
_CODE_VOCABULARY = """
python javascript typescript java kotlin rust golang php perl sql html css bash regex regexp json yaml code
compile compiler debug refactor algorithm traceback stacktrace segfault undefined nullpointerexception
syntaxerror typeerror valueerror
"""
_HARD_VOCABULARY = """
analyze analyse compare contrast evaluate prove derive strategy architecture research essay critique theorem
hypothesis tradeoffs trade-offs
"""
_CODE_WORDS = frozenset(_CODE_VOCABULARY.split())
_HARD_WORDS = frozenset(_HARD_VOCABULARY.split())
_CODE_SIGNS = ("```", "=>", "();", "){", ") {", "};", "==", "!=", "#include", "</", "c++", "unit test")
_CODE_STARTS = ("def ", "class ", "import ", "from ", "const ", "let ", "var ", "fn ", "func ", "public ")
_HARD_PHRASES = ("step by step", "step-by-step", "pros and cons", "in detail", "explain why", "reason about")
_PUNCTUATION = "?!.,:;()[]'\"`*"

# The same on bytes, several times as fast, for the prompts that hold no sign of anything. The four
# separators are spaces to text and not to bytes.
_ENDS = f"{_PUNCTUATION}\x1c\x1d\x1e\x1f".encode()
_TO_SPACES = bytes.maketrans(_ENDS, b" " * len(_ENDS))
_WORDS_IN_BYTES = frozenset(word.encode() for word in _CODE_WORDS | _HARD_WORDS)
# Each sign but "unit test" has one of these, and `_CODE_STARTS` count where there is more than one line.
_SIGN_CHARACTERS = b"`=;{}#<+\n"
_OTHER_CHARACTERS = bytes(set(range(256)) - set(_SIGN_CHARACTERS))
_PHRASES = ("unit test", *_HARD_PHRASES)


def choose_model(messages: Sequence[Message], tools: Sequence[Any] | None = None) -> str:
    """The display name of the model that the router picks for these messages, given these tools."""
    return choose_for(read_conversation(messages), bool(tools))


def choose_for(conversation: Conversation, has_tools: bool) -> str:
    """The same choice for a conversation that was read already."""
    if conversation.images:
        return VISION
    if has_tools:
        return TOOLS
    said = conversation.spoken.lower()
    if said.isascii() and _is_without_signs(said):
        return COMPLEX if _is_long(said, conversation.turns) else SIMPLE
    words = {word.strip(_PUNCTUATION) for word in said.split()}
    if _is_code(said, words):
        return CODE
    if _is_long(said, conversation.turns) or _is_hard(said, words):
        return COMPLEX
    return SIMPLE


def _is_without_signs(said: str) -> bool:
    """Whether certainly no sign of code or of a hard question stands in an ASCII text.

    Cutting at all punctuation finds more words than there are, and is cheap; looking at the ends of each
    word is exact, and left to those who come after.
    """
    raw = said.encode()
    return (
        not raw.translate(None, _OTHER_CHARACTERS)
        and _WORDS_IN_BYTES.isdisjoint(raw.translate(_TO_SPACES).split())
        and not _holds(said, _PHRASES)
    )


def _is_code(said: str, words: set[str]) -> bool:
    if not _CODE_WORDS.isdisjoint(words):
        return True
    if _holds(said, _CODE_SIGNS):
        return True
    return "\n" in said and any(line.lstrip().startswith(_CODE_STARTS) for line in said.splitlines())


def _is_long(said: str, turns: int) -> bool:
    return len(said) > LONG_PROMPT_CHARACTERS or turns > LONG_CONVERSATION_TURNS


def _is_hard(said: str, words: set[str]) -> bool:
    return not _HARD_WORDS.isdisjoint(words) or _holds(said, _HARD_PHRASES)


def _holds(said: str, phrases: Sequence[str]) -> bool:
    # A plain loop: on the hot path a generator costs more than the look-ups.
    for phrase in phrases:  # noqa: SIM110
        if phrase in said:
            return True
    return False
