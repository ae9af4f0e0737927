"""Qwen 3.5, its text part: three of four layers keep a state instead of looking back (gated delta networks), one looks back with a gate.

A layer more guesses the token after the next (multi-token prediction), where the checkpoint has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import LAYER_NAMES, refuse, tensor_name, write_dimensions
from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors
from quantize.gguf.architectures.rope import rope_settings

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("Qwen3_5ForCausalLM",)
NAME = "qwen35"
_NAMES = {
    **LAYER_NAMES, "post_attention_layernorm": "post_attention_norm", "linear_attn.in_proj_qkv": "attn_qkv",
    "linear_attn.in_proj_z": "attn_gate", "linear_attn.in_proj_a": "ssm_alpha", "linear_attn.in_proj_b": "ssm_beta",
    "linear_attn.conv1d": "ssm_conv1d", "linear_attn.norm": "ssm_norm", "linear_attn.out_proj": "ssm_out",
}  # fmt: skip
_GUESSING = "mtp."
_GUESSING_NAMES = {
    "mtp.fc": "nextn.eh_proj", "mtp.pre_fc_norm_embedding": "nextn.enorm", "mtp.pre_fc_norm_hidden": "nextn.hnorm",
    "mtp.norm": "nextn.shared_head_norm",
}  # fmt: skip
"""What stands before and after the layer that guesses."""
_DEFAULTS = {
    "head_dim": 256, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_num_key_heads": 16,
    "linear_num_value_heads": 32,
}  # fmt: skip
"""What transformers takes where a configuration is silent."""
_TURNING_SHARE = 0.25
_SECTIONS = (11, 11, 10)
"""Pairs of a head that turn by time, by height and by width, where a checkpoint does not say it."""


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture.

    Raises:
        QuantizationFailed: keys and values of the states differ in width, or layers are mixed in a way that llama.cpp cannot have.
    """
    config = {**_DEFAULTS, **config}
    if config["linear_key_head_dim"] != config["linear_value_head_dim"]:
        raise refuse(config, "linear_value_head_dim")
    step = _distance_of_full_layers(config)
    rope = rope_settings(config)
    if config.get("_guesses"):
        config["num_hidden_layers"] += 1
        writer.add_nextn_predict_layers(1)
    write_dimensions(writer, config, rope_part=float(rope.get("partial_rotary_factor", _TURNING_SHARE)))
    writer.add_rope_dimension_sections([*(int(count) for count in rope.get("mrope_section") or _SECTIONS), 0])
    writer.add_ssm_conv_kernel(int(config["linear_conv_kernel_dim"]))
    writer.add_ssm_state_size(int(config["linear_key_head_dim"]))
    writer.add_ssm_group_count(int(config["linear_num_key_heads"]))
    writer.add_ssm_time_step_rank(int(config["linear_num_value_heads"]))
    writer.add_ssm_inner_size(int(config["linear_value_head_dim"]) * int(config["linear_num_value_heads"]))
    writer.add_full_attention_interval(step)


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:
    """The tensors that one tensor of the checkpoint becomes."""
    import numpy

    config = {**_DEFAULTS, **config}
    if name.startswith(_GUESSING):
        if target := _guessing_name(name, config):
            yield target, values + 1 if values.ndim == 1 else values
        return
    number, _, inside = name.removeprefix("model.layers.").partition(".")
    values = _tile(inside, values, config)
    if inside == "linear_attn.A_log":
        yield f"blk.{number}.ssm_a", -numpy.exp(values)
    elif inside == "linear_attn.dt_bias":
        yield f"blk.{number}.ssm_dt.bias", values
    elif inside == "linear_attn.conv1d.weight":
        yield tensor_name(name, _NAMES), values.reshape(values.shape[0], -1)
    else:
        counts_from_one = name.endswith("norm.weight") and inside != "linear_attn.norm.weight"
        yield tensor_name(name, _NAMES), values + 1 if counts_from_one else values


def _guessing_name(name: str, config: dict[str, Any]) -> str:
    """llama.cpp's name for a tensor of the layer that guesses; empty for one of further such layers, of which it computes the first."""
    stem, _, ending = name.rpartition(".")
    number = int(config["num_hidden_layers"])
    if stem in _GUESSING_NAMES:
        return f"blk.{number}.{_GUESSING_NAMES[stem]}.{ending}"
    first = "mtp.layers.0."
    return tensor_name(f"model.layers.{number}.{name.removeprefix(first)}", _NAMES) if name.startswith(first) else ""


def _tile(inside: str, values: numpy.ndarray, config: dict[str, Any]) -> numpy.ndarray:
    """Heads of values from lying beside the key that they share to all first ones, all second ones: so llama.cpp repeats keys."""
    import numpy

    keys, heads, width = (int(config[f"linear_{part}"]) for part in ("num_key_heads", "num_value_heads", "value_head_dim"))
    if keys == heads or not inside.startswith("linear_attn.") or inside == "linear_attn.norm.weight":
        return values
    part = inside.removeprefix("linear_attn.").removesuffix(".weight")
    size = 1 if part in ("in_proj_a", "in_proj_b", "A_log", "dt_bias") else width
    if part == "out_proj":
        rows = values.shape[0]
        return values.reshape(rows, keys, heads // keys, size).swapaxes(1, 2).reshape(values.shape)
    before = values.shape[0] - heads * size  # queries and keys, which stay where they are
    tiled = values[before:].reshape(keys, heads // keys, size, *values.shape[1:]).swapaxes(0, 1)
    moved = tiled.reshape(heads * size, *values.shape[1:])
    return numpy.concatenate([values[:before], moved]) if before else moved


def _distance_of_full_layers(config: dict[str, Any]) -> int:
    kinds = config.get("layer_types") or []
    full = [number for number, kind in enumerate(kinds) if kind == "full_attention"]
    step = full[0] + 1 if full else int(config.get("full_attention_interval") or 4)
    if kinds and full != list(range(step - 1, len(kinds), step)):
        raise refuse(config, "layer_types")
    return step
