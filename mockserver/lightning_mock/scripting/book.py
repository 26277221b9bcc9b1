"""All scripted replies of one mock, and the calls that nearly met one.

Law: of the scripts that fit a call the oldest that is not used up answers, so scripts queue as faults do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lightning_mock.callers.credential_forms import without_credentials
from lightning_mock.journal.redaction import MAX_TARGET
from lightning_mock.real_time import stopwatch
from lightning_mock.scripting.script import Room, Script, ScriptedCall
from lightning_mock.turns import Turn, Turns

Miss = dict[str, Any]
"""A call that met nothing: its method and path, and what came near, each with what it missed."""
_REMEMBERED = 100
_NEAREST = 3
_TIME_SLICE = 0.01
"""Seconds that matching one call may take before it yields to other tasks."""


class ScriptBook:
    """The scripts in the order in which they were made. `armed` says whether looking is worth while."""

    def __init__(self, turns: Turns | None = None) -> None:
        self._turns = turns
        self._scripts: dict[str, Script] = {}
        self._start: tuple[Callable[[str], Script], ...] = ()
        self.misses: deque[Miss] = deque(maxlen=_REMEMBERED)
        self.fresh_misses: deque[Miss] = deque(maxlen=_REMEMBERED)
        """Those that have not been shared with the other processes yet."""
        self.made = 0
        self.armed = False

    def new_id(self) -> str:
        self.made += 1
        return f"reply-{self.made}"

    def add(self, script: Script) -> Script:
        self._scripts[script.id] = script
        self.armed = True
        return script

    def all(self) -> list[Script]:
        return list(self._scripts.values())

    @property
    def looks_for_hidden(self) -> bool:
        """Whether a script asks for what was hidden in a recording."""
        return any(script.condition.looks_for_hidden for script in self._scripts.values())

    @property
    def room(self) -> Room:
        """How large one more may be."""
        return Room().beside(self._scripts.values())

    def remove(self, unwanted: Callable[[Script], bool]) -> list[Script]:
        gone = [script for script in self._scripts.values() if unwanted(script)]
        for script in gone:
            del self._scripts[script.id]
        self.armed = bool(self._scripts)
        return gone

    def adopt(self, scripts: Iterable[Script], made: int) -> None:
        """Take over the scripts of another process."""
        self._scripts = {script.id: script for script in scripts}
        self.made, self.armed = made, bool(self._scripts)

    def start_with(self, makers: Iterable[Callable[[str], Script]]) -> None:
        """Use the scripts of a file, now and after every reset. They are the oldest."""
        self._start = tuple(makers)
        others, self._scripts = self._scripts, {}
        self._add_start()
        self._scripts |= others

    def reset(self) -> None:
        """Go back to the scripts of the start."""
        self.restore((), 0)
        self._add_start()

    def restore(self, scripts: Iterable[Script], made: int) -> None:
        """Replace all scripts by these."""
        self._scripts = {script.id: script for script in scripts}
        self.misses.clear()
        self.made, self.armed = made, bool(self._scripts)

    def _add_start(self) -> None:
        for make in self._start:
            self.add(make(self.new_id())).of_file = True

    async def answer(self, call: ScriptedCall, *, checked: bool) -> tuple[Script, Mapping[str, Any]] | None:
        """The script that answers a call, with its answer. Remembers what came near when none does, once all
        that is checked has been."""
        near: list[tuple[int, Script, list[str]]] = []
        answered: tuple[Script, Mapping[str, Any]] | None = None
        pause = stopwatch() + _TIME_SLICE
        for script in list(self._scripts.values()):
            if script.checked != checked or (answered and script.nth is None):
                continue
            if stopwatch() > pause:
                await asyncio.sleep(0)
                pause = stopwatch() + _TIME_SLICE
            if script.id not in self._scripts:
                continue
            missed = script.condition.misses(call)
            if not missed:
                use = answered is None
                if self._turns is None:
                    turn = script.take(use=use)
                else:
                    turn = await _take(script, self._turns, use=use)
                if turn.taken and use:
                    answered = script, script.answer(turn)
                missed = ["it is used up"] if turn.over else []
            if missed:
                near.append((len(missed), script, missed))
        if checked and near and answered is None:
            near.sort(key=lambda entry: entry[0])
            reasons = [
                {"id": script.id, "missed": [without_credentials(words[:MAX_TARGET]) for words in missed]}
                for _, script, missed in near[:_NEAREST]
            ]
            method, path = (without_credentials(text[:MAX_TARGET]) for text in (call.method, call.path))
            self.misses.append({"method": method, "path": path, "near": reasons})
            if self._turns is not None:
                self.fresh_misses.append(self.misses[-1])
        return answered


async def _take(script: Script, turns: Turns, *, use: bool) -> Turn:
    """As `Script.take`, with the counts that all processes share."""
    turn = await turns.take(script.id, use=use, times=script.times, nth=script.nth)
    script.met, script.used = turn.met, turn.used
    return turn
