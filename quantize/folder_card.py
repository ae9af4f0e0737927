"""The quality card of a checkpoint folder: beside it as for a file, inside it, and in its model card."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from models.formats import read_json, read_safetensors_info
from quantize.awq.recipe import AwqRecipe
from quantize.probe import Probe
from quantize.quality import Quality
from quantize.quality_card import (
    EMBEDDED_NAME,
    QualityCard,
    card_from_json,
    find_fault,
    hash_text,
    iter_quality_lines,
    read_card,
    write_card,
)

_BEGIN, _END = "<!-- quality -->", "<!-- /quality -->"
_PACKED_WORDS = 8
_SIDE_TYPES = ("I32", "I64")


def hash_folder(folder: Path) -> str:
    """SHA-256 of the weights of a checkpoint: every safetensors file with its name, in order."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(f"{path.name}:{path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
    return digest.hexdigest()


def folder_size(folder: Path) -> int:
    """Bytes of the weights."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def make_folder_card(
    made: Path,
    base: Path,
    base_hash: str,
    recipe: AwqRecipe,
    *,
    name: str = "",
    quality: Quality | None = None,
    text: str = "",
    probe: Probe | None = None,
    windows: int = 0,
    engine: str = "",
) -> QualityCard:
    """The card of a folder that was just made; ``name`` where it has not got its own yet.

    ``engine`` is what made it, as an earlier card of it says; without it that is torch in this process.
    """
    digest, size = hash_folder(made), folder_size(made)
    return QualityCard(
        file=name or made.name,
        size_bytes=size,
        sha256=digest,
        bits_per_weight=round(size * 8 / max(1, count_parameters(base)), 3),
        file_type=recipe.file_type,
        recipe=recipe.to_json(),
        recipe_sha256=recipe.sha256(),
        base_file=base.resolve().name,
        base_size_bytes=folder_size(base),
        base_sha256=base_hash,
        engine=engine or f"(torch {version('torch')}, transformers {version('transformers')})",
        date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        text_sha256=hash_text(text) if text else "",
        quality=json.loads(json.dumps(quality.to_json())) if quality else None,
        weights_sha256=digest,
        probe=probe.to_json() if probe else None,
        fault=find_fault(quality, probe),
        windows=windows,
    )


def keep_folder_card(card: QualityCard, made: Path) -> QualityCard:
    """Write the card inside the folder, into its README, and beside it, in that order."""
    partial = made / f".{EMBEDDED_NAME}.part"
    partial.write_text(json.dumps(card.to_json(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    partial.replace(made / EMBEDDED_NAME)
    readme = made / "README.md"
    if readme.is_file() and card.quality is not None:
        text = readme.read_text(encoding="utf-8")
        before = text.split(_BEGIN)[0].rstrip()
        after = text.split(_END, 1)[1].strip() if _END in text else ""
        table = "\n".join(iter_quality_lines(card.quality))
        said = (
            f"{_BEGIN}\n## What it cost\n\nMeasured against {card.base_file} on a text neither was tuned to.\n\n{table}\n{_END}"
        )
        partial.write_text("\n\n".join(part for part in (before, said, after) if part) + "\n", encoding="utf-8")
        partial.replace(readme)
    write_card(card, made)
    return card


def find_finished_folder(target: Path, recipe: AwqRecipe, base_hash: str) -> QualityCard | None:
    """The card of a folder that was made before from the same base by the same recipe; None where there is none."""
    card = card_from_json(read_card(target) or {}) if target.is_dir() else None
    if card is None or (card.recipe_sha256, card.base_sha256) != (recipe.sha256(), base_hash):
        return None
    if card.size_bytes != folder_size(target):
        return None
    return card if card.file == target.name else replace(card, file=target.name)


def count_parameters(folder: Path) -> int:
    """Weights of a checkpoint; eight to a word where they are packed."""
    packed = bool(read_json(folder / "config.json").get("quantization_config"))
    total = 0
    for path in folder.glob("*.safetensors"):
        for kind, count in read_safetensors_info(path).values.items():
            total += count * (_PACKED_WORDS if packed and kind == "I32" else 0 if kind in _SIDE_TYPES else 1)
    return total
