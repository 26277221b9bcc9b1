"""The lengths of all videos of a run, held against the durations that were asked for.

A host may be free in how long its videos are. One that makes them by the clock gives who asks for more than
the range the longest of it, and who asks for less the shortest, whoever asks and by whichever method.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from lightning_verify.facts import SPEC
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.tally import Tally, finding
from lightning_verify.judging.verdicts import Finding
from lightning_verify.laws.law import is_complete, request_json
from lightning_verify.reading.media import seconds_of
from lightning_verify.reading.numbers import integer
from lightning_verify.transport.exchange import Exchange

# What a finding about durations gives in place of a test's name.
NAME = "videos beside each other"
_REQUIREMENT, _OPERATIONS = "VID-5", {"createVideo", "getVideo"}
_RANGE = SPEC.duration
# Encoders round to whole frames; what is further apart than this is another duration.
_ROUNDING, _APART = 0.6, 1.0
# The ends of the range are at least so far apart where videos are made by the clock.
_BY_THE_CLOCK = 4.0
_WHOLE = re.compile(r"-?\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Video:
    """A video that was asked for with a duration, and how long it is."""

    asked: int
    seconds: float
    exchange: Exchange


class Durations:
    """The videos of a run that were asked for with a duration."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._videos: list[_Video] = []

    def observe(self, exchange: Exchange) -> None:
        """Keep the length of one video."""
        operation = exchange.operation
        if operation is None or operation.id not in _OPERATIONS or not is_complete(exchange):
            return
        asked = _asked(exchange)
        if asked is None or not exchange.served:
            return
        seconds = seconds_of(exchange.medium("video").data)
        if seconds is not None:
            self._videos.append(_Video(asked, seconds, exchange))

    def findings(self) -> list[Finding]:
        """What the videos show about the range that durations are clamped to."""
        usual = self._by_the_clock()
        tally = Tally()
        for video in self._videos:
            nearest = _RANGE.apply(video.asked)
            beside = usual.get(nearest) if video.asked != nearest else None
            length = f"duration {video.asked} gave {video.seconds:.1f} s"
            if video.seconds > _RANGE.maximum + _ROUNDING:
                tally.count([f"{length}, more than {_RANGE.maximum}"], 1, video.exchange)
            elif beside and abs(video.seconds - beside.seconds) >= _APART:
                wrong = [f"{length}, {nearest} gave {beside.seconds:.1f} s"]
                tally.count(wrong, 1, video.exchange, beside.exchange)
            else:
                tally.count([], 1, video.exchange)
        return [finding(self._recorder, _REQUIREMENT, NAME, tally, "videos")] if tally.seen else []

    def _by_the_clock(self) -> dict[int, _Video]:
        """A video for each end of the range; none where the host does not make videos by the clock."""
        usual = {}
        for end in (_RANGE.minimum, _RANGE.maximum):
            found = sorted(video.seconds for video in self._videos if video.asked == end)
            if not found or found[-1] - found[0] >= _APART:
                return {}
            usual[end] = next(video for video in self._videos if video.asked == end)
        return usual if usual[_RANGE.maximum].seconds - usual[_RANGE.minimum].seconds >= _BY_THE_CLOCK else {}


def _asked(exchange: Exchange) -> int | None:
    """The whole duration that a request asks for; None when it asks for none."""
    if exchange.method == "POST":
        return integer(request_json(exchange).get("duration"))
    given = parse_qs(urlsplit(exchange.path).query).get("duration", [])
    return int(given[0]) if len(given) == 1 and _WHOLE.fullmatch(given[0]) else None
