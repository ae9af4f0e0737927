"""Reads the header of a GGUF file without trusting it: every count and length is checked against the file before it is used.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The file is read, never memory-mapped: a file that is cut off
while it is mapped kills the process that looks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from models.errors import DamagedModelFile, ModelNotFound, NotAModelFile, UnsupportedArchitecture
from models.gguf_types import ARRAY, SCALAR_FORMATS, STRING, TENSOR_TYPES, UINT32, TensorType

MAGIC = b"GGUF"
_WINDOW = 1 << 20
_LONGEST_KEY = 65_535
_LONGEST_TEXT = 64 << 20
_LONGEST_TENSOR_NAME = 63
_MOST_DIMENSIONS = 4
_SMALLEST_PAIR = 8 + 1 + 4 + 1
_SMALLEST_TENSOR = 8 + 1 + 4 + 8 + 4 + 8

Scalar = int | float | bool | str


@dataclass(frozen=True, slots=True)
class ArrayPlace:
    """Where an array of metadata lies: read only on demand, because a vocabulary has 150,000 strings."""

    element_type: int
    count: int
    offset: int


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor. ``shape`` has the fastest dimension first, as the file does; ``offset`` counts from the start of the data."""

    name: str
    shape: tuple[int, ...]
    type: TensorType
    offset: int

    @property
    def element_count(self) -> int:
        """Values in the tensor."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def byte_count(self) -> int:
        """Bytes it takes in the file."""
        return self.element_count // self.type.block_size * self.type.block_bytes


@dataclass(frozen=True)
class GgufHeader:
    """Everything before the weights. ``metadata`` holds scalars and texts as values and arrays as places."""

    path: Path
    version: int
    metadata: dict[str, Scalar | ArrayPlace]
    tensors: tuple[TensorInfo, ...]
    data_offset: int
    alignment: int
    file_size: int

    @property
    def architecture(self) -> str:
        """``general.architecture``; empty where it is missing."""
        return self.text("general.architecture")

    @cached_property
    def parameter_count(self) -> int:
        """Values in all tensors of this file."""
        return sum(tensor.element_count for tensor in self.tensors)

    def text(self, key: str, default: str = "") -> str:
        """The text under ``key``; ``default`` where there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else default

    def whole(self, key: str, default: int = 0) -> int:
        """The whole number under ``key``; ``default`` where there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else default

    def of_architecture(self, key: str, default: int = 0) -> int:
        """The whole number under ``<architecture>.<key>``."""
        return self.whole(f"{self.architecture}.{key}", default)

    def per_layer(self, key: str, layers: int) -> list[int]:
        """``<architecture>.<key>`` for each layer: one number holds for all, an array gives one each. Empty where missing."""
        value = self.metadata.get(f"{self.architecture}.{key}")
        if isinstance(value, ArrayPlace):
            return [int(item) for item in self.read_array(f"{self.architecture}.{key}", most=4096) if not isinstance(item, str)]
        return [value] * layers if isinstance(value, int) else []

    def count_of(self, key: str) -> int:
        """Elements in the array under ``key``; 0 where there is none."""
        value = self.metadata.get(key)
        return value.count if isinstance(value, ArrayPlace) else 0

    def read_array(self, key: str, most: int | None = None) -> list[Scalar]:
        """The elements of the array under ``key``, at most ``most`` of them; empty where there is none.

        Raises:
            DamagedModelFile: the file changed since the header was read.
        """
        place = self.metadata.get(key)
        if not isinstance(place, ArrayPlace):
            return []
        count = place.count if most is None else min(place.count, most)
        with _open(self.path) as file:
            reader = _Reader(file, self.path, place.offset)
            if place.element_type == STRING:
                return [reader.text(_LONGEST_TEXT) for _ in range(count)]
            size = struct.calcsize(SCALAR_FORMATS[place.element_type])
            data = reader.take(count * size)
            return [value for (value,) in struct.iter_unpack(SCALAR_FORMATS[place.element_type], data)]

    def validate(self) -> None:
        """Check the metadata too: see :func:`models.gguf_checks.check_metadata`."""
        from models.gguf_checks import check_metadata

        check_metadata(self)


def is_gguf(path: Path) -> bool:
    """Whether the file begins as a GGUF does. False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4) == MAGIC
    except OSError:
        return False


class NeedsMore(Exception):
    """Only the beginning of the file is here, and the header is longer; ``end`` is how many bytes are needed at least."""

    def __init__(self, end: int) -> None:
        super().__init__(end)
        self.end = end


def read_header(path: str | Path, available: int | None = None) -> GgufHeader:
    """Read and check the structure: counts, lengths, types, and that all weights lie within the file.

    ``available`` is how many bytes of a file that is still arriving are here.

    Raises:
        NeedsMore: the header is longer than what is available.
        ModelNotFound: no such file.
        NotAModelFile: something else than a GGUF of version 2 or 3, little endian; the reason says what.
        DamagedModelFile: cut off or inconsistent.
        UnsupportedArchitecture: a tensor type that this version does not know.
    """
    path = Path(path)
    with _open(path) as file:
        reader = _Reader(file, path, 0, available)
        version = _check_beginning(reader, path)
        tensor_count, pair_count = reader.number("<q"), reader.number("<q")
        reader.check_count(tensor_count, _SMALLEST_TENSOR, "tensors")
        reader.check_count(pair_count, _SMALLEST_PAIR, "metadata entries")
        metadata = _read_metadata(reader, pair_count)
        tensors = tuple(_iter_tensors(reader, tensor_count))
        alignment = _check_alignment(reader, metadata)
        data_offset = -(-reader.offset // alignment) * alignment
        header = GgufHeader(path, version, metadata, tensors, data_offset, alignment, reader.size)
        _check_extent(reader, header)
        return header


class _Reader:
    """Reads a file forward through a window, and refuses to go beyond its end."""

    def __init__(self, file: BinaryIO, path: Path, offset: int, available: int | None = None) -> None:
        self._file = file
        self._path = path
        self.size = file.seek(0, 2)
        self._available = self.size if available is None else available
        self._window = b""
        self._start = offset
        self._at = 0

    @property
    def offset(self) -> int:
        return self._start + self._at

    def damaged(self, reason: str) -> DamagedModelFile:
        return DamagedModelFile(file=self._path.name, reason=reason)

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._window):
            self._fill(count)
            end = count
        data = self._window[self._at : end]
        self._at = end
        return data

    def number(self, form: str) -> int:
        value: int = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def scalar(self, kind: int) -> Scalar:
        form = SCALAR_FORMATS[kind]
        value: Scalar = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value

    def text(self, longest: int) -> str:
        length = self.number("<Q")
        if length > longest or length > self.size - self.offset:
            raise self.damaged(f"A text claims to be {length:,} bytes long.")
        return self.take(length).decode("utf-8", "replace")

    def check_count(self, count: int, smallest: int, what: str) -> None:
        if count < 0 or count * smallest > self.size - self.offset:
            raise self.damaged(f"It claims to hold {count:,} {what}, more than fit into a file of its size.")

    def skip(self, count: int) -> None:
        if self.offset + count > self.size:
            raise self.damaged("It is cut off.")
        if self._at + count <= len(self._window):
            self._at += count
        else:
            self._start, self._window, self._at = self.offset + count, b"", 0

    def skip_texts(self, count: int) -> None:
        """Walk over ``count`` strings: the inner loop of opening a file with a large vocabulary."""
        unpack = struct.Struct("<Q").unpack_from
        left = count
        while left:
            window, at, end = self._window, self._at, len(self._window) - 8
            while left and at <= end:
                after = at + 8 + unpack(window, at)[0]
                if after > end + 8:
                    break
                at, left = after, left - 1
            self._at = at
            if left:
                length = self.number("<Q")
                if length > _LONGEST_TEXT:
                    raise self.damaged(f"A text claims to be {length:,} bytes long.")
                self.skip(length)
                left -= 1

    def _fill(self, count: int) -> None:
        self._start, self._at = self.offset, 0
        self._file.seek(self._start)
        if count > self.size - self._start:
            raise self.damaged("It is cut off: its header ends in the middle.")
        if self._start + count > self._available:
            raise NeedsMore(self._start + count)
        self._window = self._file.read(min(max(count, _WINDOW), self._available - self._start))
        if len(self._window) < count:
            raise self.damaged("It is cut off: it became shorter while it was read.")


def _open(path: Path) -> BinaryIO:
    try:
        if path.is_dir():
            raise NotAModelFile(file=path.name, reason="It is a folder.")
        return path.open("rb")
    except FileNotFoundError as error:
        raise ModelNotFound(model=str(path)) from error
    except (OSError, ValueError) as error:
        raise NotAModelFile(file=path.name, reason=f"It cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def _check_beginning(reader: _Reader, path: Path) -> int:
    if reader.size == 0:
        raise NotAModelFile(file=path.name, reason="The file is empty.")
    magic = reader.take(min(4, reader.size))
    if magic != MAGIC:
        rest = reader.take(min(60, reader.size - len(magic)))
        raise NotAModelFile(file=path.name, reason=_guess_what_it_is(magic + rest))
    version = reader.number("<I")
    if version and version & 0xFFFF == 0:
        raise NotAModelFile(file=path.name, reason="It was written for big-endian computers.")
    if version == 1:
        raise NotAModelFile(file=path.name, reason="It is a GGUF of version 1, which engines no longer read.")
    if version not in (2, 3):
        raise NotAModelFile(file=path.name, reason=f"It says it is a GGUF of version {version}; versions 2 and 3 are known.")
    return version


def _guess_what_it_is(start: bytes) -> str:
    text = start.lstrip().lower()
    if start.startswith(b"version https://git-lfs"):
        return "It is a Git LFS pointer: the model itself was not downloaded."
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "It is a web page: the download went wrong."
    if start[:4] in (b"lmgg", b"fmgg", b"tjgg", b"algg"):
        return "It is a GGML file from before 2023-08, which engines no longer read."
    if start.startswith(b"PK"):
        return "It is a ZIP or PyTorch archive."
    if len(start) > 9 and start[8:9] == b"{":
        return "It is a safetensors file; it can be converted to GGUF."
    if not start.strip(b"\0"):
        return "It is empty inside: the download was interrupted."
    return "It does not begin as a GGUF file does."


def _read_metadata(reader: _Reader, count: int) -> dict[str, Scalar | ArrayPlace]:
    metadata: dict[str, Scalar | ArrayPlace] = {}
    for _ in range(count):
        key = reader.text(_LONGEST_KEY)
        if not key or key in metadata:
            raise reader.damaged(f"The metadata key “{key[:80]}” is empty or there twice.")
        kind = reader.number("<I")
        if kind in SCALAR_FORMATS:
            metadata[key] = reader.scalar(kind)
            if key == "general.alignment" and kind != UINT32:
                raise reader.damaged("Its alignment is not of the type that the format prescribes.")
        elif kind == STRING:
            metadata[key] = reader.text(_LONGEST_TEXT)
        elif kind == ARRAY:
            metadata[key] = _read_array_place(reader, key)
        else:
            raise reader.damaged(f"The metadata “{key[:80]}” has the unknown type {kind}.")
    return metadata


def _read_array_place(reader: _Reader, key: str) -> ArrayPlace:
    kind, count = reader.number("<I"), reader.number("<Q")
    if kind != STRING and kind not in SCALAR_FORMATS:
        raise reader.damaged(f"The array “{key[:80]}” holds values of the unknown type {kind}.")
    size = 8 if kind == STRING else struct.calcsize(SCALAR_FORMATS[kind])
    reader.check_count(count, size, f"values in “{key[:80]}”")
    place = ArrayPlace(kind, count, reader.offset)
    if kind == STRING:
        reader.skip_texts(count)
    else:
        reader.skip(count * size)
    return place


def _iter_tensors(reader: _Reader, count: int) -> Iterator[TensorInfo]:
    names: set[str] = set()
    for _ in range(count):
        name = reader.text(_LONGEST_TENSOR_NAME)
        if name in names:
            raise reader.damaged(f"The tensor “{name}” is there twice.")
        names.add(name)
        dimensions = reader.number("<I")
        if not 1 <= dimensions <= _MOST_DIMENSIONS:
            raise reader.damaged(f"The tensor “{name}” has {dimensions} dimensions.")
        shape = struct.unpack(f"<{dimensions}q", reader.take(8 * dimensions))
        number, offset = reader.number("<I"), reader.number("<Q")
        kind = TENSOR_TYPES.get(number)
        if kind is None:
            raise UnsupportedArchitecture(architecture=f"tensor type {number}", file=reader._path.name)
        info = TensorInfo(name, shape, kind, offset)
        if min(shape) < 1 or info.element_count >= 2**62 or shape[0] % kind.block_size:
            raise reader.damaged(f"The tensor “{name}” has the impossible shape {list(shape)} for {kind.name}.")
        yield info


def _check_alignment(reader: _Reader, metadata: dict[str, Scalar | ArrayPlace]) -> int:
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20 or alignment & (alignment - 1):
        raise reader.damaged(f"Its alignment {alignment!r} is not a power of two.")
    return alignment


def _check_extent(reader: _Reader, header: GgufHeader) -> None:
    room = header.file_size - header.data_offset
    for tensor in header.tensors:
        if tensor.offset % header.alignment:
            raise reader.damaged(f"The tensor “{tensor.name}” does not lie at an aligned place.")
        if tensor.offset + tensor.byte_count > room:
            missing = tensor.offset + tensor.byte_count - room
            raise reader.damaged(f"It is cut off: the weights of “{tensor.name}” end {missing:,} bytes after its end.")
