"""A folder for each run of a recurring job, and `latest`, which leads to the newest."""

from __future__ import annotations

import json
import time
from itertools import count
from pathlib import Path

LATEST = "latest"
_FORM = "%Y-%m-%dT%H-%M-%SZ"
_NAMES = "[0-9][0-9][0-9][0-9]-*T*Z*"


def new_run(history: Path) -> Path:
    """A new folder below `history`, named after the time. Raises OSError if it cannot be made."""
    name = time.strftime(_FORM, time.gmtime())
    for number in count(2):
        folder = history / name
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            name = f"{name.partition('Z')[0]}Z-{number}"
        else:
            return folder
    raise AssertionError("the numbers do not end")


def point_to(folder: Path) -> None:
    """Let `latest` lead to the run in `folder`; readers meanwhile find the previous one."""
    beside = folder.parent / f".{folder.name}"
    beside.symlink_to(folder.name, target_is_directory=True)
    beside.replace(folder.parent / LATEST)


def report_of(place: Path) -> Path | None:
    """The report.json that `place` means: the file itself, the one in a run's folder, or that of the newest
    completed run of a history; None for a history without any."""
    if not place.is_dir() or (place / "report.json").exists():
        return place / "report.json" if place.is_dir() else place
    runs = sorted(place.glob(f"{_NAMES}/report.json"), reverse=True)
    return next(filter(_came_to_its_end, runs), None)


def _came_to_its_end(report: Path) -> bool:
    """Whether the run completed; compared with one that did not, old failures would seem new."""
    try:
        run = json.loads(report.read_text(encoding="utf-8"))["run"]
        return run["interrupted"] is None and run["aborted"] is None
    except (OSError, ValueError, TypeError, KeyError):
        return False
