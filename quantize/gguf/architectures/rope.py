"""Rotary positions of decoders: where a checkpoint writes their settings, and how llama.cpp is told of their scaling."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from models.errors import QuantizationFailed

if TYPE_CHECKING:
    import numpy

_YARN_SETTINGS = {
    "extrapolation_factor": "add_rope_scaling_yarn_ext_factor",
    "attention_factor": "add_rope_scaling_yarn_attn_factor",
    "beta_fast": "add_rope_scaling_yarn_beta_fast",
    "beta_slow": "add_rope_scaling_yarn_beta_slow",
}


def rope_settings(config: dict[str, Any]) -> dict[str, Any]:
    """Rotary settings, wherever this version of transformers wrote them; ``rope_type`` is one word."""
    inside = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    if "full_attention" in inside:
        inside = dict(inside["full_attention"])
    theta: Any = config.get("rope_theta") or inside.get("rope_theta") or 10000.0
    kind = str(inside.get("rope_type", inside.get("type", "default"))).lower()
    kind = {"su": "longrope", "mrope": "default"}.get(kind, kind)
    if "original_max_position_embeddings" not in inside and "original_max_position_embeddings" in config:
        inside["original_max_position_embeddings"] = config["original_max_position_embeddings"]
    return {**inside, "rope_theta": float(theta), "rope_type": kind}


def write_rope(writer: Any, config: dict[str, Any]) -> None:
    """Write the base and the scaling of the rotary positions.

    Raises:
        QuantizationFailed: it scales its positions in a way that is not known here.
    """
    rope = rope_settings(config)
    kind = rope["rope_type"]
    writer.add_rope_freq_base(rope["rope_theta"])
    if kind in ("linear", "yarn", "longrope"):
        from gguf import RopeScalingType

        writer.add_rope_scaling_type(RopeScalingType[kind.upper()])
        if kind in ("linear", "yarn"):
            writer.add_rope_scaling_factor(float(rope["factor"]))
        if kind != "linear":
            original = rope.get("original_max_position_embeddings") or config["max_position_embeddings"]
            writer.add_rope_scaling_orig_ctx_len(int(original))
        if kind == "yarn":
            for name, method in _YARN_SETTINGS.items():
                if rope.get(name) is not None:
                    getattr(writer, method)(float(rope[name]))
        if kind == "longrope":
            writer.add_rope_scaling_attn_factors(_longrope_attention(rope, config))
    # “dynamic” changes nothing within the length the model was trained for, and more is not promised
    elif kind not in ("default", "llama3", "dynamic"):
        raise QuantizationFailed(
            file=str(config.get("model_type")), reason=f"Its positions are scaled by “{kind}”, which is not known here."
        )


def write_rope_sections(writer: Any, config: dict[str, Any]) -> None:
    """Write how many pairs of a head turn by time, by height and by width, for models that see.

    Raises:
        QuantizationFailed: it does not say so in three numbers.
    """
    sections = rope_settings(config).get("mrope_section")
    if not isinstance(sections, list) or len(sections) != 3:
        raise QuantizationFailed(file=str(config.get("model_type")), reason="Its mrope_section must be a list of 3 numbers.")
    writer.add_rope_dimension_sections([*(int(count) for count in sections), 0])


def _longrope_attention(rope: dict[str, Any], config: dict[str, Any]) -> float:
    """The factor on queries and keys. Formula: transformers, ``_compute_longrope_parameters``."""
    if rope.get("attention_factor") is not None:
        return float(rope["attention_factor"])
    original = int(rope.get("original_max_position_embeddings") or config["max_position_embeddings"])
    scale = float(rope.get("factor") or config["max_position_embeddings"] / original)
    return math.sqrt(1 + math.log(scale) / math.log(original)) if scale > 1 else 1.0


def rope_tensors(config: dict[str, Any], size: int) -> Iterator[tuple[str, numpy.ndarray]]:
    """Frequency factors that llama.cpp takes as tensors: Llama 3's, and longrope's two lists. ``size`` is what turns of a head."""
    import numpy

    rope = rope_settings(config)
    if rope["rope_type"] == "llama3":
        yield "rope_freqs.weight", numpy.asarray(_llama3_factors(rope, size), dtype=numpy.float32)
    if rope["rope_type"] == "longrope":
        for name in ("long", "short"):
            factors = rope.get(f"{name}_factor")
            if not isinstance(factors, list) or len(factors) != size // 2:
                raise QuantizationFailed(
                    file=str(config.get("model_type")), reason=f"Its {name}_factor must be a list of {size // 2} numbers."
                )
            yield f"rope_factors_{name}.weight", numpy.asarray(factors, dtype=numpy.float32)


def _llama3_factors(rope: dict[str, Any], size: int) -> list[float]:
    """Formula: transformers, ``_compute_llama3_parameters``."""
    factor, low, high = float(rope["factor"]), float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    old = float(rope["original_max_position_embeddings"])
    factors = []
    for index in range(0, size, 2):
        length = 2 * math.pi * rope["rope_theta"] ** (index / size)
        if length < old / high:
            factors.append(1.0)
        elif length > old / low:
            factors.append(factor)
        else:
            smooth = (old / length - low) / (high - low)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return factors
