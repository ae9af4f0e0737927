"""The bridge to a converter of the user's: its own process, its own words, and nothing half-made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from models.errors import QuantizationFailed, WorkCancelled
from quantize.gguf.upstream_converter import convert_with_script
from resources import resource_folder

STARTER = resource_folder() / "starter"
SCRIPT = """
import os, shutil, sys, time
assert "PYTHONPATH" not in os.environ
folder, out = sys.argv[1], sys.argv[sys.argv.index("--outfile") + 1]
if os.path.basename(folder) == "slow":
    open(out, "w").write("half"); time.sleep(60)
if os.path.basename(folder) == "bad":
    sys.exit("Model NovelForCausalLM is not supported")
shutil.copy({model!r}, out)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "convert_hf_to_gguf.py"
    path.write_text(SCRIPT.replace("{model!r}", repr(str(STARTER / "yanmo-starter-Q8_0.gguf"))))
    return path


def test_what_the_script_made_gets_its_name(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    made = convert_with_script(script, sys.executable, STARTER / "checkpoint", tmp_path / "out" / "m.gguf")
    assert made.read_bytes()[:4] == b"GGUF" and [path.name for path in made.parent.iterdir()] == ["m.gguf"]


def test_its_last_words_are_told_and_nothing_is_left(script: Path, tmp_path: Path) -> None:
    with pytest.raises(QuantizationFailed, match="NovelForCausalLM is not supported"):
        convert_with_script(script, sys.executable, tmp_path / "bad", tmp_path / "out" / "m.gguf")
    with pytest.raises(WorkCancelled):
        convert_with_script(script, sys.executable, tmp_path / "slow", tmp_path / "out" / "m.gguf", is_cancelled=lambda: True)
    with pytest.raises(QuantizationFailed, match="no converter"):
        convert_with_script(tmp_path / "none.py", sys.executable, tmp_path, tmp_path / "out" / "m.gguf")
    with pytest.raises(QuantizationFailed, match="cannot be started"):
        convert_with_script(script, str(tmp_path / "no-python"), tmp_path, tmp_path / "out" / "m.gguf")
    assert list((tmp_path / "out").iterdir()) == []
