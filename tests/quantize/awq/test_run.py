"""AWQ runs as a whole: what comes out, and that a run that was killed ends in the same bytes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch
from safetensors.torch import load_file, save_file

from backends.torch_transformers.packing import dequantize
from models.errors import (
    DamagedModelFile,
    DiskFull,
    InvalidOption,
    NotACheckpoint,
    QuantizationFailed,
    UserFacingError,
    WorkCancelled,
)
from quantize.awq.recipe import AwqRecipe, awq_recipe_from_json, write_awq_recipe
from quantize.awq.restore import read_packed
from quantize.awq.run import quantize_checkpoint, work_folder
from quantize.calibration import builtin_text, held_out_text
from quantize.checkpoint_reader import CheckpointReader
from quantize.quality import measure_here
from quantize.recipe import read_any_recipe
from tests.quantize.checkpoints import make_decoder, rewrite_config
from tests.tiny_checkpoints import make_tiny_checkpoint

TEXT = builtin_text()
SMALL = AwqRecipe(group_size=32, windows=4)


def quantize(source: Path, target: Path, recipe: AwqRecipe = SMALL, **more: object) -> Path:
    return quantize_checkpoint(source, target, recipe, TEXT, threads=1, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_checkpoint(tmp_path_factory.mktemp("源") / "tiny", width=128, layers=3, stored="BF16")


@pytest.fixture(scope="module")
def made(source: Path) -> Path:
    return quantize(source, source.parent / "made")


def test_a_folder_that_every_loader_knows_by_its_files(source: Path, made: Path) -> None:
    assert {path.name for path in made.iterdir()} == {
        "README.md", "config.json", "generation_config.json", "model.safetensors", "quality_card.json", "tokenizer.json",
        "tokenizer_config.json",
    }  # fmt: skip
    settings = json.loads((made / "config.json").read_text())["quantization_config"]
    assert (settings["quant_method"], settings["bits"], settings["group_size"], settings["version"]) == ("awq", 4, 32, "gemm")
    tensors, before = load_file(made / "model.safetensors"), load_file(source / "model.safetensors")
    assert torch.equal(tensors["lm_head.weight"], before["lm_head.weight"])
    assert torch.equal(tensors["model.embed_tokens.weight"], before["model.embed_tokens.weight"])
    assert tensors["model.layers.0.mlp.down_proj.qweight"].shape == (256, 128 // 8)
    assert tensors["model.layers.0.mlp.down_proj.scales"].dtype == torch.float16
    assert "model.layers.0.mlp.down_proj.weight" not in tensors
    assert "# tiny, AWQ 4-bit" in (made / "README.md").read_text()
    assert not work_folder(made).exists()


def divergence(model: Path, base: Path) -> float:
    return measure_here(str(model), str(base), held_out_text(), 1, 1, lambda fraction, words: None).kl_mean


def test_it_loses_much_less_than_plain_rounding(source: Path, made: Path, tmp_path: Path) -> None:
    from quantize.awq.rounding import Grid, round_plainly

    plain = tmp_path / "plain"
    shutil.copytree(source, plain)
    tensors = load_file(plain / "model.safetensors")
    grid = Grid(32, False, torch.float16)
    for name, values in tensors.items():
        if "proj" in name:
            tensors[name] = round_plainly(values.float(), grid)
    save_file(tensors, plain / "model.safetensors", metadata={"format": "pt"})
    ours, theirs = divergence(made, source), divergence(plain, source)
    assert 0 < ours < 0.75 * theirs


def test_the_same_recipe_gives_the_same_bytes(source: Path, made: Path, tmp_path: Path) -> None:
    again = quantize(source, tmp_path / "again")
    assert (again / "model.safetensors").read_bytes() == (made / "model.safetensors").read_bytes()
    other = quantize(source, tmp_path / "other", AwqRecipe(group_size=32, windows=4, seed=1))
    assert (other / "model.safetensors").read_bytes() != (made / "model.safetensors").read_bytes()


@pytest.mark.parametrize("moment", ["layer 2/3", "writing"])
def test_a_run_that_was_killed_goes_on_and_ends_in_the_same_bytes(source: Path, made: Path, tmp_path: Path, moment: str) -> None:
    target = tmp_path / "killed"
    code = (
        "import sys, os, signal\nfrom pathlib import Path\nfrom quantize.awq.run import quantize_here\n"
        "from quantize.awq.recipe import AwqRecipe\nfrom quantize.calibration import builtin_text\n"
        "def tell(fraction, words):\n"
        f"    if words == {moment!r}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "recipe = AwqRecipe(group_size=32, windows=4).to_json()\n"
        "quantize_here(sys.argv[1], sys.argv[2], recipe, builtin_text(), 1, tell)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(source), str(target)], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert not target.exists()
    finished = sorted(path.name for path in work_folder(target).glob("layer-*.safetensors"))
    assert len(finished) == (1 if moment.startswith("layer") else 3)
    stamps = {path.name: path.stat().st_mtime_ns for path in work_folder(target).glob("layer-*.safetensors")}
    seen: list[dict[str, int]] = []

    def note(_fraction: float, words: str) -> None:
        if words == "writing":
            seen.append({p.name: p.stat().st_mtime_ns for p in work_folder(target).glob("layer-*.safetensors")})

    quantize(source, target, progress=note)
    if seen:  # finished layers were not made again
        assert all(seen[0].get(name, stamp) == stamp for name, stamp in stamps.items())
    assert (target / "model.safetensors").read_bytes() == (made / "model.safetensors").read_bytes()
    assert not work_folder(target).exists()


def test_what_another_recipe_left_behind_is_not_used(source: Path, made: Path, tmp_path: Path) -> None:
    target = tmp_path / "mixed"

    def stop_at_two(fraction: float, words: str) -> None:
        flags.append(words)

    flags: list[str] = []
    other = AwqRecipe(group_size=64, windows=4)
    with pytest.raises(WorkCancelled):
        quantize(source, target, other, progress=stop_at_two, is_cancelled=lambda: "layer 2/3" in flags)
    assert work_folder(target).exists() and not target.exists()
    quantize(source, target)
    assert (target / "model.safetensors").read_bytes() == (made / "model.safetensors").read_bytes()


@pytest.mark.parametrize("is_symmetric", [False, True])
def test_both_layouts_hold_the_same_kind_of_numbers(source: Path, made: Path, tmp_path: Path, is_symmetric: bool) -> None:
    recipe = AwqRecipe(group_size=64, windows=2, layout="compressed-tensors", is_symmetric=is_symmetric)
    target = quantize(source, tmp_path / "packed", recipe)
    tensors = load_file(target / "model.safetensors")
    stem = "model.layers.1.self_attn.q_proj"
    assert tensors[f"{stem}.weight_packed"].shape == (128, 16)
    assert tensors[f"{stem}.weight_scale"].dtype == torch.bfloat16
    assert (f"{stem}.weight_zero_point" in tensors) != is_symmetric
    numbers, zeros, scales = read_packed(tensors, stem)
    assert dequantize(numbers, zeros, scales).isfinite().all()
    assert divergence(target, source) < 0.2
    group = json.loads((target / "config.json").read_text())["quantization_config"]["config_groups"]["group_0"]
    assert group["weights"]["group_size"] == 64 and group["weights"]["symmetric"] is is_symmetric


@pytest.mark.parametrize("kind", ["gemma 2", "phi 3", "olmo 2", "stablelm 12b"])
def test_other_families_come_back_close_to_what_they_were(kind: str, tmp_path: Path) -> None:
    model = make_decoder(tmp_path / "source", kind)
    target = quantize(tmp_path / "source", tmp_path / "made", AwqRecipe(group_size=32, windows=2))
    tokens = numpy.random.default_rng(2).integers(3, 4000, size=60).tolist()
    with torch.inference_mode():
        expected = model(torch.tensor([tokens])).logits[0, 30:59].numpy()
    reader = CheckpointReader(str(target), 1)
    found = reader.read(tokens, 30)
    reader.close()
    error = float(numpy.sqrt(((found - expected) ** 2).mean()) / expected.std())
    assert 0 < error < 0.6, error  # random weights make every error grow from layer to layer


def test_an_8_bit_checkpoint_is_read_as_what_it_stands_for(tmp_path: Path) -> None:
    from tests.quantize.checkpoints import make_float8

    model = make_float8(tmp_path / "source")
    target = quantize(tmp_path / "source", tmp_path / "made", AwqRecipe(group_size=32, windows=2))
    tokens = list(range(3, 60))
    with torch.inference_mode():
        expected = model(torch.tensor([tokens])).logits[0, 20:56].numpy()
    reader = CheckpointReader(str(target), 1)
    found = reader.read(tokens, 20)
    reader.close()
    assert float(numpy.sqrt(((found - expected) ** 2).mean()) / expected.std()) < 0.3


def damage(source: Path, folder: Path, name: str, **changes: object) -> Path:
    shutil.copytree(source, folder)
    tensors = load_file(folder / "model.safetensors")
    if "value" in changes:
        tensors[name][0] = changes["value"]  # type: ignore[assignment]
    elif "shape" in changes:
        tensors[name] = torch.zeros(changes["shape"])  # type: ignore[arg-type]
    else:
        del tensors[name]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_damaged_sources_are_refused_by_name_and_leave_nothing_behind(source: Path, tmp_path: Path) -> None:
    weight = "model.layers.1.mlp.up_proj.weight"
    cases = [
        (damage(source, tmp_path / "nan", weight, value=float("nan")), DamagedModelFile, "no numbers"),
        (damage(source, tmp_path / "lost", weight), DamagedModelFile, "missing"),
        (damage(source, tmp_path / "shape", weight, shape=(4, 4)), DamagedModelFile, "shape"),
    ]
    for folder, kind, words in cases:
        target = folder.parent / f"{folder.name}-made"
        with pytest.raises(kind, match=words):
            quantize(folder, target)
        assert not target.exists() and not work_folder(target).exists()
    with pytest.raises(NotACheckpoint):
        quantize(tmp_path, tmp_path / "nothing")
    sharded = tmp_path / "sharded"
    shutil.copytree(source, sharded)
    places = {"weight_map": {"model.layers.0.lost.weight": "model-00002-of-00002.safetensors"}}
    (sharded / "model.safetensors.index.json").write_text(json.dumps(places))
    with pytest.raises(NotACheckpoint, match="shard"):
        quantize(sharded, tmp_path / "sharded-made")


def test_shapes_that_do_not_fit_are_told_with_what_would(tmp_path: Path) -> None:
    odd = make_tiny_checkpoint(tmp_path / "odd", width=96)
    with pytest.raises(QuantizationFailed, match="--group-size 32"):
        quantize(odd, tmp_path / "made", AwqRecipe(group_size=64))
    quantized = tmp_path / "quantized"
    shutil.copytree(odd, quantized)
    rewrite_config(quantized, quantization_config={"quant_method": "gptq"})
    with pytest.raises(QuantizationFailed, match="already"):
        quantize(quantized, tmp_path / "made")
    rewrite_config(odd, model_type="nobody_knows")
    with pytest.raises(UserFacingError, match="nobody_knows"):
        quantize(odd, tmp_path / "made")


def test_a_folder_of_somebody_else_is_not_touched(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.mkdir()
    (target / "letter.txt").write_text("dear")
    with pytest.raises(QuantizationFailed, match="already"):
        quantize(source, target)
    assert (target / "letter.txt").read_text() == "dear"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_is_said_and_the_target_is_not_there(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from quantize.awq.run import quantize_here

    target = tmp_path / "full"

    def refuse(*_values: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    import safetensors.torch

    monkeypatch.setattr(safetensors.torch, "save_file", refuse)
    with pytest.raises(DiskFull):
        quantize_here(str(source), str(target), SMALL.to_json(), TEXT, 1, lambda fraction, words: None)
    assert not target.exists()


def test_a_disk_that_cannot_hold_it_is_told_before_any_work(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quantize.awq.run import quantize_here

    free = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: free)
    with pytest.raises(DiskFull):
        quantize_here(str(source), str(tmp_path / "made"), SMALL.to_json(), TEXT, 1, lambda fraction, words: None)
    assert list(tmp_path.iterdir()) == []


def test_recipes_come_back_from_their_toml_and_refuse_nonsense(tmp_path: Path) -> None:
    recipe = AwqRecipe(64, True, "compressed-tensors", "nearest", 12, 3, "ab")
    (tmp_path / "recipe.toml").write_text(write_awq_recipe(recipe))
    assert read_any_recipe(tmp_path / "recipe.toml") == recipe == awq_recipe_from_json(recipe.to_json())
    for wrong in ({"group_size": 48}, {"layout": "gguf"}, {"windows": 0}, {"seed": -1}, {"rounding": "up"}):
        with pytest.raises(InvalidOption):
            AwqRecipe(**wrong)  # type: ignore[arg-type]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_layers(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom quantize.probe import _peak_memory\nfrom quantize.awq.run import quantize_here\n"
        "from quantize.awq.recipe import AwqRecipe\nfrom quantize.calibration import builtin_text\n"
        "recipe = AwqRecipe(group_size=128, windows=1, rounding='nearest').to_json()\n"
        "quantize_here(sys.argv[1], sys.argv[2], recipe, builtin_text(), 1, lambda fraction, words: None)\n"
        "print(_peak_memory())\n"
    )
    peaks = []
    for layers in (2, 6):
        source = make_tiny_checkpoint(tmp_path / f"{layers}", width=512, layers=layers, heads=8, stored="BF16")
        made = str(tmp_path / f"{layers}-made")
        done = subprocess.run([sys.executable, "-c", code, str(source), made], check=True, capture_output=True, text=True)
        peaks.append(int(done.stdout.split()[-1]))
    layer = 4 * (512 * 512 * 3 + 3 * 512 * 1024)
    assert peaks[1] - peaks[0] < 2 * layer, "four more layers in float would be as much"
