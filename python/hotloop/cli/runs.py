"""The folder of a run of ``hotloop train``: which one, what it was started with, how it goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hotloop._support.atomic import atomic_open, explained

SETTINGS_FILE = "run.json"
STATE_FILE = "training.state"


def new_folder(chosen: Path | None, name: str) -> Path:
    """Make the folder for a run: the one chosen, else a new one under ``runs``, so that no run is lost."""
    if chosen is not None:
        with explained(chosen):
            chosen.mkdir(parents=True, exist_ok=True)
            (chosen / STATE_FILE).unlink(missing_ok=True)
        return chosen
    runs = Path("runs")
    with explained(runs):
        runs.mkdir(exist_ok=True)
    number = 1
    while True:
        folder = runs / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def folder_to_resume(chosen: Path | None, name: str, settings: dict[str, Any]) -> Path:
    """Return the folder of the run to go on with: the one chosen, else the latest under ``runs``.

    Raises
    ------
    ValueError
        When there is nothing to resume, or the run was started with other settings.
    """
    if chosen is None:
        found = [p.parent for p in Path("runs").glob(f"{name}*/{STATE_FILE}")]
        if not found:
            msg = f"--resume: no run under runs/{name} has a {STATE_FILE}; name its folder by --out"
            raise ValueError(msg)
        chosen = max(found, key=lambda folder: (folder / STATE_FILE).stat().st_mtime)
    for file in (STATE_FILE, SETTINGS_FILE):
        if not (chosen / file).exists():
            msg = f"--resume: there is no {file} in {chosen}, so no run to go on with"
            raise ValueError(msg)
    try:
        before = json.loads((chosen / SETTINGS_FILE).read_bytes())
        other = {k: before[k] for k in settings if before[k] != settings[k]}
    except (ValueError, KeyError, TypeError) as error:
        msg = f"--resume: {chosen / SETTINGS_FILE} is altered: {error}"
        raise ValueError(msg) from error
    if other:
        told = ", ".join(f"--{k.replace('_', '-')} {v}" for k, v in other.items())
        msg = f"--resume: the run in {chosen} was started with {told}; give the same again"
        raise ValueError(msg)
    return chosen


def write_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Leave beside the run what it was started with."""
    with atomic_open(folder / SETTINGS_FILE) as file:
        file.write(json.dumps(settings, indent=1).encode() + b"\n")
