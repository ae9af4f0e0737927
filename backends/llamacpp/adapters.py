"""LoRA adapters of one model: checked in Python, loaded once, switched on a context by set."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backends.llamacpp.c_memory import point_to
from backends.llamacpp.library import NativeLibrary
from backends.options import Adapter
from models.errors import AdapterRefused
from models.gguf_header import GgufHeader, read_header

AdapterSet = tuple[Adapter, ...]
"""Which adapters a sequence is computed with; in the order of their paths, so that equal sets are equal."""


class Adapters:
    """The adapters that were asked for so far. They stay in memory as long as the model: C frees them with it.

    ``usual`` are those of the load, for requests that name none.
    """

    def __init__(self, library: NativeLibrary, model: Any, path: str, architecture: str, usual: Sequence[Adapter]) -> None:
        self._library = library
        self._api = library.api
        self._model = model
        self._name = Path(path).name
        self._architecture = architecture
        self._handles: dict[str, Any] = {}
        self.usual = self.prepare(usual)

    def prepare(self, wanted: Sequence[Adapter] | None) -> AdapterSet:
        """Load what is not loaded yet; the set to compute with. None stands for the usual one.

        Raises:
            AdapterRefused: a file is missing, no LoRA, or made for another model.
            UserFacingError: a file is no readable GGUF.
        """
        if wanted is None:
            return self.usual
        chosen = sorted((adapter for adapter in wanted if adapter.scale), key=lambda adapter: adapter.path)
        for adapter in chosen:
            if adapter.path not in self._handles:
                self._handles[adapter.path] = self._load(adapter.path)
        return tuple(chosen)

    @property
    def are_used(self) -> bool:
        """Whether there is any, so that sequences may differ by them."""
        return bool(self._handles)

    def apply(self, context: Any, adapters: AdapterSet) -> None:
        """Compute with these from now on. The engine plans its graph anew where they are others than before: some milliseconds."""
        if not self._handles:
            return
        import numpy

        handles = numpy.array([ctypes.addressof(self._handles[one.path].contents) for one in adapters], numpy.uintp)
        scales = numpy.array([one.scale for one in adapters], numpy.float32)
        places = point_to(handles, self._api.llama_adapter_lora_p_ctypes)
        self._api.llama_set_adapters_lora(context, places, len(adapters), point_to(scales, ctypes.c_float))

    def _load(self, path: str) -> Any:
        name = Path(path).name
        self._check(read_header(Path(path)), name)
        self._library.forget_log()
        handle = self._api.llama_adapter_lora_init(self._model, os.fsencode(path))
        if not handle:  # a NULL that is not None: using it would end the process
            log = self._library.log_text()
            wrong = "mismatch" in log or "does not exist in base model" in log or "incorrect shape" in log
            reason = "Its weights do not fit this model's." if wrong else "The engine could not read it."
            raise AdapterRefused(file=name, model=self._name, reason=reason, details=log)
        if self._api.llama_adapter_get_alora_n_invocation_tokens(handle):
            self._api.llama_adapter_lora_free(handle)
            reason = "It wakes only after certain words of a prompt (aLoRA), which is not supported."
            raise AdapterRefused(file=name, model=self._name, reason=reason)
        return handle

    def _check(self, header: GgufHeader, name: str) -> None:
        """Refuse what C would abort at, and say more than it does."""
        kind, architecture = header.text("general.type"), header.architecture
        alpha = header.metadata.get("adapter.lora.alpha", 0.0)
        if kind != "adapter" or header.text("adapter.type") != "lora":
            raise AdapterRefused(file=name, model=self._name, reason="It is no LoRA adapter.")
        if architecture != self._architecture:
            reason = f"It was made for the architecture {architecture}, and this model is {self._architecture}."
            raise AdapterRefused(file=name, model=self._name, reason=reason)
        if not isinstance(alpha, float) or not abs(alpha) < 1e9:
            raise AdapterRefused(file=name, model=self._name, reason="Its strength (alpha) is no number.")
