"""The page of every setting: its default, what it may be, what it does; and the same for what a model is used with."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from manual.catalog import Catalog

from app.settings import SETTINGS
from backends.options import SAMPLING_RANGES, LoadOptions, SamplingOptions

MEANINGS = Path(__file__).with_name("settings.toml")
NOT_A_PERSONS = ("cache_folder", "cache_megabytes")
"""Load options that Yanmo itself fills in."""


def write_page(catalog: Catalog) -> str:
    """The page in the language of the catalog.

    Raises:
        KeyError: ``settings.toml`` lacks a meaning.
    """
    meanings = tomllib.loads(MEANINGS.read_text(encoding="utf-8"))
    say = catalog.choose
    parts = [
        say("# Every setting", "# 全部设置"),
        say(
            "Most of them are on the Settings page or beside what they concern. Every one can be read and changed in a shell with "
            "[`yanmo settings`](commands.md#yanmo-settings); the window shows a change from there the next time that it starts.",
            "大多数设置在“设置”页，或在它所管的东西旁边。每一项都可以在终端里用 [`yanmo settings`](commands.md#yanmo-settings) "
            "查看和修改；窗口在下次启动时采用在那里做的修改。",
        ),
        _table(
            catalog, {key: (setting.default, _allowed(key, catalog)) for key, setting in SETTINGS.items()}, meanings["settings"]
        ),
        say("## How a model is loaded", "## 模型怎样载入"),
        say(
            "For each model by itself: the window's model settings, or `yanmo models set MODEL NAME=VALUE`. They hold from the "
            "next time on that the model is put in memory.",
            "每个模型各自设置：在窗口的模型设置里，或用 `yanmo models set 模型 名称=值`。下次载入模型时生效。",
        ),
        _table(catalog, {key: (value, "") for key, value in _load_options().items()}, meanings["loading"]),
        say("## How tokens are chosen", "## 怎样选出词元"),
        say(
            "For a conversation in the inspector (Ctrl+I), for a model with `yanmo models set`, for one call with an option of "
            "`yanmo chat` or a field of a request. The defaults are llama.cpp's.",
            "可以按对话设置（检查器，Ctrl+I），按模型设置（`yanmo models set`），或只用于一次调用"
            "（`yanmo chat` 的选项、请求里的字段）。默认值与 llama.cpp 相同。",
        ),
        _table(catalog, {key: (value, _range(key)) for key, value in asdict(SamplingOptions()).items()}, meanings["sampling"]),
    ]
    return "\n\n".join(parts) + "\n"


def _load_options() -> dict[str, Any]:
    return {key: value for key, value in asdict(LoadOptions()).items() if key not in NOT_A_PERSONS}


def _range(key: str) -> str:
    low, high = SAMPLING_RANGES[key]
    return f"{low:g} – {high:g}"


def _allowed(key: str, catalog: Catalog) -> str:
    setting = SETTINGS[key]
    if setting.choices:
        return ", ".join(f"`{json.dumps(choice)}`" if isinstance(choice, bool) else f"`{choice}`" for choice in setting.choices)
    if "a number from" in setting.allowed:
        return setting.allowed.removeprefix("a number from ").replace(" to ", " – ")
    return catalog.say(setting.allowed)


def _table(catalog: Catalog, rows: dict[str, tuple[Any, str]], meanings: dict[str, dict[str, str]]) -> str:
    lines = [catalog.choose("| name | default | what it is |", "| 名称 | 默认值 | 含义 |"), "|:--|:--|:--|"]
    for key, (default, allowed) in rows.items():
        shown = f"`{json.dumps(default, ensure_ascii=False)}`" if default != "" else ""
        words = meanings[key][catalog.language]
        lines.append(f"| `{key}` | {shown} | {words}{f' ({allowed})' if allowed else ''} |")
    return "\n".join(lines)
