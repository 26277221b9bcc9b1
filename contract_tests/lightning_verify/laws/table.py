"""All laws, by the requirement that each one holds an exchange against."""

from __future__ import annotations

from lightning_verify.laws.account import ACCOUNT
from lightning_verify.laws.discovery import DISCOVERY
from lightning_verify.laws.generation import GENERATION
from lightning_verify.laws.law import Law
from lightning_verify.laws.manners import MANNERS
from lightning_verify.transport.exchange import Exchange

LAWS: dict[str, Law] = {law.requirement: law for law in (*ACCOUNT, *DISCOVERY, *GENERATION, *MANNERS)}

# The requirement that tells when an operation has no good answer at all.
OWNERS = {
    "getUsage": "USE-1",
    "getSubscription": "SUB-1",
    "getTierConfig": "TIER-1",
    "listTiers": "TIERS-1",
    "listModels": "STAT-2",
    "getStatus": "STAT-3",
    "createChatCompletion": "CHAT-2",
    "analyzePrompt": "ANA-1",
    "getAsset": "CDN-1",
    **dict.fromkeys(("createImage", "getImage"), "IMG-2"),
    **dict.fromkeys(("createVideo", "getVideo"), "VID-2"),
    **dict.fromkeys(("createAirforceVideo", "getAirforceVideo"), "AIR-1"),
    **dict.fromkeys(("createSfx", "getSfx"), "SFX-1"),
    **dict.fromkeys(("createTts", "getTts"), "TTS-1"),
}


def held(exchange: Exchange) -> dict[str, list[str]]:
    """What is wrong with an exchange by each law that applies to it; nothing where it is kept."""
    found = {requirement: law.wrong(exchange) for requirement, law in LAWS.items()}
    return {requirement: wrong for requirement, wrong in found.items() if wrong is not None}
