"""Tiny GGUF models with random weights, made in milliseconds: a Llama with a byte-level vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

SPECIAL = ("<|begin|>", "<|end|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")
WORDS = ("he", "ll", "hell", "th", "the")
FILL = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_characters() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    names = {byte: chr(byte) for byte in printable}
    extra = (byte for byte in range(256) if byte not in names)
    names.update({byte: chr(256 + index) for index, byte in enumerate(extra)})
    return [names[byte] for byte in range(256)]


def write_vocabulary(
    writer: GGUFWriter, tokens: list[str], extra_words: int, *, infill: bool = False, template: str | None = CHATML
) -> None:
    """The bytes, ``extra_words`` and special tokens of a tiny model."""
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    kinds = [TokenType.NORMAL] * (256 + extra_words) + [TokenType.CONTROL] * 4 + [TokenType.USER_DEFINED] * 2
    kinds += [TokenType.CONTROL] * (len(tokens) - len(kinds))
    writer.add_token_types(kinds)
    writer.add_token_merges(["h e", "l l", "he ll", "t h", "t he"])
    writer.add_bos_token_id(tokens.index("<|begin|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(True)
    if infill:
        for kind, word in zip(("prefix", "suffix", "middle"), FILL, strict=True):
            writer.add_uint32(f"tokenizer.ggml.fim_{kind[:3]}_token_id", tokens.index(word))
    if template is not None:
        writer.add_chat_template(template)


def make_tiny_model(
    path: Path,
    *,
    layers: int = 2,
    width: int = 64,
    heads: int = 4,
    context: int = 512,
    seed: int = 1,
    template: str | None = CHATML,
    name: str = "Tiny",
    scale: float = 0.5,
    extra_words: tuple[str, ...] = WORDS,
    deltas: dict[str, np.ndarray] | None = None,
    infill: bool = False,
    idle_layers: int = 0,
    architecture: str = "llama",
) -> Path:
    """Write a model. Every byte is a token, so any text can be tokenized and any bytes can come out.

    ``deltas`` are added to the weights of these names; with ``infill`` the vocabulary marks a gap as Qwen Coder's does.
    The ``architecture`` may also be ``qwen2vl``, whose positions tell rows and columns of a picture apart (M-RoPE).
    ``idle_layers`` more layers cost time and change nothing: a slow model of which the same one without them is a perfect draft.
    """
    random = np.random.default_rng(seed)
    characters = byte_characters()
    tokens = [*characters, *extra_words, *SPECIAL, *(FILL if infill else ())]
    writer = GGUFWriter(path, architecture)
    writer.add_name(name)
    writer.add_file_type(0)
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers + idle_layers)
    writer.add_feed_forward_length(2 * width)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads // 2)
    writer.add_rope_dimension_count(width // heads)
    writer.add_rope_freq_base(10000.0)
    if architecture == "qwen2vl":
        writer.add_rope_dimension_sections(_sections(width // heads // 2))
    writer.add_layer_norm_rms_eps(1e-5)
    write_vocabulary(writer, tokens, len(extra_words), infill=infill, template=template)

    def add(name: str, value: np.ndarray) -> None:
        writer.add_tensor(name, value + (deltas or {}).get(name, np.float32(0)))

    def weights(*shape: int) -> np.ndarray:
        return (random.standard_normal(shape) * scale / np.sqrt(shape[-1])).astype(np.float32)

    add("token_embd.weight", (random.standard_normal((len(tokens), width)) * 0.5).astype(np.float32))
    add("output_norm.weight", np.ones(width, np.float32))
    add("output.weight", weights(len(tokens), width) * 4)
    for layer in range(layers + idle_layers):
        head = width // heads
        speaks = np.float32(layer < layers)
        for tensor, shape in {
            "attn_q": (width, width),
            "attn_k": (heads // 2 * head, width),
            "attn_v": (heads // 2 * head, width),
            "attn_output": (width, width),
            "ffn_gate": (2 * width, width),
            "ffn_up": (2 * width, width),
            "ffn_down": (width, 2 * width),
        }.items():
            is_answer = tensor in ("attn_output", "ffn_down")
            add(f"blk.{layer}.{tensor}.weight", weights(*shape) * 2 * (speaks if is_answer else np.float32(1)))
        if architecture == "qwen2vl":
            _add_biases(add, weights, layer, width, heads // 2 * head)
        for norm in ("attn_norm", "ffn_norm"):
            add(f"blk.{layer}.{norm}.weight", np.ones(width, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _sections(half: int) -> list[int]:
    """How many frequencies of a head turn by time, row and column."""
    return [half - 2 * (half // 3), half // 3, half // 3, 0]


def _add_biases(
    add: Callable[[str, np.ndarray], None], weights: Callable[..., np.ndarray], layer: int, width: int, narrow: int
) -> None:
    for tensor, rows in {"attn_q": width, "attn_k": narrow, "attn_v": narrow}.items():
        add(f"blk.{layer}.{tensor}.bias", weights(1, rows)[0])


def make_tiny_adapter(
    path: Path, *, seed: int, width: int = 64, layers: int = 2, rank: int = 4, architecture: str = "llama"
) -> dict[str, np.ndarray]:
    """Write a LoRA for a tiny model; what it adds to the weights at scale 1, by their names."""
    random = np.random.default_rng(seed)
    alpha = 2.0 * rank
    writer = GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    deltas: dict[str, np.ndarray] = {}
    shapes = {
        "attn_q": (width, width),
        "attn_v": (width // 2, width),
        "ffn_down": (width, 2 * width),
        "ffn_up": (2 * width, width),
    }
    for layer in range(layers):
        for tensor, (rows, columns) in shapes.items():
            name = f"blk.{layer}.{tensor}.weight"
            a = (random.standard_normal((rank, columns)) * 0.3).astype(np.float32)
            b = (random.standard_normal((rows, rank)) * 0.1).astype(np.float32)
            writer.add_tensor(f"{name}.lora_a", a)
            writer.add_tensor(f"{name}.lora_b", b)
            deltas[name] = (b @ a * (alpha / rank)).astype(np.float32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return deltas
