"""Frees memory by dropping everything that is kept only for speed."""

from __future__ import annotations

import asyncio

from lightning_mock.generation.sampling.schema_sampler import forget_compiled
from lightning_mock.memory import release_free_memory
from lightning_mock.state import State


async def free_memory(state: State) -> None:
    """Drop what was rendered and compiled, and return free memory to the system."""
    state.renderer.forget()
    forget_compiled()
    await asyncio.to_thread(release_free_memory)
