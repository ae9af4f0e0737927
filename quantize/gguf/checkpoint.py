"""A Hugging Face checkpoint on disk: its settings, and its tensors read one by one through memory maps, without torch."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import DamagedModelFile, NotAModelFile
from models.formats import read_json, read_safetensors_info

if TYPE_CHECKING:
    import numpy

LARGEST_JSON = 1 << 30
"""Bytes of a JSON file that is read whole: tokenizers of large vocabularies take tens of megabytes."""
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


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

    Raises:
        NotAModelFile: there is no such folder, or something in it is missing.
        DamagedModelFile: a file in it cannot be what it says it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / "config.json").is_file():
            raise NotAModelFile(file=folder.name, reason="The folder holds no config.json with safetensors files.")
        self.config = self.read_json("config.json")
        self.tensors: dict[str, TensorPlace] = {}
        for path in sorted(folder.glob("*.safetensors")):
            self._add_file(path)
        self._check_shards()

    def read_json(self, name: str) -> dict[str, Any]:
        """A table from a JSON file of the folder; empty where there is none."""
        path = self.folder / name
        return read_json(path, LARGEST_JSON) if path.is_file() else {}

    def read_text(self, name: str) -> str:
        """A text file of the folder; empty where there is none."""
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def read(self, name: str) -> numpy.ndarray:
        """A tensor as float32, in its shape.

        Raises:
            DamagedModelFile: its type is unknown, its size does not fit, or it holds NaN or infinity.
        """
        import numpy

        place = self.tensors[name]
        if place.dtype not in ("F32", "F16", "BF16", "F64"):
            raise DamagedModelFile(
                file=place.file.name, reason=f"The tensor “{name}” has the type {place.dtype}, which cannot be converted."
            )
        stored = {"F32": numpy.float32, "F16": numpy.float16, "BF16": numpy.uint16, "F64": numpy.float64}[place.dtype]
        data = numpy.memmap(place.file, dtype=stored, mode="r", offset=place.begin, shape=place.shape)
        if place.dtype == "BF16":
            values = (data.astype(numpy.uint32) << 16).view(numpy.float32)
        else:
            values = data.astype(numpy.float32)
        if not numpy.isfinite(values).all():
            raise DamagedModelFile(file=place.file.name, reason=f"The tensor “{name}” holds values that are no numbers.")
        return values

    def _add_file(self, path: Path) -> None:
        read_safetensors_info(path)  # refuses a header that does not fit the file
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
            self.tensors[name] = place

    def _check_shards(self) -> None:
        index = self.read_json("model.safetensors.index.json").get("weight_map", {})
        missing = sorted({str(file) for name, file in index.items() if name not in self.tensors})
        if missing:
            raise NotAModelFile(file=self.folder.name, reason=f"The shard {missing[0]} is missing or not whole.")
        if not self.tensors:
            raise NotAModelFile(file=self.folder.name, reason="The folder holds no config.json with safetensors files.")
