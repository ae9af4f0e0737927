"""Tiny random checkpoints of every architecture, made with transformers, and what llama.cpp computes from their GGUFs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy

from resources import resource_folder

STARTER = resource_folder() / "starter" / "checkpoint"
ROWS = 4096
BASE: dict[str, Any] = {
    "vocab_size": ROWS, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 256, "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2,
    "pad_token_id": 0,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}  # fmt: skip
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}
LONGROPE = {
    "rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 64,
    "short_factor": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7], "long_factor": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
}  # fmt: skip
MOE = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
MLA = {
    "kv_lora_rank": 32, "q_lora_rank": 48, "qk_nope_head_dim": 16, "qk_rope_head_dim": 16, "v_head_dim": 24, "num_key_value_heads": 4,
    "moe_intermediate_size": 32, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1, "first_k_dense_replace": 1,
}  # fmt: skip
STATES = {
    "head_dim": 32, "num_hidden_layers": 4, "linear_key_head_dim": 32, "linear_value_head_dim": 32, "linear_num_key_heads": 2,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "mrope_section": [3, 3, 2]},
}  # fmt: skip
DECODERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", "LlamaForCausalLM", {}),
    "llama tied": ("LlamaConfig", "LlamaForCausalLM", {"tie_word_embeddings": True}),
    "llama 3": ("LlamaConfig", "LlamaForCausalLM", {"rope_parameters": LLAMA3, "attention_bias": True}),
    "llama linear": ("LlamaConfig", "LlamaForCausalLM", {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}}),
    "llama yarn": ("LlamaConfig", "LlamaForCausalLM", {"rope_parameters": YARN}),
    "falcon 3": ("LlamaConfig", "LlamaForCausalLM", {"head_dim": 32, "rope_parameters": {"rope_type": "default", "rope_theta": 1000042.0}}),
    "mistral": ("MistralConfig", "MistralForCausalLM", {"sliding_window": None, "head_dim": 32}),
    "mixtral": ("MixtralConfig", "MixtralForCausalLM", {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None}),
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM", {"tie_word_embeddings": True}),
    "qwen2 yarn": ("Qwen2Config", "Qwen2ForCausalLM", {"rope_parameters": YARN}),
    "qwen2 moe": ("Qwen2MoeConfig", "Qwen2MoeForCausalLM", {**MOE, "shared_expert_intermediate_size": 96, "norm_topk_prob": False}),
    "qwen3": ("Qwen3Config", "Qwen3ForCausalLM", {"head_dim": 32}),
    "qwen3 moe": ("Qwen3MoeConfig", "Qwen3MoeForCausalLM", {**MOE, "head_dim": 32, "norm_topk_prob": True}),
    "qwen3.5": ("Qwen3_5TextConfig", "Qwen3_5ForCausalLM", {**STATES, "linear_num_value_heads": 4}),
    "qwen3.5 even": ("Qwen3_5TextConfig", "Qwen3_5ForCausalLM", {**STATES, "linear_num_value_heads": 2, "tie_word_embeddings": True}),
    "gemma 2": (
        "Gemma2Config", "Gemma2ForCausalLM",
        {"head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 32, "tie_word_embeddings": True, "num_hidden_layers": 4},
    ),
    "gemma 3": (
        "Gemma3TextConfig", "Gemma3ForCausalLM",
        {"head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 32, "tie_word_embeddings": True, "num_hidden_layers": 7},
    ),
    "phi 3": ("Phi3Config", "Phi3ForCausalLM", {"sliding_window": None}),
    "phi 4 partial": ("Phi3Config", "Phi3ForCausalLM", {"sliding_window": None, "rope_parameters": {
        "rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}}),
    "phi 3 longrope, short": ("Phi3Config", "Phi3ForCausalLM", {
        "sliding_window": None, "rope_parameters": {**LONGROPE, "original_max_position_embeddings": 256},
        "original_max_position_embeddings": 256, "max_position_embeddings": 1024}),
    "phi 3 longrope, long": ("Phi3Config", "Phi3ForCausalLM", {
        "sliding_window": None, "rope_parameters": LONGROPE, "original_max_position_embeddings": 64}),
    "smollm 3": ("SmolLM3Config", "SmolLM3ForCausalLM", {"num_hidden_layers": 5, "tie_word_embeddings": True}),
    "glm": ("GlmConfig", "GlmForCausalLM", {"head_dim": 16, "attention_bias": True, "num_key_value_heads": 2}),
    "glm 4": ("Glm4Config", "Glm4ForCausalLM", {"head_dim": 16, "attention_bias": False}),
    "granite": ("GraniteConfig", "GraniteForCausalLM", {
        "attention_multiplier": 0.3, "embedding_multiplier": 6.0, "residual_multiplier": 0.4, "logits_scaling": 2.0}),
    "olmo 2": ("Olmo2Config", "Olmo2ForCausalLM", {}),
    "olmo 3": ("Olmo3Config", "Olmo3ForCausalLM", {"num_hidden_layers": 5, "sliding_window": 32}),
    "stablelm": ("StableLmConfig", "StableLmForCausalLM", {"use_qkv_bias": True}),
    "stablelm 12b": ("StableLmConfig", "StableLmForCausalLM", {"qk_layernorm": True, "use_parallel_residual": True}),
    "deepseek v2": ("DeepseekV2Config", "DeepseekV2ForCausalLM", {**MLA}),
    "deepseek v2 lite": ("DeepseekV2Config", "DeepseekV2ForCausalLM", {
        **MLA, "q_lora_rank": None, "num_hidden_layers": 27, "rope_parameters": {
            **YARN, "mscale": 0.707, "mscale_all_dim": 0.707, "beta_fast": 32, "beta_slow": 1}}),
    "gpt 2": ("GPT2Config", "GPT2LMHeadModel", {
        "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 256, "n_inner": None, "tie_word_embeddings": True}),
}  # fmt: skip


def make_decoder(folder: Path, kind: str) -> Any:
    """A random model with norms that are not all one, saved in shards, with the starter's tokenizer; returns it in float32."""
    import transformers

    config_class, model_class, fields = DECODERS[kind]
    config = getattr(transformers, config_class)(**{**BASE, **fields})
    return save_random(getattr(transformers, model_class), config, folder)


def save_random(model_class: Any, config: Any, folder: Path) -> Any:
    import torch

    torch.manual_seed(5)
    config._attn_implementation = "eager"
    model = model_class(config).eval().float()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
            elif "embed" not in name and "wte" not in name:
                parameter.mul_(3.0)
    model.save_pretrained(folder, max_shard_size="300KB")
    add_tokenizer(folder)
    return model


def add_tokenizer(folder: Path) -> None:
    """The starter's tokenizer."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(STARTER / name, folder / name)


def rewrite_config(folder: Path, **changes: Any) -> None:
    """Change settings of a checkpoint."""
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def make_internlm2(folder: Path) -> Any:
    """InternLM 2, which transformers has no code for: a Llama whose queries, keys and values lie in one matrix."""
    from safetensors.numpy import load_file, save_file

    model = make_decoder(folder, "llama")
    tensors = {name: values for path in folder.glob("*.safetensors") for name, values in load_file(path).items()}
    groups, size = BASE["num_key_value_heads"], BASE["hidden_size"] // BASE["num_attention_heads"]
    renamed = {
        "self_attn.o_proj": "attention.wo", "mlp.gate_proj": "feed_forward.w1", "mlp.down_proj": "feed_forward.w2",
        "mlp.up_proj": "feed_forward.w3", "input_layernorm": "attention_norm", "post_attention_layernorm": "ffn_norm",
        "embed_tokens": "tok_embeddings", "lm_head": "output",
    }  # fmt: skip
    made = {}
    for name, values in tensors.items():
        if "q_proj" in name:
            parts = [tensors[name.replace("q_proj", f"{part}_proj")].reshape(groups, -1, size, 64) for part in "qkv"]
            fused = numpy.concatenate(parts, axis=1).reshape(-1, 64)
            made[name.replace("self_attn.q_proj", "attention.wqkv")] = fused
        elif "k_proj" not in name and "v_proj" not in name:
            for old, new in renamed.items():
                name = name.replace(old, new)
            made[name] = values
    for path in [*folder.glob("*.safetensors"), folder / "model.safetensors.index.json"]:
        path.unlink()
    save_file(made, folder / "model.safetensors")
    rewrite_config(folder, architectures=["InternLM2ForCausalLM"], model_type="internlm2")
    return model


def make_minicpm(folder: Path) -> Any:
    """MiniCPM, which transformers has no code for: a Granite with other names for its factors."""
    import transformers

    size, layers = BASE["hidden_size"], BASE["num_hidden_layers"]
    config = transformers.GraniteConfig(
        **{**BASE, "embedding_multiplier": 12.0, "residual_multiplier": 1.4 / layers**0.5, "logits_scaling": size / 32,
           "attention_multiplier": (size // BASE["num_attention_heads"]) ** -0.5}
    )  # fmt: skip
    model = save_random(transformers.GraniteForCausalLM, config, folder)
    rewrite_config(
        folder, architectures=["MiniCPMForCausalLM"], model_type="minicpm", scale_emb=12, scale_depth=1.4, dim_model_base=32
    )
    return model


def make_internlm3(folder: Path) -> Any:
    """InternLM 3, which this transformers has no code for: a Llama under another name, stretched beyond its length only."""
    model = make_decoder(folder, "llama")
    rewrite_config(
        folder, architectures=["InternLM3ForCausalLM"], model_type="internlm3", rope_parameters=None,
        rope_theta=10000.0, rope_scaling={"rope_type": "dynamic", "factor": 6.0},
    )  # fmt: skip
    return model


def make_float8(folder: Path) -> Any:
    """A Qwen3 in FP8 with a scale for each block of 32 × 32, and the float32 model of just these weights."""
    import torch
    from safetensors.torch import load_file, save_file

    model = make_decoder(folder, "qwen3")
    tensors = {name: values for path in folder.glob("*.safetensors") for name, values in load_file(path).items()}
    for path in [*folder.glob("*.safetensors"), folder / "model.safetensors.index.json"]:
        path.unlink()
    for name, values in list(tensors.items()):
        if not name.endswith("_proj.weight"):
            continue
        rows, columns = values.shape
        blocks = values.reshape(rows // 32, 32, columns // 32, 32)
        scale = blocks.abs().amax(dim=(1, 3)) / 448
        tensors[name] = (blocks / scale[:, None, :, None]).reshape(rows, columns).to(torch.float8_e4m3fn)
        tensors[name + "_scale_inv"] = scale
        back = tensors[name].float().reshape(blocks.shape) * scale[:, None, :, None]
        model.get_parameter(name).data = back.reshape(rows, columns)
    save_file(tensors, folder / "model.safetensors")
    rewrite_config(folder, quantization_config={"quant_method": "fp8", "weight_block_size": [32, 32]})
    return model


SPECIAL = {"internlm 2": make_internlm2, "internlm 3": make_internlm3, "minicpm": make_minicpm, "qwen3 fp8": make_float8}
"""What is made by hand, each from a model that computes the same."""


def read_logits(path: Path, tokens: list[int], context: int = 256) -> numpy.ndarray:
    """What llama.cpp computes for each position, with an F32 cache and without flash attention."""
    from llama_cpp import Llama

    model = Llama(
        str(path), n_ctx=context, n_batch=context, n_ubatch=context, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False,
        type_k=0, type_v=0, flash_attn=False,
    )  # fmt: skip
    model.eval(tokens)
    logits = numpy.array(model.scores[: len(tokens)])
    model.close()
    return logits


def read_vectors(path: Path, tokens: list[int], pooling: int = 0) -> numpy.ndarray:
    """The vectors of an encoder for each token (pooling 0), or its judgement of the text (pooling 4)."""
    import ctypes

    import llama_cpp.llama_cpp as api

    parameters = api.llama_model_default_params()
    model = api.llama_model_load_from_file(str(path).encode(), parameters)
    assert model
    settings = api.llama_context_default_params()
    settings.n_ctx = settings.n_batch = settings.n_ubatch = 128
    settings.embeddings, settings.pooling_type, settings.n_threads, settings.n_threads_batch = True, pooling, 1, 1
    settings.flash_attn_type = 0
    context = api.llama_init_from_model(model, settings)
    batch = api.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for index, token in enumerate(tokens):
        batch.token[index], batch.pos[index], batch.n_seq_id[index], batch.logits[index] = token, index, 1, True
        batch.seq_id[index][0] = 0
    assert api.llama_encode(context, batch) == 0
    width = api.llama_model_n_embd(model)
    if pooling == 0:
        rows = [numpy.ctypeslib.as_array(api.llama_get_embeddings_ith(context, i), (width,)).copy() for i in range(len(tokens))]
    else:
        address = ctypes.cast(api.llama_get_embeddings_seq(context, 0), ctypes.POINTER(ctypes.c_float))
        rows = [numpy.ctypeslib.as_array(address, (max(1, api.llama_model_n_cls_out(model)),)).copy()]
    api.llama_batch_free(batch)
    api.llama_free(context)
    api.llama_model_free(model)
    return numpy.array(rows)


def sample_texts() -> list[str]:
    """English, Chinese and code to train tiny tokenizers on."""
    folder = resource_folder()
    prose = [(folder / "prompts" / name).read_text(encoding="utf-8") for name in ("welcome.en.md", "welcome.zh.md")]
    code = [path.read_text(encoding="utf-8") for path in sorted((folder.parent / "models").glob("*.py"))]
    return [line for text in (*prose, *code) for line in text.splitlines() if line.strip()]


def train_word_pieces(folder: Path, size: int) -> None:
    """A small tokenizer as BERT's."""
    from tokenizers import BertWordPieceTokenizer
    from tokenizers.processors import BertProcessing

    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(sample_texts(), vocab_size=size, show_progress=False, limit_alphabet=300)
    tokenizer.post_processor = BertProcessing(
        ("[SEP]", tokenizer.token_to_id("[SEP]")), ("[CLS]", tokenizer.token_to_id("[CLS]"))
    )
    save_tokenizer(tokenizer, folder, {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]"})


def train_unigram(folder: Path, size: int) -> None:
    """A small tokenizer as XLM-RoBERTa's."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(models.Unigram())
    steps = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(sample_texts(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", [("<s>", 0), ("</s>", 2)])
    roles = {"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    save_tokenizer(tokenizer, folder, {**roles, "cls_token": "<s>"})


def save_tokenizer(tokenizer: Any, folder: Path, settings: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
