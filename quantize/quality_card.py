"""The quality card: what a quantized file is, how it was made and what that cost, kept beside the file as JSON and Markdown."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from models.errors import UserFacingError
from models.gguf_header import GgufHeader, read_header
from models.gguf_parts import hash_parts, read_parts, size_of_parts
from quantize.awq.recipe import AwqRecipe, awq_recipe_from_json, is_awq, write_awq_recipe
from quantize.gguf.metadata_edit import hash_weights, put_text
from quantize.picture_quality import PictureQuality
from quantize.probe import Probe
from quantize.quality import Quality
from quantize.recipe import Recipe, write_recipe

SUFFIX = ".quality.json"
EMBEDDED_NAME = "quality_card.json"
"""The card's name inside a checkpoint folder."""
METADATA_KEY = "yanmo.quality_card"
WORSE_THAN = 0.5
"""Agreement with the base below which a model that repeats itself is called broken."""
FAULTS = {
    "nan": "It gives no numbers.",
    "noise": "It predicts worse than guessing.",
    "empty": "It writes nothing.",
    "repeats": "It writes the same again and again.",
}


@dataclass(frozen=True, slots=True)
class QualityCard:
    """Everything that is needed to judge a file and to make it again. ``date`` is ISO 8601, UTC.

    ``weights_sha256`` is of the weights alone and the same for every run of the recipe; ``sha256`` is of the whole file, into which
    the card is written too. ``fault`` is empty, or why the file is broken: nan, noise, empty, repeats. ``pictures`` is what quantizing
    cost its answers about pictures, for a model that sees.
    """

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
    weights_sha256: str = ""
    probe: dict[str, Any] | None = None
    fault: str = ""
    windows: int = 0
    pictures: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def make_card(
    made: Path,
    base: Path,
    recipe: Recipe,
    engine: str,
    quality: Quality | None = None,
    text: str = "",
    probe: Probe | None = None,
    windows: int = 0,
    pictures: PictureQuality | None = None,
) -> QualityCard:
    """The card of a file that was just made."""
    headers = read_parts(made)
    fault = find_fault(quality, probe)
    return QualityCard(
        file=made.name,
        size_bytes=size_of_parts(made),
        sha256=hash_parts(made),
        bits_per_weight=round(_weight_bytes(headers) * 8 / max(1, sum(header.parameter_count for header in headers)), 3),
        file_type=recipe.file_type.upper(),
        recipe=_plain(recipe.to_json()),
        recipe_sha256=recipe.sha256(),
        base_file=base.name,
        base_size_bytes=size_of_parts(base),
        base_sha256=hash_parts(base),
        engine=engine,
        date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        text_sha256=hash_text(text) if text else "",
        quality=_plain(quality.to_json()) if quality else None,
        weights_sha256=hash_weights(made),
        probe=probe.to_json() if probe else None,
        fault=fault,
        windows=windows,
        pictures=_plain(pictures.to_json()) if pictures else None,
    )


def _weight_bytes(headers: Sequence[GgufHeader]) -> int:
    return sum(header.file_size - header.data_offset for header in headers)


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """As it will be read back."""
    plain: dict[str, Any] = json.loads(json.dumps(value))
    return plain


def card_from_json(value: dict[str, Any]) -> QualityCard | None:
    """A card that was kept; None where it is of another version and lacks something."""
    known = {name: value[name] for name in QualityCard.__dataclass_fields__ if name in value}
    try:
        return QualityCard(**known)
    except TypeError:
        return None


def find_fault(quality: Quality | None, probe: Probe | None) -> str:
    """Why a model is broken: it gives NaN, is worse than guessing (noise), or writes nothing or the same again and again.

    A model that repeats itself but predicts the held-out text as its base does is not broken: small models do that.
    """
    if quality is not None and quality.is_broken:
        return "nan" if not math.isfinite(quality.perplexity) else "noise"
    if probe is not None and probe.fault == "nan":
        return "nan"
    if probe is not None and probe.fault and (quality is None or not quality.has_base or quality.same_top_1 < WORSE_THAN):
        return probe.fault
    return ""


def embed_card(card: QualityCard, made: Path) -> QualityCard:
    """Write the card into the file's metadata too; returns it with the hash and size that the file now has."""
    put_text(made, METADATA_KEY, json.dumps({**card.to_json(), "sha256": ""}, ensure_ascii=False, separators=(",", ":")))
    return replace(card, sha256=hash_parts(made), size_bytes=size_of_parts(made))


def write_card(card: QualityCard, made: Path) -> Path:
    """Keep the card beside its file; returns where. The card that is there is replaced only by a whole one."""
    target = made.with_name(made.name + SUFFIX)
    partial = target.with_name(f".{target.name}.part")
    partial.write_text(json.dumps(card.to_json(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    partial.replace(target)
    return target


def read_card(made: Path) -> dict[str, Any] | None:
    """The card beside a file, else the one inside it, or None where there is none that can be read."""
    try:
        value = json.loads(made.with_name(made.name + SUFFIX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        value = None
    return value if isinstance(value, dict) else read_embedded_card(made)


def read_embedded_card(made: Path) -> dict[str, Any] | None:
    """The card inside a file's metadata or inside a folder, or None."""
    try:
        if made.is_dir():
            kept = json.loads((made / EMBEDDED_NAME).read_text(encoding="utf-8"))
            return kept if isinstance(kept, dict) else None
        value = json.loads(read_header(made).text(METADATA_KEY))
    except (UserFacingError, ValueError, OSError):
        return None
    return value if isinstance(value, dict) else None


def recipe_of(card: QualityCard) -> Recipe | AwqRecipe:
    """The recipe that a card tells of."""
    if is_awq(card.recipe):
        return awq_recipe_from_json(card.recipe)
    return Recipe(**{**card.recipe, "overrides": tuple((str(a), str(b)) for a, b in card.recipe["overrides"])})


def write_card_recipe(card: QualityCard) -> str:
    """The recipe that a card tells of, as TOML."""
    recipe = recipe_of(card)
    return write_awq_recipe(recipe) if isinstance(recipe, AwqRecipe) else write_recipe(recipe)


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
    if card.fault:
        lines += [f"**This file is broken. {FAULTS[card.fault]}**", ""]
    if card.quality is not None:
        lines += [*iter_quality_lines(card.quality), ""]
    if card.pictures is not None:
        lines += [*iter_picture_lines(card.pictures), ""]
    if card.probe is not None:
        lines += [
            f"Reads {card.probe['prefill_tokens_per_second']:,.0f} and writes {card.probe['decode_tokens_per_second']:,.0f} tokens a "
            f"second here, with {card.probe['memory_bytes'] / 2**20:,.0f} MB of memory.",
            "",
        ]
    lines += [
        "```toml",
        write_card_recipe(card).rstrip(),
        "```",
        "",
    ]
    maker = "Yanmo" if is_awq(card.recipe) else "llama.cpp"
    lines += [f"SHA-256 {card.sha256}, made {card.date} by {maker} {card.engine}."]
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


def iter_picture_lines(pictures: dict[str, Any]) -> list[str]:
    """Answers about pictures as a Markdown table."""
    rows = [
        ("questions about pictures", f"{pictures['questions']}"),
        ("right answers, and the base's", f"{pictures['right']:.1%}, {pictures['base_right']:.1%}"),
        ("answers in the base's very words", f"{pictures['same_answers']:.1%}"),
        ("KL divergence along the answers, mean", f"{pictures['kl_mean']:.6f}"),
        ("same likeliest token along the answers", f"{pictures['same_top_1']:.2%}"),
    ]
    return ["| | |", "|:--|--:|", *(f"| {name} | {value} |" for name, value in rows)]


def hash_text(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
