"""What a model is used with where neither a request nor a conversation says otherwise: how it is loaded, how tokens are chosen."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from app.settings import Settings
from app.store.presets import BALANCED
from app.store.records import Conversation, Preset
from backends.options import GenerationOptions, LoadOptions, SamplingOptions, generation_options_from_json
from models.errors import UserFacingError

SAMPLING_NAMES = tuple(option.name for option in fields(SamplingOptions))
_LOADING, _SAMPLING = "model.load_options", "model.sampling"


class ModelDefaults:
    """Keeps them in the settings by the model's id. Values of an older or newer version that make no sense count as not set."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def load_options(self, reference: str) -> LoadOptions:
        """How a model is loaded: context, KV cache, engine, template, draft model, adapters …"""
        stored = self._settings.entry(_LOADING, reference)
        known = {option.name for option in fields(LoadOptions)}
        values: dict[str, Any] = {key: value for key, value in stored.items() if key in known} if isinstance(stored, dict) else {}
        with contextlib.suppress(UserFacingError, TypeError, ValueError):
            return LoadOptions(**values)
        return LoadOptions()

    def set_load_options(self, reference: str, options: LoadOptions) -> None:
        """Load it so from the next time on."""
        self._set(_LOADING, reference, {} if options == LoadOptions() else asdict(options))

    def sampling(self, reference: str) -> dict[str, float]:
        """The sampling settings that were chosen for a model, by name; only these."""
        stored = self._settings.entry(_SAMPLING, reference)
        values = {key: value for key, value in stored.items() if key in SAMPLING_NAMES} if isinstance(stored, dict) else {}
        if not values:
            return {}
        with contextlib.suppress(UserFacingError):
            SamplingOptions(**values)
            return values
        return {}

    def set_sampling(self, reference: str, values: Mapping[str, float]) -> None:
        """Choose tokens so from now on; what is not named is as usual again.

        Raises:
            InvalidOption: a value is out of range.
        """
        SamplingOptions(**values)  # type: ignore[arg-type]
        self._set(_SAMPLING, reference, dict(values))

    def forget(self, reference: str) -> None:
        """Everything as usual."""
        for key in (_LOADING, _SAMPLING):
            self._set(key, reference, {})

    def complete(self, reference: str, options: GenerationOptions, said: Collection[str]) -> GenerationOptions:
        """A request's settings with the model's own where the request did not name them; ``said`` are the names that it did."""
        missing: dict[str, Any] = {name: value for name, value in self.sampling(reference).items() if name not in said}
        return replace(options, sampling=replace(options.sampling, **missing)) if missing else options

    def options_of(self, conversation: Conversation, preset: Preset | None, reference: str, policy: str) -> GenerationOptions:
        """A conversation's own settings, else its preset's, else the model's.

        Balanced is what nobody chose, and leaves sampling to the model.

        Raises:
            InvalidOption: what is stored is out of range.
        """
        stored = conversation.options or (preset.options if preset and preset.name != BALANCED else {})
        sampling = {**self.sampling(reference), **dict(stored.get("sampling") or {})}
        return generation_options_from_json({"context_policy": policy, **stored, "sampling": sampling})

    def _set(self, key: str, reference: str, values: dict[str, Any]) -> None:
        table = dict(self._settings.get(key))
        table.pop(reference, None)
        if values:
            table[reference] = values
        self._settings.set(key, table)
