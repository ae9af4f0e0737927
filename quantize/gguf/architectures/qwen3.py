"""Qwen3: as it stands, with norms on queries and keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quantize.gguf.architectures.decoder import tensor_name, write_dimensions

if TYPE_CHECKING:
    import numpy

CHECKPOINTS = ("Qwen3ForCausalLM",)
NAME = "qwen3"


def write_settings(writer: Any, config: dict[str, Any]) -> None:
    """Metadata of the architecture."""
    write_dimensions(writer, config)


def convert(name: str, values: numpy.ndarray, config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:  # noqa: ARG001
    """The tensors that one tensor of the checkpoint becomes."""
    target = tensor_name(name)
    if target:
        yield target, values


def extra_tensors(config: dict[str, Any]) -> Iterator[tuple[str, numpy.ndarray]]:  # noqa: ARG001
    """None."""
    yield from ()
