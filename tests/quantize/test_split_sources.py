"""A model that lies in parts is quantized, measured and searched as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import DamagedModelFile, QuantizationFailed
from models.gguf_parts import first_part, hash_parts, read_parts, size_of_parts
from quantize.gguf.convert import convert_checkpoint
from quantize.gguf.metadata_edit import hash_weights
from quantize.gguf.quantize import quantize_file
from quantize.gguf.size_prediction import predict_files
from quantize.order import Order
from quantize.pipeline import Pipeline
from quantize.quality_card import read_card, read_embedded_card
from quantize.recipe import Recipe
from quantize.recipe_search import find_groups
from resources import resource_folder

CHECKPOINT = resource_folder() / "starter" / "checkpoint"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert_checkpoint(CHECKPOINT, tmp_path_factory.mktemp("whole") / "starter-BF16.gguf", "BF16")


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first of several parts."""
    made = convert_checkpoint(CHECKPOINT, tmp_path_factory.mktemp("分") / "starter-BF16.gguf", "BF16", split_bytes=3_000_000)
    assert len(read_parts(made)) >= 3
    return made


def run(order: Order, text: str) -> None:
    Pipeline(order, lambda name: text).run()


def test_parts_become_one_file_with_the_bytes_that_the_whole_gives(whole: Path, parts: Path, tmp_path: Path) -> None:
    recipe = Recipe("Q4_K_M")
    one = quantize_file(whole, tmp_path / "one.gguf", recipe, threads=1)
    other = quantize_file(parts, tmp_path / "other.gguf", recipe, threads=1)
    assert hash_weights(one) == hash_weights(other)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.gguf", "other.gguf"]


def test_an_order_keeps_parts_where_asked_and_its_card_tells_of_all(parts: Path, tmp_path: Path, text: str) -> None:
    later = sorted(parts.parent.glob("*-of-*.gguf"))[1]
    assert first_part(later) == parts
    order = Order(str(later), (Recipe("Q4_K_M"),), str(tmp_path), measure="builtin", windows=1, threads=1, keeps_split=True)
    run(order, text)
    count = len(read_parts(parts))
    made = sorted(path for path in tmp_path.iterdir() if path.suffix == ".gguf")
    assert [path.name for path in made] == [f"starter-Q4_K_M-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1)]
    card = read_card(made[0])
    assert card is not None and card["quality"] is not None
    assert (card["size_bytes"], card["sha256"]) == (size_of_parts(made[0]), hash_parts(made[0]))
    assert (card["base_size_bytes"], card["base_sha256"]) == (size_of_parts(parts), hash_parts(parts))
    assert 4 < card["bits_per_weight"] < 9
    inner = read_embedded_card(made[0])
    assert inner is not None and inner["recipe_sha256"] == card["recipe_sha256"]
    before = {path: path.stat().st_mtime_ns for path in made}
    run(order, text)  # what is finished is not done again
    assert {path: path.stat().st_mtime_ns for path in made} == before


def test_sizes_and_groups_are_those_of_the_whole(whole: Path, parts: Path) -> None:
    recipes = [Recipe("Q4_K_M"), Recipe("Q8_0")]
    for one, other in zip(predict_files(whole, recipes), predict_files(parts, recipes), strict=True):
        assert one.types == other.types
        assert other.size_bytes == pytest.approx(one.size_bytes, rel=0.001)
    assert find_groups(parts) == find_groups(whole)


def test_a_missing_part_is_told_before_any_work(parts: Path, tmp_path: Path, text: str) -> None:
    for path in parts.parent.glob("*.gguf"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    last = sorted(tmp_path.glob("*.gguf"))[-1]
    last.unlink()
    with pytest.raises(DamagedModelFile, match="are here"):
        run(Order(str(tmp_path / parts.name), (Recipe("Q8_0"),), str(tmp_path / "out"), measure="", threads=1), text)
    assert not (tmp_path / "out").exists()


def test_there_are_no_parts_to_keep_of_one_file(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(QuantizationFailed, match="no parts to keep"):
        quantize_file(whole, tmp_path / "a.gguf", Recipe("Q8_0"), keeps_split=True, threads=1)
    assert list(tmp_path.iterdir()) == []


def test_keeping_parts_of_one_file_in_an_order_gives_one_file(whole: Path, tmp_path: Path, text: str) -> None:
    run(Order(str(whole), (Recipe("Q8_0"),), str(tmp_path), measure="", threads=1, keeps_split=True), text)
    assert [path.name for path in tmp_path.glob("*.gguf")] == ["starter-Q8_0.gguf"]
