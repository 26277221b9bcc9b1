"""What the Python clients do, feature by feature; prints one JSON object.

Run by `python -m tests.clients.table` in the clients' environment. Its arguments are the mock's address,
a key, and a client id that has nothing left.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import openai
from expectations import (
    BASE_URL,
    HELLO,
    IN_KEYS,
    KEY,
    OSLO,
    SAID,
    SPENT,
    City,
    openai_clients,
    refused_at_once,
    report,
    same,
    speaks,
    weather,
)
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from pydantic_ai import Agent, NativeOutput, PromptedOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


def openai_python() -> dict[str, Callable[[], None]]:
    client, spent = openai_clients()
    create = client.chat.completions.create
    tool = openai.pydantic_function_tool(City)
    keyed = [{"role": "user", "content": IN_KEYS}]

    def streamed() -> None:
        with client.chat.completions.stream(model="lightning", messages=HELLO) as events:
            speaks(events.get_final_completion().choices[0].message.content)

    def called() -> None:
        reply = create(model="lightning", messages=HELLO, tools=[tool], tool_choice="required")
        same(City.model_validate_json(reply.choices[0].message.tool_calls[0].function.arguments))

    def prompted() -> None:
        reply = create(model="lightning", messages=keyed, response_format={"type": "json_object"})
        same(set(json.loads(reply.choices[0].message.content)), {"name", "population"})

    def parsed() -> None:
        parse = client.chat.completions.parse
        same(parse(model="lightning", messages=HELLO, response_format=City).choices[0].message.parsed)

    return {
        "plain": lambda: speaks(create(model="lightning", messages=HELLO).choices[0].message.content),
        "stream": streamed,
        "tools": called,
        "schema": parsed,
        "prompted JSON": prompted,
        "limit": lambda: refused_at_once(
            lambda: spent.chat.completions.create(model="lightning", messages=HELLO), openai.RateLimitError
        ),
    }


def langchain() -> dict[str, Callable[[], None]]:
    model = ChatOpenAI(model="lightning", base_url=f"{BASE_URL}/gen", api_key=KEY, stream_usage=True)
    spent = ChatOpenAI(
        model="lightning",
        base_url=f"{BASE_URL}/gen",
        api_key="public",
        default_headers={"X-Client-ID": SPENT},
    )

    def prompted() -> None:
        value = model.with_structured_output(None, method="json_mode").invoke(IN_KEYS)
        same(set(value), {"name", "population"})

    return {
        "plain": lambda: speaks(model.invoke(SAID).content),
        "stream": lambda: speaks("".join(chunk.content for chunk in model.stream(SAID))),
        "tools": lambda: same(
            model.bind_tools([City]).invoke([HumanMessage(SAID)]).tool_calls[0]["args"], OSLO.model_dump()
        ),
        "schema": lambda: same(model.with_structured_output(City, method="json_schema").invoke(SAID)),
        "prompted JSON": prompted,
        "limit": lambda: refused_at_once(lambda: spent.invoke(SAID), openai.RateLimitError),
    }


def pydantic_ai() -> dict[str, Callable[[], None]]:
    loop = asyncio.new_event_loop()

    def model(key: str, **headers: str) -> OpenAIChatModel:
        client = openai.AsyncOpenAI(base_url=f"{BASE_URL}/gen", api_key=key, default_headers=headers)
        return OpenAIChatModel("lightning", provider=OpenAIProvider(openai_client=client))

    def run(output: Any = str, said: str = SAID, tools: tuple[Any, ...] = (), with_model: Any = None) -> Any:
        agent = Agent(with_model or model(KEY), output_type=output, tools=tools)
        return loop.run_until_complete(agent.run(said)).output

    async def streamed() -> str:
        async with Agent(model(KEY)).run_stream(SAID) as reply:
            return str(await reply.get_output())

    return {
        "plain": lambda: speaks(run()),
        "stream": lambda: speaks(loop.run_until_complete(streamed())),
        "tools": lambda: speaks(run(said='How is the weather in "Oslo"?', tools=(weather,))),
        "schema": lambda: same(run(NativeOutput(City))),
        "prompted JSON": lambda: same(run(PromptedOutput(City))),
        "limit": lambda: refused_at_once(
            lambda: run(with_model=model("public", **{"X-Client-ID": SPENT})), Exception
        ),
    }


CLIENTS = {
    "openai": openai_python,
    "langchain-openai": langchain,
    "pydantic-ai-slim": pydantic_ai,
}

report(CLIENTS)
