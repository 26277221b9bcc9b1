"""Scripted replies from a file, in the form that the control plane accepts."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import orjson
from lightning_spec.recording import FORMAT, RecordingError, read_recording
from lightning_spec.text_formats import read_file, yaml_or_json

from lightning_mock.control.contract import control_contract
from lightning_mock.control.request import ControlError
from lightning_mock.recordings.as_replies import replies_of
from lightning_mock.scripting.parse import ScriptError, parse_script
from lightning_mock.scripting.pattern import MAX_TOTAL_SIZE
from lightning_mock.settings import SettingsError
from lightning_mock.state import State


def start_with_file(path: Path, state: State) -> None:
    """Load the replies of a file at the start. Raises SettingsError with the place of the first mistake."""
    try:
        listed = yaml_or_json(read_file(path).decode())
    except OSError as error:
        raise SettingsError(f"replies file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"replies file {path}: expected YAML or JSON in UTF-8") from error
    except ValueError as error:
        raise SettingsError(f"replies file {path}: expected YAML or JSON; {error}") from error
    if isinstance(listed, dict) and listed.get("format") == FORMAT:
        try:
            listed = replies_of(read_recording(path))
        except RecordingError as error:
            raise SettingsError(f"replies file {path}: {error}") from error
    if not isinstance(listed, list):
        raise SettingsError(f"replies file {path}: expected a list of replies, or a recording")
    contract = control_contract()
    route, _ = contract.find("POST", "/__mock__/replies")
    room = MAX_TOTAL_SIZE
    for position, description in enumerate(listed, 1):
        try:
            orjson.dumps(description)  # which has bounds on numbers and depth
            contract.check_body(route, description)
            room -= parse_script("", description, state.spec, room).pattern_size
        except (ControlError, ScriptError, orjson.JSONEncodeError) as error:
            said = error.detail if isinstance(error, ControlError) else error
            raise SettingsError(f"replies file {path}: reply {position}: {said}") from error
    state.scripts.start_with(
        partial(parse_script, description=description, spec=state.spec) for description in listed
    )
