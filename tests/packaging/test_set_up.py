"""Setting up: a virtual environment whose making was cut off is made anew, and an engine that does not compute is not kept."""

from __future__ import annotations

import importlib.util
import platform
import shutil
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


TILES = """
#include <immintrin.h>
struct Configuration { unsigned char palette, start, reserved[14]; unsigned short columns[16]; unsigned char rows[16]; };
static void ggml_tile_config_init(void) {
    static thread_local bool done = false;
    if (done) {
        return;
    }
    alignas(64) Configuration tiles = {};
    tiles.palette = 1;
    tiles.rows[7] = 42;
    _tile_loadconfig(&tiles);
    done = true;
}
void product() {
    ggml_tile_config_init();
    _tile_zero(4);
}
"""
needs_compiler = pytest.mark.skipif(platform.machine() != "x86_64" or shutil.which("g++") is None, reason="needs g++ for x86-64")


def compile_tiles(header: Path, folder: Path) -> str:
    """The assembly of a program that configures tiles as llama.cpp does."""
    source = folder / "tiles.cpp"
    source.write_text(TILES, encoding="utf-8")
    command = [
        "g++",
        "-O3",
        "-mamx-tile",
        "-mamx-int8",
        "-Wall",
        "-Werror",
        "-S",
        "-o",
        "-",
        "-include",
        str(header),
        str(source),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@needs_compiler
def test_the_whole_configuration_of_amx_tiles_is_written(set_up: ModuleType, tmp_path: Path) -> None:
    assembly = compile_tiles(set_up.AMX_TILES, tmp_path)
    assert "$42" in assembly, "GCC 12.2 alone leaves the eighth tile's rows out"


@needs_compiler
def test_amx_tiles_are_configured_before_every_product_not_once_a_thread(set_up: ModuleType, tmp_path: Path) -> None:
    assembly = compile_tiles(set_up.AMX_TILES, tmp_path)
    assert assembly.count("ldtilecfg") == 2, "the first time, and every time"
    assert assembly.rindex("ldtilecfg") < assembly.index("tilezero")


ARRAYS = """
#include <cstdint>
#include <initializer_list>
#include <new>
int main() {
    bool are_aligned = true;
    for (std::size_t size : {std::size_t(0), std::size_t(1), std::size_t(100), std::size_t(163264), std::size_t(3) << 20}) {
        std::uint8_t * array = new std::uint8_t[size];
        are_aligned = are_aligned && reinterpret_cast<std::uintptr_t>(array) % 64 == 0;
        delete[] array;
    }
    bool is_refused = false;
    volatile std::size_t much = std::size_t(1) << 62;
    try { std::uint8_t * volatile kept = new std::uint8_t[much]; delete[] kept; } catch (const std::bad_alloc &) { is_refused = true; }
    return are_aligned && is_refused ? 0 : 1;
}
"""


@needs_compiler
@pytest.mark.skipif(platform.system() != "Linux", reason="the header is for Linux")
def test_the_engine_computes_in_arrays_on_cache_lines_of_its_own(set_up: ModuleType, tmp_path: Path) -> None:
    assert str(set_up.ALIGNED_ARRAYS) in set_up.build_environment()["CXXFLAGS"]
    source, program, library = tmp_path / "arrays.cpp", tmp_path / "arrays", tmp_path / "libarrays.so"
    source.write_text(ARRAYS, encoding="utf-8")
    command = ["g++", "-O2", "-Wall", "-Werror", "-include", str(set_up.ALIGNED_ARRAYS), str(source)]
    subprocess.run([*command, "-o", str(program)], check=True)
    subprocess.run([str(program)], check=True)
    subprocess.run([*command, "-shared", "-fPIC", "-o", str(library)], check=True)
    symbols = subprocess.run(["nm", "-D", "--defined-only", str(library)], capture_output=True, text=True, check=True).stdout
    assert "_Znam" not in symbols, "other libraries of the process keep theirs"


def test_an_engine_is_tried_and_one_that_dies_is_noticed(
    set_up: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_up, "environment_python", lambda: Path(sys.executable))
    assert set_up.computes()
    dying = tmp_path / "dying.py"
    dying.write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", encoding="utf-8")
    monkeypatch.setattr(set_up, "TRY_ENGINE", dying)
    assert not set_up.computes()


def test_an_engine_that_pip_kept_and_that_dies_is_built_anew(set_up: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(set_up.subprocess, "run", run)
    answers = iter((False, True))
    monkeypatch.setattr(set_up, "computes", lambda: next(answers))
    set_up.VENV.mkdir()
    set_up.install_python_packages("run", "cpu")
    assert [command[-1] for command in commands] == ["llama-cpp-python", "llama_cpp_python", "llama-cpp-python", str(set_up.ROOT)]
    assert commands[1][-3:-1] == ["cache", "remove"]
    assert "--force-reinstall" in commands[2]
    assert set_up.environment_accelerator() == "cpu"
    monkeypatch.setattr(set_up, "computes", lambda: False)
    with pytest.raises(set_up.EngineDoesNotCompute):
        set_up.install_python_packages("run", "cuda")
