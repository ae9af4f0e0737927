"""Smaller GGUFs: right, the same every time, and never a half one under a final name."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from models.errors import InvalidOption, QuantizationFailed, UserFacingError, WorkCancelled
from models.gguf_header import read_header
from models.gguf_parts import hash_parts
from quantize.calibration import held_out_text
from quantize.gguf.importance_matrix import compute_importance_matrix
from quantize.gguf.quantize import predict_bytes, quantize_file
from quantize.gguf.types import FILE_TYPES, find_file_type
from quantize.quality_card import make_card, read_card, write_card, write_markdown
from quantize.recipe import Recipe, read_recipe, write_recipe
from tests.tiny_guessers import make_tiny_guesser


@pytest.mark.parametrize("name", ["BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "IQ4_XS", "Q3_K_S", "Q2_K", "TQ2_0"])
def test_every_kind_of_type_makes_a_file_with_all_tensors(full: Path, tmp_path: Path, name: str) -> None:
    made = quantize_file(full, tmp_path / f"小-{name}.gguf", Recipe(name), threads=1)
    assert {tensor.name for tensor in read_header(made).tensors} == {tensor.name for tensor in read_header(full).tensors}
    assert made.stat().st_size <= full.stat().st_size
    assert abs(predict_bytes(full, Recipe(name)) - made.stat().st_size) < 0.6 * made.stat().st_size + 2**20


def test_the_same_recipe_makes_the_same_bytes(full: Path, tmp_path: Path) -> None:
    first = quantize_file(full, tmp_path / "a.gguf", Recipe("Q4_K_M"), threads=1)
    second = quantize_file(full, tmp_path / "b.gguf", Recipe("q4_k_m"), threads=1)
    assert hash_parts(first) == hash_parts(second)


def test_overrides_change_the_tensors_they_name(full: Path, tmp_path: Path) -> None:
    made = quantize_file(full, tmp_path / "o.gguf", Recipe("Q4_K_S", (("ffn_down", "Q6_K"),)), threads=1)
    types = {tensor.name: tensor.type.name for tensor in read_header(made).tensors}
    assert {kind for name, kind in types.items() if "ffn_down" in name} == {"Q6_K"}
    assert {kind for name, kind in types.items() if "ffn_up" in name} == {"Q4_K"}


def test_progress_is_told_tensor_by_tensor(full: Path, tmp_path: Path) -> None:
    seen: list[tuple[float, str]] = []
    quantize_file(
        full, tmp_path / "p.gguf", Recipe("Q8_0"), threads=1, progress=lambda fraction, text: seen.append((fraction, text))
    )
    assert len(seen) > 20 and seen[-1][0] == 1.0 and any("attn_q" in text for _, text in seen)


def test_cancelling_leaves_nothing_behind(full: Path, tmp_path: Path) -> None:
    with pytest.raises(WorkCancelled):
        quantize_file(full, tmp_path / "c.gguf", Recipe("Q4_K_M"), threads=1, is_cancelled=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_cleaned_up_later(full: Path, tmp_path: Path) -> None:
    stale = tmp_path / ".x.gguf.0123abcd.part"
    stale.write_bytes(b"half a file")
    os.utime(stale, (time.time() - 3600, time.time() - 3600))
    quantize_file(full, tmp_path / "x.gguf", Recipe("Q8_0"), threads=1)
    assert not stale.exists()


def test_a_quantized_source_is_refused_unless_asked_for(full: Path, tmp_path: Path) -> None:
    small = quantize_file(full, tmp_path / "q4.gguf", Recipe("Q4_0"), threads=1)
    with pytest.raises(QuantizationFailed, match="quantized already"):
        quantize_file(small, tmp_path / "q2.gguf", Recipe("Q2_K"), threads=1)
    assert quantize_file(small, tmp_path / "q2.gguf", Recipe("Q2_K"), may_requantize=True, threads=1).exists()


def test_a_type_that_needs_an_importance_matrix_is_refused_without_one(full: Path, tmp_path: Path) -> None:
    with pytest.raises(QuantizationFailed, match="importance matrix"):
        quantize_file(full, tmp_path / "i.gguf", Recipe("IQ2_XXS"), threads=1)


def test_the_smallest_types_spare_a_layer_that_guesses_ahead_and_that_no_matrix_knows(tmp_path: Path) -> None:
    source, matrix = make_tiny_guesser(tmp_path / "m.gguf", width=256), tmp_path / "m.imatrix.gguf"
    compute_importance_matrix(source, held_out_text()[:4000], matrix, most_windows=1, threads=1)
    made = quantize_file(source, tmp_path / "i.gguf", Recipe("IQ2_XXS", imatrix_sha256="0" * 64), imatrix=matrix, threads=1)
    types = {tensor.name: tensor.type.name for tensor in read_header(made).tensors}
    assert types["blk.0.attn_q.weight"] == "IQ2_XXS"
    assert types["blk.2.attn_q.weight"] == types["blk.2.nextn.eh_proj.weight"] == "Q4_K"


def test_a_file_is_never_replaced_by_what_is_made_from_it(full: Path) -> None:
    with pytest.raises(QuantizationFailed, match="replace"):
        quantize_file(full, full, Recipe("Q8_0"))


def test_bad_sources_and_places_are_explained(full: Path, tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("not a model")
    (tmp_path / "cut.gguf").write_bytes(full.read_bytes()[:-5000])
    for source in (tmp_path / "text.gguf", tmp_path / "cut.gguf", tmp_path / "missing.gguf"):
        with pytest.raises(UserFacingError):
            quantize_file(source, tmp_path / "out.gguf", Recipe("Q8_0"))
    with pytest.raises(UserFacingError):
        quantize_file(full, tmp_path / "no" / "such" / "folder" / "out.gguf", Recipe("Q8_0"))
    assert not list(tmp_path.glob("*.part")) and not (tmp_path / "out.gguf").exists()


def test_unknown_types_and_patterns_are_named() -> None:
    for make in (
        lambda: Recipe("Q9_K"),
        lambda: Recipe("Q4_0", (("(", "Q8_0"),)),
        lambda: Recipe("Q4_0", (("x", "Q9"),)),
        lambda: Recipe("Q4_0", output_type="x"),
    ):
        with pytest.raises(InvalidOption):
            make()
    assert find_file_type(" q4_k_m ").number == 15
    assert len({kind.number for kind in FILE_TYPES.values()}) == len(FILE_TYPES)


def test_a_recipe_survives_its_file(tmp_path: Path) -> None:
    recipe = Recipe("Q4_K_M", ((r"blk\.\d+\.ffn_down", "Q6_K"), ("中文", "F16")), output_type="Q8_0", is_pure=True)
    path = tmp_path / "配方.toml"
    path.write_text(write_recipe(recipe), encoding="utf-8")
    assert read_recipe(path) == recipe and read_recipe(path).sha256() == recipe.sha256()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "= 3",
        'file_type = "Q4_0"\nfoo = 1',
        "file_type = 3",
        'file_type = "Q4_0"\noverrides = 3',
        'file_type = "Q4_0"\nis_pure = "yes"',
    ],
)
def test_a_recipe_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(InvalidOption):
        read_recipe(path)


def test_the_card_lies_beside_the_file_and_reads_back(full: Path, tmp_path: Path) -> None:
    recipe = Recipe("Q4_K_M", (("ffn_down", "Q6_K"),))
    made = quantize_file(full, tmp_path / "m.gguf", recipe, threads=1)
    card = make_card(made, full, recipe, "test")
    write_card(card, made)
    kept = read_card(made)
    assert kept is not None and kept["sha256"] == hash_parts(made) and kept["recipe_sha256"] == recipe.sha256()
    assert 4.0 < kept["bits_per_weight"] < 7.0
    assert "Q4_K_M" in write_markdown(card) and "smaller than" in write_markdown(card)
