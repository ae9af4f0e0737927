"""Named sampling settings: five that come with Yanmo, and a person's own."""

from __future__ import annotations

import json
import sqlite3
import time

from app.store.connections import Connections, storable
from app.store.damage import read_object
from app.store.records import Preset
from backends.options import GenerationOptions, SamplingOptions, generation_options_from_json
from models.errors import InvalidOption

BALANCED = "Balanced"
"""What a conversation has where nobody chose."""

BUILT_IN_PRESETS: tuple[Preset, ...] = tuple(
    Preset(name, "", GenerationOptions(sampling=sampling, seed=seed).to_json(), built_in=True)
    for name, sampling, seed in (
        (BALANCED, SamplingOptions(), None),
        ("Precise", SamplingOptions(temperature=0.3, top_k=20, top_p=0.9, min_p=0.1), None),
        ("Creative", SamplingOptions(temperature=1.1, top_k=0, top_p=1.0, min_p=0.03, xtc_probability=0.3), None),
        ("Deterministic", SamplingOptions(temperature=0.0, top_k=1, top_p=1.0, min_p=0.0), 0),
        ("Code", SamplingOptions(temperature=0.2, top_k=40, top_p=0.95, min_p=0.05, repeat_penalty=1.0), None),
    )
)
"""English names; a window shows them in its own language."""


class Presets:
    """Thread-safe."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def list(self) -> list[Preset]:
        """Built-in ones first, then a person's own by name."""
        rows = self._connections.rows("SELECT * FROM presets ORDER BY name COLLATE NOCASE")
        return [*BUILT_IN_PRESETS, *map(_preset, rows)]

    def get(self, name: str) -> Preset | None:
        """The preset of that name; none where there is none."""
        for preset in BUILT_IN_PRESETS:
            if preset.name == name:
                return preset
        row = self._connections.row("SELECT * FROM presets WHERE name = ?", (name,))
        return _preset(row) if row else None

    def save(self, preset: Preset) -> Preset:
        """Keep one, in the place of the one of the same name.

        Raises:
            InvalidOption: the name is empty or a built-in one's, or an option is out of range.
        """
        name = preset.name.strip()
        if not name or len(name) > 100 or any(name == built_in.name for built_in in BUILT_IN_PRESETS):
            raise InvalidOption(option="name", value=f"“{name}”", allowed="a name of your own, up to 100 characters")
        options = generation_options_from_json(preset.options).to_json()
        with self._connections.write() as connection:
            connection.execute(
                "INSERT INTO presets (name, system_prompt, options, created_at) VALUES (?, ?, ?, ?) ON CONFLICT (name) "
                "DO UPDATE SET system_prompt = excluded.system_prompt, options = excluded.options",
                (storable(name), storable(preset.system_prompt), storable(json.dumps(options, ensure_ascii=False)), time.time()),
            )
        return Preset(name, preset.system_prompt, options)

    def delete(self, name: str) -> None:
        """Remove a person's own; a built-in one stays."""
        with self._connections.write() as connection:
            connection.execute("DELETE FROM presets WHERE name = ?", (name,))


def _preset(row: sqlite3.Row) -> Preset:
    return Preset(row["name"], row["system_prompt"], read_object(row["options"]))
