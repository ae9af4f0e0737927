"""The environment that the app is frozen from: every package by version and hash, and an engine for many processors.

llama.cpp's kernels for processors are built in several variants, each a library; at start the engine asks all of them how well they
suit the machine, and keeps the best (``backends/devices.py``). So one package serves a laptop of 2010 and a server with AMX.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = Path(__file__).with_name("requirements.txt")
HEADERS = tuple(ROOT / "packaging" / "set_up" / name for name in ("amx_tiles.h", "aligned_arrays.h"))
"""Included in every file of the engine; each says what it mends."""
ENGINE = "llama-cpp-python"
_MANY_PROCESSORS = "-DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON -DCMAKE_INSTALL_BINDIR=llama_cpp/lib"
_METAL = "-DGGML_NATIVE=OFF -DGGML_METAL=ON -DGGML_METAL_EMBED_LIBRARY=ON"


def make_environment(folder: Path, engines: Path) -> Path:
    """Make or complete the environment in ``folder``; its Python. Engines that were built before are taken from ``engines``.

    Raises:
        subprocess.CalledProcessError: a package cannot be had as it was locked, or the engine cannot be built; pip has said why.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "yanmo-lock"
    wanted = _digest()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print("Installing packages by their hashes …", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        rest, engine = split_lock(LOCK.read_text(encoding="utf-8"))
        (folder / "packages.txt").write_text(rest, encoding="utf-8")
        (folder / "engine.txt").write_text(engine, encoding="utf-8")
        _pip(python, "install", "--require-hashes", "--only-binary", ":all:", "-r", str(folder / "packages.txt"))
        wheel = build_engine(python, folder / "engine.txt", engines / wanted[:16])
        _pip(python, "install", "--no-deps", str(wheel))
        stamp.write_text(wanted, encoding="utf-8")
    _pip(python, "install", "--no-deps", "--no-build-isolation", "--force-reinstall", str(ROOT))
    return python


def split_lock(text: str) -> tuple[str, str]:
    """The lock without the engine, and the engine's entry: it is built here instead of being taken as others built it."""
    found = re.search(rf"^{ENGINE}==.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"{ENGINE} is not in the lock")
    return text.replace(found[0], ""), found[0]


def build_engine(python: Path, entry: Path, folder: Path) -> Path:
    """The engine's wheel, built from its source distribution unless that was done before.

    Raises:
        subprocess.CalledProcessError: the build failed.
    """
    known = next(iter(sorted(folder.glob("*.whl"))), None)
    if known is not None:
        return known
    print("Building the engine for many processors; this takes some minutes, once …", flush=True)
    environment = {**os.environ, **build_flags(platform.system(), platform.machine())}
    environment.setdefault("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
    command = ["wheel", "--no-deps", "--require-hashes", "--no-build-isolation", "--no-binary", ENGINE, "--no-cache-dir"]
    _pip(python, *command, "-r", str(entry), "-w", str(folder), environment=environment)
    return next(iter(sorted(folder.glob("*.whl"))))


def build_flags(system: str, machine: str) -> dict[str, str]:
    """Environment variables that say how the engine is compiled for everybody's machine rather than for this one."""
    if system == "Darwin":
        return {"CMAKE_ARGS": _METAL}
    flags = {"CMAKE_ARGS": _MANY_PROCESSORS}
    if system == "Linux" and machine == "x86_64":
        headers = " ".join(f'-include "{header}"' for header in HEADERS)
        flags["CXXFLAGS"] = f"{os.environ.get('CXXFLAGS', '')} {headers}".strip()
    return flags


def _digest() -> str:
    """What the environment depends on: lock, flags, compiler and Python."""
    found = hashlib.sha256(LOCK.read_bytes())
    for header in HEADERS:
        found.update(header.read_bytes())
    found.update(build_flags(platform.system(), platform.machine())["CMAKE_ARGS"].encode())
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler:
        said = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout
        found.update(said.partition("\n")[0].encode())
    found.update(platform.python_version().encode())
    return found.hexdigest()


def _pip(python: Path, *arguments: str, environment: dict[str, str] | None = None) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *arguments[:1], "--quiet", *arguments[1:]]
    subprocess.run(command, env=environment, check=True, stdout=sys.stderr)
