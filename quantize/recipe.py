"""A recipe: everything that decides the bytes of a quantized file, as a value that can be kept, shared and hashed."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.errors import InvalidOption
from quantize.awq.recipe import AwqRecipe, awq_recipe_from_json, is_awq
from quantize.gguf.types import find_file_type, find_tensor_type


@dataclass(frozen=True, slots=True)
class Recipe:
    """``file_type`` names the mix; ``overrides`` are ``(regular expression over tensor names, tensor type)``, the first match counting.

    ``output_type`` and ``embedding_type`` are empty for what the mix prescribes. ``is_pure`` gives every tensor the same type.
    ``imatrix_sha256`` names the importance matrix without which the same bytes cannot be made.
    """

    file_type: str
    overrides: tuple[tuple[str, str], ...] = ()
    output_type: str = ""
    embedding_type: str = ""
    is_pure: bool = False
    keeps_output: bool = False
    imatrix_sha256: str = ""

    def __post_init__(self) -> None:
        find_file_type(self.file_type)
        for pattern, tensor_type in self.overrides:
            try:
                re.compile(pattern)
            except re.error as error:
                raise InvalidOption(option="overrides", value=pattern, allowed=f"a regular expression ({error})") from None
            find_tensor_type(tensor_type)
        for name in (self.output_type, self.embedding_type):
            if name:
                find_tensor_type(name)

    def sha256(self) -> str:
        """The hash of the recipe's canonical JSON."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def read_any_recipe(path: Path) -> Recipe | AwqRecipe:
    """A recipe from a TOML file, of a GGUF file or of an AWQ folder.

    Raises:
        InvalidOption: it is not TOML, or a field has a value it cannot have.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return read_recipe(path)  # which says what is wrong
    return awq_recipe_from_json(values) if is_awq(values) else read_recipe(path)


def read_recipe(path: Path) -> Recipe:
    """A recipe from a TOML file: the fields of :class:`Recipe`, overrides as a table of pattern = type.

    Raises:
        InvalidOption: it is not TOML, or a field has a value it cannot have.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidOption(option="--recipe", value=path.name, allowed=f"a readable TOML file ({error})") from None
    unknown = sorted(set(values) - set(Recipe.__dataclass_fields__))
    overrides = values.get("overrides", {})
    texts = all(
        isinstance(values.get(name, ""), str) for name in ("file_type", "output_type", "embedding_type", "imatrix_sha256")
    )
    switches = all(isinstance(values.get(name, False), bool) for name in ("is_pure", "keeps_output"))
    if unknown or "file_type" not in values or not isinstance(overrides, dict) or not texts or not switches:
        wrong = ", ".join(unknown) or "a field of the wrong type"
        allowed = (
            f"a recipe with file_type and, where wanted, {', '.join(list(Recipe.__dataclass_fields__)[1:])} (found: {wrong})"
        )
        raise InvalidOption(option="--recipe", value=path.name, allowed=allowed)
    values["overrides"] = tuple((str(pattern), str(kind)) for pattern, kind in overrides.items())
    return Recipe(**values)


def write_recipe(recipe: Recipe) -> str:
    """The recipe as TOML; the inverse of :func:`read_recipe`."""
    lines = [f"file_type = {json.dumps(recipe.file_type)}"]
    lines += [
        f"{name} = {json.dumps(getattr(recipe, name))}"
        for name in ("output_type", "embedding_type", "imatrix_sha256")
        if getattr(recipe, name)
    ]
    lines += [f"{name} = true" for name in ("is_pure", "keeps_output") if getattr(recipe, name)]
    if recipe.overrides:
        lines += ["", "[overrides]", *(f"{json.dumps(pattern)} = {json.dumps(kind)}" for pattern, kind in recipe.overrides)]
    return "\n".join(lines) + "\n"
