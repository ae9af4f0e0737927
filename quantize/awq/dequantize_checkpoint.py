"""A 4-bit checkpoint (AWQ or compressed-tensors) back to an ordinary one in 16 bits, so that it can go where four-bit layouts cannot."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.torch_transformers.presence import require_torch
from models.errors import DamagedModelFile, QuantizationFailed
from models.formats import read_json
from quantize.output import Output, explain_write
from quantize.runner import Progress, run_step

if TYPE_CHECKING:
    from quantize.awq.checkpoint_writer import MadeTensor, StoredTensor

_PARTS = ("qweight", "qzeros", "scales", "g_idx", "weight_packed", "weight_scale", "weight_zero_point", "weight_shape")
TYPES = ("F16", "BF16", "F32")


def is_packed(folder: Path) -> bool:
    """Whether a folder is a checkpoint with four-bit weights that can be dequantized."""
    if not (folder / "config.json").is_file():
        return False
    settings = read_json(folder / "config.json").get("quantization_config")
    if not isinstance(settings, dict):
        return False
    method = settings.get("quant_method")
    return method == "awq" or (method == "compressed-tensors" and settings.get("format") == "pack-quantized")


def dequantize_checkpoint(
    source: Path,
    target: Path,
    kind: str = "F16",
    *,
    progress: Progress = lambda fraction, words: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Write the folder ``target`` with weights in ``kind`` (F16, BF16 or F32), in a child process; returns it.

    Raises:
        QuantizationFailed: it is no four-bit checkpoint, or the target is there already.
        UserFacingError: it is damaged, or the disk is full; the target is there whole or not at all.
    """
    require_torch()
    values = {"source": str(source), "target": str(target), "kind": kind}
    run_step(
        "quantize.awq.dequantize_checkpoint:dequantize_here",
        values,
        subject=str(source),
        progress=progress,
        is_cancelled=is_cancelled,
        needs_torch=True,
    )
    return target


def dequantize_here(source: str, target: str, kind: str, progress: Progress) -> None:
    """The work itself, in the process that calls it."""
    from backends.torch_transformers.loading import check_method
    from quantize.awq.checkpoint_writer import copy_side_files, write_json, write_weights

    folder, out = Path(source), Path(target)
    settings = read_json(folder / "config.json")
    if not is_packed(folder):
        raise QuantizationFailed(file=folder.name, reason="Its weights are not in four bits: there is nothing to dequantize.")
    check_method(settings, folder)
    if out.exists():
        reason = f"{out.name} is there already: move it, or choose another folder."
        raise QuantizationFailed(file=folder.name, reason=reason)
    try:
        with Output(out, source=folder.name) as output:
            made = output.path
            made.mkdir()
            write_weights(_list_tensors(folder, kind, progress), made)
            copy_side_files(folder, made)
            if (folder / "README.md").is_file():
                shutil.copyfile(folder / "README.md", made / "README.md")
            del settings["quantization_config"]
            write_json(made / "config.json", settings)
            for path in made.iterdir():
                if path.is_file():
                    with path.open("rb") as stream:
                        os.fsync(stream.fileno())
            made.replace(out)
    except OSError as error:
        raise explain_write(folder.name, out, error) from error


def _list_tensors(folder: Path, kind: str, progress: Progress) -> list[StoredTensor | MadeTensor]:
    """Everything of a checkpoint: what is packed is made when it is written."""
    from quantize.awq.checkpoint_writer import MadeTensor, StoredTensor
    from quantize.gguf.checkpoint import read_tensor_places

    places = {name: place for path in sorted(folder.glob("*.safetensors")) for name, place in read_tensor_places(path).items()}
    stems = sorted({name.rpartition(".")[0] for name in places if name.endswith((".qweight", ".weight_packed"))})
    inside = {f"{stem}.{part}" for stem in stems for part in _PARTS}
    tensors: list[StoredTensor | MadeTensor] = [StoredTensor(name, place) for name, place in places.items() if name not in inside]
    for number, stem in enumerate(stems):
        packed = places.get(f"{stem}.qweight")
        if packed is not None:
            shape = (packed.shape[1] * 8, packed.shape[0])
        else:
            words = places[f"{stem}.weight_packed"].shape
            shape = (words[0], words[1] * 8)

        def make(stem: str = stem, shape: tuple[int, int] = shape, done: float = (number + 1) / len(stems)) -> bytes:
            progress(done, stem)
            return _make_weight(places, stem, shape, kind)

        tensors.append(MadeTensor(f"{stem}.weight", kind, shape, make))
    return tensors


def _make_weight(places: dict[str, Any], stem: str, shape: tuple[int, int], kind: str) -> bytes:
    import torch
    from safetensors import safe_open

    from backends.torch_transformers.packing import dequantize
    from quantize.awq.restore import read_packed

    tensors = {}
    for part in _PARTS:
        name = f"{stem}.{part}"
        if name in places:
            with safe_open(places[name].file, "pt") as file:
                tensors[name] = file.get_tensor(name)
    try:
        weight = dequantize(*read_packed(tensors, stem))
    except (KeyError, RuntimeError, ValueError) as error:
        raise DamagedModelFile(file=stem, reason=f"The parts of “{stem}” do not fit together.") from error
    if tuple(weight.shape) != shape or not bool(torch.isfinite(weight).all()):
        raise DamagedModelFile(file=stem, reason=f"The parts of “{stem}” do not fit together.")
    types = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}
    return bytes(weight.to(types[kind]).contiguous().view(torch.uint8).numpy().tobytes())
