"""Orders: killed at any moment they are carried on from the last finished step, and leave no half file under a final name."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from models.errors import DiskFull, UserFacingError, WorkCancelled
from models.gguf_header import read_header
from models.gguf_parts import hash_parts
from quantize.calibration import builtin_text, held_out_text, read_texts
from quantize.order import Order, order_from_json
from quantize.pipeline import Pipeline, Step
from quantize.quality_card import METADATA_KEY, read_card
from quantize.recipe import Recipe
from resources import resource_folder

CHECKPOINT = resource_folder() / "starter" / "checkpoint"


def read_text(source: str) -> str:
    return held_out_text() if source == "builtin" else Path(source).read_text(encoding="utf-8")


def make_order(folder: Path, *types: str, **fields: object) -> Order:
    values = {"windows": 2, "imatrix_windows": 3, "threads": 1, "imatrix": "auto", **fields}
    return Order(str(CHECKPOINT), tuple(map(Recipe, types)), str(folder), **values)  # type: ignore[arg-type]


def test_an_order_from_checkpoint_to_cards(tmp_path: Path) -> None:
    steps: list[Step] = []
    cards = Pipeline(make_order(tmp_path / "出", "Q4_K_M", "IQ2_M"), read_text, tell=steps.append).run()
    names = sorted(path.name for path in (tmp_path / "出").iterdir())
    assert names == [
        "checkpoint-BF16.gguf", "checkpoint-IQ2_M-imatrix.gguf", "checkpoint-IQ2_M-imatrix.gguf.quality.json",
        "checkpoint-Q4_K_M-imatrix.gguf", "checkpoint-Q4_K_M-imatrix.gguf.quality.json", "checkpoint.imatrix.gguf",
    ]  # fmt: skip
    kinds = list(dict.fromkeys((step.kind, step.file) for step in steps))
    assert [kind for kind, _ in kinds] == ["convert", "imatrix", "quantize", "measure", "quantize", "measure"]
    assert steps[-1].number == steps[-1].count == 6
    assert cards[0].quality and cards[1].quality and cards[1].quality["kl_mean"] > cards[0].quality["kl_mean"] > 0
    assert cards[0].probe and cards[0].probe["memory_bytes"] > 10_000_000 and cards[0].probe["decode_tokens_per_second"] > 1


def test_the_card_is_inside_the_file_too(tmp_path: Path) -> None:
    order = make_order(tmp_path, "Q8_0", imatrix="none")
    (card,) = Pipeline(order, read_text).run()
    made = tmp_path / "checkpoint-Q8_0.gguf"
    inside = json.loads(read_header(made).text(METADATA_KEY))
    assert inside["weights_sha256"] == card.weights_sha256 and inside["quality"] == card.quality and inside["sha256"] == ""
    assert card.sha256 == hash_parts(made) and card.size_bytes == made.stat().st_size
    made.with_name(made.name + ".quality.json").unlink()
    assert read_card(made) == inside
    from llama_cpp import Llama

    model = Llama(str(made), n_ctx=64, n_threads=1, verbose=False)
    assert METADATA_KEY in model.metadata
    model.close()


def test_the_same_recipe_gives_the_same_weights_and_finished_work_is_not_done_again(tmp_path: Path) -> None:
    order = make_order(tmp_path / "a", "Q4_0", imatrix="none")
    (first,) = Pipeline(order, read_text).run()
    (second,) = Pipeline(replace(order, out=str(tmp_path / "b")), read_text).run()
    assert first.weights_sha256 == second.weights_sha256
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()}
    (again,) = Pipeline(order, read_text).run()
    assert again == first and before == {path: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()}


def test_a_file_of_somebody_else_is_never_replaced(tmp_path: Path) -> None:
    shutil.copy(resource_folder() / "starter" / "yanmo-starter-Q8_0.gguf", tmp_path / "checkpoint-Q4_0.gguf")
    with pytest.raises(UserFacingError, match="there already"):
        Pipeline(make_order(tmp_path, "Q4_0", imatrix="none"), read_text).run()
    shutil.copy(resource_folder() / "starter" / "yanmo-starter-Q8_0.gguf", tmp_path / "checkpoint-BF16.gguf")
    with pytest.raises(UserFacingError, match="there already"):
        Pipeline(make_order(tmp_path, "Q4_0", imatrix="none"), read_text).run()


RUN = """
import sys
from tests.quantize.test_pipeline import make_order, read_text
from quantize.pipeline import Pipeline
from pathlib import Path
if __name__ == "__main__":
    Pipeline(make_order(Path(sys.argv[1]), "Q4_K_M", "Q2_K"), read_text).run()
"""


def test_killed_ten_times_the_order_is_finished_in_the_end(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(RUN)
    draw = random.Random(11)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "YANMO_THREADS": "1"}
    finished: dict[Path, int] = {}
    kills = round_number = 0
    while True:
        out = tmp_path / f"out{round_number}"
        command = [sys.executable, str(tmp_path / "run.py"), str(out)]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
        try:
            process.wait(draw.uniform(0.5, 3.5) if kills < 10 else 120)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        _, errors = process.communicate()
        if process.returncode not in (0, -signal.SIGKILL):
            pytest.fail(errors.decode()[-1500:])
        time.sleep(0.1)  # the kernel ends the orphans
        for path in out.glob("*.gguf") if out.exists() else ():
            read_header(path)  # whole, or it would be refused
            if "BF16" in path.name:
                made = path.stat().st_mtime_ns
                assert finished.setdefault(path, made) == made, "a finished step was done again"
        if process.returncode == 0:
            names = sorted(path.name for path in out.iterdir())
            assert [name for name in names if name.startswith(".")] == [] and len(names) == 6, names
            assert all(read_card(path)["quality"] for path in out.glob("*-Q*.gguf"))  # type: ignore[index]
            round_number += 1
            if kills >= 10:
                break


def test_cancelling_keeps_what_was_finished_and_nothing_else(tmp_path: Path) -> None:
    seen: list[Step] = []
    order = make_order(tmp_path / "o", "Q4_K_M")
    with pytest.raises(WorkCancelled):
        Pipeline(order, read_text, tell=seen.append, is_cancelled=lambda: any(step.kind == "quantize" for step in seen)).run()
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == ["checkpoint-BF16.gguf", "checkpoint.imatrix.gguf"]


@pytest.fixture
def engine_here() -> Iterator[None]:
    """For steps run in this process: the engine is given its own log back, whose receiver lives as long as the process."""
    yield
    import ctypes

    import llama_cpp
    from llama_cpp._logger import llama_log_callback

    llama_cpp.llama_log_set(llama_log_callback, ctypes.c_void_p(0))


def test_an_interrupted_importance_matrix_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine_here: None
) -> None:
    from quantize.gguf import importance_matrix
    from quantize.gguf.convert import convert_checkpoint

    base = convert_checkpoint(CHECKPOINT, tmp_path / "b.gguf", "BF16")
    text = held_out_text()

    class Killed(BaseException):
        pass

    def stop(fraction: float, words: str) -> None:
        if words.startswith("4/"):
            raise Killed

    monkeypatch.setattr(importance_matrix, "KEEP_SECONDS", 0)
    arguments = {"model": str(base), "text": text, "target": str(tmp_path / "i.gguf"), "most_windows": 6, "threads": 1}
    with pytest.raises(Killed):
        importance_matrix.compute_here(**arguments, progress=stop)
    words: list[str] = []
    importance_matrix.compute_here(**arguments, progress=lambda _, said: words.append(said))
    assert words[0].startswith("5/") and not list(tmp_path.glob(".*"))
    whole = importance_matrix.read_importance_matrix(tmp_path / "i.gguf")
    arguments["target"] = str(tmp_path / "j.gguf")
    importance_matrix.compute_here(**arguments, progress=lambda *_: None)
    straight = importance_matrix.read_importance_matrix(tmp_path / "j.gguf")
    for name, values in straight.means().items():
        assert numpy.allclose(values, whole.means()[name], rtol=1e-6)


def test_a_full_disk_is_said_to_be_full_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    Pipeline(make_order(tmp_path, "Q8_0", imatrix="none", measure=""), read_text).run()
    before = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(DiskFull):
        Pipeline(make_order(tmp_path, "Q4_0", imatrix="none", measure=""), read_text).run()
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_write_that_fails_midway_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from quantize.gguf.importance_matrix import write_importance_matrix
    from quantize.gguf.matrix import Channel, ImportanceMatrix

    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    (tmp_path / ".i.gguf.part").symlink_to("/dev/full")
    matrix = ImportanceMatrix({"blk.0.x": Channel(numpy.ones((1, 1 << 18), numpy.float32), numpy.ones(1, numpy.int64))}, 1)
    with pytest.raises(DiskFull):
        write_importance_matrix(matrix, tmp_path / "i.gguf")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="an administrator may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(UserFacingError, match="could not be written"):
        Pipeline(make_order(tmp_path / "locked", "Q4_0"), read_text).run()


def test_an_order_survives_its_file() -> None:
    order = Order("x", (Recipe("Q4_K_M", (("ffn", "Q6_K"),)), Recipe("Q8_0")), "out", "auto", windows=3)
    assert order_from_json(json.loads(json.dumps(order.to_json()))) == order


def test_the_builtin_text_has_everything_and_shares_no_line_with_the_held_out_one() -> None:
    text, held = builtin_text(), held_out_text()
    assert len(text) > 150_000 and all(mark in text for mark in ("def ", "<|im_start|>", "的", " the "))
    start = text[:12_000]
    assert all(mark in start for mark in ("<|im_start|>", "的", " the "))
    long = {line for line in text.splitlines() if len(line) > 60}
    assert not long & {line for line in held.splitlines() if len(line) > 60}


def test_texts_are_read_from_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("eins")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.md").write_text("zwei")
    (tmp_path / "c.png").write_bytes(b"\x89PNG")
    assert read_texts(tmp_path) == "eins\n\nzwei"
    for bad in (tmp_path / "c.png", tmp_path / "none"):
        with pytest.raises(UserFacingError):
            read_texts(bad)
