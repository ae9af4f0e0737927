"""What the importance matrices of a folder have seen of their model, and what they never saw."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from models.errors import UserFacingError
from models.gguf_parts import hash_parts
from quantize.gguf.matrix import Untouched

SUFFIX = ".imatrix.gguf"


@dataclass(frozen=True, slots=True)
class Coverage:
    """``windows`` of ``window`` tokens were read; ``touched`` of ``total`` matrices were used, an expert counting as one."""

    file: str
    windows: int
    window: int
    touched: int
    total: int
    untouched: tuple[Untouched, ...]


def read_coverages(folder: Path) -> dict[str, Coverage]:
    """Every matrix of a folder by its SHA-256, as cards name it; what cannot be read is passed over. Reads the files whole."""
    from quantize.gguf.importance_matrix import read_importance_matrix

    found: dict[str, Coverage] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
        with contextlib.suppress(UserFacingError, OSError, ValueError):
            matrix = read_importance_matrix(path)
            touched, total = matrix.coverage()
            untouched = tuple(matrix.iter_untouched())
            found[hash_parts(path)] = Coverage(path.name, matrix.windows, matrix.window, touched, total, untouched)
    return found
