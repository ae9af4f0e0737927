"""The quality card: what a quantized file is, how it was made and what that cost, kept beside the file as JSON and Markdown."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.gguf_header import read_header
from quantize.quality import Quality
from quantize.recipe import Recipe, write_recipe

SUFFIX = ".quality.json"


@dataclass(frozen=True, slots=True)
class QualityCard:
    """Everything that is needed to judge a file and to make it again. ``date`` is ISO 8601, UTC."""

    file: str
    size_bytes: int
    sha256: str
    bits_per_weight: float
    file_type: str
    recipe: dict[str, Any]
    recipe_sha256: str
    base_file: str
    base_size_bytes: int
    base_sha256: str
    engine: str
    date: str
    text_sha256: str = ""
    quality: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def make_card(made: Path, base: Path, recipe: Recipe, engine: str, quality: Quality | None = None, text: str = "") -> QualityCard:
    """The card of a file that was just made."""
    header = read_header(made)
    return QualityCard(
        file=made.name,
        size_bytes=made.stat().st_size,
        sha256=hash_file(made),
        bits_per_weight=round((header.file_size - header.data_offset) * 8 / max(1, header.parameter_count), 3),
        file_type=recipe.file_type.upper(),
        recipe=recipe.to_json(),
        recipe_sha256=recipe.sha256(),
        base_file=base.name,
        base_size_bytes=base.stat().st_size,
        base_sha256=hash_file(base),
        engine=engine,
        date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        text_sha256=hashlib.sha256(text.encode()).hexdigest() if text else "",
        quality=quality.to_json() if quality else None,
    )


def write_card(card: QualityCard, made: Path) -> Path:
    """Keep the card beside its file; returns where. The card that is there is replaced only by a whole one."""
    target = made.with_name(made.name + SUFFIX)
    partial = target.with_name(f".{target.name}.part")
    partial.write_text(json.dumps(card.to_json(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    partial.replace(target)
    return target


def read_card(made: Path) -> dict[str, Any] | None:
    """The card beside a file, or None where there is none that can be read."""
    try:
        value = json.loads(made.with_name(made.name + SUFFIX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def write_markdown(card: QualityCard) -> str:
    """The card for people."""
    saved = 1 - card.size_bytes / max(1, card.base_size_bytes)
    lines = [
        f"# {card.file}",
        "",
        f"{card.file_type}, {card.bits_per_weight:.2f} bits per weight, {card.size_bytes / 2**20:,.1f} MB: "
        f"{saved:.0%} smaller than {card.base_file}.",
        "",
    ]
    if card.quality is not None:
        lines += [*iter_quality_lines(card.quality), ""]
    lines += [
        "```toml",
        write_recipe(Recipe(**{**card.recipe, "overrides": tuple(map(tuple, card.recipe["overrides"]))})).rstrip(),
        "```",
        "",
    ]
    lines += [f"SHA-256 {card.sha256}, made {card.date} by llama.cpp {card.engine}."]
    return "\n".join(lines) + "\n"


def iter_quality_lines(quality: dict[str, Any]) -> list[str]:
    """The figures as a Markdown table."""
    rows = [
        ("tokens scored", f"{quality['tokens']:,}"),
        ("perplexity", f"{quality['perplexity']:.4f} ± {quality['perplexity_error']:.4f}"),
    ]
    if quality["has_base"]:
        rows += [
            ("perplexity of the base", f"{quality['base_perplexity']:.4f}"),
            ("KL divergence, mean", f"{quality['kl_mean']:.6f}"),
            ("KL divergence, median", f"{quality['kl_median']:.6f}"),
            ("KL divergence, 99 %", f"{quality['kl_99']:.5f}"),
            ("KL divergence, largest", f"{quality['kl_max']:.4f}"),
            ("same likeliest token", f"{quality['same_top_1']:.2%}"),
            ("same five likeliest", f"{quality['same_top_5']:.2%}"),
        ]
    table = ["| | |", "|:--|--:|", *(f"| {name} | {value} |" for name, value in rows)]
    return ["**This file is broken: it gives no sensible numbers.**", "", *table] if quality["is_broken"] else table


def hash_file(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()
