"""What the API documents, as plain data. Nothing here reads a request or a clock.

A second reading of the document, on purpose not taken from `spec/`: a fact that was read wrongly there would
otherwise be wrong here too, and no run of the judge on this server could show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PUBLIC_SITE = "https://inference.js.org"

DAILY = ("cloudChatDaily", "imagesDaily", "videosDaily")
WEEKLY = ("audioWeekly",)
METRICS = DAILY + WEEKLY


@dataclass(frozen=True, slots=True)
class Plan:
    """One row of the catalogue. A limit of None means that the metric is not limited."""

    key: str
    name: str
    price: str
    limits: Mapping[str, int | None]

    @property
    def url(self) -> str:
        return "" if self.key == "free" else f"https://buy.stripe.com/{self.key}"


def _plan(key: str, name: str, price: str, *limits: int | None) -> Plan:
    return Plan(key, name, price, dict(zip(METRICS, limits, strict=True)))


PLANS = (
    _plan("free", "Free", "0.00", 50, 10, 3, 1),
    _plan("light", "AI Light", "9.99", None, 50, 10, 5),
    _plan("core", "AI Core", "15.99", None, 150, 30, 25),
    _plan("creator", "AI Creator", "29.99", None, 300, 50, 45),
    _plan("professional", "AI Professional", "99.99", None, None, None, 75),
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One route: who may call it, which metric it charges, which text limit binds it."""

    id: str
    method: str
    path: str
    auth: str = "none"
    metric: str | None = None
    text: str | None = None


OPERATIONS = (
    Operation("getSite", "GET", "/"),
    Operation("getSubscription", "GET", "/subscription", "required"),
    Operation("getUsage", "GET", "/usage", "optional"),
    Operation("getTierConfig", "GET", "/tier-config"),
    Operation("listTiers", "GET", "/tiers"),
    Operation("listModels", "GET", "/models"),
    Operation("getStatus", "GET", "/status"),
    Operation("getStatus", "GET", "/status/"),
    Operation("headStatusImage", "HEAD", "/status/image"),
    Operation("headStatusVideo", "HEAD", "/status/video"),
    Operation("headStatusSfx", "HEAD", "/status/sfx"),
    Operation("headStatusText", "HEAD", "/status/text"),
    Operation("createChatCompletion", "POST", "/gen/chat/completions", "optional", "cloudChatDaily", "chat"),
    Operation("createImage", "POST", "/gen/image", "optional", "imagesDaily", "media"),
    Operation("getImage", "GET", "/gen/image/{prompt:path}", "optional", "imagesDaily", "media"),
    Operation("createAirforceVideo", "POST", "/gen/video/airforce", "optional", "videosDaily", "media"),
    Operation(
        "getAirforceVideo", "GET", "/gen/video/airforce/{prompt:path}", "optional", "videosDaily", "media"
    ),
    Operation("createVideo", "POST", "/gen/video", "optional", "videosDaily", "media"),
    Operation("getVideo", "GET", "/gen/video/{prompt:path}", "optional", "videosDaily", "media"),
    Operation("createSfx", "POST", "/gen/sfx", "optional", "audioWeekly", "media"),
    Operation("getSfx", "GET", "/gen/sfx/{prompt:path}", "optional", "audioWeekly", "media"),
    Operation("createTts", "POST", "/gen/tts", "optional", "audioWeekly", "media"),
    Operation("getTts", "GET", "/gen/tts/{prompt:path}", "optional", "audioWeekly", "media"),
    Operation("analyzePrompt", "POST", "/gen/prompt_analyze", "optional", None, "chat"),
    Operation("getAsset", "GET", "/asset-cdn/assets/{image_id}"),
)

STATUS_OF = {
    "invalid": 400,
    "credential": 401,
    "missing": 404,
    "oversize": 413,
    "exhausted": 429,
    "upstream": 500,
}

TEXT_LIMITS = {"chat": 32_768, "media": 2_048}
BODY_LIMIT = 32 * 1024 * 1024

HEAD_TYPES = {
    "headStatusImage": "image/jpeg",
    "headStatusVideo": "video/mp4",
    "headStatusSfx": "audio/mpeg",
    "headStatusText": "text/plain",
}
