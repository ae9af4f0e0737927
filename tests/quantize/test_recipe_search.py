"""Predicted sizes are the sizes that come out, and the search finds recipes that beat the standard mixes or keep to their budgets."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import UserFacingError
from models.gguf_header import read_header
from quantize.calibration import held_out_text
from quantize.gguf.quantize import quantize_file
from quantize.gguf.size_prediction import predict_files
from quantize.presets import PRESETS, find_preset
from quantize.quality import measure_quality
from quantize.recipe import Recipe, read_recipe, write_recipe
from quantize.recipe_search import Group, RecipeSearch, find_groups, walk_down


def test_predicted_sizes_and_types_are_those_that_come_out(full: Path, tmp_path: Path) -> None:
    recipes = [Recipe("Q4_K_M"), Recipe("Q8_0"), Recipe("Q3_K_S", (("ffn_down", "Q6_K"),)), Recipe("Q4_0", is_pure=True)]
    for recipe, prediction in zip(recipes, predict_files(full, recipes), strict=True):
        made = quantize_file(full, tmp_path / f"{recipe.sha256()[:6]}.gguf", recipe, threads=1)
        assert abs(prediction.size_bytes - made.stat().st_size) < 600  # some metadata of the quantizer
        assert {tensor.name: tensor.type.name for tensor in read_header(made).tensors} == prediction.types


def test_every_type_that_is_offered_can_be_made_here(full: Path) -> None:
    from quantize.gguf.types import FILE_TYPES

    predictions = predict_files(full, [Recipe(name) for name in FILE_TYPES])
    assert all(prediction.size_bytes > 1_000_000 for prediction in predictions)


def test_every_preset_is_a_type_and_has_words() -> None:
    assert len({preset.file_type for preset in PRESETS}) == len(PRESETS)
    for preset in PRESETS:
        assert Recipe(preset.file_type) and preset.advice.endswith(".") and find_preset(preset.file_type.lower()) == preset


@pytest.fixture(scope="module")
def search(full: Path, tmp_path_factory: pytest.TempPathFactory) -> RecipeSearch:
    made = RecipeSearch(full, held_out_text(), tmp_path_factory.mktemp("search") / "costs.json", windows=1, threads=1)
    made.ladder = ("Q2_K", "Q4_K", "Q8_0")
    made.groups = [group for group in made.groups if group.name.split(" ")[0] in ("ffn_down", "ffn_up", "token_embd")]
    return made


def test_the_frontier_falls_and_a_size_is_kept(search: RecipeSearch, full: Path, tmp_path: Path) -> None:
    found = search.best_within(5_200_000)
    sizes, sums = [point.size_bytes for point in found.frontier], [point.predicted_kl for point in found.frontier]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) > 4
    assert sums[-1] > sums[0] > 0
    made = quantize_file(full, tmp_path / "m.gguf", found.chosen.recipe, threads=1)
    assert made.stat().st_size <= 5_200_000 + 600
    again = measure_quality(made, held_out_text(), base=full, most_windows=1, threads=1)
    assert again.kl_mean == pytest.approx(found.quality.kl_mean, rel=1e-6)
    path = tmp_path / "r.toml"
    path.write_text(write_recipe(found.chosen.recipe), encoding="utf-8")
    assert read_recipe(path) == found.chosen.recipe


def test_a_budget_of_divergence_is_kept_and_used(search: RecipeSearch) -> None:
    measured: list[str] = []
    search._progress = lambda _, words: measured.append(words)
    frontier = search.best_within(1 << 40).frontier
    middle = search.best_within(frontier[len(frontier) // 2].size_bytes)
    found = search.smallest_within(1.01 * middle.quality.kl_mean)
    assert found.quality.kl_mean <= 1.01 * middle.quality.kl_mean and found.chosen.size_bytes <= middle.chosen.size_bytes
    with pytest.raises(UserFacingError, match="larger"):
        search.smallest_within(1e-12)
    with pytest.raises(UserFacingError, match="at least"):
        search.best_within(1000)


def test_groups_are_whole_and_name_each_matrix_once(full: Path) -> None:
    import re

    groups = find_groups(full)
    for tensor in read_header(full).tensors:
        matching = [group.name for group in groups if re.search(group.pattern, tensor.name)]
        assert len(matching) == (1 if len(tensor.shape) > 1 else 0), tensor.name


def test_the_walk_takes_the_cheapest_step_first() -> None:
    groups = [Group("a", "a", 1000), Group("b", "b", 1000)]
    costs = {"a": {"Q2_K": 1.0, "Q8_0": 0.0}, "b": {"Q2_K": 0.1, "Q8_0": 0.0}}
    walked = walk_down(groups, ("Q2_K", "Q8_0"), costs)
    assert [choice for choice, _ in walked] == [
        {"a": "Q8_0", "b": "Q8_0"}, {"a": "Q8_0", "b": "Q2_K"}, {"a": "Q2_K", "b": "Q2_K"},
    ]  # fmt: skip
    assert [cost for _, cost in walked] == pytest.approx([0.0, 0.1, 1.1])


def test_a_quantized_source_is_refused(full: Path, tmp_path: Path) -> None:
    small = quantize_file(full, tmp_path / "q.gguf", Recipe("Q4_0"), threads=1)
    with pytest.raises(UserFacingError, match="quantized already"):
        find_groups(small)
