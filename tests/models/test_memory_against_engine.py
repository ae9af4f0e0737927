"""The planner's numbers against llama.cpp's own, for shapes from half a billion to 47 billion parameters."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from models.gguf_header import read_header
from models.memory_fit import LoadShape, compute_bytes, estimate_load, kv_bytes
from models.memory_shape import MemoryShape, read_shape, shape_from_json
from tests.models.sparse_models import SHAPES

ROOT = Path(__file__).resolve().parents[2]
LOADS = [
    LoadShape(4096, sequences=8),
    LoadShape(32_768, sequences=8),
    LoadShape(8192, "q8_0", sequences=1),
    LoadShape(4096, micro_batch=128, sequences=4),
    LoadShape(8192, sequences=2, has_flash_attention=False),
    LoadShape(16_384, sequences=4, keeps_windows_whole=False),
]
CODE = """
import sys
from backends.llamacpp.library import NativeLibrary
library = NativeLibrary()
api, lines = library.api, []
def listen(level, text, _):
    lines.append((text or b"").decode("utf-8", "replace"))
callback = api.llama_log_callback(listen)
api.llama_log_set(callback, None)
model = api.llama_model_default_params()
model.no_alloc, model.load_mode, model.n_gpu_layers = True, 0, 0
model.use_extra_bufts = False  # without memory nothing is repacked, and with AMX latent attention would end the process
loaded = api.llama_model_load_from_file(sys.argv[1].encode(), model)
assert loaded, "".join(lines)[-2000:]
for text in sys.argv[2:]:
    context, kind, batch, sequences, flash, whole = (int(part) for part in text.split(","))
    lines.clear()
    made = api.llama_context_default_params()
    made.n_ctx, made.n_batch, made.n_ubatch, made.n_seq_max = context, max(batch, 512), batch, sequences
    made.kv_unified, made.type_k, made.type_v, made.swa_full = True, kind, kind, bool(whole)
    made.flash_attn_type = flash
    native = api.llama_init_from_model(loaded, made)
    assert native, "".join(lines)[-2000:]
    api.llama_free(native)
    print("@@" + "".join(lines).replace("\\n", " | "))
api.llama_model_free(loaded)
"""
KINDS = {"f16": 1, "q8_0": 8}


def ask_engine(path: Path, loads: list[LoadShape]) -> list[tuple[float, float]]:
    """KV cache and compute buffers, output buffer included, in MiB, as llama.cpp would allocate them."""
    asked = [
        f"{load.context},{KINDS[load.kv_type]},{load.micro_batch},{load.sequences},{int(load.has_flash_attention)},{int(load.keeps_windows_whole)}"
        for load in loads
    ]
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(path), *asked], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = []
    for line in done.stdout.split("@@")[1:]:
        cache = sum(float(size) for size in re.findall(r"(?:llama_kv_cache|llama_memory_recurrent): size = +([\d.]+) MiB", line))
        compute = sum(float(size) for size in re.findall(r"(?:compute|output) buffer size = +([\d.]+) MiB", line))
        answers.append((cache, compute))
    assert len(answers) == len(loads)
    return answers


@pytest.fixture(scope="module")
def comparisons(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[tuple[LoadShape, int, tuple[float, float], MemoryShape]]]:
    folder = tmp_path_factory.mktemp("sparse")
    found = {}
    for name, make in SHAPES.items():
        path = make(folder / f"{name}.gguf")
        shape = read_shape([read_header(path)])
        found[name] = [(load, shape.weights, answer, shape) for load, answer in zip(LOADS, ask_engine(path, LOADS), strict=True)]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_the_cache_is_exact(
    name: str, comparisons: dict[str, list[tuple[LoadShape, int, tuple[float, float], MemoryShape]]]
) -> None:
    for load, _, (cache, _), shape in comparisons[name]:
        assert kv_bytes(shape.layers, load) / 2**20 == pytest.approx(cache, rel=0.005, abs=0.02), load


@pytest.mark.slow
def test_the_total_is_within_three_percent_in_the_middle_and_ten_at_worst(
    comparisons: dict[str, list[tuple[LoadShape, int, tuple[float, float], MemoryShape]]],
) -> None:
    totals, computes = {}, {}
    for name, entries in comparisons.items():
        for load, weights, (cache, compute), shape in entries:
            predicted = weights + kv_bytes(shape.layers, load) + compute_bytes(shape, load)
            measured = weights + (cache + compute) * 2**20
            totals[name, load] = abs(predicted / measured - 1)
            computes[name, load] = compute_bytes(shape, load) / 2**20 / compute - 1
    worst = max(totals, key=lambda key: totals[key])
    print(f"\ntotal: median {statistics.median(totals.values()):.3%}, worst {totals[worst]:.2%} ({worst})")
    middle = statistics.median(abs(error) for error in computes.values())
    print(f"compute alone: median {middle:.2%}, worst {sorted(computes.items(), key=lambda item: -abs(item[1]))[:6]}")
    assert statistics.median(totals.values()) < 0.03
    assert totals[worst] < 0.10, worst
    assert middle < 0.05


def test_a_shape_survives_a_cache(tmp_path: Path) -> None:
    shape = read_shape([read_header(SHAPES["jamba"](tmp_path / "jamba.gguf"))])
    assert shape_from_json(shape.to_json()) == shape
    load = LoadShape(4096)
    assert estimate_load([read_header(tmp_path / "jamba.gguf")], load).kv_cache == kv_bytes(shape.layers, load)
