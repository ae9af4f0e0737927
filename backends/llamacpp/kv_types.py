"""Types of the KV cache: their numbers in GGML, and which of them the heads of a model can be stored in."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from backends.options import LoadOptions
from models.errors import InvalidOption

GGML_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "iq4_nl": 20, "bf16": 30}
WHOLE_TYPES = ("f16", "bf16", "f32")
"""Types that hold each number by itself, so any head fits."""
_BLOCK = 32
"""Numbers that all other types store together; a head must be made of whole blocks. Source: ggml-common.h, ``QK8_0`` and others."""
_LENGTHS = ("attention.key_length", "attention.value_length", "attention.key_length_swa", "attention.value_length_swa")


def list_head_sizes(number_of: Callable[[str], int]) -> list[int]:
    """Numbers that a head keeps of each token. ``number_of`` reads the metadata's ``<architecture>.<key>``, 0 where it has none.

    Empty where the layers differ and the metadata gives no one size for all.
    """
    heads = number_of("attention.head_count")
    usual = number_of("embedding_length") // heads if heads else 0
    lengths = [number_of(key) for key in _LENGTHS]
    return [size for size in (lengths[0] or usual, lengths[1] or usual, *lengths[2:]) if size]


def can_hold(kv_type: str, sizes: Iterable[int]) -> bool:
    """Whether heads of these sizes can be stored in a type."""
    return kv_type in WHOLE_TYPES or all(size % _BLOCK == 0 for size in sizes)


def check_kv_type(options: LoadOptions, sizes: Iterable[int] = ()) -> None:
    """Refuse what the engine would refuse without a word that a person can use.

    Raises:
        InvalidOption: heads of these sizes cannot be stored so, or only with flash attention, which is off.
    """
    if options.kv_type in WHOLE_TYPES:
        return
    whole = f"{', '.join(WHOLE_TYPES[:-1])} or {WHOLE_TYPES[-1]}"
    if options.flash_attention is False:
        raise InvalidOption(option="kv_type", value=options.kv_type, allowed=f"{whole} where flash attention is off")
    if wrong := next((size for size in sizes if size % _BLOCK), 0):
        reason = f"this model's heads have {wrong} numbers each, and {options.kv_type} stores {_BLOCK} together"
        raise InvalidOption(option="kv_type", value=options.kv_type, allowed=f"{whole}: {reason}")
