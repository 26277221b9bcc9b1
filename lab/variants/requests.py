"""Requests that the document neither allows nor forbids: the host may serve or refuse them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from lab import seams
from lab.proofs import generated, post
from lab.seams import VIDEOS
from lab.server.lab import Call, Identity, Lab
from lab.server.payloads import image_urls
from lab.variants.variant import VariantSet

VARIANTS = VariantSet()

IMAGES = f"createImage getImage {VIDEOS}"


def _forget_unknown(lab: Lab) -> None:
    """Unknown enum values count as left out."""

    def lenient(_: Lab, call: Call) -> None:
        if call.arguments.get("ratio") not in {None, "3:2", "2:3", "1:1"}:
            call.arguments["ratio"] = None

    seams.without("mode", IMAGES)(lab)
    seams.check(VIDEOS, lenient, "ratio")(lab)


VARIANTS.group("", generated("createImage", mode="noir")).add(
    "lenient-enums: an unknown mode or ratio counts as left out", _forget_unknown
)


def _first_two(lab: Lab, call: Call) -> None:
    value = call.arguments.get("image_urls")
    if isinstance(value, list):
        call.arguments["image_urls"] = value[:2]
    image_urls(lab, call)


VARIANTS.group("", generated("createImage", image_urls=["https://example.com/a.png"] * 3)).add(
    "image-urls-cut: image_urls above two are left out instead of refused",
    seams.check(IMAGES, _first_two, "image_urls"),
)


def _prompt_alone(lab: Lab) -> None:
    def alone(_: Lab, call: Call) -> None:
        call.arguments = {name: value for name, value in call.arguments.items() if name == "prompt"}

    for name in ("createAirforceVideo", "getAirforceVideo"):
        # First: what is left out by then gets its usual value.
        lab.checks[name] = {"alone": alone, **lab.checks[name]}


VARIANTS.group("", generated("createAirforceVideo", image_urls={"first": 1})).add(
    "airforce-prompt-alone: the alternate video endpoint knows no field but the prompt",
    _prompt_alone,
)


def _blank(lab: Lab) -> None:
    def blank(_: Lab, call: Call) -> None:
        if isinstance(call.arguments.get("prompt"), str) and not call.arguments["prompt"].strip():
            call.arguments["prompt"] = "anything"

    for name, checks in lab.checks.items():
        if "prompt" in checks:
            lab.checks[name] = {"blank": blank, **checks}


VARIANTS.group("", generated("createImage", prompt=" ")).add(
    "blank-prompt-served: a blank prompt is served", _blank
)


def _any_role(lab: Lab) -> None:
    def known(_: Lab, call: Call) -> None:
        for item in call.arguments.get("messages") or call.arguments.get("prompt") or []:
            if (
                isinstance(item, dict)
                and isinstance(item.get("role"), str)
                and item.get("content") is not None
            ):
                item["role"] = "user"

    for name in ("createChatCompletion", "analyzePrompt"):
        field = "messages" if name == "createChatCompletion" else "prompt"

        def listed(inner: Lab, call: Call, field: str = field) -> None:
            if isinstance(call.arguments.get(field), list):
                known(inner, call)

        lab.checks[name] = {"roles": listed, **lab.checks[name]}


VARIANTS.group(
    "", post("/gen/chat/completions", {"messages": [{"role": "narrator", "content": "Once"}]})
).add("roles-open: a message may have any role", _any_role)


def _empty_messages(lab: Lab) -> None:
    def filled(_: Lab, call: Call) -> None:
        if call.arguments.get("messages") == []:
            call.arguments["messages"] = [{"role": "user", "content": ""}]

    lab.checks["createChatCompletion"] = {"empty": filled, **lab.checks["createChatCompletion"]}


def _object_content(lab: Lab) -> None:
    """A message whose content is an object is taken for one that says what the object holds."""
    for name, field in (("createChatCompletion", "messages"), ("analyzePrompt", "prompt")):

        def said(_: Lab, call: Call, field: str = field) -> None:
            messages = call.arguments.get(field)
            for item in messages if isinstance(messages, list) else []:
                if isinstance(item, dict) and isinstance(item.get("content"), dict):
                    item["content"] = str(item["content"])

        lab.checks[name] = {"object content": said, **lab.checks[name]}


VARIANTS.group(
    "", post("/gen/chat/completions", {"messages": [{"role": "user", "content": {"text": "Once"}}]})
).add("content-as-object-served: the content of a message may be an object", _object_content)

VARIANTS.group("", post("/gen/chat/completions", {"messages": []})).add(
    "empty-messages-served: an empty array of messages is served", _empty_messages
)

_RULE = re.compile(r"[A-Za-z0-9._:-]{16,128}")


def _client_rule(lab: Lab) -> None:
    def known(inner: Lab, call: Call, who: Identity) -> Identity:
        client = call.request.headers.get("x-client-id", "").strip()
        if who.auth_type or not client or _RULE.fullmatch(client):
            return who
        return replace(who, key=f"address:{call.request.headers.get('user-agent', '')}")

    seams.resolve(known)(lab)


def _odd_clients(c: Any) -> Any:
    first = c.post("/gen/image", {"prompt": "x"}, client="odd one")
    return first.status, c.used(client="another odd one")


VARIANTS.group("", _odd_clients).add(
    "client-id-rule: a client id that is not 16 to 128 plain characters is ignored", _client_rule
)
