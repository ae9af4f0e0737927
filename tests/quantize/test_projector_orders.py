"""Orders of models that see: model and projector come together, what is lost is measured on pictures, nothing is done twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.cli.main import main
from models.card import choose_projector
from models.errors import InvalidOption, UserFacingError
from models.gguf_header import read_header
from quantize.calibration import held_out_text
from quantize.order import Order, order_from_json
from quantize.picture_quality import builtin_questions, read_picture
from quantize.pipeline import Pipeline, Step
from quantize.quality_card import read_card, write_markdown
from quantize.recipe import Recipe
from tests import tiny_vision


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    tiny_vision.write_checkpoint(tmp_path / "眼睛")
    return tmp_path / "眼睛"


def read_text(source: str) -> str:
    return held_out_text()


def test_quantizing_a_checkpoint_that_sees_makes_its_projector_too(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    steps: list[Step] = []
    order = Order(str(checkpoint), (Recipe("Q8_0"),), str(out), windows=1, threads=1)
    (card,) = Pipeline(order, read_text, tell=steps.append).run()
    names = sorted(path.name for path in out.iterdir() if path.suffix == ".gguf")
    assert names == ["mmproj-眼睛-F16.gguf", "眼睛-F32.gguf", "眼睛-Q8_0.gguf"]
    assert list(dict.fromkeys(step.kind for step in steps)) == ["convert", "projector", "quantize", "measure"]
    assert steps[-1].number == steps[-1].count == 4
    assert choose_projector("眼睛-Q8_0.gguf", names) == "mmproj-眼睛-F16.gguf"
    assert card.pictures and card.pictures["questions"] == 32 and 0 < card.pictures["kl_mean"] < 0.1
    assert (
        "questions about pictures" in write_markdown(card)
        and (read_card(out / "眼睛-Q8_0.gguf") or {})["pictures"] == card.pictures
    )
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert Pipeline(order, read_text).run() == [card]
    assert before == {path: path.stat().st_mtime_ns for path in out.iterdir()}


def test_a_projector_can_be_smaller_or_left_out_and_another_type_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    order = Order(str(checkpoint), (Recipe("F32"),), str(tmp_path / "out"), measure="", projector="Q8_0")
    Pipeline(order, read_text).run()
    header = read_header(tmp_path / "out" / "mmproj-眼睛-Q8_0.gguf")
    assert {tensor.type.name for tensor in header.tensors} == {"F32", "F16", "Q8_0"}
    Pipeline(replace(order, out=str(tmp_path / "blind"), projector="none"), read_text).run()
    assert sorted(path.name for path in (tmp_path / "blind").glob("*.gguf")) == ["眼睛-F32.gguf"]
    with pytest.raises(InvalidOption, match="Q4_K_M"):
        replace(order, projector="Q4_K_M")
    assert order_from_json(order.to_json()) == order
    old = {name: value for name, value in order.to_json().items() if name != "projector"}
    assert order_from_json(old).projector == "F16"


def test_a_projector_that_somebody_else_made_is_never_replaced(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    made = tiny_vision.make_tiny_vision(tmp_path / "other", seed=8)
    kept = made.projector.read_bytes()
    (out / "mmproj-眼睛-F16.gguf").write_bytes(kept.replace(b"yanmo.source", b"other.source"))
    with pytest.raises(UserFacingError, match="made by something else"):
        Pipeline(Order(str(checkpoint), (Recipe("Q8_0"),), str(out), measure=""), read_text).run()
    assert len((out / "mmproj-眼睛-F16.gguf").read_bytes()) == len(kept)


def test_a_gguf_with_a_projector_beside_it_takes_it_along(tmp_path: Path) -> None:
    made = tiny_vision.make_tiny_vision(tmp_path / "all")
    order = Order(str(made.model), (Recipe("Q8_0"),), str(tmp_path / "small"), measure="", threads=1)
    Pipeline(order, read_text).run()
    assert (tmp_path / "small" / made.projector.name).read_bytes() == made.projector.read_bytes()
    assert (tmp_path / "small" / "tiny-eyes-Q8_0.gguf").is_file()


def test_a_checkpoint_whose_eyes_are_unknown_is_refused_by_name(tmp_path: Path) -> None:
    tiny_vision.write_checkpoint(tmp_path / "m", architectures=["MllamaForConditionalGeneration"])
    with pytest.raises(UserFacingError, match="MllamaForConditionalGeneration"):
        Pipeline(Order(str(tmp_path / "m"), (Recipe("Q8_0"),), str(tmp_path / "out"), measure=""), read_text).run()
    assert not list((tmp_path / "out").glob("*.gguf"))


def test_a_script_that_writes_a_file_without_tensors_has_failed(tmp_path: Path) -> None:
    import sys

    script = tmp_path / "convert_hf_to_gguf.py"
    script.write_text(
        "import sys, gguf\nw = gguf.GGUFWriter(sys.argv[sys.argv.index('--outfile') + 1], 'clip')\n"
        "w.write_header_to_file()\nw.write_kv_data_to_file()\nw.write_tensors_to_file()\nw.close()\n"
    )
    tiny_vision.write_checkpoint(tmp_path / "m", architectures=["MllamaForConditionalGeneration"])
    order = Order(
        str(tmp_path / "m"), (Recipe("Q8_0"),), str(tmp_path / "out"), measure="", converter=str(script), converter_python=sys.executable
    )  # fmt: skip
    with pytest.raises(UserFacingError, match="without tensors"):
        Pipeline(order, read_text).run()


def test_the_shell_makes_both(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(checkpoint), "--to", "F16", "--out", str(tmp_path / "out"), "--projector", "Q8_0"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["mmproj-眼睛-Q8_0.gguf", "眼睛-F16.gguf"]
    assert "mmproj-眼睛-Q8_0.gguf" in capsys.readouterr().out
    arguments = ["quantize", str(checkpoint), "--to", "Q8_0", "--out", str(tmp_path / "more"), "--projector", "f16"]
    assert main(arguments) == 0
    assert (tmp_path / "more" / "mmproj-眼睛-F16.gguf").is_file()


def test_the_built_in_pictures_have_one_answer_each_in_two_languages() -> None:
    questions = builtin_questions()
    assert len(questions) == 32 and sum(question.question.isascii() for question in questions) == 16
    for question in questions:
        assert read_picture(question.picture).shape == (224, 224, 3) and all(question.accepted)
