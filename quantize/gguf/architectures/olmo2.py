"""OLMo 2 and 3: norms after attention and feed-forward, and on queries and keys; OLMo 3 looks only so far back in most layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import LAYER_NAMES, tensor_name, write_dimensions
from quantize.gguf.architectures.decoder import no_extra_tensors as extra_tensors

if TYPE_CHECKING:
    import numpy

__all__ = ["CHECKPOINTS", "NAME", "convert", "extra_tensors", "write_settings"]

CHECKPOINTS = ("Olmo2ForCausalLM", "Olmo3ForCausalLM")
NAME = "olmo2"
_LAYERS = {
    **LAYER_NAMES,
    "post_attention_layernorm": "post_attention_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    write_dimensions(writer, config)
    if config.get("sliding_window"):
        kinds = config.get("layer_types") or []
        count = int(config["num_hidden_layers"])
        near = [kind == "sliding_attention" for kind in kinds] or [(number + 1) % 4 != 0 for number in range(count)]
        writer.add_sliding_window(int(config["sliding_window"]))
        writer.add_sliding_window_pattern(near)


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:  # noqa: ARG001
    """The tensors that one tensor of the checkpoint becomes."""
    target = tensor_name(name, _LAYERS)
    if target:
        yield target, values
