"""Scripted replies from a file, in the form that the control plane accepts."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import orjson
from lightning_spec.recording import FORMAT, RecordingError, read_recording
from lightning_spec.text_formats import read_file, yaml_or_json

from lightning_mock.callers.credential_forms import without_credentials
from lightning_mock.control.contract import control_contract
from lightning_mock.control.request import ControlError
from lightning_mock.journal.redaction import MAX_TARGET
from lightning_mock.recordings.as_replies import replies_of
from lightning_mock.scripting.parse import ALL_ROOM, ScriptError, parse_script
from lightning_mock.settings import SettingsError
from lightning_mock.state import State

logger = logging.getLogger(__name__)


def start_with_file(path: Path, state: State) -> None:
    """Load the replies of a file at the start. Raises SettingsError with the place of the first mistake."""
    try:
        listed = yaml_or_json(read_file(path).decode(), unique_keys=True)
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
    room, descriptions = ALL_ROOM, []
    for position, description in enumerate(listed, 1):
        try:
            orjson.dumps(description)  # which has bounds on numbers and depth
            descriptions.append(contract.read_body(route, description))
            room = room.beside([parse_script("", descriptions[-1], state.spec, room)])
        except (ControlError, ScriptError, orjson.JSONEncodeError) as error:
            said = error.detail if isinstance(error, ControlError) else error
            raise SettingsError(f"replies file {path}: reply {position}: {said}") from error
    state.scripts.start_with(
        partial(parse_script, description=description, spec=state.spec) for description in descriptions
    )


def warn_of_nobody(path: Path, state: State) -> None:
    """Warn of replies of the file for users who do not exist. They are no mistake yet: whoever creates a user
    may choose the id."""
    scripts = [script for script in state.scripts.all() if script.of_file]
    for position, script in enumerate(scripts, 1):
        user = script.description["match"].get("user")
        if user is not None and state.accounts.get(user) is None:
            shown = without_credentials(user[:MAX_TARGET])
            logger.warning(
                "replies file %s: reply %d: match.user: there is no user %r yet; the reply waits until "
                "POST /__mock__/users creates one with this id",
                path,
                position,
                shown,
            )
