"""Tiny Qwen 3.5 models with random weights: most layers keep a state, one looks back, and one more guesses the token after the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy

from quantize.gguf.convert import convert_checkpoint
from tests.quantize.checkpoints import make_decoder, rewrite_config


def add_guessing_layer(folder: Path, *, seed: int = 11) -> dict[str, numpy.ndarray]:
    """Give a checkpoint a layer that guesses, as Qwen's own checkpoints hold it; returns its tensors."""
    from safetensors.numpy import load_file, save_file

    tensors = {name: values for path in folder.glob("*.safetensors") for name, values in load_file(path).items()}
    random = numpy.random.default_rng(seed)
    width = tensors["model.embed_tokens.weight"].shape[1]

    def norm(size: int) -> numpy.ndarray:
        return (random.standard_normal(size) * 0.1).astype(numpy.float32)

    # The last layer of the model looks back; what guesses is another one of its shape.
    last = max(int(name.split(".")[2]) for name in tensors if name.startswith("model.layers."))
    prefix = f"model.layers.{last}."
    made = {
        f"mtp.layers.0.{name.removeprefix(prefix)}": norm(len(values))
        if values.ndim == 1
        else (random.standard_normal(values.shape) * values.std()).astype(numpy.float32)
        for name, values in tensors.items()
        if name.startswith(prefix)
    }
    made["mtp.fc.weight"] = (random.standard_normal((width, 2 * width)) / numpy.sqrt(2 * width)).astype(numpy.float32)
    for name in ("norm", "pre_fc_norm_embedding", "pre_fc_norm_hidden"):
        made[f"mtp.{name}.weight"] = norm(width)
    for path in folder.glob("model*.safetensors*"):
        path.unlink()
    save_file({**tensors, **made}, folder / "model.safetensors", metadata={"format": "pt"})
    rewrite_config(folder, mtp_num_hidden_layers=1)
    return made


def make_states(folder: Path, *, guesses: bool = True) -> tuple[Path, Path, Any]:
    """A checkpoint, its GGUF in F32, and the model of transformers, which knows nothing of the layer that guesses."""
    checkpoint = folder / "checkpoint"
    checkpoint.mkdir(parents=True)
    model = make_decoder(checkpoint, "qwen3.5")
    if guesses:
        add_guessing_layer(checkpoint)
    return checkpoint, convert_checkpoint(checkpoint, folder / "states.gguf", "F32"), model
