"""llama.cpp's own tools on the same input: the same bytes in every tensor, the same importance matrix, the same figures.

The reference values are made by ``packaging/anchors/make_anchors.py``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from models.gguf_parts import hash_parts
from quantize.gguf.importance_matrix import compute_importance_matrix, read_importance_matrix
from quantize.gguf.quantize import quantize_file
from quantize.quality import measure_quality
from quantize.recipe import Recipe
from tests.quantize.anchors.model import make_model, make_text

FOLDER = Path(__file__).with_name("anchors")
ANCHORS: dict[str, Any] = json.loads((FOLDER / "anchors.json").read_text(encoding="utf-8"))
MATRIX = FOLDER / "imatrix.gguf"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_model(tmp_path_factory.mktemp("anchors") / "anchor.gguf")
    assert hash_parts(made) == ANCHORS["model_sha256"], "the model is not the one that the anchors were made of"
    return made


@pytest.mark.parametrize("kind", ANCHORS["tensors"])
def test_every_tensor_has_the_bytes_of_llama_cpps_own_tool(kind: str, source: Path, tmp_path: Path) -> None:
    import hashlib

    from gguf import GGUFReader

    name, _, with_matrix = kind.partition("+")
    recipe = Recipe(name)
    if with_matrix:
        recipe = replace(recipe, imatrix_sha256=hash_parts(MATRIX))
    made = quantize_file(source, tmp_path / "m.gguf", recipe, imatrix=MATRIX if with_matrix else None, threads=1)
    found = {
        tensor.name: f"{tensor.tensor_type.name} {hashlib.sha256(tensor.data.tobytes()).hexdigest()[:16]}"
        for tensor in GGUFReader(str(made)).tensors
    }
    assert found == ANCHORS["tensors"][kind]


def test_the_importance_matrix_is_that_of_llama_cpps_own_tool(source: Path, tmp_path: Path) -> None:
    ours = compute_importance_matrix(source, make_text(), tmp_path / "i.gguf", threads=1)
    theirs = read_importance_matrix(MATRIX)
    assert set(ours.channels) == set(theirs.channels) and len(ours.channels) == 14
    for name, channel in theirs.channels.items():
        assert ours.channels[name].counts.tolist() == channel.counts.tolist(), name
        assert numpy.allclose(ours.channels[name].sums, channel.sums, rtol=1e-4), name


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_K_M", "Q2_K"])
def test_perplexity_and_divergence_are_those_of_llama_cpps_own_tool(kind: str, source: Path, tmp_path: Path) -> None:
    expected = ANCHORS["figures"][kind]
    made = quantize_file(source, tmp_path / "m.gguf", Recipe(kind), threads=1)
    found = measure_quality(made, make_text(), base=source, threads=1)
    assert found.perplexity == pytest.approx(expected["perplexity"], rel=1e-3)
    assert found.base_perplexity == pytest.approx(ANCHORS["figures"]["base_perplexity"], rel=1e-3)
    # the tool keeps the base's log-probabilities in 16 bits, which shows where the divergence itself is tiny
    for name in ("kl_mean", "kl_99", "kl_median", "kl_max"):
        assert getattr(found, name) == pytest.approx(expected[name], rel=1e-3, abs=2e-5), name
    assert 100 * found.same_top_1 == pytest.approx(expected["same_top_1"], rel=1e-3)
