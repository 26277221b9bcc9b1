"""What more Python clients do, in an environment of their own: together they want other versions."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import litellm
import openai
from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from expectations import (
    BASE_URL,
    HELLO,
    IN_KEYS,
    KEY,
    SAID,
    SPENT,
    City,
    refused_at_once,
    report,
    same,
    speaks,
    weather,
)
from llm.default_plugins.openai_models import Chat


def litellm_calls() -> dict[str, Callable[[], None]]:
    def ask(messages: Any = HELLO, key: str = KEY, **more: Any) -> Any:
        return litellm.completion(
            model="openai/lightning", api_base=f"{BASE_URL}/gen", api_key=key, messages=messages, **more
        )

    def streamed() -> None:
        speaks("".join(part.choices[0].delta.content or "" for part in ask(stream=True)))

    def called() -> None:
        reply = ask(tools=[openai.pydantic_function_tool(City)], tool_choice="required")
        same(City.model_validate_json(reply.choices[0].message.tool_calls[0].function.arguments))

    def prompted() -> None:
        reply = ask([{"role": "user", "content": IN_KEYS}], response_format={"type": "json_object"})
        same(set(json.loads(reply.choices[0].message.content)), {"name", "population"})

    return {
        "plain": lambda: speaks(ask().choices[0].message.content),
        "stream": streamed,
        "tools": called,
        "schema": lambda: same(
            City.model_validate_json(ask(response_format=City).choices[0].message.content)
        ),
        "prompted JSON": prompted,
        "limit": lambda: refused_at_once(
            lambda: ask(key="public", extra_headers={"X-Client-ID": SPENT}), litellm.RateLimitError
        ),
    }


def openai_agents() -> dict[str, Callable[[], None]]:
    set_tracing_disabled(True)
    loop = asyncio.new_event_loop()
    tool = function_tool(weather)

    def agent(key: str = KEY, headers: dict[str, str] | None = None, **more: Any) -> Agent:
        client = openai.AsyncOpenAI(base_url=f"{BASE_URL}/gen", api_key=key, default_headers=headers)
        model = OpenAIChatCompletionsModel(model="lightning", openai_client=client)
        return Agent(name="guide", model=model, **more)

    def run(asked: Agent, said: str = SAID) -> Any:
        return loop.run_until_complete(Runner.run(asked, said)).final_output

    async def streamed() -> str:
        reply = Runner.run_streamed(agent(), SAID)
        async for _ in reply.stream_events():
            pass
        return str(reply.final_output)

    return {
        "plain": lambda: speaks(run(agent())),
        "stream": lambda: speaks(loop.run_until_complete(streamed())),
        "tools": lambda: speaks(run(agent(tools=[tool]), 'How is the weather in "Oslo"?')),
        "schema": lambda: same(run(agent(output_type=City))),
        "limit": lambda: refused_at_once(
            lambda: run(agent("public", {"X-Client-ID": SPENT})), openai.RateLimitError
        ),
    }


def llm_command() -> dict[str, Callable[[], None]]:
    def model(key: str = KEY, headers: dict[str, str] | None = None) -> Any:
        made = Chat(
            "lightning",
            api_base=f"{BASE_URL}/gen",
            headers=headers,
            supports_tools=True,
            supports_schema=True,
        )
        made.key = key
        return made

    return {
        "plain": lambda: speaks(model().prompt(SAID, stream=False).text()),
        "stream": lambda: speaks("".join(model().prompt(SAID))),
        "tools": lambda: speaks(
            model().chain('How is the weather in "Oslo"?', tools=[weather], stream=False).text()
        ),
        "schema": lambda: same(
            City.model_validate_json(model().prompt(SAID, schema=City, stream=False).text())
        ),
        "limit": lambda: refused_at_once(
            lambda: model("public", {"X-Client-ID": SPENT}).prompt(SAID, stream=False).text(), Exception
        ),
    }


CLIENTS = {"litellm": litellm_calls, "openai-agents": openai_agents, "llm": llm_command}

report(CLIENTS)
