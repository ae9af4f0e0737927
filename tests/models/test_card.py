"""A model's facts come from its own file."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.card import find_split_parts, is_later_part, make_id, read_card
from tests.models.gguf_bytes import ARRAY, STRING, Value, write_gguf


def test_a_chat_model(tmp_path: Path) -> None:
    changes: dict[str, Value] = {
        "general.file_type": (4, 15),
        "general.license": (STRING, "mit"),
        "general.languages": (ARRAY, (STRING, ["en", "zh"])),
        "tokenizer.chat_template": (STRING, "{{ messages }}"),
    }
    card = read_card(write_gguf(tmp_path / "some-model.gguf", changes))  # type: ignore[arg-type]
    assert (card.name, card.kind, card.architecture, card.quantization) == ("Hand made", "chat", "llama", "Q4_K_M")
    assert (card.context_length, card.licence, card.languages) == (2048, "mit", ("en", "zh"))
    assert card.size_bytes == (tmp_path / "some-model.gguf").stat().st_size
    assert card.files == (card.path,)
    assert card.has_chat_template


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "base"),
        ({"general.type": (STRING, "adapter")}, "adapter"),
        ({"general.type": (STRING, "mmproj")}, "projector"),
        ({"general.architecture": (STRING, "clip")}, "projector"),
        ({"general.architecture": (STRING, "bert")}, "embedding"),
        ({"llama.pooling_type": (4, 3)}, "embedding"),
        ({"llama.pooling_type": (4, 4)}, "reranker"),
    ],
)
def test_the_kind_is_recognised(tmp_path: Path, changes: dict[str, Value | None], kind: str) -> None:
    assert read_card(write_gguf(tmp_path / "a.gguf", changes)).kind == kind


@pytest.mark.parametrize(
    ("name", "quantization"),
    [
        ("Qwen3-4B-Q4_K_M.gguf", "Q4_K_M"),
        ("model.IQ2_XXS.gguf", "IQ2_XXS"),
        ("x-bf16.gguf", "BF16"),
        ("Q8_0.gguf", "Q8_0"),
        ("nothing.gguf", "Q8_0"),
    ],
)
def test_without_a_file_type_the_name_tells_the_quantization_and_then_the_weights(
    tmp_path: Path, name: str, quantization: str
) -> None:
    assert read_card(write_gguf(tmp_path / name)).quantization == quantization


def test_a_model_without_a_name_takes_the_files(tmp_path: Path) -> None:
    assert read_card(write_gguf(tmp_path / "模型-7B.gguf", {"general.name": None})).name == "模型-7B"


def test_the_parts_of_a_split_model_are_one(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write_gguf(tmp_path / f"big-{number:05d}-of-00003.gguf", {"split.count": (2, 3)})
    first = tmp_path / "big-00001-of-00003.gguf"
    card = read_card(first)
    assert len(card.files) == 3
    assert card.size_bytes == 3 * first.stat().st_size
    assert [is_later_part(Path(name)) for name in card.files] == [False, True, True]
    (tmp_path / "big-00002-of-00003.gguf").unlink()
    assert len(find_split_parts(first)) == 2


def test_ids_are_stable_and_differ_by_place() -> None:
    assert make_id(Path("/a/Some Model.gguf")) == make_id(Path("/a/Some Model.gguf"))
    assert make_id(Path("/a/m.gguf")) != make_id(Path("/b/m.gguf"))
    assert make_id(Path("/a/Some Model.gguf")).startswith("some-model-")
    assert make_id(Path("/a/模型.gguf")).startswith("模型-")
