"""Which function answers which operation of the spec.

Law: every operation of a revision stands in this table, or a mock of that revision does not start; every row
is an operation of some revision. A handler never imports another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from lightning_mock.handlers import account, assets, catalogue, chat, media, status
from lightning_mock.http.call import Call
from lightning_mock.http.replies import Reply
from lightning_mock.state import State

Handler = Callable[[Call, State], Awaitable[Reply]]
"""Answers an accepted call. Whatever it raises gives the caller's unit back."""

Preparation = Callable[[Call, State], Awaitable[None]]
"""Runs before the charge: may raise InvalidRequest and may replace arguments of the call."""

HANDLERS: Mapping[str, Handler] = {
    "getSite": status.get_site,
    "getSubscription": account.get_subscription,
    "getUsage": account.get_usage,
    "getTierConfig": catalogue.get_tier_config,
    "listTiers": catalogue.list_tiers,
    "listModels": status.list_models,
    "getStatus": status.get_status,
    "headStatusImage": status.head_status,
    "headStatusVideo": status.head_status,
    "headStatusSfx": status.head_status,
    "headStatusText": status.head_status,
    "createChatCompletion": chat.create_completion,
    "analyzePrompt": chat.analyze_prompt,
    "createImage": media.create_image,
    "getImage": media.create_image,
    "createVideo": media.create_video,
    "getVideo": media.create_video,
    "createAirforceVideo": media.create_airforce_video,
    "getAirforceVideo": media.create_airforce_video,
    "createSfx": media.create_sfx,
    "getSfx": media.create_sfx,
    "createTts": media.create_tts,
    "getTts": media.create_tts,
    "getAsset": assets.get_asset,
    # Since the revision 2026-06-19.
    "listChatModels": status.list_models,
    "createImages": media.create_images,
    "createVideos": media.create_videos,
    "createSpeech": media.create_speech,
    "createAudio": media.create_audio,
    "headVideo": status.head_status,
    "create3d": status.refuse,
}

PREPARATIONS: Mapping[str, Preparation] = {
    "createChatCompletion": chat.prepare_completion,
    "createImage": media.prepare_inputs,
    "getImage": media.prepare_inputs,
    "createVideo": media.prepare_inputs,
    "getVideo": media.prepare_inputs,
    "createAirforceVideo": media.prepare_inputs,
    "getAirforceVideo": media.prepare_inputs,
    "createImages": media.prepare_inputs,
    "createVideos": media.prepare_inputs,
}
