"""How much memory a model will take, from its shape: weights, KV cache and compute buffers, as llama.cpp allocates them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.gguf_header import GgufHeader
from models.gguf_types import TENSOR_TYPES
from models.memory_shape import LayerShape, MemoryShape, read_shape

_TYPES = {kind.name.lower(): kind for kind in TENSOR_TYPES.values()}
_F32 = 4
_CELL_STEP = 256


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes. ``weights`` may be shared with the file cache of the system where the file is memory-mapped; the rest never is."""

    weights: int
    kv_cache: int
    compute: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.kv_cache + self.compute


@dataclass(frozen=True, slots=True)
class LoadShape:
    """How a model is to be loaded. ``context`` in tokens for all sequences together; ``micro_batch`` tokens computed at once.

    ``sequences`` have a state each, ``states`` times where guesses may have to be taken back; ``keeps_windows_whole`` is
    llama.cpp's way of keeping layers with a window rewindable.
    """

    context: int
    kv_type: str = "f16"
    micro_batch: int = 512
    sequences: int = 1
    states: int = 1
    has_flash_attention: bool = True
    keeps_windows_whole: bool = True


def estimate_memory(header: GgufHeader, context_length: int, kv_type: str = "f16", micro_batch: int = 512) -> MemoryEstimate:
    """What llama.cpp will allocate for ``context_length`` tokens of a model in one file."""
    return estimate_load([header], LoadShape(context_length, kv_type, min(micro_batch, context_length)))


def estimate_load(headers: Sequence[GgufHeader], load: LoadShape) -> MemoryEstimate:
    """What llama.cpp will allocate for a model on one device. Weights and KV cache are exact, compute buffers near."""
    shape = read_shape(headers)
    return MemoryEstimate(shape.weights, kv_bytes(shape.layers, load), compute_bytes(shape, load))


def kv_bytes(layers: Sequence[LayerShape], load: LoadShape) -> int:
    """KV cache and states of these layers."""
    kind = _TYPES.get(load.kv_type.lower(), _TYPES["f16"])
    numbers = state = 0
    for layer in layers:
        cells = load.context
        if layer.window and not load.keeps_windows_whole:
            cells = min(cells, layer.window * load.sequences + load.micro_batch)
            cells = -(-cells // _CELL_STEP) * _CELL_STEP
        numbers += (layer.keys + layer.values) * cells
        state += layer.state * load.sequences * load.states
    return numbers * kind.block_bytes // kind.block_size + state


def compute_bytes(shape: MemoryShape, load: LoadShape) -> int:
    """The buffers of one micro batch: the stage that needs most, and the logits that are handed out.

    Found by comparing llama.cpp's own reservations for thirteen shapes; its allocator reuses what a stage no longer needs.
    """
    batch = min(load.micro_batch, load.context)
    width, query = shape.width, shape.query_width
    pair = max((layer.keys for layer in shape.layers), default=0)
    kinds = 2 if shape.has_windows and any(layer.keys and not layer.window for layer in shape.layers) else 1
    has_attention = any(layer.keys for layer in shape.layers)
    mask = batch * load.context * kinds * (2 if load.has_flash_attention else _F32) if has_attention else 0
    # torch is asked for the last position's logits only; llama.cpp makes room for a row for each
    logits = batch * (shape.vocabulary + 2 * width) * _F32 if shape.engine == "llamacpp" else 0
    grown = max(3 * shape.feed_forward, shape.feed_forward + shape.used_experts * width)
    forward = batch * (grown + 4 * width) * _F32 + mask
    attention = batch * (3 * width + 2 * query + 2 * pair) * _F32 + mask
    if not load.has_flash_attention:
        attention += batch * load.context * shape.heads * _F32
    return max(logits, forward, attention if has_attention else 0) + output_bytes(shape, load)


def output_bytes(shape: MemoryShape, load: LoadShape) -> int:
    """The logits that wait for a sampler, one row for each sequence."""
    return load.sequences * shape.vocabulary * _F32
