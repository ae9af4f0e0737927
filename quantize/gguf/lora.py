"""LoRA adapters of PEFT: made into an adapter that llama.cpp puts on a model, or added to the weights of the checkpoint for good.

Format: https://huggingface.co/docs/peft/developer_guides/checkpoint. A pair A (rank, inputs), B (outputs, rank) adds scale · B · A.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import NotACheckpoint, QuantizationFailed
from models.peft_adapter import ADAPTER_WEIGHTS, PeftSettings
from quantize.gguf.architectures import find_architecture
from quantize.gguf.checkpoint import Checkpoint, read_tensor_places, read_values
from quantize.output import Output
from quantize.runner import Progress

if TYPE_CHECKING:
    import numpy

_WRITABLE = ("F32", "F16", "BF16")


@dataclass(frozen=True, slots=True)
class Pair:
    """What is added to one weight: ``scale`` · b (outputs, rank) · a (rank, inputs), float32."""

    weight: str
    a: numpy.ndarray
    b: numpy.ndarray
    scale: float
    is_embedding: bool


class Adapter:
    """A folder with ``adapter_config.json`` and ``adapter_model.safetensors``.

    Raises:
        NotAModelFile: it is no such folder.
        QuantizationFailed: it does more than a plain LoRA.
        DamagedModelFile: its file is cut off or corrupted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._settings = PeftSettings(folder, lambda reason: QuantizationFailed(file=folder.name, reason=reason))
        self.config = self._settings.config
        self._places = read_tensor_places(folder / ADAPTER_WEIGHTS)
        self._names = self._settings.pairs(list(self._places))

    def pairs(self) -> Iterator[Pair]:
        """Every pair, sorted by weight.

        Raises:
            QuantizationFailed: a pair does not fit together.
            DamagedModelFile: it holds values that are no numbers.
        """
        for names in self._names:
            a, b = (read_values(name, self._places[name]) for name in (names.a, names.b))
            if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1]:
                raise QuantizationFailed(file=self.folder.name, reason=f"The pair for “{names.stem}” does not fit together.")
            scale = self._settings.scale(names.stem, a.shape[0])
            yield Pair(f"{names.stem}.weight", a, b, scale, names.is_embedding)


def convert_adapter(adapter: Path, base: Path, target: Path) -> Path:
    """Make llama.cpp's adapter file; ``base`` is the folder of the model's checkpoint, of which only ``config.json`` is read.

    Raises:
        UnsupportedArchitecture: the base is of an architecture that is not known here.
        QuantizationFailed: the adapter changes something that llama.cpp puts no adapter on.
    """
    import gguf
    import numpy

    source = Adapter(adapter)
    config = _read_config(base)
    architecture = find_architecture(config, base.name)
    with Output(target, source=adapter.name) as output:
        writer = gguf.GGUFWriter(output.path, architecture.NAME)
        writer.add_type("adapter")
        writer.add_name(adapter.resolve().name)
        writer.add_string("adapter.type", "lora")
        # Every pair carries its own factor, so that one alpha, divided by each rank, can serve all.
        writer.add_float32("adapter.lora.alpha", 1.0)
        count = 0
        for pair in source.pairs():
            rank = pair.a.shape[0]
            b = pair.b * numpy.float32(pair.scale * rank)
            for name, part in _targets(architecture, pair, b, config, adapter.name):
                a = numpy.ascontiguousarray(pair.a.T) if pair.is_embedding else pair.a
                writer.add_tensor(f"{name}.lora_a", a)
                writer.add_tensor(f"{name}.lora_b", numpy.ascontiguousarray(part, dtype=numpy.float32))
                count += 1
        if not count:
            raise QuantizationFailed(file=adapter.name, reason="It holds no pairs.")
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return output.keep()


def _targets(
    architecture: Any, pair: Pair, b: numpy.ndarray, config: dict[str, Any], file: str
) -> Iterator[tuple[str, numpy.ndarray]]:
    """llama.cpp's names for the rows of B: rows are reordered as the weight's are, and cut where it is cut."""
    rank = b.shape[1]
    if architecture.NAME == "gpt2" or pair.weight.endswith("kv_b_proj.weight"):
        raise QuantizationFailed(file=file, reason=f"llama.cpp puts no adapter on “{pair.weight}” of this architecture.")
    for name, part in architecture.convert(pair.weight, b, config):
        if part.ndim != 2 or part.shape[1] != rank:
            raise QuantizationFailed(file=file, reason=f"llama.cpp puts no adapter on “{pair.weight}” of this architecture.")
        yield name, part


def merge_adapter(
    base: Path,
    adapter: Path,
    target: Path,
    *,
    progress: Progress = lambda fraction, text: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """A copy of the checkpoint with the adapter added to its weights, in the types they had; returns ``target``.

    Raises:
        QuantizationFailed: a weight that it changes is not in the base, has another shape, or the folder is there already.
        WorkCancelled: it was cancelled; nothing is left behind.
    """
    from models.errors import WorkCancelled

    checkpoint, source = Checkpoint(base), Adapter(adapter)
    if target.exists():
        raise QuantizationFailed(file=base.name, reason=f"There is a folder {target.name} already.")
    pairs = list(source.pairs())
    with Output(target, source=base.name) as output:
        shutil.copytree(base, output.path)
        for number, pair in enumerate(pairs):
            if is_cancelled():
                raise WorkCancelled()
            _add(checkpoint, pair, output.path, bool(source.config.get("fan_in_fan_out")), adapter.name)
            progress((number + 1) / len(pairs), pair.weight)
        output.path.replace(target)
    return target


def _add(checkpoint: Checkpoint, pair: Pair, folder: Path, is_transposed: bool, file: str) -> None:
    import numpy

    place = checkpoint.tensors.get(pair.weight) or checkpoint.tensors_of_stack.get(pair.weight)
    delta = pair.b @ pair.a * numpy.float32(pair.scale)
    delta = delta.T if is_transposed or pair.is_embedding else delta
    if place is None or place.shape != delta.shape or place.dtype not in _WRITABLE:
        raise QuantizationFailed(file=file, reason=f"It changes “{pair.weight}”, which the base does not have in this shape.")
    values = read_values(pair.weight, place) + delta
    path = folder / place.file.name
    if place.dtype == "BF16":
        bits = values.view(numpy.uint32)
        stored = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(numpy.uint16)  # to nearest, ties to even
    else:
        stored = values.astype({"F32": numpy.float32, "F16": numpy.float16}[place.dtype])
    room = numpy.memmap(path, dtype=stored.dtype, mode="r+", offset=place.begin, shape=place.shape)
    room[...] = stored
    room.flush()


def _read_config(base: Path) -> dict[str, Any]:
    from models.formats import read_json

    path = base / "config.json"
    if not path.is_file():
        raise NotACheckpoint(file=base.name, reason="The folder holds no config.json of the model that the adapter is for.")
    config = read_json(path, 1 << 24)
    return {**config, **(config.get("text_config") or {}), "architectures": config.get("architectures")}
