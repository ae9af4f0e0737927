"""An AWQ recipe: everything that decides the numbers of a 4-bit checkpoint. Standard library only."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from models.errors import InvalidOption

AUTOAWQ, COMPRESSED_TENSORS = "autoawq", "compressed-tensors"
LAYOUTS = (AUTOAWQ, COMPRESSED_TENSORS)
GROUP_SIZES = (32, 64, 128)
ROUNDINGS = ("compensated", "nearest")
FILE_TYPE = "AWQ-4"


@dataclass(frozen=True, slots=True)
class AwqRecipe:
    """``group_size`` inputs share a scale; ``is_symmetric`` puts zero in the middle instead of where it is best.

    ``windows`` texts of 512 tokens calibrate, drawn by ``seed``. ``rounding`` compensated hands the error of each column on to those
    that come after it (https://arxiv.org/abs/2210.17323), nearest rounds each weight alone. ``calibration_sha256`` is of the text.
    """

    group_size: int = 128
    is_symmetric: bool = False
    layout: str = AUTOAWQ
    rounding: str = "compensated"
    windows: int = 64
    seed: int = 0
    calibration_sha256: str = ""

    def __post_init__(self) -> None:
        for name, known in (("group_size", GROUP_SIZES), ("layout", LAYOUTS), ("rounding", ROUNDINGS)):
            if getattr(self, name) not in known:
                raise InvalidOption(option=name, value=getattr(self, name), allowed=", ".join(map(str, known)))
        if not isinstance(self.windows, int) or not 1 <= self.windows <= 4096:
            raise InvalidOption(option="windows", value=self.windows, allowed="a whole number from 1 to 4096")
        if not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise InvalidOption(option="seed", value=self.seed, allowed="a whole number from 0 to 4294967295")

    @property
    def file_type(self) -> str:
        """What lists and charts call it."""
        return FILE_TYPE

    def sha256(self) -> str:
        """The hash of the recipe's canonical JSON."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Plain values; :func:`is_awq` knows them again."""
        return {**asdict(self), "file_type": FILE_TYPE}


def is_awq(value: dict[str, Any]) -> bool:
    """Whether plain values are those of an AWQ recipe."""
    return value.get("file_type") == FILE_TYPE


def awq_recipe_from_json(value: dict[str, Any]) -> AwqRecipe:
    """The inverse of :meth:`AwqRecipe.to_json`; unknown keys are ignored.

    Raises:
        InvalidOption: a value is out of range.
    """
    return AwqRecipe(**{name: value[name] for name in AwqRecipe.__dataclass_fields__ if name in value})


def write_awq_recipe(recipe: AwqRecipe) -> str:
    """The recipe as TOML."""
    lines = [f'file_type = "{FILE_TYPE}"']
    for name, value in asdict(recipe).items():
        text = str(value).lower() if isinstance(value, bool) else json.dumps(value)
        lines.append(f"{name} = {text}")
    return "\n".join(lines) + "\n"
