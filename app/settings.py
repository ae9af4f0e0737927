"""What a person can set: every key with its default and what it may be."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.store.values import Values
from models.errors import InvalidOption


@dataclass(frozen=True, slots=True)
class Setting:
    """One key: its default, and either the values allowed or a check with words for what it wants."""

    default: Any
    choices: tuple[Any, ...] = ()
    is_valid: Callable[[Any], bool] = lambda value: True
    allowed: str = ""


def _text(default: str = "") -> Setting:
    return Setting(default, is_valid=lambda value: isinstance(value, str), allowed="text")


def _switch(default: bool) -> Setting:
    return Setting(default, choices=(True, False))


def _number(default: float, low: float, high: float) -> Setting:
    def is_valid(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high

    return Setting(default, is_valid=is_valid, allowed=f"a number from {low:g} to {high:g}")


def _address() -> Setting:
    def is_valid(value: Any) -> bool:
        return isinstance(value, str) and (not value or value.startswith(("https://", "http://")))

    return Setting(
        "", is_valid=is_valid, allowed="an address that begins with https:// or http://, or nothing for the hub itself"
    )


def _proxy() -> Setting:
    kinds = ("http://", "https://", "socks5://", "socks5h://")

    def is_valid(value: Any) -> bool:
        return isinstance(value, str) and (
            value in ("system", "none") or (value.startswith(kinds) and len(value) > len("https://"))
        )

    return Setting("system", is_valid=is_valid, allowed="system, none, or an address such as socks5://127.0.0.1:1080")


def _texts() -> Setting:
    def is_valid(value: Any) -> bool:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)

    return Setting([], is_valid=is_valid, allowed="a list of texts")


def _table() -> Setting:
    return Setting({}, is_valid=lambda value: isinstance(value, dict), allowed="a table of values")


SETTINGS: dict[str, Setting] = {
    "language": Setting("system", choices=("system", "en", "zh_CN")),
    "theme": Setting("system", choices=("system", "light", "dark")),
    "model.default": _text(),
    "model.last": _text(),
    "model.load_at_start": _switch(True),
    "model.folders": _texts(),
    "model.load_options": _table(),
    "model.sampling": _table(),
    "model.cache_megabytes": _number(2048, 0, 1_000_000),
    "chat.preset": _text("Balanced"),
    "chat.system_prompt": _text(),
    "chat.context_policy": Setting("refuse", choices=("refuse", "shift", "drop", "summarise")),
    "server.port": _number(8040, 1, 65535),
    "server.host": _text("127.0.0.1"),
    "server.start_with_window": _switch(False),
    "server.ollama_port": _switch(False),
    "server.keys": Setting([], is_valid=lambda value: isinstance(value, list), allowed="a list of keys"),
    "server.aliases": _table(),
    "server.made_models": _table(),
    "server.hosts": _texts(),
    "server.origins": _texts(),
    "server.fetches_images": _switch(False),
    "server.models_at_once": _number(3, 1, 64),
    "server.idle_minutes": _number(30, 0, 100_000),
    "server.parallel": _number(8, 1, 128),
    "server.context_length": _number(0, 0, 16_777_216),
    "remote.connections": Setting([], is_valid=lambda value: isinstance(value, list), allowed="a list of connections"),
    "quantize.converter": _text(),
    "quantize.converter_python": _text("python3"),
    "torch.python": _text(),
    "hubs.offline": _switch(False),
    "hubs.preferred": Setting("huggingface", choices=("huggingface", "modelscope")),
    "hubs.huggingface.endpoint": _address(),
    "hubs.modelscope.endpoint": _address(),
    "hubs.huggingface.proxy": _proxy(),
    "hubs.modelscope.proxy": _proxy(),
    "downloads.connections": _number(4, 1, 8),
    "downloads.kilobytes_per_second": _number(0, 0, 10_000_000),
    "models.scanned_programs": _texts(),
    "models.details": _table(),
    "knowledge.collections": _table(),
    "knowledge.chosen": _table(),
    "knowledge.embedder": _text(),
    "knowledge.reranker": _text("auto"),
    "knowledge.passages": _number(5, 1, 30),
    "trash.days": _number(30, 1, 3650),
    "snapshots.daily": _switch(True),
}
"""``model.load_options`` maps a model's reference to ``LoadOptions`` fields, ``model.sampling`` to the fields of
``SamplingOptions`` that were chosen for it. ``model.cache_megabytes`` is what engines may keep on disk
of what they read, for all models together; 0 is nothing. ``models.details`` is what a person noted of models, by id: tags, notes,
another name, and defaults. ``knowledge.embedder`` and ``knowledge.reranker`` are models' references; empty is the embedder that ships with
Yanmo, or no reranker, and ``auto`` the first reranker of the library. ``knowledge.passages`` is how many passages a question is given.
``quantize.converter`` is the path of a llama.cpp checkout's
``convert_hf_to_gguf.py`` for architectures not known here, ``quantize.converter_python`` the Python that runs it. ``torch.python``
is a Python with torch, or the folder of its environment; empty is this one, or ``torch-pack`` in the data folder where this one has no
torch. Keys that begin with ``window.`` belong to the window and may hold any JSON value."""


class Settings:
    """Thread-safe; kept in memory after the first reading. ``on_changed`` is told the key."""

    def __init__(self, values: Values, on_changed: Callable[[str], None] = lambda key: None) -> None:
        self._table = values
        self._on_changed = on_changed
        self._lock = threading.Lock()
        self._values: dict[str, Any] | None = None

    def get(self, key: str, default: Any = None) -> Any:
        """The value, else the key's default. What an older or newer version wrote and is not valid here counts as not set.

        Raises:
            KeyError: no such setting; a bug.
        """
        value = self._read().get(key)
        if key.startswith("window."):
            return default if value is None else copy.deepcopy(value)
        setting = SETTINGS[key]
        if value is None or not _is_allowed(setting, value):
            return copy.deepcopy(setting.default) if default is None else default
        return copy.deepcopy(value)

    def entry(self, key: str, name: str) -> Any:
        """One entry of a table, None where it is not in it. The others, which :meth:`get` copies too, are left alone.

        Raises:
            KeyError: no such setting; a bug.
        """
        value = self._read().get(key)
        return copy.deepcopy(value.get(name)) if isinstance(value, dict) and _is_allowed(SETTINGS[key], value) else None

    def all(self) -> dict[str, Any]:
        """Everything that was set."""
        return dict(self._read())

    def set(self, key: str, value: Any) -> None:
        """Keep a value and tell.

        Raises:
            InvalidOption: it is not what this setting may be.
            KeyError: no such setting; a bug.
        """
        if not key.startswith("window."):
            check_setting(key, value)
        values = self._read()
        with self._lock:
            if key in values and values[key] == value and type(values[key]) is type(value):
                return
        self._table.write(key, value)
        with self._lock:
            values[key] = value
        self._on_changed(key)

    def reload(self) -> None:
        """Read the table anew, after a snapshot was put back."""
        with self._lock:
            self._values = None

    def _read(self) -> dict[str, Any]:
        with self._lock:
            if self._values is None:
                self._values = self._table.read_all()
            return self._values


def check_setting(key: str, value: Any) -> None:
    """Refuse what a setting may not be.

    Raises:
        InvalidOption: it says what the setting may be.
        KeyError: no such setting; a bug.
    """
    setting = SETTINGS[key]
    if not _is_allowed(setting, value):
        allowed = setting.allowed or ", ".join(str(choice) for choice in setting.choices)
        raise InvalidOption(option=key, value=repr(value), allowed=allowed)


def _is_allowed(setting: Setting, value: Any) -> bool:
    if setting.choices:
        return any(value == choice and type(value) is type(choice) for choice in setting.choices)
    return setting.is_valid(value)
