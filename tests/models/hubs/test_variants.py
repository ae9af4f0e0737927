"""A repository's files become the rows a person chooses from."""

from __future__ import annotations

import pytest

from models.hubs.hub import HubFile, is_within, parameters_in_name, strip_metadata
from models.hubs.variants import choose_variant, group_files


def files(**sizes: int) -> tuple[HubFile, ...]:
    return tuple(HubFile(path, size) for path, size in sizes.items())


GGUF = files(
    **{
        "README.md": 5,
        "Qwen3-4B-Q4_K_M.gguf": 250,
        "Qwen3-4B-Q8_0.gguf": 430,
        "BF16/Qwen3-4B-BF16-00001-of-00002.gguf": 500,
        "BF16/Qwen3-4B-BF16-00002-of-00002.gguf": 300,
        "Q6_K/Qwen3-4B-00001-of-00003.gguf": 100,
        "mmproj-F16.gguf": 60,
        "mmproj-BF16.gguf": 50,
        "imatrix.gguf": 3,
    }
)


def test_each_quantization_is_one_row_and_split_files_belong_together() -> None:
    rows = {variant.name: variant for variant in group_files(GGUF)}
    assert set(rows) == {"Q4_K_M", "Q8_0", "BF16", "Q6_K"}
    assert [file.size for file in rows["BF16"].files] == [500, 300]
    assert rows["BF16"].is_whole and not rows["Q6_K"].is_whole
    assert rows["Q4_K_M"].size == 310


def test_the_projector_is_the_one_that_every_device_can_use() -> None:
    assert all(variant.projector and variant.projector.path == "mmproj-F16.gguf" for variant in group_files(GGUF))


def test_two_models_of_one_quantization_keep_their_names() -> None:
    rows = group_files(files(**{"small-Q4_0.gguf": 1, "large-Q4_0.gguf": 2}))
    assert [row.name for row in rows] == ["small-Q4_0", "large-Q4_0"]


def test_a_safetensors_model_is_one_row_with_what_lies_beside_it() -> None:
    paths = {
        "config.json": 1,
        "tokenizer.json": 9,
        "model-00001-of-00002.safetensors": 50,
        "model-00002-of-00002.safetensors": 40,
    }
    rows = group_files(files(**paths, **{"pytorch_model.bin": 90, "picture.png": 4, "consolidated.safetensors": 90}))
    assert [(row.format, row.size) for row in rows] == [("safetensors", 100)]


def test_an_adapter_is_told_from_a_model() -> None:
    assert group_files(files(**{"adapter_config.json": 1, "adapter_model.safetensors": 5}))[0].quantization == "LoRA"


@pytest.mark.parametrize(
    ("wish", "chosen"),
    [("", "Q4_K_M"), ("q8_0", "Q8_0"), ("Qwen3-4B-Q8_0.gguf", "Q8_0"), ("bf", "BF16"), ("nothing", None), ("q", None)],
)
def test_a_row_is_chosen_by_what_a_person_writes(wish: str, chosen: str | None) -> None:
    found = choose_variant(group_files(GGUF), wish)
    assert (found.name if found else None) == chosen


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("Qwen3-4B-GGUF", 4e9),
        ("Qwen2.5-0.5B-Instruct", 5e8),
        ("SmolLM2-135M", 1.35e8),
        ("Qwen3-30B-A3B", 3e10),
        ("Phi-4", 0),
        ("gpt-oss-20b", 2e10),
    ],
)
def test_a_name_tells_the_size(name: str, count: float) -> None:
    assert parameters_in_name(name) == count


def test_bounds_leave_out_what_is_unknown() -> None:
    assert is_within(0, (0, 0)) and not is_within(0, (1, 0)) and is_within(5, (5, 5)) and not is_within(6, (0, 5))


@pytest.mark.parametrize(
    ("text", "rest"), [("---\na: 1\n---\n\n# T", "# T"), ("# T", "# T"), ("---\nopen", "---\nopen"), ("---\na\n---\n", "")]
)
def test_metadata_is_cut_from_a_card(text: str, rest: str) -> None:
    assert strip_metadata(text) == rest
