"""Engines by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from backends.registry import choose_backend, list_backends, make_backend
from models.errors import EngineUnavailable


def test_every_built_in_engine_can_be_made_and_knows_its_name() -> None:
    for name in list_backends():
        assert make_backend(name).name == name


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(EngineUnavailable):
        make_backend("none of ours")


def test_the_path_chooses_the_engine() -> None:
    assert choose_backend("echo:?words=3") == "echo"
    assert choose_backend("/models/a.gguf") == "llamacpp"


def test_nothing_heavy_is_imported_by_the_link_and_the_registry() -> None:
    code = (
        "import sys, backends.worker_link, backends.registry, backends.devices, models.library\n"
        "print([name for name in ('llama_cpp', 'numpy', 'torch', 'jinja2', 'PySide6') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_worker_imports_neither_numpy_nor_the_high_level_class() -> None:
    code = (
        "import sys\n"
        "from backends.llamacpp.library import NativeLibrary\n"
        "NativeLibrary()\n"
        "print([name for name in ('numpy', 'llama_cpp.llama', 'diskcache') if name in sys.modules])\n"
        "import llama_cpp; llama_cpp.Llama"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
