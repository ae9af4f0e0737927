"""The facts of a model that decide how much memory it takes, read from its header alone and small enough to be kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from models.gguf_header import GgufHeader

_BLOCK = re.compile(r"blk\.(\d+)\.")
_STATE_BYTES = 4

_WINDOW_PATTERNS = {
    # Every n-th layer sees everything, the others a window. Source: llama.cpp, llama-model.cpp, ``set_swa_pattern``.
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gpt-oss": 2,
    "cohere2": 4,
    "exaone4": 4,
    "olmo2": 4,
    "smallthinker": 4,
    "llama4": 4,
    "phi3": 1,
}


@dataclass(frozen=True, slots=True)
class LayerShape:
    """One layer. ``weights`` in bytes; ``keys`` and ``values`` are numbers kept for each token; ``state`` bytes for each sequence.

    ``window`` is how many tokens it sees, 0 for all.
    """

    weights: int
    keys: int = 0
    values: int = 0
    state: int = 0
    window: int = 0


@dataclass(frozen=True, slots=True)
class MemoryShape:
    """A model. Weights in bytes; widths in numbers. ``feed_forward`` is what works at once: for experts, of those that are used.

    For torch ``kv_type`` is the type of the cache, which is the weights', and ``process_bytes`` what the engine itself takes.
    """

    architecture: str
    layers: tuple[LayerShape, ...]
    embedding_weights: int
    output_weights: int
    is_tied: bool
    vocabulary: int
    width: int
    query_width: int
    heads: int
    feed_forward: int
    used_experts: int
    trained_context: int
    kv_type: str = ""
    process_bytes: int = 0
    engine: Literal["llamacpp", "torch"] = "llamacpp"

    @property
    def weights(self) -> int:
        """Bytes of all weights, a projector's not among them."""
        return self.embedding_weights + self.output_weights + sum(layer.weights for layer in self.layers)

    @property
    def layer_count(self) -> int:
        """Layers that can lie on a device of their own; llama.cpp counts the output as one more."""
        return len(self.layers) + 1

    @property
    def has_windows(self) -> bool:
        """Whether some layers see only a window of the context."""
        return any(layer.window for layer in self.layers)

    def scaled(self, factor: float) -> MemoryShape:
        """The same model with weights of ``factor`` times the size: another quantization of it."""
        layers = tuple(replace(layer, weights=round(layer.weights * factor)) for layer in self.layers)
        embedding, output = round(self.embedding_weights * factor), round(self.output_weights * factor)
        return replace(self, layers=layers, embedding_weights=embedding, output_weights=output)

    def to_json(self) -> dict[str, Any]:
        """A plain value for caches."""
        return asdict(self)


def shape_from_json(value: dict[str, Any]) -> MemoryShape:
    """What :meth:`MemoryShape.to_json` gave.

    Raises:
        TypeError, KeyError, ValueError: something else.
    """
    known = {field.name for field in fields(MemoryShape)}
    facts = {key: item for key, item in value.items() if key in known}
    facts["layers"] = tuple(LayerShape(**layer) for layer in value["layers"])
    return MemoryShape(**facts)


def read_shape(headers: Sequence[GgufHeader]) -> MemoryShape:
    """The shape of a model from the headers of all its parts, the first one's first. Unknown architectures are taken as plain decoders."""
    header = headers[0]
    count = header.of_architecture("block_count")
    weights, embedding, output = [0] * count, 0, 0
    for one in headers:
        for tensor in one.tensors:
            match = _BLOCK.match(tensor.name)
            if match and int(match[1]) < count:
                weights[int(match[1])] += tensor.byte_count
            elif tensor.name.startswith(("token_embd", "per_layer_token_embd", "position_embd", "token_types")):
                embedding += tensor.byte_count
            else:
                output += tensor.byte_count
    names = {tensor.name for one in headers for tensor in one.tensors}
    is_tied = "output.weight" not in names
    heads = header.per_layer("attention.head_count", count) or [0] * count
    width = header.of_architecture("embedding_length")
    head = header.of_architecture("attention.key_length", width // max(max(heads, default=1), 1))
    used = header.of_architecture("expert_used_count")
    return MemoryShape(
        architecture=header.architecture,
        layers=tuple(_make_layers(header, weights, heads, head)),
        embedding_weights=embedding,
        output_weights=output,
        is_tied=is_tied,
        vocabulary=header.count_of("tokenizer.ggml.tokens") or header.of_architecture("vocab_size"),
        width=width,
        query_width=max(heads, default=0) * head,
        heads=max(heads, default=0),
        feed_forward=_working_width(header, count, used),
        used_experts=used,
        trained_context=header.of_architecture("context_length"),
    )


def _working_width(header: GgufHeader, count: int, used: int) -> int:
    dense = max(header.per_layer("feed_forward_length", count), default=0)
    if not used:
        return dense
    expert = header.of_architecture("expert_feed_forward_length") or dense
    return used * expert


def _make_layers(header: GgufHeader, weights: list[int], heads: list[int], head: int) -> list[LayerShape]:
    count = len(weights)
    pairs = header.per_layer("attention.head_count_kv", count) or heads
    keys = header.of_architecture("attention.key_length", head)
    values = header.of_architecture("attention.value_length", head)
    is_latent = bool(header.of_architecture("attention.kv_lora_rank")) and bool(
        header.of_architecture("attention.key_length_mla")
    )
    inner = header.of_architecture("ssm.inner_size")
    state = _state_bytes(header) if inner else 0
    is_recurrent = [bool(state) and (not pairs[layer] if layer < len(pairs) else True) for layer in range(count)]
    if state and header.architecture in _WITH_BOTH:
        is_recurrent = [True] * count
    elif state and all(pairs) and header.architecture in _INTERVALS:
        interval = header.of_architecture("full_attention_interval", _INTERVALS[header.architecture])
        guessing = count - header.of_architecture("nextn_predict_layers")
        is_recurrent = [(layer + 1) % interval != 0 and layer < guessing for layer in range(count)]
        pairs = [0 if recurrent else pair for recurrent, pair in zip(is_recurrent, pairs, strict=False)]
    windows = _windows(header, count)
    layers = []
    for layer in range(count):
        pair = pairs[layer] if layer < len(pairs) else 0
        # Multi-head latent attention keeps one compressed vector with the rotary part; values are a part of it
        # (DeepSeek-V2, https://arxiv.org/abs/2405.04434).
        value = 0 if is_latent else pair * values
        layers.append(LayerShape(weights[layer], pair * keys, value, state if is_recurrent[layer] else 0, windows[layer]))
    return layers


_WITH_BOTH = frozenset({"falcon-h1", "hymba"})
"""Architectures whose every layer has attention and a state."""

_INTERVALS = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4}
"""Architectures in which every n-th layer has attention and the others a state, though all name key-value heads."""


MOST_TAKEN_BACK = 4
"""Guesses that a model with states may be asked to take back: each costs a copy of all its states."""

_TAKING_BACK = frozenset(
    {"bailingmoe3", "glm5-next", "kimi-k3", "lfm2", "lfm2moe", "nemotron_h", "nemotron_h_moe", "qwen35", "qwen35moe", "qwen4exp"}
)
"""Architectures with states of which llama.cpp keeps such copies (``llm_arch_supports_rs_rollback``)."""


def state_copies(architecture: str, guesses: int) -> int:
    """How many times the states of a sequence are kept where up to ``guesses`` tokens are tried at once."""
    return 1 + min(guesses, MOST_TAKEN_BACK) if architecture in _TAKING_BACK else 1


def _state_bytes(header: GgufHeader) -> int:
    """Bytes of one layer's state for one sequence: the convolution's last inputs and the state itself, both F32.

    Source: llama.cpp, llama-hparams.cpp, ``n_embd_r`` and ``n_embd_s``.
    """
    inner, state = header.of_architecture("ssm.inner_size"), header.of_architecture("ssm.state_size")
    groups, kernel = header.of_architecture("ssm.group_count"), header.of_architecture("ssm.conv_kernel")
    convolution = max(kernel - 1, 0) * (inner + 2 * groups * state)
    return (convolution + inner * state) * _STATE_BYTES


def _windows(header: GgufHeader, count: int) -> list[int]:
    window = header.of_architecture("attention.sliding_window")
    pattern = header.per_layer("attention.sliding_window_pattern", count)
    if not window:
        return [0] * count
    if len(pattern) >= count:
        return [window if pattern[layer] else 0 for layer in range(count)]
    period = _WINDOW_PATTERNS.get(header.architecture, 1)
    if header.architecture == "phi3" or header.architecture not in _WINDOW_PATTERNS:
        return [0] * count  # what llama.cpp does not know to be a window, it keeps whole
    return [0 if (layer + 1) % period == 0 else window for layer in range(count)]
