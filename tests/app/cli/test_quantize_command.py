"""``yanmo quantize``, ``quality`` and ``imatrix`` as a person uses them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from app.cli.main import main
from quantize.order import name_target
from quantize.recipe import Recipe
from resources import resource_folder

STARTER = resource_folder() / "starter" / "yanmo-starter-Q8_0.gguf"


@pytest.fixture(autouse=True)
def own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("YANMO_DATA", str(tmp_path / "data"))


@pytest.fixture
def prose(tmp_path: Path) -> Path:
    path = tmp_path / "文本.txt"
    path.write_text(
        "\n".join(f"Line {number}: the old king walked by the river, 王 走 在 河 边 {number * 7}." for number in range(160)),
        encoding="utf-8",
    )
    return path


def test_a_smaller_file_with_its_proof_in_one_command(tmp_path: Path, prose: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "quantize",
        str(STARTER),
        "--to",
        "Q4_0,Q2_K",
        "--requantize",
        "--text",
        str(prose),
        "--windows",
        "1",
        "--out",
        str(tmp_path / "小"),
    ]
    assert main([*command, "--threads", "1", "--json"]) == 0
    cards = json.loads(capsys.readouterr().out)
    assert [card["file_type"] for card in cards] == ["Q4_0", "Q2_K"]
    assert cards[0]["quality"]["kl_mean"] < cards[1]["quality"]["kl_mean"]
    names = sorted(path.name for path in (tmp_path / "小").iterdir())
    assert names == [
        "yanmo-starter-Q2_K.gguf",
        "yanmo-starter-Q2_K.gguf.quality.json",
        "yanmo-starter-Q4_0.gguf",
        "yanmo-starter-Q4_0.gguf.quality.json",
    ]
    made = tmp_path / "小" / "yanmo-starter-Q4_0.gguf"
    assert main(["quality", str(made), "--against", str(STARTER), "--text", str(prose), "--windows", "1", "--threads", "1"]) == 0
    assert "KL divergence, mean" in capsys.readouterr().out


def test_an_importance_matrix_is_computed_and_used(tmp_path: Path, prose: Path, capsys: pytest.CaptureFixture[str]) -> None:
    matrix = tmp_path / "m.imatrix.gguf"
    assert (
        main(["imatrix", str(STARTER), "--text", str(prose), "--windows", "1", "--out", str(matrix), "--threads", "1", "--json"])
        == 0
    )
    seen = json.loads(capsys.readouterr().out)
    assert seen["touched"] == seen["matrices"] > 20
    command = [
        "quantize",
        str(STARTER),
        "--to",
        "IQ3_XXS",
        "--requantize",
        "--imatrix",
        str(matrix),
        "--out",
        str(tmp_path / "i.gguf"),
    ]
    assert main([*command, "--threads", "1"]) == 0
    assert (tmp_path / "i.gguf").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["quantize", str(STARTER)], 2, "--to"),
        (["quantize", str(STARTER), "--to", "Q9"], 1, "Q4_K_M"),
        (["quantize", str(STARTER), "--to", "Q4_0"], 1, "quantized already"),
        (["quantize", "nothing.gguf", "--to", "Q4_0"], 1, "not found"),
        (["quantize", str(STARTER), "--to", "Q4_0", "--override", "x"], 1, "PATTERN=TYPE"),
        (["quantize", str(STARTER), "--to", "Q4_0", "--imatrix", "auto", "--calibration", "nothing"], 1, "nothing"),
        (["search-recipe", str(STARTER), "--max-kl", "0.1"], 1, "quantized already"),
        (["search-recipe", str(STARTER), "--max-size", "many"], 1, "2.5GB"),
        (["quantize", str(STARTER), "--to", "awq"], 1, "safetensors"),
        (["quantize", str(STARTER), "--to", "awq", "--dry-run"], 1, "safetensors"),
        (["quantize", str(STARTER.parent / "checkpoint"), "--to", "awq", "--group-size", "48"], 1, "32, 64, 128"),
        (["quantize", str(STARTER.parent / "checkpoint"), "--to", "awq", "--format", "exl2"], 1, "compressed-tensors"),
        (["imatrix"], 1, "a model"),
        (["convert", "nothing"], 1, "config.json"),
        (["convert", str(STARTER.parent / "checkpoint"), "--split-max-size", "x"], 1, "--split-max-size"),
        (["lora", "convert", "nothing", "--base", "nothing", "--out", "x"], 1, "adapter_config.json"),
        (["quality", str(STARTER), "--text", "nothing.txt"], 1, "nothing.txt"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == status
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said and said.count("\n") == 1


def test_the_target_takes_the_place_of_the_sources_type() -> None:
    recipe = Recipe("Q4_K_M")
    assert name_target(Path("/m/Qwen3-8B-BF16.gguf"), recipe, None, is_one=True).name == "Qwen3-8B-Q4_K_M.gguf"
    assert name_target(Path("/m/f16.gguf"), recipe, None, is_one=True).name == "f16-Q4_K_M.gguf"


def test_sizes_are_told_without_writing_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "r.toml"
    assert main(["quantize", str(STARTER), "--to", "balanced,Q8_0", "--dry-run", "--save-recipe", str(recipe)]) == 0
    said = capsys.readouterr().out
    assert "Q4_K_M" in said and "MB" in said and not list(tmp_path.rglob("*.gguf"))
    assert main(["quantize", str(STARTER), "--recipe", str(recipe), "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["size_bytes"] > 3_000_000


def test_matrices_are_merged_and_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = tmp_path / "one.gguf"
    assert main(["imatrix", str(STARTER), "--windows", "1", "--out", str(one), "--threads", "1"]) == 0
    both = tmp_path / "both.gguf"
    assert main(["imatrix", "--merge", str(one), str(one), "--out", str(both), "--json"]) == 0
    capsys.readouterr()
    assert main(["imatrix", "--show", str(both), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["windows"] == 2


def test_a_checkpoint_is_converted_in_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "convert",
        str(STARTER.parent / "checkpoint"),
        "--to",
        "Q8_0",
        "--split-max-size",
        "2MB",
        "--out",
        str(tmp_path / "p"),
    ]
    assert main(command) == 0
    first = capsys.readouterr().out.strip()
    assert first.endswith("-00001-of-00004.gguf") or "-00001-of-" in first
    assert len(list((tmp_path / "p").iterdir())) > 1


def test_a_checkpoint_becomes_four_bits_is_measured_talked_to_and_comes_back(
    tmp_path: Path, prose: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    source, target = STARTER.parent / "checkpoint", tmp_path / "starter-awq"
    command = ["quantize", str(source), "--to", "awq", "--out", str(target), "--calibration-windows", "2", "--threads", "1"]
    assert main([*command, "--dry-run"]) == 0
    assert "AWQ-4" in capsys.readouterr().out and not target.exists()
    assert main([*command, "--save-recipe", str(tmp_path / "awq.toml")]) == 0
    assert "AWQ-4, 6." in capsys.readouterr().out
    assert 'layout = "autoawq"' in (tmp_path / "awq.toml").read_text()
    assert main(["quality", str(target), "--against", str(source), "--text", str(prose), "--windows", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["has_base"] and 0 < found["kl_mean"] < 0.5
    assert main(["chat", str(target), "-p", "hello", "--no-save", "--temperature", "0", "--max-tokens", "12"]) == 0
    assert len(capsys.readouterr().out.strip()) > 10
    assert main(["convert", str(target), "--out", str(tmp_path / "back.gguf")]) == 0
    assert (tmp_path / "back.gguf").stat().st_size > 5_000_000
