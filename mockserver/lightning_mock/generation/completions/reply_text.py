"""The text of an answer: it repeats the developer's own words, so that a test can see what reached the
server.

Deterministic: the same conversation, seed and choice give the same text.
"""

from zlib import crc32

from lightning_mock.generation.conversation import Conversation

QUOTED_CHARACTERS = 600
QUOTED_RESULTS = 32

_OPENINGS = ("You wrote: ", "Here is what reached me: ", "I read your message, ", "Your prompt was ")
_CLOSINGS = (
    "This answer comes from the Lightning mock; no language model was asked.",
    "The Lightning mock made this answer up without a language model.",
    "No model ran for this: it is the Lightning mock speaking.",
)


def reply_text(conversation: Conversation, seed: int, choice: int = 0) -> str:
    """One answer. `choice` is the index within `n` choices, which all differ."""
    quote = quoted(conversation.prompt)
    variant = crc32(conversation.text.encode("utf-8", "replace"), (seed + choice) & 0xFFFFFFFF)
    closing = _CLOSINGS[variant % len(_CLOSINGS)]
    if quote and not (choice or conversation.results or conversation.images):
        return f"{_OPENINGS[variant % len(_OPENINGS)]}“{quote}”. {closing}"
    sentences = []
    if choice:
        sentences.append(f"Alternative {choice + 1}.")
    if conversation.results:
        sentences.extend(
            f"The tool {quoted(result.name) or 'you called'} returned: {quoted(result.content)}"
            for result in conversation.results[:QUOTED_RESULTS]
        )
        if (more := len(conversation.results) - QUOTED_RESULTS) > 0:
            sentences.append(f"{more} more results reached me.")
        sentences.append(f"That answers “{quote}”.")
    elif quote:
        sentences.append(f"{_OPENINGS[variant % len(_OPENINGS)]}“{quote}”.")
    else:
        sentences.append("Your message contains no text.")
    if conversation.images:
        counted = "one image" if conversation.images == 1 else f"{conversation.images} images"
        sentences.append(f"I also received {counted}.")
    sentences.append(closing)
    return " ".join(sentences)


def quoted(text: str) -> str:
    """The text, shortened to what fits in an answer and safe to encode as UTF-8."""
    text = text.strip()
    if len(text) > QUOTED_CHARACTERS:
        text = text[:QUOTED_CHARACTERS].rstrip() + "…"
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
