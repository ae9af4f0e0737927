"""Setting up: a virtual environment whose making was cut off is made anew."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "packaging" / "set_up" / "set_up.py"


@pytest.fixture
def set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, working on an environment of its own."""
    spec = importlib.util.spec_from_file_location("set_up", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    return module


def test_an_environment_without_pip_is_made_anew(set_up: ModuleType) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(set_up.VENV)], check=True)
    (set_up.VENV / "yanmo-engine").write_text("cuda", encoding="utf-8")
    assert set_up.environment_python().exists()
    assert not set_up.has_pip()
    assert set_up.make_environment() == ""
    assert set_up.has_pip()
    assert set_up.environment_accelerator() == "", "what was built in the old one is gone"


def test_a_whole_environment_is_left_alone(set_up: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_up, "environment_python", lambda: Path(sys.executable))
    assert set_up.make_environment() == ""
    assert not set_up.VENV.exists()


def test_no_environment_has_no_pip(set_up: ModuleType) -> None:
    assert not set_up.has_pip()
