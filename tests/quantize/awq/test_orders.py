"""AWQ in orders: beside GGUF files in one folder, measured on the same text, never made twice; and the way back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.card import find_split_parts
from models.errors import QuantizationFailed
from models.formats import read_any_card
from quantize.awq.dequantize_checkpoint import dequantize_checkpoint, is_packed
from quantize.awq.order_steps import name_folder
from quantize.awq.recipe import AwqRecipe
from quantize.awq.size_prediction import predict_bytes
from quantize.calibration import builtin_text, held_out_text
from quantize.folder_card import count_parameters, folder_size, hash_folder
from quantize.gguf.convert import convert_checkpoint
from quantize.order import Order, order_from_json
from quantize.pipeline import Pipeline, Step
from quantize.quality import measure_here
from quantize.quality_card import read_card, write_markdown
from quantize.recipe import Recipe
from tests.tiny_checkpoints import make_tiny_checkpoint


def read_text(source: str) -> str:
    return builtin_text() if source == "builtin" else source


def read_measured(_source: str) -> str:
    return held_out_text()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_checkpoint(tmp_path_factory.mktemp("orders") / "tiny", width=128, stored="BF16")


@pytest.fixture(scope="module")
def order(source: Path) -> Order:
    recipes = (Recipe("Q8_0"), AwqRecipe(group_size=32, windows=2))
    return Order(str(source), recipes, str(source.parent / "out"), windows=1, threads=1)


@pytest.fixture(scope="module")
def made(order: Order) -> Path:
    steps: list[Step] = []
    cards = Pipeline(order, read_text, read_measured=read_measured, tell=steps.append).run()
    assert [card.file_type for card in cards] == ["Q8_0", "AWQ-4"]
    assert steps[-1].number == steps[-1].count == 5
    assert [kind for kind, _ in dict.fromkeys((step.kind, step.file) for step in steps)] == [
        "convert", "quantize", "measure", "quantize", "measure",
    ]  # fmt: skip
    return Path(order.out) / "tiny-AWQ-4-g32"


def test_the_folder_has_its_card_beside_it_inside_it_and_in_its_readme(made: Path, source: Path) -> None:
    beside = read_card(made)
    inside = json.loads((made / "quality_card.json").read_text())
    assert beside == inside and beside is not None
    assert beside["weights_sha256"] == hash_folder(made) and beside["base_sha256"] == hash_folder(source)
    assert beside["quality"]["kl_mean"] > 0 and beside["quality"]["has_base"] and beside["probe"]["memory_bytes"] > 1e7
    readme = (made / "README.md").read_text()
    assert "## What it cost" in readme and "KL divergence, mean" in readme and readme.count("# tiny, AWQ 4-bit") == 1
    from quantize.quality_card import card_from_json

    card = card_from_json(beside)
    assert card is not None and "group_size = 32" in write_markdown(card)
    assert read_any_card(made).quantization == "AWQ" and find_split_parts(made / "model.safetensors")
    assert count_parameters(made) == pytest.approx(count_parameters(source), rel=0.1)
    assert predict_bytes(source, AwqRecipe(group_size=32)) == pytest.approx(folder_size(made), rel=0.05)


def test_what_is_finished_is_not_done_again(made: Path, order: Order) -> None:
    stamp = (made / "model.safetensors").stat().st_mtime_ns
    cards = Pipeline(order_from_json(order.to_json()), read_text, read_measured=read_measured).run()
    assert (made / "model.safetensors").stat().st_mtime_ns == stamp
    assert cards[1].quality is not None
    assert (made / "README.md").read_text().count("## What it cost") == 1


def test_an_order_survives_as_plain_values(order: Order) -> None:
    assert order_from_json(json.loads(json.dumps(order.to_json()))) == order


def test_names_say_what_is_unusual(source: Path) -> None:
    order = Order(str(source), (AwqRecipe(),))
    assert name_folder(source, AwqRecipe(), order).name == "tiny-AWQ-4"
    odd = AwqRecipe(64, True, "compressed-tensors")
    assert name_folder(source, odd, order).name == "tiny-AWQ-4-g64-symmetric-compressed-tensors"
    there = Order(str(source), (odd,), str(source.parent / "there"), is_target=True)
    assert name_folder(source, odd, there) == source.parent / "there"


def test_a_gguf_cannot_become_awq(made: Path) -> None:
    whole = made.parent / "tiny-BF16.gguf"
    with pytest.raises(QuantizationFailed, match="safetensors"):
        Pipeline(Order(str(whole), (AwqRecipe(),), str(made.parent)), read_text).run()


def test_four_bits_become_sixteen_and_a_gguf_that_says_the_same(made: Path, tmp_path: Path) -> None:
    assert is_packed(made) and not is_packed(made.parent)
    back = dequantize_checkpoint(made, tmp_path / "16bit")
    assert not is_packed(back)
    assert "quantization_config" not in json.loads((back / "config.json").read_text())
    found = measure_here(str(back), str(made), held_out_text(), 1, 1, lambda fraction, words: None)
    assert found.kl_mean < 1e-5 and found.same_top_1 > 0.99
    gguf = convert_checkpoint(back, tmp_path / "back.gguf", "F32")
    across = measure_here(str(gguf), str(made), held_out_text(), 1, 1, lambda fraction, words: None)
    assert across.kl_mean < 1e-4 and across.same_top_1 > 0.98
    with pytest.raises(QuantizationFailed, match="already"):
        dequantize_checkpoint(made, back)
    with pytest.raises(QuantizationFailed, match="not in four bits"):
        dequantize_checkpoint(back, tmp_path / "again")
