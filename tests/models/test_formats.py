"""What a file or folder is."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from models.errors import DamagedModelFile, ModelNotFound, NotAModelFile
from models.formats import is_partial, read_any_card, read_safetensors_info, recognise
from models.library import iter_models
from tests.models.gguf_bytes import write_gguf


def write_safetensors(path: Path, header: dict[str, Any], data: int = 64) -> None:
    body = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(body)) + body + b"\0" * data)


def make_folder(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "max_position_embeddings": 2048}), encoding="utf-8")
    write_safetensors(folder / "model.safetensors", {"a": {"dtype": "BF16", "shape": [4, 8], "data_offsets": [0, 64]}})
    return folder


def test_a_folder_of_safetensors_has_a_card(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "my-model")
    (folder / "chat_template.jinja").write_text("x", encoding="utf-8")
    card = read_any_card(folder)
    assert (card.format, card.architecture, card.quantization, card.parameter_count) == ("safetensors", "llama", "BF16", 32)
    assert (card.context_length, card.kind, card.name) == (2048, "chat", "my-model")


def test_the_quantization_method_is_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "config.json").write_text(json.dumps({"quantization_config": {"quant_method": "awq"}}), encoding="utf-8")
    assert read_any_card(folder).quantization == "AWQ"


def test_formats_are_recognised_by_content(tmp_path: Path) -> None:
    assert recognise(write_gguf(tmp_path / "no-suffix")) == "gguf"
    (tmp_path / "fake.gguf").write_bytes(b"hello")
    assert recognise(tmp_path / "fake.gguf") is None
    assert recognise(tmp_path / "none") is None
    assert recognise(make_folder(tmp_path / "m")) == "safetensors"


def test_unfinished_downloads_are_known_by_name() -> None:
    assert is_partial("a.gguf.part")
    assert is_partial(".a.gguf")
    assert not is_partial("a.gguf")


@pytest.mark.parametrize(
    "content",
    [b"", b"\x01", struct.pack("<Q", 2**63) + b"{}", struct.pack("<Q", 2) + b"{x", struct.pack("<Q", 40) + b"{}"],
)
def test_a_damaged_header_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(DamagedModelFile):
        read_safetensors_info(path)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [4], "data_offsets": [0, 9999]},
        {"dtype": "F32", "shape": "x", "data_offsets": [0, 4]},
        {"shape": [4], "data_offsets": [0, 4]},
        [],
        {"dtype": "F32", "shape": [4], "data_offsets": [8, 4]},
    ],
)
def test_entries_that_make_no_sense_are_refused(tmp_path: Path, entry: Any) -> None:
    write_safetensors(tmp_path / "a.safetensors", {"a": entry})
    with pytest.raises(DamagedModelFile):
        read_safetensors_info(tmp_path / "a.safetensors")


def test_a_configuration_that_cannot_be_read_is_damaged(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "config.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(DamagedModelFile):
        read_any_card(folder)


def test_other_folders_and_missing_paths_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotAModelFile):
        read_any_card(tmp_path)
    with pytest.raises(ModelNotFound):
        read_any_card(tmp_path / "none")


def test_an_adapter_of_peft_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "my-lora"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4}), encoding="utf-8")
    write_safetensors(folder / "adapter_model.safetensors", {"a": {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]}})
    assert recognise(folder) == "safetensors"
    card = read_any_card(folder)
    assert (card.kind, card.format, card.quantization, card.name) == ("adapter", "safetensors", "F32", "my-lora")
    assert [str(path) for path in iter_models(tmp_path)] == [str(folder)]


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"model_type": "bert", "architectures": ["BertModel"]}, "embedding"),
        ({"model_type": "xlm-roberta", "architectures": ["XLMRobertaForSequenceClassification"]}, "reranker"),
        ({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, "base"),
        ({"model_type": "llama", "architectures": "LlamaForCausalLM"}, "base"),
    ],
)
def test_what_a_checkpoint_is_for_is_told(tmp_path: Path, config: dict[str, Any], kind: str) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert read_any_card(folder).kind == kind


def test_what_a_checkpoint_perceives_and_its_licence_are_told(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "config.json").write_text(json.dumps({"vision_config": {}, "audio_config": {"a": 1}}), encoding="utf-8")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\ntags: [x]\n---\n# M\n", encoding="utf-8")
    card = read_any_card(folder)
    assert (card.modalities, card.licence) == (("text", "image", "audio"), "apache-2.0")
    thinker = {"vision_config": {}, "audio_config": {}, "text_config": {"max_position_embeddings": 4096}}
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2_5_omni", "thinker_config": thinker}), encoding="utf-8")
    card = read_any_card(folder)
    assert (card.modalities, card.architecture, card.context_length) == (("text", "image", "audio"), "qwen2_5_omni", 4096)
