"""Tiny checkpoints with random weights as transformers saves them: a Llama with a byte-level vocabulary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.tiny_models import CHATML, FILL, SPECIAL, byte_characters

WORDS = ("he", "ll", "hell", "th", "the")
TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def make_tiny_checkpoint(
    folder: Path,
    *,
    layers: int = 2,
    width: int = 64,
    heads: int = 4,
    context: int = 512,
    seed: int = 1,
    template: str | None = CHATML,
    stored: str = "F32",
    infill: bool = False,
) -> Path:
    """Write a model. Every byte is a token, so any text can be tokenized and any bytes can come out."""
    import torch
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    transformers.utils.logging.disable_progress_bar()  # its thread would stay
    size = write_byte_tokenizer(folder, template=template, infill=infill)
    config = transformers.LlamaConfig(
        vocab_size=size,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads // 2,
        max_position_embeddings=context,
        tie_word_embeddings=False,
        bos_token_id=256 + len(WORDS),
        eos_token_id=256 + len(WORDS) + 3,
    )
    torch.manual_seed(seed)
    model = transformers.LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                scale = 0.5 if "embed" in name else (2.0 if "lm_head" in name else 1.0) / parameter.shape[1] ** 0.5
                parameter.copy_(torch.randn_like(parameter) * scale)
    model.to(getattr(torch, TYPES[stored])).save_pretrained(folder)
    return folder


def write_byte_tokenizer(folder: Path, *, template: str | None = CHATML, infill: bool = False) -> int:
    """A byte-level tokenizer with a begin token and ChatML's marks; returns the size of its vocabulary."""
    tokens = [*byte_characters(), *WORDS, *SPECIAL, *(FILL if infill else ())]
    first = 256 + len(WORDS)
    added: list[dict[str, Any]] = [
        {
            "id": place, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": not text.endswith("think>"),
        }
        for place, text in enumerate(tokens[first:], first)
    ]  # fmt: skip
    frame = [{"SpecialToken": {"id": SPECIAL[0], "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    value = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": {
            "type": "TemplateProcessing", "single": frame, "pair": frame,
            "special_tokens": {SPECIAL[0]: {"id": SPECIAL[0], "ids": [first], "tokens": [SPECIAL[0]]}},
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": {text: place for place, text in enumerate(tokens[:first])},
            "merges": [["h", "e"], ["l", "l"], ["he", "ll"], ["t", "h"], ["t", "he"]],
        },
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(value), encoding="utf-8")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": SPECIAL[0], "eos_token": SPECIAL[3]}
    if template is not None:
        settings["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return len(tokens)
