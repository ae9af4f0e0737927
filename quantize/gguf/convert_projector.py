"""Turns the part of a checkpoint that sees into a projector (mmproj), which llama.cpp loads beside the text model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from models.errors import InvalidOption, QuantizationFailed, UnsupportedArchitecture
from models.gguf_header import read_header
from quantize.fingerprint import fingerprint
from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.convert import SOURCE_KEY, Plan, check_room, write_file
from quantize.gguf.model_card import write_general
from quantize.gguf.projectors import find_projector
from quantize.gguf.text_part import has_eyes, text_name
from quantize.order import PROJECTOR_TYPES
from quantize.output import Output
from quantize.runner import Progress, run_step

if TYPE_CHECKING:
    import numpy


def find_seeing_part(checkpoint: Checkpoint) -> ModuleType | None:
    """The module that converts what this checkpoint sees with; None for a checkpoint of text alone.

    Raises:
        UnsupportedArchitecture: it sees, but in a way that is not known here: its text model alone would be blind.
    """
    if not has_eyes(checkpoint.config):
        return None
    module = find_projector(checkpoint.config)
    if module is None:
        names = checkpoint.config.get("architectures") or [checkpoint.config.get("model_type", "")]
        raise UnsupportedArchitecture(architecture=str(names[0]), file=checkpoint.folder.name)
    return module


def convert_projector(
    folder: Path,
    target: Path,
    file_type: str = "F16",
    *,
    progress: Progress = lambda fraction, text: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Write the projector of a checkpoint; returns ``target``. Runs in a child process; nothing has a final name before it is whole.

    Raises:
        UnsupportedArchitecture: it sees in a way that is not known here.
        QuantizationFailed: it has no part that sees, or a tensor cannot be converted.
        DiskFull: there is less room than the file will take.
        UserFacingError: the checkpoint is damaged, or the process died.
    """
    if file_type.upper() not in PROJECTOR_TYPES:
        raise InvalidOption(option="--projector", value=file_type, allowed="one of " + ", ".join(PROJECTOR_TYPES))
    checkpoint = Checkpoint(folder)
    values = sum(_count(checkpoint.shape(name)) for name in _names(checkpoint))
    with Output(target, source=folder.name) as output:
        check_room(output.folder, target.parent, values, file_type.upper())
        arguments = {"folder": str(folder), "target": str(output.path), "file_type": file_type.upper()}
        step = "quantize.gguf.convert_projector:convert_projector_here"
        written = run_step(step, arguments, subject=str(folder), progress=progress, is_cancelled=is_cancelled)
        found = len(read_header(output.path).tensors)
        if found != written:
            reason = f"Its projector holds {found} of {written} tensors."
            raise QuantizationFailed(file=folder.name, reason=reason)
        return output.keep()


def convert_projector_here(folder: str, target: str, file_type: str, progress: Progress) -> int:
    """The conversion itself, in the process that calls it; returns how many tensors were written."""
    import gguf

    checkpoint = Checkpoint(Path(folder))
    module = find_seeing_part(checkpoint)
    if module is None:
        raise QuantizationFailed(file=checkpoint.folder.name, reason="It has no part that sees pictures.")
    plans = plan_projector(checkpoint, module, file_type)
    if not plans:
        raise QuantizationFailed(file=checkpoint.folder.name, reason="It holds no tensors of the part that sees pictures.")
    writer = gguf.GGUFWriter(target, "clip")
    write_general(writer, checkpoint, file_type, sum(_count(plan.shape) for plan in plans), kind="mmproj")
    writer.add_string(SOURCE_KEY, fingerprint(checkpoint.folder))
    writer.add_clip_projector_type(module.PROJECTOR or module.projector_type(checkpoint))
    module.write_settings(writer, checkpoint)
    write_file(writer, plans, _iter_tensors(checkpoint, module), progress)
    return len(plans)


def plan_projector(checkpoint: Checkpoint, module: ModuleType, file_type: str) -> list[Plan]:
    """What will be written: vectors, positions and odd ones in F32, the first convolution in F16 or F32, matrices in the type."""
    import gguf
    import numpy

    block = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[file_type]][0]
    plans = []
    for name in _names(checkpoint):
        empty = numpy.broadcast_to(numpy.float32(0), checkpoint.shape(name))
        for target, values in module.convert(name, empty, checkpoint):
            kind = module.kind(target, file_type)
            if not kind and (values.ndim == 1 or "_embd" in target):
                is_patch = "patch_embd.weight" in target and file_type == "F16"
                kind = "F16" if is_patch else "F32"
            fits = values.shape[-1] % block == 0
            plans.append(Plan(target, values.shape, kind or (file_type if fits else "F16")))
    return plans


def _iter_tensors(checkpoint: Checkpoint, module: ModuleType) -> Iterator[numpy.ndarray]:
    for name in _names(checkpoint):
        for _target, values in module.convert(name, checkpoint.read(name), checkpoint):
            yield values


def _names(checkpoint: Checkpoint) -> list[str]:
    return [name for name in checkpoint.names() if not text_name(name, checkpoint.config)]


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for length in shape:
        count *= length
    return count


def projector_name(model: str, file_type: str) -> str:
    """What the projector beside a model of this name is called."""
    return f"mmproj-{model}-{file_type.upper()}.gguf"
