"""Each variant is there to be seen, and keeps the document, alone and with others."""

from __future__ import annotations

import random
import time

import pytest

from lab.client import Client
from lab.running import running
from lab.variants import VARIANTS
from tests.lab.documented import keeps_the_document

# Somebody else's spending moves the numbers that the plain check compares, and slowness only costs time.
NOT_COMBINED = {"slow-answers", "stream-slowly", "cold-start", "lagging-usage"}


def observed(name: str, *switched_on: str) -> object:
    with running(variants=switched_on) as lab:
        return VARIANTS[name].prove(Client(lab.base_url, lab.credentials))


def combination(seed: int) -> list[str]:
    """Some ten variants that do not exclude each other."""
    dice = random.Random(seed)
    by_group = {VARIANTS[name].group: name for name in dice.sample(sorted(VARIANTS), 14)}
    return sorted(set(by_group.values()) - NOT_COMBINED)


def judged(*names: str) -> None:
    with running(variants=names) as lab:
        if "cold-start" in names:
            time.sleep(3.1)
        keeps_the_document(lab.base_url, lab.credentials)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_can_be_seen(name: str) -> None:
    assert observed(name) != observed(name, name)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_keeps_the_document(name: str) -> None:
    judged(name)


@pytest.mark.parametrize("seed", range(20))
def test_variants_together_keep_the_document(seed: int) -> None:
    judged(*combination(seed))


def test_there_are_many_variants() -> None:
    assert len(VARIANTS) >= 25


def test_variants_of_one_group_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="exclude"), running(variants=["images-png", "images-webp"]):
        pass
