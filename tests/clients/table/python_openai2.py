"""What the Python clients do that need openai 2, feature by feature; prints one JSON object.

Run by `python -m tests.clients.table` in the clients' environment. Its arguments are the mock's address,
a key, and a client id that has nothing left.
"""

from collections.abc import Callable
from typing import Any

import instructor
from expectations import (
    BASE_URL,
    HELLO,
    KEY,
    SAID,
    SPENT,
    City,
    openai_clients,
    refused_at_once,
    report,
    same,
    speaks,
)
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike


def instructor_modes() -> dict[str, Callable[[], None]]:
    raw, spent = openai_clients()

    def ask(mode: str, client: Any = raw, **more: Any) -> Any:
        patched = instructor.from_openai(client, mode=instructor.Mode[mode])
        return patched.create(
            model="lightning", messages=list(HELLO), response_model=City, max_retries=1, **more
        )

    def streamed() -> None:
        patched = instructor.from_openai(raw, mode=instructor.Mode.TOOLS)
        partial = patched.create_partial(model="lightning", messages=list(HELLO), response_model=City)
        same(City.model_validate(list(partial)[-1].model_dump()))

    def prompted() -> None:
        same(ask("JSON"))
        same(ask("MD_JSON"))

    return {
        "stream": streamed,
        "tools": lambda: same(ask("TOOLS")),
        "schema": lambda: same(ask("JSON_SCHEMA")),
        "prompted JSON": prompted,
        "limit": lambda: refused_at_once(lambda: ask("TOOLS", spent), Exception),
    }


def llama_index() -> dict[str, Callable[[], None]]:
    def model(key: str = KEY, **headers: str) -> OpenAILike:
        return OpenAILike(
            model="lightning",
            api_base=f"{BASE_URL}/gen",
            api_key=key,
            is_chat_model=True,
            is_function_calling_model=True,
            default_headers=headers,
        )

    messages = [ChatMessage(role="user", content=SAID)]

    def streamed() -> None:
        speaks("".join(part.delta or "" for part in model().stream_chat(messages)))
        same(list(model().as_structured_llm(City).stream_chat(messages))[-1].raw)

    return {
        "plain": lambda: speaks(model().chat(messages).message.content),
        "stream": streamed,
        "tools": lambda: same(model().as_structured_llm(City).chat(messages).raw),
        "limit": lambda: refused_at_once(
            lambda: model("public", **{"X-Client-ID": SPENT}).chat(messages), Exception
        ),
    }


CLIENTS = {"instructor": instructor_modes, "llama-index-llms-openai-like": llama_index}

report(CLIENTS)
