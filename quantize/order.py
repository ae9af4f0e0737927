"""An order: what is to be made of a model, as plain values that survive the program, and where each file will lie."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from models.card import split_stem
from models.errors import InvalidOption
from quantize.awq.recipe import AwqRecipe, awq_recipe_from_json, is_awq
from quantize.gguf.types import FILE_TYPES
from quantize.recipe import Recipe

BUILTIN, CONVERSATIONS, AUTO, NONE = "builtin", "conversations", "auto", "none"
PROJECTOR_TYPES = ("F16", "Q8_0", "BF16", "F32")


@dataclass(frozen=True, slots=True)
class Order:
    """``source`` is a GGUF or a checkpoint folder; ``out`` a folder, a file where one is made, or empty for beside the source.

    AWQ recipes need a checkpoint folder; with ``is_target`` the one of them is made as ``out`` itself.

    ``imatrix`` is none, auto or a file; ``calibration`` what auto reads: builtin, conversations, or a file or folder. ``measure`` is the
    text the loss is measured on: builtin, a file, or empty for no measuring. ``windows`` limit both to so many times 512 tokens. With
    ``keeps_split`` a source in parts stays in parts. ``projector`` is the type of the projector of a checkpoint that sees, or none.
    """

    source: str
    recipes: tuple[Recipe | AwqRecipe, ...]
    out: str = ""
    imatrix: str = NONE
    calibration: str = BUILTIN
    measure: str = BUILTIN
    windows: int = 0
    imatrix_windows: int = 0
    threads: int = 0
    may_requantize: bool = False
    keeps_split: bool = False
    converter: str = ""
    converter_python: str = "python3"
    is_target: bool = False
    projector: str = "F16"

    def __post_init__(self) -> None:
        if not self.recipes:
            raise InvalidOption(option="--to", value="empty", allowed="at least one type")
        if self.projector not in (*PROJECTOR_TYPES, NONE):
            raise InvalidOption(
                option="--projector", value=self.projector, allowed="one of " + ", ".join((*PROJECTOR_TYPES, NONE))
            )
        for name in ("windows", "imatrix_windows", "threads"):
            if getattr(self, name) < 0:
                raise InvalidOption(option=name, value=getattr(self, name), allowed="0 or more")

    def to_json(self) -> dict[str, Any]:
        """Plain values; the inverse of :func:`order_from_json`."""
        return {**asdict(self), "recipes": [recipe.to_json() for recipe in self.recipes]}


def order_from_json(value: dict[str, Any]) -> Order:
    """An order that was kept.

    Raises:
        InvalidOption, TypeError, KeyError: it is none.
    """
    recipes = tuple(_read_recipe(recipe) for recipe in value["recipes"])
    return replace(Order(**{**value, "recipes": recipes}))


def _read_recipe(value: dict[str, Any]) -> Recipe | AwqRecipe:
    if is_awq(value):
        return awq_recipe_from_json(value)
    return Recipe(**{**value, "overrides": tuple((str(a), str(b)) for a, b in value["overrides"])})


def strip_type(stem: str) -> str:
    """A file's stem without the type at its end."""
    for name in sorted(FILE_TYPES, key=len, reverse=True):
        if stem.upper().endswith(("-" + name, "." + name, "_" + name)):
            return stem[: -len(name) - 1]
    return stem


def stem_of(source: Path) -> str:
    """A model's name without suffix and the number of its part."""
    found = split_stem(source.name)
    return found[0] if found else source.stem


def name_target(source: Path, recipe: Recipe, out: Path | None, *, is_one: bool, parts: int = 1) -> Path:
    """Where the file goes, or the first of its parts: as asked, else beside the source with the type in place of the source's.

    A recipe with overrides of its own gets the beginning of its hash into the name, so that two of a type do not meet.
    """
    own = "" if recipe == Recipe(recipe.file_type, imatrix_sha256=recipe.imatrix_sha256) else "-" + recipe.sha256()[:6]
    name = f"{strip_type(stem_of(source))}-{recipe.file_type.upper()}{own}{'-imatrix' if recipe.imatrix_sha256 else ''}.gguf"
    if out is None:
        target = source.with_name(name)
    elif is_one and not out.is_dir() and out.suffix == ".gguf":
        target = out
    else:
        target = out / name
    return target if parts == 1 else target.with_name(f"{target.stem}-00001-of-{parts:05d}.gguf")
