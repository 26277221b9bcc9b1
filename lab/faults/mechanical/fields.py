"""Mechanical faults: fields dropped, renamed and retyped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.faults.fault import Book
from lab.faults.inputs import PAID, SUBSCRIPTION, TIER_CONFIG, TIERS, USAGE
from lab.faults.seams import at, drop, edit, put, rename
from lab.proofs import Proof, chat, read

BOOK = Book("mechanical")


def _fields(  # noqa: PLR0917 a table row reads better without keywords
    prefix: str,
    requirement: str,
    operation: str,
    proof: Proof,
    drops: str,
    renames: str = "",
    retypes: dict[str, Any] | None = None,
    *,
    spend: str = "none",
    credentials: str = "",
) -> None:
    """One fault for each dropped path, each `path>name` renamed and each path given another value."""

    def add(kind: str, path: str, operator: Callable[[Any, Any], None], words: str) -> None:
        slug = path.replace("*.", "").replace("0.", "").replace(".", "-")
        BOOK.add(
            f"{prefix}-{kind}-{slug}",
            requirement,
            f"{words} in the answer of {operation}",
            edit(operation, at(path, operator)),
            proof,
            spend,
            credentials,
        )

    for path in drops.split():
        add("drop", path, drop, f"{path} is missing")
    for pair in renames.split():
        path, _, name = pair.partition(">")
        add("rename", path, rename(name), f"{path} is called {name}")
    for path, value in (retypes or {}).items():
        add("retype", path, put(value), f"{path} has the value {value!r}")


_fields(
    "subscription",
    "SUB-1",
    "getSubscription",
    SUBSCRIPTION,
    "email signed_up plan_key plan_name subscription auth_type",
    "email>mail plan_key>planKey",
    {"plan_key": 7, "auth_type": True},
    credentials=PAID,
)

_fields(
    "subscription",
    "SUB-3 SUB-1",
    "getSubscription",
    SUBSCRIPTION,
    "",
    "",
    {"subscription": "active"},
    credentials=PAID,
)

_fields(
    "usage",
    "USE-1",
    "getUsage",
    USAGE,
    "plan_key plan_name generated_at usage",
    "generated_at>generatedAt usage>metrics",
    {"plan_name": None, "usage": []},
)

_fields(
    "usage",
    "USE-2",
    "getUsage",
    USAGE,
    "usage.cloudChatDaily usage.imagesDaily usage.videosDaily usage.audioWeekly",
    "usage.audioWeekly>audio_weekly",
    {"usage.imagesDaily": 3},
)

_fields(
    "usage",
    "USE-3",
    "getUsage",
    USAGE,
    "usage.imagesDaily.limit usage.*.used usage.videosDaily.remaining usage.audioWeekly.window "
    "usage.cloudChatDaily.period",
    "usage.*.used>count",
    {"usage.imagesDaily.used": "none", "usage.audioWeekly.window": None},
)

_fields(
    "tier-config",
    "TIER-1",
    "getTierConfig",
    TIER_CONFIG,
    "defaultPlanKey",
    "defaultPlanKey>default_plan_key",
    {"defaultPlanKey": None},
)

_fields(
    "tier-config",
    "TIER-2",
    "getTierConfig",
    TIER_CONFIG,
    "plans.*.key plans.*.name plans.*.url plans.*.price plans.*.limits plans.*.order",
    "plans.*.price>cost",
    {"plans": {}},
)

_fields(
    "tier-config",
    "TIER-3",
    "getTierConfig",
    TIER_CONFIG,
    "plans.0.limits.audioWeekly",
    "plans.*.limits.imagesDaily>images_daily",
    {"plans.1.limits.videosDaily": "10", "plans.0.limits": [50, 10, 3, 1]},
)

_fields("tiers", "TIERS-2", "listTiers", TIERS, "0 3", "", {"1.name": "Something else"})

MODELS = read("/models")

_fields("models", "STAT-2", "listModels", MODELS, "*.name", "*.name>label", {"0.name": None, "1.name": 7})

STATUS = read("/status")

_fields(
    "status",
    "STAT-3",
    "getStatus",
    STATUS,
    "state services notifications latest",
    "services>components",
    {"state": None},
)

_fields(
    "chat",
    "CHAT-2",
    "createChatCompletion",
    chat(),
    "choices choices.0.message choices.0.message.role choices.0.finish_reason",
    "choices.0.message>delta choices.0.message.content>text",
    {"choices": [], "choices.0.finish_reason": None, "choices.0.message.content": ["Ship", "it"]},
    spend="sample",
)
