"""Turns a Hugging Face checkpoint into a GGUF, tensor by tensor through memory maps, without torch."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import DiskFull, InvalidOption, NotACheckpoint, QuantizationFailed
from quantize.fingerprint import fingerprint
from quantize.gguf.architectures import find_architecture
from quantize.gguf.checkpoint import Checkpoint
from quantize.gguf.model_card import read_pooling, write_general
from quantize.gguf.text_part import text_name, text_settings
from quantize.gguf.vocabulary import read_vocabulary, write_vocabulary
from quantize.output import Output
from quantize.runner import Progress, run_step

if TYPE_CHECKING:
    import numpy

CONVERTED_TYPES = ("F32", "F16", "BF16", "Q8_0")
SOURCE_KEY = "yanmo.source"
"""Metadata that says which checkpoint a file was made from, so that a run that was interrupted finds its work again."""
_TYPE_BYTES = {"F32": 4.0, "F16": 2.0, "BF16": 2.0, "Q8_0": 34 / 32}


@dataclass(frozen=True, slots=True)
class Plan:
    """A tensor to be written: its name, shape, and ggml type."""

    name: str
    shape: tuple[int, ...]
    kind: str


def convert_checkpoint(
    folder: Path,
    target: Path,
    file_type: str = "F16",
    *,
    split_bytes: int = 0,
    progress: Progress = lambda fraction, text: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Convert a checkpoint; returns ``target``, or its first part where ``split_bytes`` cut it. Runs in a child process.

    Nothing has a final name before it is whole.

    Raises:
        UnsupportedArchitecture: its architecture is not known here.
        QuantizationFailed: its tokenizer or a tensor cannot be converted.
        DiskFull: there is less room than the file will take.
        UserFacingError: the checkpoint is damaged, or the process died.
    """
    if file_type.upper() not in CONVERTED_TYPES:
        raise InvalidOption(option="--to", value=file_type, allowed="one of " + ", ".join(CONVERTED_TYPES))
    values = _count_values(Checkpoint(folder))
    with Output(target, source=folder.name) as output:
        check_room(output.folder, target.parent, values, file_type.upper())
        arguments = {
            "folder": str(folder),
            "target": str(output.path),
            "file_type": file_type.upper(),
            "split_bytes": split_bytes,
        }
        run_step(
            "quantize.gguf.convert:convert_here", arguments, subject=str(folder), progress=progress, is_cancelled=is_cancelled
        )
        return output.keep()


def convert_here(folder: str, target: str, file_type: str, split_bytes: int, progress: Progress) -> int:
    """The conversion itself, in the process that calls it; returns how many tensors were written."""
    import gguf

    checkpoint = Checkpoint(Path(folder))
    config = read_settings(checkpoint)
    architecture = find_architecture(config, checkpoint.folder.name)
    # First every name and shape, then every tensor: no more than one is in memory at a time.
    plans = make_plans(checkpoint, architecture, config, file_type)
    rows = next((plan.shape[0] for plan in plans if plan.name == "token_embd.weight"), 0)
    if not rows:
        raise QuantizationFailed(file=checkpoint.folder.name, reason="It holds no token embeddings.")
    config["vocab_size"] = rows
    writer = gguf.GGUFWriter(target, architecture.NAME, split_max_size=split_bytes)
    write_general(writer, checkpoint, file_type, sum(_count(plan.shape) for plan in plans))
    writer.add_string(SOURCE_KEY, fingerprint(checkpoint.folder))
    architecture.write_settings(writer, config)
    write_vocabulary(writer, read_vocabulary(checkpoint, rows))
    write_file(writer, plans, iter_tensors(checkpoint, architecture, config, file_type), progress)
    return len(plans)


def check_room(folder: Path, named: Path, values: int, file_type: str) -> None:
    """Refuse to begin what will not fit: ``values`` numbers in a type, in ``folder``; ``named`` is the folder to tell of.

    Raises:
        DiskFull: there is less room.
    """
    room = shutil.disk_usage(folder).free
    if room < int(values * _TYPE_BYTES[file_type]):
        raise DiskFull(folder=named, free=f"{room / 2**30:.1f} GB")


def write_file(writer: Any, plans: list[Plan], tensors: Iterator[numpy.ndarray], progress: Progress) -> None:
    """Write the metadata that ``writer`` was given and then ``tensors``, which must come in the order of their ``plans``."""
    import gguf
    import numpy

    for plan in plans:
        kind = gguf.GGMLQuantizationType[plan.kind]
        is_packed = plan.kind in ("Q8_0", "BF16")
        stored = gguf.quants.quant_shape_to_byte_shape(plan.shape, kind) if is_packed else plan.shape
        dtype = {"F32": "float32", "F16": "float16"}.get(plan.kind, "uint8")
        writer.add_tensor_info(plan.name, stored, numpy.dtype(dtype), _byte_count(plan, gguf), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for written, (plan, values) in enumerate(zip(plans, tensors, strict=True)):
        writer.write_tensor_data(encode(values, plan.kind, gguf))
        progress((written + 1) / len(plans), plan.name)
    writer.close()


def read_settings(checkpoint: Checkpoint) -> dict[str, Any]:
    """The checkpoint's settings, those of a nested text model included; ``_pooling`` is how its vectors become one.

    ``_guesses`` is whether it holds a layer that guesses ahead: settings tell of one also where its tensors were left out.
    """
    config = {**checkpoint.config, **text_settings(checkpoint.config)}
    config["architectures"] = checkpoint.config.get("architectures") or config.get("architectures")
    guesses = any(name.startswith("mtp.") for name in checkpoint.names())
    return {**config, "_pooling": read_pooling(checkpoint), "_guesses": guesses}


def make_plans(checkpoint: Checkpoint, architecture: Any, config: dict[str, Any], file_type: str) -> list[Plan]:
    """What will be written: matrices in the type, in F16 where their rows do not fit its blocks, and vectors in F32."""
    import gguf

    experts = config.get("num_local_experts") or config.get("num_experts") or config.get("n_routed_experts")
    for name, pieces in checkpoint.stacks.items():
        if ".experts." in name and experts and len(pieces) != int(experts):
            raise NotACheckpoint(
                file=checkpoint.folder.name, reason=f"It holds {len(pieces)} of the {experts} experts of “{name}”."
            )
    block = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[file_type]][0]
    plans = []
    for name, shape in iter_shapes(checkpoint, architecture, config):
        fits = shape[-1] % block == 0
        plans.append(Plan(name, shape, "F32" if len(shape) == 1 or is_small(name) else file_type if fits else "F16"))
    return plans


def is_small(name: str) -> bool:
    """Tensors that llama.cpp computes with in F32 whatever the file's type: routers of experts, positions, token types, norms,
    convolutions over time."""
    return name.endswith("_norm.weight") or any(
        part in name for part in ("ffn_gate_inp", "position_embd", "token_types", "exp_probs", "rope_f", "ssm_conv1d")
    )


def iter_tensors(checkpoint: Checkpoint, architecture: Any, config: dict[str, Any], file_type: str) -> Iterator[numpy.ndarray]:
    """Every tensor of the GGUF, read when it is asked for: in the bits it is stored in where they stay, else float32."""
    for name in _used_names(checkpoint, config):
        raw = len(checkpoint.shape(name)) > 1 and checkpoint.dtype(name) == file_type
        inside = text_name(name, checkpoint.config)
        for _target, values in architecture.convert(inside, checkpoint.read(name, raw=raw), config):
            yield values
    for _target, values in architecture.extra_tensors(config):
        yield values


def iter_shapes(checkpoint: Checkpoint, architecture: Any, config: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of what :func:`iter_tensors` will give, from zeros that take no memory."""
    import numpy

    for name in _used_names(checkpoint, config):
        empty = numpy.broadcast_to(numpy.float32(0), checkpoint.shape(name))
        for target, values in architecture.convert(text_name(name, checkpoint.config), empty, config):
            yield target, values.shape
    for target, values in architecture.extra_tensors(config):
        yield target, values.shape


def _used_names(checkpoint: Checkpoint, config: dict[str, Any]) -> list[str]:
    """The text model's, all but a tied output: llama.cpp takes the embeddings for it."""
    unused = {"", "lm_head.weight"} if config.get("tie_word_embeddings") else {""}
    return [name for name in checkpoint.names() if text_name(name, checkpoint.config) not in unused]


def encode(values: numpy.ndarray, kind: str, gguf: Any) -> numpy.ndarray:
    """The bytes of a tensor in a type; uint16 is BF16 as it was stored."""
    import numpy

    if values.dtype == numpy.uint16:
        if kind == "BF16":
            return numpy.ascontiguousarray(values).view(numpy.uint8)
        wide = values.astype(numpy.uint32)
        wide <<= 16
        values = wide.view(numpy.float32)
    if kind == "F32":
        return numpy.ascontiguousarray(values, dtype=numpy.float32)
    if kind == "F16":
        return numpy.ascontiguousarray(values, dtype=numpy.float16)
    encoded: numpy.ndarray = gguf.quants.quantize(numpy.ascontiguousarray(values), gguf.GGMLQuantizationType[kind])
    return encoded


def lossless_type(folder: Path) -> str:
    """The type of file that loses nothing of a checkpoint: that of its largest tensor, BF16 for FP8.

    Raises:
        UserFacingError: it is no checkpoint, or is damaged.
    """
    checkpoint = Checkpoint(folder)
    largest = max(checkpoint.names(), key=lambda name: _count(checkpoint.shape(name)))
    return {"F32": "F32", "F64": "F32", "F16": "F16"}.get(checkpoint.dtype(largest), "BF16")


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for length in shape:
        count *= length
    return count


def _count_values(checkpoint: Checkpoint) -> int:
    return sum(_count(checkpoint.shape(name)) for name in checkpoint.names())


def _byte_count(plan: Plan, gguf: Any) -> int:
    block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[plan.kind]]
    return int(_count(plan.shape) // block * size)
