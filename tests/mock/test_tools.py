"""Tools: who is called, with which arguments, and what happens when the results come back."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from lightning_mock.generation.completions.completion import complete
from lightning_mock.generation.sampling.schema_sampler import compile_schema, forget_compiled

from tests.mock.conftest import chat, used


def tool(name: Any, description: Any = "", **properties: Any) -> Any:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


WEATHER = tool("get_weather", "Current weather of a city", city={"type": "string"})
CLOCK = tool("read_clock", "Tells the time of day", zone={"type": "string", "pattern": "^[A-Z]{3}$"})


def choice(response: Any) -> Any:
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]


def called(response: Any) -> Any:
    return [call["function"]["name"] for call in choice(response)["message"].get("tool_calls") or []]


def test_required_calls_a_tool_with_arguments_that_fit(client: Any) -> None:
    answer = choice(chat(client, tools=[CLOCK], tool_choice="required"))
    assert answer["finish_reason"] == "tool_calls"
    assert answer["message"]["content"] is None
    [call] = answer["message"]["tool_calls"]
    assert call["type"] == "function"
    assert call["id"]
    arguments = json.loads(call["function"]["arguments"])
    assert compile_schema(CLOCK["function"]["parameters"]).is_valid(arguments)


def test_a_named_tool_is_the_one_that_is_called(client: Any) -> None:
    named = {"type": "function", "function": {"name": "read_clock"}}
    assert called(chat(client, "weather in Oslo", tools=[WEATHER, CLOCK], tool_choice=named)) == [
        "read_clock"
    ]


def test_required_prefers_the_tool_the_prompt_speaks_of(client: Any) -> None:
    reply = chat(client, "What is the weather?", tools=[CLOCK, WEATHER], tool_choice="required")
    assert called(reply) == ["get_weather"]


def test_the_names_of_tools_that_nobody_speaks_of_are_not_compiled() -> None:
    prompt = {"role": "user", "content": "Call tool_7, not tool_70."}
    many = [tool(f"tool_{number}") for number in range(200)]
    re.purge()
    first = re.compile("the first that is kept")
    [choice] = complete({"messages": [prompt], "tools": many}, 1, "", 0).choices
    assert [call.name for call in choice.calls] == ["tool_7", "tool_70"]
    # 512 are kept, and then the oldest one goes.
    for number in range(400):
        re.compile(f"one of 400: {number}")
    assert re.compile("the first that is kept") is first
    forget_compiled()
    assert re.compile("the first that is kept") is not first


def test_none_calls_no_tool(client: Any) -> None:
    reply = chat(client, "call get_weather now", tools=[WEATHER], tool_choice="none")
    assert called(reply) == []
    assert choice(reply)["finish_reason"] == "stop"


@pytest.mark.parametrize("said", [{}, {"tool_choice": "auto"}])
def test_auto_answers_in_words_when_the_prompt_has_nothing_to_do_with_a_tool(client: Any, said: Any) -> None:
    reply = chat(client, "Tell me a joke", tools=[WEATHER, CLOCK], **said)
    assert called(reply) == []
    assert "Tell me a joke" in choice(reply)["message"]["content"]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Please use get_weather", ["get_weather"]),
        ("What's the weather in Paris?", ["get_weather"]),
        ("Which time of the day is it?", []),
        ("Can you say what time it is, and which day?", ["read_clock"]),
        ("Use get_weather and read_clock", ["get_weather", "read_clock"]),
    ],
)
def test_auto_calls_the_tools_the_prompt_speaks_of(client: Any, prompt: Any, expected: Any) -> None:
    clock = tool("read_clock", "Tells time and day", zone={"type": "string"})
    if not expected:
        clock = tool("read_clock", "Reads a dial", zone={"type": "string"})
    assert called(chat(client, prompt, tools=[WEATHER, clock])) == expected


TEXT = {"type": "string"}
DESKTOP = [
    tool("duckduckgo_search", "Search the web", query=TEXT),
    tool("read_web_page", "The text of a page", url={"type": "string", "format": "uri"}),
    tool("generate_image", "Makes something to look at", prompt=TEXT),
    tool("generate_audio", "Makes something to listen to", prompt=TEXT),
    tool("generate_video", "Makes something to watch", prompt=TEXT),
]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Draw a picture of a quiet harbour", "generate_image"),
        ("draw me a picture", "generate_image"),
        ("Show me an image of Oslo.", "generate_image"),
        ("Could you create an image with two ships?", "generate_image"),
        ("Please generate some nice photos of cats", "generate_image"),
        ("Give me a picture of the moon", "generate_image"),
        ("Paint a portrait of my dog", "generate_image"),
        ("draw me a cat", "generate_image"),
        ("Can you draw a cat for me?", "generate_image"),
        ("Hello! Could you please draw cats playing chess?", "generate_image"),
        ("I'd like you to draw two ships", "generate_image"),
        ("sketch a harbour at night", "generate_image"),
        ("Paint my dog in oil.", "generate_image"),
        ("illustrate the story of the tortoise", "generate_image"),
        ("I'd like a photo of the sea", "generate_image"),
        ("I want a nice picture, please", "generate_image"),
        ("animate a running horse", "generate_video"),
        ("I need a short clip about shipping", "generate_video"),
        ("Sing me something about the sea", "generate_audio"),
        ("make a short video about shipping", "generate_video"),
        ("Create a little animation", "generate_video"),
        ("Make some music for the evening", "generate_audio"),
        ("compose a song", "generate_audio"),
        ("Read https://example.com/a?b=1 and tell me what it says", "read_web_page"),
        ("Summarise https://example.com/", "read_web_page"),
        ("Open this link for me", "read_web_page"),
        ("Search for ferry times", "duckduckgo_search"),
        ("please look up the height of the tower", "duckduckgo_search"),
    ],
)
def test_natural_prompts_call_the_tool_that_does_what_they_ask_for(
    client: Any, prompt: str, expected: Any
) -> None:
    for tools in (DESKTOP, DESKTOP[::-1]):
        assert called(chat(client, prompt, tools=tools)) == [expected]


@pytest.mark.parametrize(
    "other",
    [
        tool("dalle", "Generates an image from a description.", prompt=TEXT),
        tool("createPicture", "", prompt=TEXT),
        tool("ai_image_generator", "", prompt=TEXT),
        tool("draw", "Draw a nice little sketch.", prompt=TEXT),
    ],
)
def test_a_tool_is_known_by_what_it_does_whatever_it_is_called(client: Any, other: Any) -> None:
    assert called(chat(client, "Draw a picture of a cat", tools=[WEATHER, other])) == [
        other["function"]["name"]
    ]


@pytest.mark.parametrize(
    "prompt",
    [
        "Good morning",
        "Tell me a joke",
        "Which image format is the smallest?",
        "How do I draw a picture in Python?",
        "Don't make a video, just explain it.",
        "Make a list of image formats",
        "Does the photo show a cat?",
        "Read my poem and be honest",
        "What is at https://example.com/ ?",
        "Write a song about rain",
        "Make me laugh",
        "Draw a conclusion from these figures",
        "Draw up a contract",
        "Can you draw a comparison between the two?",
        "Draw a cat in ASCII",
        "How would you draw a cat?",
        "Sketch a plan for the week",
        "Paint colours for a kitchen",
        "She can draw a cat",
        "I need a photo album",
        "I want to edit a photo",
    ],
)
def test_a_prompt_that_asks_for_nothing_of_the_kind_calls_no_tool(client: Any, prompt: str) -> None:
    assert called(chat(client, prompt, tools=DESKTOP)) == []


def test_a_tool_that_only_has_to_do_with_pictures_draws_none(client: Any) -> None:
    caption = tool("generate_image_caption", "Generates a caption for an image", url=TEXT)
    assert called(chat(client, "Draw a picture of a cat", tools=[caption])) == []


def test_one_call_at_a_time_when_parallel_calls_are_off(client: Any) -> None:
    reply = chat(client, "Use get_weather and read_clock", tools=[WEATHER, CLOCK], parallel_tool_calls=False)
    assert len(called(reply)) == 1


def test_arguments_come_from_the_prompt(client: Any) -> None:
    reply = chat(client, 'What is the weather in "Ulan Bator"?', tools=[WEATHER])
    [call] = choice(reply)["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "Ulan Bator"}


LINK = {"type": "string", "format": "uri"}
DAY = {"type": "string", "format": "date"}
MOMENT = {"type": "string", "format": "date-time"}
MAIL = {"type": "string", "format": "email"}
COUNT = {"type": "integer"}


@pytest.mark.parametrize(
    ("prompt", "properties", "expected"),
    [
        (
            "Read https://example.org/a?b=1, please",
            {"target": LINK, "max": COUNT},
            {"target": "https://example.org/a?b=1", "max": 1},
        ),
        ("Read (https://example.org/a_(b)).", {"page_url": TEXT}, {"page_url": "https://example.org/a_(b)"}),
        ("Read https://example.org/7", {"urlOfPage": TEXT}, {"urlOfPage": "https://example.org/7"}),
        (
            "Compare https://a.test/ and https://b.test/",
            {"url": LINK, "url_of_other": LINK},
            {"url": "https://a.test/", "url_of_other": "https://b.test/"},
        ),
        (
            "Book 4 seats on 2031-05-17",
            {"date": TEXT, "seats": COUNT},
            {"date": "2031-05-17", "seats": 4},
        ),
        (
            "From 2031-05-17 on book 4 seats",
            {"first": DAY, "seats": COUNT},
            {"first": "2031-05-17", "seats": 4},
        ),
        ("At 2031-05-17 18:30 in Oslo", {"at": MOMENT}, {"at": "2031-05-17T18:30:00Z"}),
        ("At 2031-05-17T18:30:05+02:00", {"at": MOMENT}, {"at": "2031-05-17T18:30:05+02:00"}),
        ("On 2031-05-17", {"at": MOMENT}, {"at": "2031-05-17T00:00:00Z"}),
        (
            'Write "Lunch" to jo.doe+x@mail.example.org',
            {"subject": TEXT, "to": MAIL},
            {"subject": "Lunch", "to": "jo.doe+x@mail.example.org"},
        ),
        (
            "Invite jo@example.org for lunch",
            {"user_email": TEXT, "email_subject": TEXT},
            {"user_email": "jo@example.org", "email_subject": "sample email_subject"},
        ),
        ("Order 3 of 0042", {"amount": TEXT, "number": TEXT}, {"amount": "3", "number": "0042"}),
    ],
)
def test_what_an_argument_asks_for_is_taken_from_the_prompt(
    client: Any, prompt: str, properties: Any, expected: Any
) -> None:
    asked = {"tools": [tool("go", "", **properties)], "tool_choice": "required"}
    [call] = choice(chat(client, prompt, **asked))["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == expected


@pytest.mark.parametrize(
    ("prompt", "schema"),
    [
        ("On 2031-02-30", DAY),
        ("See you tomorrow", DAY),
        ("Read https://example.org/", {**LINK, "enum": ["https://a.test/"]}),
        ("Read https://example.org/", {**LINK, "pattern": "^https://a[.]test/$"}),
        ("Read https://example.org/", {**LINK, "minLength": 40}),
        ("Read https://example.org/", {**LINK, "not": {"const": "https://example.org/"}}),
        ("Read https://example.org/ä", LINK),
    ],
)
def test_what_does_not_fit_is_made_up_as_without_it(client: Any, prompt: str, schema: Any) -> None:
    fields = {"tools": [tool("go", "", url=schema)], "tool_choice": "required"}
    given = []
    for said in (prompt, "Hello"):
        [call] = choice(chat(client, said, **fields))["message"]["tool_calls"]
        given.append(json.loads(call["function"]["arguments"]))
    if "minLength" not in schema:
        assert compile_schema(fields["tools"][0]["function"]["parameters"]).is_valid(given[0])
    assert given[0] == given[1]


def test_a_tool_without_parameters_is_called_with_none(client: Any) -> None:
    bare = {"type": "function", "function": {"name": "ping"}}
    [call] = choice(chat(client, tools=[bare], tool_choice="required"))["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {}


def test_a_limit_of_tokens_leaves_a_call_whole(client: Any) -> None:
    answer = choice(chat(client, tools=[WEATHER], tool_choice="required", max_tokens=1))
    json.loads(answer["message"]["tool_calls"][0]["function"]["arguments"])


def test_the_turn_after_a_tool_call_answers_with_its_result(client: Any) -> None:
    first = choice(chat(client, "What is the weather in Oslo?", tools=[WEATHER]))["message"]
    messages = [
        {"role": "user", "content": "What is the weather in Oslo?"},
        {**first, "content": ""},
        {"role": "tool", "tool_call_id": first["tool_calls"][0]["id"], "content": "Rain and four degrees"},
    ]
    for more in ({"tools": [WEATHER]}, {}):
        reply = client.post("/gen/chat/completions", json={"messages": messages, **more})
        assert called(reply) == []
        content = choice(reply)["message"]["content"]
        assert "Rain and four degrees" in content
        assert "get_weather" in content


def test_tools_weigh_in_the_choice_of_the_model(client: Any) -> None:
    plain = chat(client).json()["router_metadata"]["model_name"]
    assert chat(client, tools=[WEATHER]).json()["router_metadata"]["model_name"] != plain


CUSTOM = {"type": "custom", "custom": {"name": "x"}}
ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [WEATHER]}}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tools": [WEATHER, CUSTOM]}, "tools[1].type: expected function."),
        ({"tools": [WEATHER], "tool_choice": CUSTOM}, "tool_choice.type: expected function."),
        ({"tools": [WEATHER], "tool_choice": ALLOWED}, "tool_choice.type: expected function."),
        ({"tools": [{"type": "function"}]}, "tools[0].function: this field is required."),
        ({"tools": [{"function": {"name": "x"}}]}, "tools[0].type: this field is required."),
    ],
)
def test_another_kind_of_tool_is_refused_as_such(client: Any, fields: Any, said: str) -> None:
    response = chat(client, **fields)
    assert (response.status_code, response.json()["detail"]) == (400, said)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        (
            {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "no"}}},
            "tool_choice",
        ),
        ({"tools": [], "tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [tool("x", a={"type": "rabbit"})]}, "tools[0].function.parameters"),
        ({"tools": [WEATHER, tool("x", a={"$ref": "http://127.0.0.1:9/s"})]}, "tools[1].function.parameters"),
    ],
)
def test_what_cannot_be_called_is_refused_and_costs_nothing(client: Any, fields: Any, param: Any) -> None:
    response = chat(client, **fields)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param
    assert param in response.json()["detail"]
    assert used(client)["cloudChatDaily"] == 0
