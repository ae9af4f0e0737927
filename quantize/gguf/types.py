"""The quantized file types of llama.cpp: their numbers, what they are good for, and how large they make a model."""

from __future__ import annotations

from dataclasses import dataclass

from models.errors import InvalidOption


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of file as llama.cpp mixes it. ``bits_per_weight`` is typical for a 7B Llama; ``number`` is ``llama_ftype``.

    ``needs_imatrix``: llama.cpp refuses it, or it breaks the model, without an importance matrix.
    """

    name: str
    number: int
    bits_per_weight: float
    needs_imatrix: bool = False


FILE_TYPES: dict[str, FileType] = {
    kind.name: kind
    for kind in (
        FileType("F32", 0, 32.0),
        FileType("F16", 1, 16.0),
        FileType("BF16", 32, 16.0),
        FileType("Q8_0", 7, 8.5),
        FileType("Q6_K", 18, 6.57),
        FileType("Q5_K_M", 17, 5.68),
        FileType("Q5_K_S", 16, 5.52),
        FileType("Q5_1", 9, 6.0),
        FileType("Q5_0", 8, 5.5),
        FileType("Q4_K_M", 15, 4.83),
        FileType("Q4_K_S", 14, 4.57),
        FileType("Q4_1", 3, 5.0),
        FileType("Q4_0", 2, 4.5),
        FileType("IQ4_NL", 25, 4.5),
        FileType("IQ4_XS", 30, 4.3),
        FileType("MXFP4_MOE", 38, 4.25),
        FileType("Q3_K_L", 13, 4.03),
        FileType("Q3_K_M", 12, 3.74),
        FileType("Q3_K_S", 11, 3.41),
        FileType("IQ3_M", 27, 3.66),
        FileType("IQ3_S", 26, 3.44),
        FileType("IQ3_XS", 22, 3.3),
        FileType("IQ3_XXS", 23, 3.06, needs_imatrix=True),
        FileType("Q2_K", 10, 3.0),
        FileType("Q2_K_S", 21, 2.79, needs_imatrix=True),
        FileType("IQ2_M", 29, 2.7, needs_imatrix=True),
        FileType("IQ2_S", 28, 2.5, needs_imatrix=True),
        FileType("IQ2_XS", 20, 2.31, needs_imatrix=True),
        FileType("IQ2_XXS", 19, 2.06, needs_imatrix=True),
        FileType("IQ1_M", 31, 1.75, needs_imatrix=True),
        FileType("IQ1_S", 24, 1.56, needs_imatrix=True),
        FileType("TQ2_0", 37, 2.06),
        FileType("TQ1_0", 36, 1.69),
    )
}

TENSOR_TYPES: dict[str, int] = {
    "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8, "Q2_K": 10, "Q3_K": 11, "Q4_K": 12, "Q5_K": 13, "Q6_K": 14,
    "IQ2_XXS": 16, "IQ2_XS": 17, "IQ3_XXS": 18, "IQ1_S": 19, "IQ4_NL": 20, "IQ3_S": 21, "IQ2_S": 22, "IQ4_XS": 23, "IQ1_M": 29, "BF16": 30,
    "TQ1_0": 34, "TQ2_0": 35, "MXFP4": 39,
}  # fmt: skip
"""ggml's numbers of tensor types, for overrides."""


def find_file_type(name: str) -> FileType:
    """The type of that name, in any case.

    Raises:
        InvalidOption: there is no such type.
    """
    found = FILE_TYPES.get(name.strip().upper())
    if found is None:
        raise InvalidOption(option="--to", value=name, allowed="one of " + ", ".join(FILE_TYPES))
    return found


def find_tensor_type(name: str) -> int:
    """ggml's number of a tensor type.

    Raises:
        InvalidOption: there is no such type.
    """
    number = TENSOR_TYPES.get(name.strip().upper())
    if number is None:
        raise InvalidOption(option="type", value=name, allowed="one of " + ", ".join(TENSOR_TYPES))
    return number
