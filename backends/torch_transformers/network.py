"""A checkpoint in memory with all that the backend asks of it: device, type, tokenizer, template, and the facts of the load."""

from __future__ import annotations

import gc
from importlib.metadata import version
from pathlib import Path

import torch

from backends.backend import ProgressCallback
from backends.free_memory import free_memory
from backends.llamacpp.model import choose_threads
from backends.options import DEFAULT_CONTEXT_LIMIT, LoadOptions
from backends.torch_transformers.attention import NAME, KeyValues, Span, compute, register
from backends.torch_transformers.devices import choose_device, find_type
from backends.torch_transformers.failures import explain_failure
from backends.torch_transformers.linear4 import Linear4
from backends.torch_transformers.loading import check_layers, load_network, read_config
from backends.torch_transformers.tokens import read_template, read_tokenizer
from models.errors import CannotCompute, DraftRefused, InvalidOption, NotACheckpoint, OutOfMemory
from models.formats import read_safetensors_card, recognise


class TorchNetwork:
    """Loads at once. ``device`` is torch's name, ``device_name`` the one that people choose; bytes and tokens as said.

    Raises:
        UserFacingError: classified; see :meth:`backends.backend.Backend.load`.
    """

    def __init__(self, folder: Path, options: LoadOptions, progress: ProgressCallback) -> None:
        if recognise(folder) != "safetensors":
            raise NotACheckpoint(file=folder.name, reason="The folder holds no config.json with safetensors files.")
        self.folder = folder
        self.facts = read_safetensors_card(folder)
        _check_options(options, folder)
        self.device_name, self.device = choose_device(options)
        dtype = find_type(options.compute_type, self.device, folder)
        torch.set_num_threads(choose_threads(options.threads))
        register()
        self._check_memory(dtype)
        check_layers(read_config(folder, NAME), folder)
        try:
            loaded = load_network(folder, self.device, dtype, progress, attention=NAME)
        except (RuntimeError, MemoryError) as error:
            raise explain_failure(error, folder.name) from error
        self.model = loaded.model
        text = loaded.config.get_text_config()
        self.trained_context = int(getattr(text, "max_position_embeddings", 0) or 0)
        usual = min(self.trained_context or DEFAULT_CONTEXT_LIMIT, DEFAULT_CONTEXT_LIMIT)
        self.context_length = options.context_length or usual
        self.tokenizer = read_tokenizer(folder, int(text.vocab_size))
        self.template = read_template(folder)
        self._check_attention(int(text.num_hidden_layers))
        kind = str(dtype).removeprefix("torch.")
        kernel = f", {loaded.kernel}" if loaded.kernel else ""
        self.version = f"torch {torch.__version__}, transformers {version('transformers')} ({kind}{kernel})"

    @property
    def parameter_count(self) -> int:
        """Weights of the network, four-bit ones each counted as one."""
        packed = [module for module in self.model.modules() if isinstance(module, Linear4)]
        return int(sum(p.numel() for p in self.model.parameters()) + sum(one.in_features * one.out_features for one in packed))

    @property
    def weight_bytes(self) -> int:
        """Bytes of weights and tables in memory."""
        tensors = [*self.model.parameters(), *self.model.buffers()]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def close(self) -> None:
        """Free the weights. Safe to call twice."""
        self.model = None
        gc.collect()
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()

    def _check_memory(self, dtype: torch.dtype) -> None:
        """Refuse what cannot fit before an hour of swapping."""
        size = torch.empty((), dtype=dtype).element_size()
        is_packed = self.facts.quantization in ("AWQ", "COMPRESSED-TENSORS")
        needed = self.facts.size_bytes if is_packed else self.facts.parameter_count * size
        if self.device == "cpu":
            free = free_memory()
        elif self.device.startswith("cuda"):
            free = torch.cuda.mem_get_info(self.device)[0]
        else:
            return
        if needed > free:
            reason = f"Its weights take {needed / 2**30:.1f} GB and {free / 2**30:.1f} GB are free on {self.device_name}."
            raise OutOfMemory(model=self.folder.name, reason=reason)

    def _check_attention(self, layers: int) -> None:
        """See that every layer asks our attention for its keys: a network that remembers in another way would forget."""
        try:
            _, seen = compute(self.model, [0, 0], [Span(KeyValues(), 2)], [1], self.device)
        except (RuntimeError, MemoryError, TypeError, AttributeError) as error:
            raise explain_failure(error, self.folder.name) from error
        if seen != set(range(layers)):
            reason = "Some of its layers remember in a way of their own."
            raise CannotCompute(architecture=self.facts.architecture, file=self.folder.name, reason=reason)


def _check_options(options: LoadOptions, folder: Path) -> None:
    """Refuse what this engine cannot do; what concerns llama.cpp's devices only is let pass."""
    if options.draft_model:
        raise DraftRefused(file=Path(options.draft_model).name, model=folder.name, reason="This engine does not guess ahead.")
    if options.kv_type not in ("f32", "f16", "bf16"):
        raise InvalidOption(option="kv_type", value=options.kv_type, allowed="f16, bf16 or f32 for this engine")
