"""A Python with torch beside Yanmo: which one is used, how one is made, and whether it suits."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
from pathlib import Path

from app.paths import Paths
from app.services.events import DataRestored, Event, EventBus, LibraryChanged, SettingChanged
from app.services.findings import Finding, is_frozen
from app.settings import Settings
from models import torch_place
from models.errors import EngineUnavailable

SETTING = "torch.python"


def use_torch_pack(paths: Paths, chosen: str) -> None:
    """Have checkpoints computed by the Python that was chosen; without one by this Python, or by the pack where this has no torch."""
    place = Path(chosen).expanduser() if chosen else paths.torch_pack if torch_place.list_lacking() else None
    torch_place.name_torch_python(place)


def follow_torch_setting(paths: Paths, settings: Settings, events: EventBus) -> None:
    """Use the Python that the setting names, now and whenever it is another."""

    def use() -> None:
        use_torch_pack(paths, str(settings.get(SETTING)))

    def hear(event: Event) -> None:
        is_chosen = isinstance(event, SettingChanged) and event.key == SETTING
        if is_chosen or isinstance(event, DataRestored):
            use()
            events.publish(LibraryChanged())

    use()
    events.subscribe(hear)


def use_torch_pack_of(paths: Paths) -> None:
    """As :func:`use_torch_pack`, for a command that opens no data otherwise."""
    use_torch_pack(paths, read_choice(paths))


def read_choice(paths: Paths) -> str:
    """The setting, read beside whatever has the data open; empty where it cannot be read."""
    import sqlite3

    from app.store.connections import open_to_read

    if not paths.database.exists():
        return ""
    with contextlib.suppress(sqlite3.Error, OSError, ValueError), contextlib.closing(open_to_read(paths.database)) as opened:
        row = opened.execute("SELECT value FROM settings WHERE key = ?", (SETTING,)).fetchone()
        return str(json.loads(row[0])) if row else ""
    return ""


def look_at_torch(paths: Paths) -> Finding:
    """What computes checkpoints here; looks into the other Python where there is one, and says how one is made where there is none."""
    from backends.other_python import look_at_pack

    other = torch_place.find_torch_python()
    named = os.environ.get(torch_place.VARIABLE, "")
    if other is not None:
        try:
            pack = look_at_pack(other)
        except EngineUnavailable as error:
            remedy = "Make a torch pack, or mend this one by the last command."
            return Finding("PyTorch", "note", str(error.facts["reason"]), remedy, list_commands(paths, other))
        text = f"Version {pack.packages['torch']} in {other}: AWQ and safetensors models work."
        return Finding("PyTorch", "good", text)
    chosen = read_choice(paths)
    if chosen and named:
        text, remedy = (
            f"There is no Python at {named}, which the setting “torch.python” names.",
            "Choose another one in the settings.",
        )
        return Finding("PyTorch", "note", text, remedy)
    if not torch_place.list_lacking():
        return Finding("PyTorch", "good", f"Version {_own_version()}: AWQ and safetensors models work.")
    text = "It is not installed: only AWQ and safetensors models need it."
    return Finding("PyTorch", "note", text, torch_remedy(), list_commands(paths))


def torch_remedy() -> str:
    """How torch comes to where it can be used."""
    if is_frozen():
        return (
            "Make a torch pack: an environment of a Python 3.11 or newer, which Yanmo finds in its data folder. It takes some gigabytes, "
            "and the window may stay open. Another environment that has the packages will do too: name it in the settings."
        )
    return (
        "Run “pip install '.[torch]'” in the folder of Yanmo (“pipx install --force '.[torch]'” or “uv tool install '.[torch]'” where it "
        "came that way), or make a torch pack, an environment that Yanmo finds in its data folder."
    )


def list_commands(paths: Paths, python: Path | None = None) -> tuple[str, ...]:
    """What to type into a shell: makes the pack and fills it; with ``python`` also fills an environment that is there."""
    from backends.other_python import REQUIREMENTS

    inside = torch_place.interpreter_in(paths.torch_pack)
    if not paths.torch_pack.is_dir():  # so that its name stands in the command before the folder is there
        inside = paths.torch_pack / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    fill = ["-m", "pip", "install", "--upgrade", "-r", str(paths.resources / REQUIREMENTS)]
    make = ["py" if os.name == "nt" else "python3", "-m", "venv", str(paths.torch_pack)]
    if python is not None and python != inside:
        return _quote(make), _quote([str(inside), *fill]), _quote([str(python), *fill])
    return _quote(make), _quote([str(inside), *fill])


def _quote(words: list[str]) -> str:
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _own_version() -> str:
    from importlib.metadata import version

    return version("torch")
