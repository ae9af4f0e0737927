"""How large a file will be and which type each tensor will have, from llama.cpp's own dry run: exact, and read in milliseconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import QuantizationFailed
from models.gguf_header import GgufHeader
from models.gguf_parts import read_parts
from models.gguf_types import TENSOR_TYPES
from quantize.gguf.types import find_file_type
from quantize.recipe import Recipe
from quantize.runner import Progress, run_step

_LINE = re.compile(r"\[\s*\d+/\s*\d+\]\s+(\S+)\s+-\s+\[.*?type\s*=\s*(\S+?),.*?(?:\((\S+?)\)\s*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Prediction:
    """Bytes of the whole file, and the type of every tensor by its name."""

    size_bytes: int
    types: dict[str, str]


def predict_files(source: Path, recipes: list[Recipe]) -> list[Prediction]:
    """What each recipe will make of a GGUF; all in one child process.

    Raises:
        QuantizationFailed: llama.cpp refuses the source.
    """
    arguments = {"source": str(source), "recipes": recipes}
    found = run_step(
        "quantize.gguf.size_prediction:predict_here",
        arguments,
        subject=str(source),
        progress=lambda fraction, text: None,
        is_cancelled=lambda: False,
    )
    return list(found)


def predict_here(source: str, recipes: list[Recipe], progress: Progress) -> list[Prediction]:
    """The predictions themselves, in the process that calls it."""
    from quantize.gguf.quantize import dry_run

    headers = read_parts(Path(source))
    found = []
    for number, recipe in enumerate(recipes):
        log = dry_run(source, recipe)
        types = {name: (new or old).upper() for name, old, new in _LINE.findall(log)}
        if not types:
            raise QuantizationFailed(
                file=Path(source).name, reason="llama.cpp did not say which types it would choose.", details=log
            )
        found.append(Prediction(size_of(headers, types), types))
        progress((number + 1) / len(recipes), recipe.file_type)
    return found


def size_of(headers: Sequence[GgufHeader], types: dict[str, str]) -> int:
    """Bytes of one file with these tensor types and the metadata of the first of ``headers``, which are of all parts."""
    kinds = {kind.name: kind for kind in TENSOR_TYPES.values()}
    total = headers[0].data_offset
    for tensor in (tensor for header in headers for tensor in header.tensors):
        kind = kinds[types.get(tensor.name, tensor.type.name)]
        size = tensor.element_count // kind.block_size * kind.block_bytes
        total += size + -size % headers[0].alignment
    return total


def count_values(folder: Path) -> int:
    """Values in all tensors of a checkpoint.

    Raises:
        UserFacingError: it is none, or is damaged.
    """
    from quantize.gguf.checkpoint import Checkpoint

    checkpoint = Checkpoint(folder)
    total = 0
    for name in checkpoint.names():
        count = 1
        for length in checkpoint.shape(name):
            count *= length
        total += count
    return total


def estimate_bytes(parameters: int, file_type: str) -> int:
    """A rough size where there is no GGUF yet: the bits that the type typically takes for each weight."""
    return int(parameters * find_file_type(file_type).bits_per_weight / 8)
