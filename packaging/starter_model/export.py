"""Writes the trained network as a Hugging Face checkpoint (bf16 safetensors) and as GGUF files."""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from starter_model.network import Llama, Shape
from starter_model.tokens import CHAT_TEMPLATE, END_OF_TEXT, IM_END, IM_START, SPECIAL_TOKENS, load_tokenizer
from tokenizers import Tokenizer
from torch import Tensor

NAME = "Yanmo Starter"
BASE_NAME = "yanmo-starter"
_PROJECTIONS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and put it in place only when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    try:
        yield temporary
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_json(path: Path, value: object) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def model_settings(shape: Shape) -> dict[str, object]:
    """Return the ``config.json`` of transformers' LlamaForCausalLM for this shape."""
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden, "intermediate_size": shape.feed_forward, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_size,
        "max_position_embeddings": shape.context, "rope_theta": shape.rope_base, "rms_norm_eps": shape.norm_epsilon,
        "hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "attention_dropout": 0.0,
        "tie_word_embeddings": True, "initializer_range": 0.02, "use_cache": True, "torch_dtype": "bfloat16",
        "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0,
    }  # fmt: skip


def _tokenizer_settings(shape: Shape) -> dict[str, object]:
    added = {
        str(number): {"content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
                      "special": True}
        for number, token in enumerate(SPECIAL_TOKENS)
    }  # fmt: skip
    return {
        "tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": False, "add_prefix_space": False,
        "added_tokens_decoder": added, "additional_special_tokens": [IM_START, IM_END], "bos_token": None,
        "eos_token": IM_END, "pad_token": END_OF_TEXT, "unk_token": None, "clean_up_tokenization_spaces": False,
        "model_max_length": shape.context, "chat_template": CHAT_TEMPLATE,
    }  # fmt: skip


def write_checkpoint(network: Llama, tokenizer: Tokenizer, folder: Path) -> None:
    """Write a folder that transformers opens as LlamaForCausalLM, weights in bf16."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {f"model.{name}": p.detach().to(torch.bfloat16).contiguous() for name, p in network.named_parameters()}
    with replacing(folder / "model.safetensors") as temporary:
        save_file(weights, temporary, metadata={"format": "pt"})
    with replacing(folder / "tokenizer.json") as temporary:
        tokenizer.save(str(temporary))
    _write_json(folder / "config.json", model_settings(network.shape))
    _write_json(folder / "tokenizer_config.json", _tokenizer_settings(network.shape))
    _write_json(
        folder / "generation_config.json",
        {"bos_token_id": 0, "eos_token_id": [2, 0], "pad_token_id": 0, "do_sample": False},
    )
    _write_json(
        folder / "special_tokens_map.json",
        {"additional_special_tokens": [IM_START, IM_END], "eos_token": IM_END, "pad_token": END_OF_TEXT},
    )


def read_checkpoint(folder: Path, shape: Shape | None = None) -> Llama:
    """Read a checkpoint written by :func:`write_checkpoint`, as float32."""
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    shape = shape or Shape(
        vocabulary=settings["vocab_size"], hidden=settings["hidden_size"], feed_forward=settings["intermediate_size"],
        layers=settings["num_hidden_layers"], heads=settings["num_attention_heads"],
        kv_heads=settings["num_key_value_heads"], head_size=settings["head_dim"],
        context=settings["max_position_embeddings"], rope_base=settings["rope_theta"],
        norm_epsilon=settings["rms_norm_eps"],
    )  # fmt: skip
    network = Llama(shape)
    weights = load_file(folder / "model.safetensors")
    network.load_state_dict({name.removeprefix("model."): tensor.float() for name, tensor in weights.items()})
    return network.eval()


def _gguf_name(name: str) -> str:
    if name == "embed_tokens.weight":
        return "token_embd.weight"
    if name == "norm.weight":
        return "output_norm.weight"
    _, number, rest = name.split(".", 2)
    return f"blk.{number}.{_PROJECTIONS[rest.removesuffix('.weight')]}.weight"


def _interleave(weight: Tensor, heads: int) -> Tensor:
    """Reorder rotary rows from the half layout of transformers to the pair layout of llama.cpp's llama architecture."""
    rows, columns = weight.shape
    return weight.view(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer, vocabulary: int) -> None:
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    kinds = [gguf.TokenType.CONTROL if token in SPECIAL_TOKENS else gguf.TokenType.NORMAL for token in tokens]
    spare = [f"<|spare_{number}|>" for number in range(len(tokens), vocabulary)]
    tokens, kinds = tokens + spare, kinds + [gguf.TokenType.UNUSED] * len(spare)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _add_shape(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_vocab_size(shape.vocabulary)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_size)
    writer.add_value_length(shape.head_size)
    writer.add_rope_dimension_count(shape.head_size)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)


def write_gguf(network: Llama, tokenizer: Tokenizer, path: Path, wide: bool = False, name: str = NAME) -> None:
    """Write an F16 GGUF (F32 if wide) that llama.cpp opens as architecture ``llama``."""
    shape = network.shape
    with replacing(path) as temporary:
        writer = gguf.GGUFWriter(temporary, "llama")
        writer.add_type("model")
        writer.add_name(name)
        writer.add_author("Yanmo")
        writer.add_license("mit")
        writer.add_languages(["en", "zh"])
        if name == NAME:
            writer.add_description("The tiny bilingual model that comes with Yanmo.")
        writer.add_size_label(f"{sum(p.numel() for p in network.parameters()) / 1e6:.1f}M")
        writer.add_file_type(gguf.LlamaFileType.ALL_F32 if wide else gguf.LlamaFileType.MOSTLY_F16)
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        _add_shape(writer, shape)
        _add_tokenizer(writer, tokenizer, shape.vocabulary)
        for key, parameter in network.named_parameters():
            tensor = parameter.detach().float()
            if key.endswith(("q_proj.weight", "k_proj.weight")):
                tensor = _interleave(tensor, shape.heads if "q_proj" in key else shape.kv_heads)
            values = tensor.numpy()
            writer.add_tensor(_gguf_name(key), values if wide or values.ndim == 1 else values.astype(np.float16))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


@functools.cache
def _silent() -> Any:
    import llama_cpp

    return llama_cpp.llama_log_callback(lambda level, text, data: None)


def quantize(source: Path, target: Path, kind: str) -> None:
    """Quantize an F16 or F32 GGUF with llama.cpp; kind is for example "Q4_K_M"."""
    import llama_cpp

    llama_cpp.llama_log_set(_silent(), None)
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}")
    settings.nthread = 1
    with replacing(target) as temporary:
        if llama_cpp.llama_model_quantize(str(source).encode(), str(temporary).encode(), settings) != 0:
            raise RuntimeError(f"llama.cpp could not quantize {source.name} to {kind}")


def export_cache(cache: Path, out: Path) -> None:
    """Turn the training run's checkpoint into everything that ships, and keep an F16 GGUF in the cache for measuring."""
    network = Llama(Shape())
    network.load_state_dict(torch.load(cache / "checkpoint.pt", weights_only=True)["network"])
    tokenizer = load_tokenizer(cache / "tokenizer.json")
    write_checkpoint(network, tokenizer, out / "checkpoint")
    rounded = read_checkpoint(out / "checkpoint")
    write_gguf(rounded, tokenizer, cache / f"{BASE_NAME}-F16.gguf")
    quantize(cache / f"{BASE_NAME}-F16.gguf", out / f"{BASE_NAME}-Q8_0.gguf", "Q8_0")
