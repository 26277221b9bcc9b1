"""Videos longer or shorter than the range of durations are found, whoever asks for them and how."""

from __future__ import annotations

import json

import pytest
from lightning_spec.loader import load_spec
from lightning_verify.judging import durations
from lightning_verify.judging.durations import Durations
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.redaction import Redactor
from lightning_verify.transport.exchange import Exchange

SPEC = load_spec()


def video(method: str, duration: object, seconds: float) -> Exchange:
    """A video whose body says how long it is."""
    operation = SPEC.operations["createVideo" if method == "POST" else "getVideo"]
    path = operation.path if method == "POST" else f"/gen/video/sea?mode=fun&duration={duration}"
    body = json.dumps({"prompt": "sea", "duration": duration}).encode() if method == "POST" else None
    headers = [("Content-Type", "video/mp4")]
    return Exchange(method, path, {}, body, operation, "anyone", 200, headers, str(seconds).encode())


BY_THE_CLOCK = [video("POST", 1, 1.0), video("POST", 10, 10.0)]


@pytest.mark.parametrize(
    ("videos", "verdict"),
    [
        pytest.param([*BY_THE_CLOCK, video("POST", 30, 10.2), video("GET", -2, 1.1)], "pass", id="clamped"),
        pytest.param([*BY_THE_CLOCK, video("GET", -2, 5.0)], "fail", id="below the range"),
        pytest.param([*BY_THE_CLOCK, video("POST", 30, 5.0)], "fail", id="above the range"),
        pytest.param([video("GET", 11, 11.0)], "fail", id="too long"),
        pytest.param(
            [video("POST", 1, 4.0), video("POST", 10, 5.0), video("GET", -2, 6.0)], "pass", id="free"
        ),
        pytest.param([*BY_THE_CLOCK, video("POST", 10, 4.0), video("GET", 30, 4.0)], "pass", id="unsteady"),
        pytest.param([*BY_THE_CLOCK, video("POST", 3, 8.0), video("GET", "soon", 5.0)], "pass", id="inside"),
    ],
)
def test_durations_are_clamped_in_every_video(
    monkeypatch: pytest.MonkeyPatch, videos: list[Exchange], verdict: str
) -> None:
    monkeypatch.setattr(durations, "seconds_of", float)
    seen = Durations(Recorder("http://127.0.0.1", Redactor({})))
    for each in videos:
        seen.observe(each)
    (found,) = seen.findings()
    assert (found.requirement, found.verdict) == ("VID-5", verdict)
