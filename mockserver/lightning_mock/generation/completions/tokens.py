"""The mock's tokens: four characters each, the rule of thumb for English text.

One cut serves usage counts, `max_tokens` and streaming, so that the three always agree: a streamed answer
has as many content deltas as it has completion tokens, and the pieces put together are the text.
"""

from lightning_mock.generation.conversation import Conversation

TOKEN_CHARACTERS = 4
MESSAGE_OVERHEAD = 4
IMAGE_TOKENS = 85


def split_tokens(text: str) -> list[str]:
    return [text[start : start + TOKEN_CHARACTERS] for start in range(0, len(text), TOKEN_CHARACTERS)]


def count_tokens(characters: int) -> int:
    return -(-characters // TOKEN_CHARACTERS)


def count_prompt_tokens(conversation: Conversation) -> int:
    """Tokens of all messages, their framing and their images; tool definitions are counted by the caller."""
    framing = MESSAGE_OVERHEAD * len(conversation.messages)
    return count_tokens(len(conversation.text)) + framing + IMAGE_TOKENS * conversation.images
