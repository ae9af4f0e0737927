"""A Hugging Face checkpoint on disk: its settings, and its tensors read one by one through memory maps, without torch."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import DamagedModelFile, NotACheckpoint, QuantizationFailed
from models.formats import read_json, read_safetensors_info
from quantize.gguf.float8 import SCALE_ENDINGS, UNUSED_ENDINGS, apply_scale, decode_table

if TYPE_CHECKING:
    import numpy

LARGEST_JSON = 1 << 30
"""Bytes of a JSON file that is read whole: tokenizers of large vocabularies take tens of megabytes."""
_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
_STORED = {"F32": "float32", "F16": "float16", "BF16": "uint16", "F64": "float64", "F8_E4M3": "uint8", "F8_E5M2": "uint8"}
_MEMBER = re.compile(r"^(.*\.(?:experts|norms))\.(\d+)\.(.+)$")
_ROWS_AT_ONCE = 1 << 22
"""Values looked at together when damage is searched: a look at all of them would double the memory."""


@dataclass(frozen=True, slots=True)
class TensorPlace:
    """Where a tensor lies: offsets in bytes from the beginning of the file."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Checkpoint:
    """A folder with ``config.json`` and safetensors files, whole or in shards.

    ``tensors`` holds single tensors; ``stacks`` those that are stored piece by piece (“…experts.3.w1.weight”, “…norms.2.weight”) under
    the name without the number, in order. Scales of FP8 weights are in neither: reading a weight applies its scale.

    Raises:
        NotAModelFile: there is no such folder, or something in it is missing.
        DamagedModelFile: a file in it cannot be what it says it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / "config.json").is_file():
            raise NotACheckpoint(file=folder.name, reason="The folder holds no config.json with safetensors files.")
        self.config = self.read_json("config.json")
        self.tensors: dict[str, TensorPlace] = {}
        self.stacks: dict[str, list[str]] = {}
        self._scales: dict[str, TensorPlace] = {}
        for path in sorted(folder.glob("*.safetensors")):
            self.tensors.update(read_tensor_places(path))
        self._check_shards()
        self._check_quantization()
        self._set_scales_aside()
        self._stack()

    def read_json(self, name: str) -> dict[str, Any]:
        """A table from a JSON file of the folder; empty where there is none."""
        path = self.folder / name
        return read_json(path, LARGEST_JSON) if path.is_file() else {}

    def read_list(self, name: str) -> list[dict[str, Any]]:
        """A list of tables from a JSON file of the folder; empty where there is none."""
        try:
            value = json.loads(self.read_text(name) or "[]")
        except ValueError:
            value = []
        return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []

    def read_text(self, name: str) -> str:
        """A text file of the folder; empty where there is none."""
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def names(self) -> list[str]:
        """Every tensor and stack, sorted."""
        return sorted([*self.tensors, *self.stacks])

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor, or of a stack as one tensor."""
        pieces = self.stacks.get(name)
        return (len(pieces), *self.tensors_of_stack[pieces[0]].shape) if pieces else self.tensors[name].shape

    def dtype(self, name: str) -> str:
        """The stored type of a tensor, or of the pieces of a stack."""
        pieces = self.stacks.get(name)
        return self.tensors_of_stack[pieces[0]].dtype if pieces else self.tensors[name].dtype

    def read(self, name: str, *, raw: bool = False) -> numpy.ndarray:
        """A tensor as float32, in its shape; ``raw`` as it is stored (BF16 as uint16), not copied where it is one piece.

        Raises:
            DamagedModelFile: its type is unknown, its size does not fit, or it holds NaN or infinity.
        """
        import numpy

        pieces = self.stacks.get(name)
        if not pieces:
            return self._read_one(name, self.tensors[name], raw)
        first = self._read_one(pieces[0], self.tensors_of_stack[pieces[0]], raw)
        together = numpy.empty((len(pieces), *first.shape), dtype=first.dtype)
        together[0] = first
        for index, piece in enumerate(pieces[1:], 1):
            values = self._read_one(piece, self.tensors_of_stack[piece], raw)
            if values.shape != first.shape or values.dtype != first.dtype:
                raise DamagedModelFile(
                    file=self.folder.name, reason=f"The tensor “{piece}” has another shape than its neighbours."
                )
            together[index] = values
        return together

    def place(self, name: str) -> TensorPlace:
        """Where a tensor lies by the name it is stored under, pieces of stacks too."""
        return self.tensors[name] if name in self.tensors else self.tensors_of_stack[name]

    def read_single(self, name: str, *, raw: bool = False) -> numpy.ndarray:
        """As :meth:`read`, by the name it is stored under, pieces of stacks too."""
        return self._read_one(name, self.place(name), raw)

    def read_rows(self, name: str, rows: list[int]) -> numpy.ndarray:
        """Some rows of a matrix as float32; nothing else of it is read.

        Raises:
            DamagedModelFile: as for :meth:`read`.
        """
        return read_values(name, self.place(name), rows=rows)

    def _read_one(self, name: str, place: TensorPlace, raw: bool) -> numpy.ndarray:
        values = read_values(name, place, raw=raw)
        scale = None if raw else self._scales.get(name)
        if scale is not None:
            try:
                apply_scale(values, read_values(name + " (scale)", scale))
            except ValueError as error:
                raise DamagedModelFile(file=place.file.name, reason=f"The scales of “{name}” do not fit it: {error}.") from None
            _check_numbers(name, values, place)
        return values

    def _check_shards(self) -> None:
        index = self.read_json("model.safetensors.index.json").get("weight_map", {})
        missing = sorted({str(file) for name, file in index.items() if name not in self.tensors})
        if missing:
            raise NotACheckpoint(file=self.folder.name, reason=f"The shard {missing[0]} is missing or not whole.")
        if not self.tensors:
            raise NotACheckpoint(file=self.folder.name, reason="The folder holds no config.json with safetensors files.")

    def _check_quantization(self) -> None:
        """FP8 is known; other quantized checkpoints store something else than weights under the names of weights."""
        settings = self.config.get("quantization_config") or {}
        method = str(settings.get("quant_method", ""))
        if method in ("", "fp8") or (method == "compressed-tensors" and settings.get("format") == "float-quantized"):
            return
        raise QuantizationFailed(
            file=self.folder.name,
            reason=f"It is quantized already ({method}): take the checkpoint that it was made from.",
        )

    def _set_scales_aside(self) -> None:
        for name in list(self.tensors):
            if name.endswith(UNUSED_ENDINGS) and self.config.get("quantization_config"):
                del self.tensors[name]
                continue
            for ending in SCALE_ENDINGS:
                weight = name.removesuffix(ending)
                if name.endswith(ending) and weight in self.tensors and self.tensors[weight].dtype.startswith("F8_"):
                    self._scales[weight] = self.tensors.pop(name)
                    break

    def _stack(self) -> None:
        self.tensors_of_stack: dict[str, TensorPlace] = {}
        found: dict[str, dict[int, str]] = {}
        for name in list(self.tensors):
            match = _MEMBER.match(name)
            if match:
                found.setdefault(f"{match[1]}.{match[3]}", {})[int(match[2])] = name
                self.tensors_of_stack[name] = self.tensors.pop(name)
        for name, pieces in found.items():
            if sorted(pieces) != list(range(len(pieces))):
                lacking = next(number for number in range(len(pieces)) if number not in pieces)
                raise NotACheckpoint(file=self.folder.name, reason=f"Number {lacking} of “{name}” is missing.")
            self.stacks[name] = [pieces[number] for number in range(len(pieces))]


def read_tensor_places(path: Path) -> dict[str, TensorPlace]:
    """Where the tensors of a safetensors file lie.

    Raises:
        DamagedModelFile, NotAModelFile: its header does not fit it.
    """
    read_safetensors_info(path)  # refuses a header that does not fit the file
    places: dict[str, TensorPlace] = {}
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        place = TensorPlace(
            path, str(entry["dtype"]), tuple(int(n) for n in entry["shape"]), 8 + length + begin, 8 + length + end
        )
        count = 1
        for size in place.shape:
            count *= size
        if count * _BYTES.get(place.dtype, 1) != place.end - place.begin:
            raise DamagedModelFile(file=path.name, reason=f"The entry “{name}” of its header makes no sense.")
        places[name] = place
    return places


def read_values(name: str, place: TensorPlace, *, raw: bool = False, rows: list[int] | None = None) -> numpy.ndarray:
    """A tensor as float32, or some ``rows`` of it, scales not applied; ``raw`` as it is stored, not copied.

    Raises:
        DamagedModelFile: its type is unknown, it is empty, or it holds NaN or infinity.
    """
    import numpy

    if place.dtype not in _STORED:
        raise DamagedModelFile(
            file=place.file.name, reason=f"The tensor “{name}” has the type {place.dtype}, which cannot be converted."
        )
    if 0 in place.shape:
        raise DamagedModelFile(file=place.file.name, reason=f"The tensor “{name}” is empty.")
    data: numpy.ndarray = numpy.memmap(
        place.file, dtype=_STORED[place.dtype], mode="r", offset=place.begin, shape=place.shape or (1,)
    )
    if rows is not None:
        data = data[rows]
    values: numpy.ndarray
    if raw:
        values = data
    elif place.dtype == "BF16":
        wide = data.astype(numpy.uint32)
        wide <<= 16
        values = wide.view(numpy.float32)
    elif place.dtype.startswith("F8_"):
        values = decode_table(place.dtype)[data]
    else:
        values = data.astype(numpy.float32)
    _check_numbers(name, values, place)
    return values


def _check_numbers(name: str, values: numpy.ndarray, place: TensorPlace) -> None:
    import numpy

    flat = values.reshape(-1)
    for start in range(0, flat.size, _ROWS_AT_ONCE):
        part = flat[start : start + _ROWS_AT_ONCE]
        # BF16 as it is stored: an exponent of ones is infinity or NaN
        sound = ((part & 0x7F80) != 0x7F80).all() if part.dtype == numpy.uint16 else numpy.isfinite(part).all()
        if not sound:
            raise DamagedModelFile(file=place.file.name, reason=f"The tensor “{name}” holds values that are no numbers.")
