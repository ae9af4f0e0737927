"""LoRA adapters of PEFT's on a network in memory: loaded once, and added row by row for whoever asked for them.

Every sequence of a pass may have its own: unlike llama.cpp, which computes with one set at a time, nobody waits for a turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from backends.llamacpp.adapters import AdapterSet
from backends.options import Adapter
from backends.torch_transformers.attention import KeyValues, Span, compute, rows_of_pass
from backends.torch_transformers.loading import is_of_eyes
from models.errors import AdapterRefused, ModelNotFound, UserFacingError
from models.peft_adapter import ADAPTER_WEIGHTS, PairNames, PeftSettings

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class _Pair:
    """What is added to a module's output: x · aᵀ · bᵀ for inputs x; for an embedding rows of a, times b. Scaled already."""

    a: Tensor
    b: Tensor


class TorchAdapters:
    """The adapters that were asked for so far. ``usual`` are those of the load, for requests that name none."""

    def __init__(self, model: Any, device: str, path: str, usual: Sequence[Adapter]) -> None:
        self._model, self._device, self._name = model, device, Path(path).name
        self._dtype = next(parameter for parameter in model.parameters() if parameter.is_floating_point()).dtype
        self._modules: dict[str, dict[str, _Pair]] = {}
        self._loaded: set[str] = set()
        self.usual = self.prepare(usual)

    def prepare(self, wanted: Sequence[Adapter] | None) -> AdapterSet:
        """Load what is not loaded yet; the set to compute with. None stands for the usual one.

        Raises:
            AdapterRefused: a folder holds no LoRA, or one that was made for another model.
            UserFacingError: there is no such folder, or it cannot be read.
        """
        if wanted is None:
            return self.usual
        chosen = sorted((adapter for adapter in wanted if adapter.scale), key=lambda adapter: adapter.path)
        for adapter in chosen:
            if adapter.path not in self._loaded:
                self._load(adapter.path)
        return tuple(chosen)

    def _load(self, path: str) -> None:
        folder = Path(path)
        if not folder.exists():
            raise ModelNotFound(model=path)
        if not folder.is_dir():
            raise self._refuse(folder.name, "This engine takes adapters as PEFT saves them: a folder with adapter_config.json.")
        pairs = self._read(folder)
        for stem, pair in pairs.items():
            if stem not in self._modules:
                self._modules[stem] = {}
                self._model.get_submodule(stem).register_forward_hook(_Adder(self._modules[stem]))
            self._modules[stem][path] = pair
        try:
            self._try(path)
        except (RuntimeError, IndexError, UserFacingError) as error:
            for stem in pairs:
                self._modules[stem].pop(path, None)
            raise self._refuse(folder.name, "Its weights do not fit this model's.", str(error)) from error
        self._loaded.add(path)

    def _read(self, folder: Path) -> dict[str, _Pair]:
        from safetensors import SafetensorError, safe_open

        from models.formats import read_safetensors_info

        settings = PeftSettings(folder, lambda reason: self._refuse(folder.name, reason))
        read_safetensors_info(folder / ADAPTER_WEIGHTS)  # refuses a file that is cut off
        try:
            with safe_open(folder / ADAPTER_WEIGHTS, "pt") as file:
                made = {}
                for names in settings.pairs(list(file.keys())):
                    a, b = file.get_tensor(names.a), file.get_tensor(names.b)
                    self._check(names, a, b, folder.name)
                    made[names.stem] = self._make(settings, names, a, b)
        except SafetensorError as error:
            raise self._refuse(folder.name, "The engine could not read it.", str(error)) from error
        if not made:
            raise self._refuse(folder.name, "It is no LoRA adapter.")
        return made

    def _check(self, names: PairNames, a: Tensor, b: Tensor, file: str) -> None:
        """Refuse a pair that fits no module."""
        stem = names.stem
        try:
            module = self._model.get_submodule(stem)
        except AttributeError as error:
            raise self._refuse(file, f"It changes “{stem}”, which this model does not have.") from error
        if is_of_eyes(stem):
            raise self._refuse(file, "It changes how the model sees, which is not supported.")
        shape = _shape_of(module)
        fits = a.ndim == b.ndim == 2 and a.shape[0] == b.shape[1] and (b.shape[0], a.shape[1]) == shape
        if not fits or names.is_embedding != isinstance(module, torch.nn.Embedding):
            raise self._refuse(file, "Its weights do not fit this model's.")
        if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
            raise self._refuse(file, "It holds values that are no numbers.")

    def _make(self, settings: PeftSettings, names: PairNames, a: Tensor, b: Tensor) -> _Pair:
        scaled = b.float() * settings.scale(names.stem, a.shape[0])
        first, second = (values.to(self._device, self._dtype).contiguous() for values in (a.T, scaled.T))
        return _Pair(first, second)

    @torch.inference_mode()
    def _try(self, path: str) -> None:
        """A pass with it: modules that are called in another way than row by row are found here, before any reply is."""
        span = Span(KeyValues(), 3, adapters=(Adapter(path),))
        logits, _ = compute(self._model, [0, 0, 0], [span], [2], self._device)
        if not torch.isfinite(logits).all():
            raise RuntimeError("no numbers")

    def _refuse(self, file: str, reason: str, details: str = "") -> AdapterRefused:
        return AdapterRefused(file=file, model=self._name, reason=reason, details=details)


class _Adder:
    """Adds to the output of one module, for the rows of those sequences that want it."""

    def __init__(self, pairs: dict[str, _Pair]) -> None:
        self._pairs = pairs

    def __call__(self, module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        is_embedding = isinstance(module, torch.nn.Embedding)
        given = inputs[0].reshape(-1) if is_embedding else inputs[0].reshape(-1, inputs[0].shape[-1])
        changed: Tensor | None = None
        for rows, adapters in rows_of_pass(given.shape[0]):
            for adapter in adapters:
                if (pair := self._pairs.get(adapter.path)) is None:
                    continue
                if changed is None:
                    changed = output.reshape(given.shape[0], -1).clone()
                low = pair.a[given[rows]] if is_embedding else given[rows] @ pair.a
                added = (low @ pair.b) * adapter.scale
                if is_embedding and (size := getattr(module, "embed_scale", None)) is not None:
                    added = added * size  # Gemma's embeddings multiply by the root of the width, and PEFT's addition with them
                changed[rows] += added
        return output if changed is None else changed.reshape(output.shape)


def _shape_of(module: Any) -> tuple[int, int]:
    """Outputs and inputs of a module that a LoRA may be put on; zeros for any other."""
    if isinstance(module, torch.nn.Embedding):
        return module.embedding_dim, module.num_embeddings
    if hasattr(module, "in_features") and hasattr(module, "out_features"):
        return int(module.out_features), int(module.in_features)
    if hasattr(module, "nx") and hasattr(module, "nf"):  # GPT-2's
        return int(module.nf), int(module.nx)
    return 0, 0
