"""How large an AWQ checkpoint will be, from the headers of its source alone."""

from __future__ import annotations

from pathlib import Path

from quantize.awq.recipe import AwqRecipe


def predict_bytes(folder: Path, recipe: AwqRecipe) -> int:
    """Bytes of weights: matrices within the layers in four bits with their scales and zeros, everything else as it is.

    Raises:
        UserFacingError: the folder is no checkpoint.
    """
    from quantize.gguf.checkpoint import Checkpoint
    from quantize.gguf.text_part import text_name

    checkpoint = Checkpoint(folder)
    config = checkpoint.read_json("config.json")
    pieces = [piece for pieces in checkpoint.stacks.values() for piece in pieces]
    total = 0.0
    for name in (*checkpoint.tensors, *pieces):
        place = checkpoint.place(name)
        if len(place.shape) == 2 and ".layers." in text_name(name, config) and place.shape[1] % recipe.group_size == 0:
            count = place.shape[0] * place.shape[1]
            total += count / 2 + count / recipe.group_size * 2.5
        else:
            total += place.end - place.begin
    return int(total)
