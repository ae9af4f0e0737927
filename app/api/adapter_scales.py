"""How strongly the LoRA adapters of each model speak, as clients have set it since the server started."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from app.api.errors import bad_request
from app.services.engine_pool import EnginePool
from app.services.engines import Engine
from app.workstation import Workstation
from backends.options import Adapter


class LoadedAdapters:
    """The adapters that each model was loaded with, as files: they may have been chosen by id or name."""

    def __init__(self, workstation: Workstation, pool: EnginePool) -> None:
        self._workstation = workstation
        self._pool = pool
        self._found: WeakKeyDictionary[Engine, tuple[Adapter, ...]] = WeakKeyDictionary()
        """For each load, because a look into the library's folders is too much for every request."""

    def __call__(self, reference: str) -> tuple[Adapter, ...]:
        """Of the model in memory; of one that is not, those that it would be loaded with.

        Raises:
            UserFacingError: one of them is not there.
        """
        lease = self._pool.acquire_now(reference)
        if lease is None:
            return self._find_files(self._workstation.engines.options_for(reference).adapters)
        try:
            if (found := self._found.get(lease.engine)) is None:
                found = self._found[lease.engine] = self._find_files(lease.engine.options.adapters)
            return found
        finally:
            lease.give_back()

    def _find_files(self, adapters: tuple[Adapter, ...]) -> tuple[Adapter, ...]:
        library = self._workstation.library
        return tuple(replace(adapter, path=library.find(adapter.path).path) for adapter in adapters)


class AdapterScales:
    """Thread-safe. Ids are places in the list of adapters that the model was loaded with, which ``loaded`` gives."""

    def __init__(self, loaded: Callable[[str], tuple[Adapter, ...]]) -> None:
        self.loaded = loaded
        self._lock = threading.Lock()
        self._scales: dict[str, list[float]] = {}

    def scales(self, reference: str) -> list[float]:
        """Of every adapter of a model, in order."""
        loaded = self.loaded(reference)
        with self._lock:
            held = self._scales.get(reference)
        return list(held) if held is not None and len(held) == len(loaded) else [adapter.scale for adapter in loaded]

    def set(self, reference: str, values: Any, count: int) -> None:
        """Take the scales of a list of ids and scales; an adapter that is not named gets 0. Raises ApiError."""
        scales = _read(values, count)
        with self._lock:
            self._scales[reference] = scales

    def choose(self, reference: str, wanted: Any) -> tuple[Adapter, ...] | None:
        """What a request is answered with: ``wanted``, its own list, else what was set; None where nobody said anything.

        Raises:
            ApiError: the list is not in order.
        """
        if wanted is None:
            with self._lock:
                if reference not in self._scales:
                    return None
        loaded = self.loaded(reference)
        scales = _read(wanted, len(loaded), "lora") if wanted is not None else self.scales(reference)
        return tuple(Adapter(adapter.path, scale) for adapter, scale in zip(loaded, scales, strict=True) if scale)


def _read(values: Any, count: int, name: str = "") -> list[float]:
    place = f"“{name}”" if name else "The body"
    if not isinstance(values, list):
        raise bad_request(f"{place} must be a list of objects with “id” and “scale”.", name or None)
    scales = [0.0] * count
    for value in values:
        number, scale = (value.get("id"), value.get("scale")) if isinstance(value, dict) else (None, None)
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < count:
            raise bad_request(f"{place} names an adapter that is not there: the model was loaded with {count}.", name or None)
        if isinstance(scale, bool) or not isinstance(scale, int | float) or not -100 <= scale <= 100:
            raise bad_request(f"{place} must give each adapter a “scale” from -100 to 100.", name or None)
        scales[number] = float(scale)
    return scales
