"""Presets and settings."""

from __future__ import annotations

from typing import Any

import pytest

from app.settings import SETTINGS, Settings
from app.store.presets import BUILT_IN_PRESETS, Presets
from app.store.records import Preset
from app.store.values import Values
from backends.options import generation_options_from_json
from models.errors import InvalidOption


def test_five_presets_come_with_yanmo_and_are_all_valid(store: Any) -> None:
    presets = Presets(store.connections)
    assert [preset.name for preset in presets.list()] == ["Balanced", "Precise", "Creative", "Deterministic", "Code"]
    for preset in BUILT_IN_PRESETS:
        assert generation_options_from_json(preset.options).to_json() | {"stop": []} == preset.options | {"stop": []}


def test_a_preset_of_ones_own_is_kept_replaced_and_deleted(store: Any) -> None:
    presets = Presets(store.connections)
    presets.save(Preset("我的", "Answer in verse.", {"sampling": {"temperature": 1}}))
    kept = presets.get("我的")
    assert kept is not None
    assert (kept.system_prompt, kept.options["sampling"]["temperature"], kept.built_in) == ("Answer in verse.", 1.0, False)
    presets.save(Preset("我的", "Prose."))
    assert [preset.system_prompt for preset in presets.list() if preset.name == "我的"] == ["Prose."]
    presets.delete("我的")
    assert presets.get("我的") is None


@pytest.mark.parametrize("preset", [Preset("Balanced"), Preset("  "), Preset("x", options={"sampling": {"temperature": 99}})])
def test_a_preset_that_cannot_be_is_refused(store: Any, preset: Preset) -> None:
    with pytest.raises(InvalidOption):
        Presets(store.connections).save(preset)


def test_every_default_setting_is_valid(store: Any) -> None:
    settings = Settings(Values(store.connections))
    for key, setting in SETTINGS.items():
        settings.set(key, setting.default)
        assert settings.get(key) == setting.default


def test_a_setting_is_told_once_and_kept(store: Any) -> None:
    told: list[str] = []
    settings = Settings(Values(store.connections), told.append)
    settings.set("theme", "dark")
    settings.set("theme", "dark")
    settings.set("window.geometry", [1, 2, {"a": None}])
    assert told == ["theme", "window.geometry"]
    again = Settings(Values(store.connections))
    assert again.get("theme") == "dark"
    assert again.get("window.geometry") == [1, 2, {"a": None}]
    assert again.get("window.other", 5) == 5


@pytest.mark.parametrize(
    ("key", "value"),
    [("theme", "pink"), ("trash.days", True), ("trash.days", 10_000), ("model.folders", ["a", 1]), ("hubs.offline", 1)],
)
def test_a_value_that_a_setting_cannot_have_is_refused(store: Any, key: str, value: Any) -> None:
    with pytest.raises(InvalidOption):
        Settings(Values(store.connections)).set(key, value)


def test_a_value_that_another_version_wrote_counts_as_not_set(store: Any) -> None:
    Values(store.connections).write("theme", "solarized")
    with store.connections.write() as connection:
        connection.execute("INSERT INTO settings VALUES ('language', '{broken')")
    settings = Settings(Values(store.connections))
    assert settings.get("theme") == "system"
    assert settings.get("language") == "system"
    with pytest.raises(KeyError):
        settings.get("no.such.setting")


def test_one_entry_of_a_table_is_a_copy_and_none_where_there_is_none_or_no_table(store: Any) -> None:
    settings = Settings(Values(store.connections))
    settings.set("model.sampling", {"模型": {"top_k": 7}})
    entry = settings.entry("model.sampling", "模型")
    entry["top_k"] = 9
    assert settings.entry("model.sampling", "模型") == {"top_k": 7}
    assert settings.entry("model.sampling", "another") is None
    Values(store.connections).write("model.sampling", [1])
    settings.reload()
    assert settings.entry("model.sampling", "模型") is None
