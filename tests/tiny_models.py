"""Tiny GGUF models with random weights, made in milliseconds: a Llama with a byte-level vocabulary."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

SPECIAL = ("<|begin|>", "<|end|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")
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
    extra_words: tuple[str, ...] = ("he", "ll", "hell", "th", "the"),
) -> Path:
    """Write a model. Every byte is a token, so any text can be tokenized and any bytes can come out."""
    random = np.random.default_rng(seed)
    characters = byte_characters()
    tokens = [*characters, *extra_words, *SPECIAL]
    writer = GGUFWriter(path, "llama")
    writer.add_name(name)
    writer.add_file_type(0)
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(2 * width)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads // 2)
    writer.add_rope_dimension_count(width // heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    kinds = [TokenType.NORMAL] * (256 + len(extra_words)) + [TokenType.CONTROL] * 4 + [TokenType.USER_DEFINED] * 2
    writer.add_token_types(kinds)
    writer.add_token_merges(["h e", "l l", "he ll", "t h", "t he"])
    writer.add_bos_token_id(tokens.index("<|begin|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(True)
    if template is not None:
        writer.add_chat_template(template)

    def weights(*shape: int) -> np.ndarray:
        return (random.standard_normal(shape) * scale / np.sqrt(shape[-1])).astype(np.float32)

    writer.add_tensor("token_embd.weight", (random.standard_normal((len(tokens), width)) * 0.5).astype(np.float32))
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    writer.add_tensor("output.weight", weights(len(tokens), width) * 4)
    for layer in range(layers):
        head = width // heads
        for tensor, shape in {
            "attn_q": (width, width),
            "attn_k": (heads // 2 * head, width),
            "attn_v": (heads // 2 * head, width),
            "attn_output": (width, width),
            "ffn_gate": (2 * width, width),
            "ffn_up": (2 * width, width),
            "ffn_down": (width, 2 * width),
        }.items():
            writer.add_tensor(f"blk.{layer}.{tensor}.weight", weights(*shape) * 2)
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{norm}.weight", np.ones(width, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
