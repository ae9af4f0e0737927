"""Set up ``.venv`` for running or developing Yanmo: system packages, virtual environment, engine build; a second run is instant."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STAMP = VENV / "yanmo-set-up.json"
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"
ENGINE = "llama-cpp-python"
TRY_ENGINE = ROOT / "packaging" / "set_up" / "try_engine.py"
AMX_TILES = ROOT / "packaging" / "set_up" / "amx_tiles.h"
ALIGNED_ARRAYS = ROOT / "packaging" / "set_up" / "aligned_arrays.h"

# Debian package -> how to know that it is there: a command, or a shared library.
BUILD_TOOLS = {"g++": "g++", "cmake": "cmake", "make": "make"}
QT_LIBRARIES = {
    "libegl1": "libEGL.so.1",
    "libgl1": "libGL.so.1",
    "libxkbcommon0": "libxkbcommon.so.0",
    "libdbus-1-3": "libdbus-1.so.3",
    "libfontconfig1": "libfontconfig.so.1",
    "libglib2.0-0": "libglib-2.0.so.0",
    "libxcb-cursor0": "libxcb-cursor.so.0",
    "libxcb-icccm4": "libxcb-icccm.so.4",
    "libxcb-keysyms1": "libxcb-keysyms.so.1",
    "libxcb-shape0": "libxcb-shape.so.0",
    "libxcb-xkb1": "libxcb-xkb.so.1",
    "libxkbcommon-x11-0": "libxkbcommon-x11.so.0",
}
TEST_TOOLS = {"xvfb": "Xvfb", "xauth": "xauth"}
ACCELERATORS = {
    "cpu": "",
    "cuda": "-DGGML_CUDA=on",
    "metal": "-DGGML_METAL=on",
    "vulkan": "-DGGML_VULKAN=on",
}


class EngineDoesNotCompute(Exception):
    """The engine crashes or gives no numbers, also when it was built on this very machine."""


def main() -> int:
    """Set everything up for the purpose named on the command line: ``run`` or ``dev``."""
    purpose = sys.argv[1] if len(sys.argv) > 1 else "run"
    accelerator = os.environ.get("ACCEL", "") or choose_accelerator()
    if accelerator not in ACCELERATORS:
        return stop(f"ACCEL={accelerator} is not known: use one of {', '.join(ACCELERATORS)}.")
    wanted = describe(purpose, accelerator)
    if is_done(wanted):
        return 0
    problem = install_system_packages(purpose) or make_environment()
    if problem:
        return stop(problem)
    try:
        install_python_packages(purpose, accelerator)
    except EngineDoesNotCompute:
        return stop(
            f"The engine was built, but does not compute on this machine: `{environment_python()} {TRY_ENGINE}` shows how it ends. "
            "Another compiler may do better (CXX=clang++ make run)."
        )
    except subprocess.CalledProcessError as error:
        return stop(
            f"pip failed (exit code {error.returncode}); its last lines above say why. Run the same command again to go on."
        )
    STAMP.write_text(json.dumps(wanted, indent=2), encoding="utf-8")
    return 0


def stop(message: str) -> int:
    """Say why the set-up cannot go on; the exit status."""
    print(message, file=sys.stderr)
    return 1


def choose_accelerator() -> str:
    """Metal on macOS; CUDA only where a GPU answers and its compiler is there (a compiler alone is not a GPU); else the CPU."""
    if platform.system() == "Darwin":
        return "metal"
    if shutil.which("nvcc") and shutil.which("nvidia-smi"):
        answer = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
        if answer.returncode == 0 and "GPU 0" in answer.stdout:
            return "cuda"
    return "cpu"


def describe(purpose: str, accelerator: str) -> dict[str, str]:
    """What a finished set-up of this kind looks like; any difference makes it run again."""
    digest = hashlib.sha256()
    for path in (ROOT / "pyproject.toml", CONSTRAINTS):
        digest.update(path.read_bytes())
    return {"purpose": purpose, "accelerator": accelerator, "python": platform.python_version(), "packages": digest.hexdigest()}


def is_done(wanted: dict[str, str]) -> bool:
    """True where the last set-up made what is wanted; one made for developing also serves for running."""
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if wanted["purpose"] == "run" and found.get("purpose") == "dev":
        found["purpose"] = "run"
    # The interpreter that is asked for may be newer than the one that made the environment, which still serves.
    return {**found, "python": ""} == {**wanted, "python": ""} and environment_python().exists()


def environment_python() -> Path:
    """The interpreter inside ``.venv``."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install_system_packages(purpose: str) -> str:
    """Install what is missing as root on Debian and Ubuntu; elsewhere the answer names it in one line. Empty when all is there."""
    missing = [package for package, command in BUILD_TOOLS.items() if not shutil.which(command)]
    if importlib.util.find_spec("ensurepip") is None:
        missing.append("python3-venv")
    if platform.system() == "Linux":
        known = loader_cache()
        missing += [package for package, library in QT_LIBRARIES.items() if known and library not in known]
        if purpose == "dev":
            missing += [package for package, command in TEST_TOOLS.items() if not shutil.which(command)]
    if not missing:
        return ""
    if platform.system() == "Linux" and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing system packages: " + " ".join(missing), flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]):
            done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
            if done.returncode != 0:
                return f"`{' '.join(command)}` failed: install these packages and run this again: {' '.join(missing)}"
        return ""
    if platform.system() == "Darwin":
        return (
            "Missing: "
            + " ".join(missing)
            + ". Install the Xcode command line tools (xcode-select --install) and cmake (brew install cmake)."
        )
    optional = set(QT_LIBRARIES) | set(TEST_TOOLS)
    hint = "sudo apt install" if shutil.which("apt-get") else "your package manager's equivalents of"
    needed = [package for package in missing if package not in optional]
    message = f"Missing system packages; install them with: {hint} {' '.join(missing)}"
    if needed or purpose == "dev" or shutil.which("apt-get"):
        return message
    print(message, file=sys.stderr)  # other distributions name their libraries otherwise: Qt itself will tell
    return ""


def loader_cache() -> str:
    """The names of the shared libraries the loader knows; empty where that cannot be asked."""
    tool = shutil.which("ldconfig") or "/sbin/ldconfig"
    try:
        return subprocess.run([tool, "-p"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def make_environment() -> str:
    """Create ``.venv``, anew where the one that is there has no pip; the answer is a problem or empty."""
    if has_pip():
        return ""
    print("Making the virtual environment .venv …", flush=True)
    done = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False)
    return (
        ""
        if done.returncode == 0
        else "The virtual environment could not be made: is Python's venv module installed (python3-venv)?"
    )


def has_pip() -> bool:
    """Whether the environment's Python runs and has pip: one whose making was cut off has none."""
    try:
        command = [str(environment_python()), "-m", "pip", "--version"]
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def install_python_packages(purpose: str, accelerator: str) -> None:
    """Install the engine for the accelerator, then Yanmo itself, editable."""
    pip = [
        str(environment_python()),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--constraint",
        str(CONSTRAINTS),
    ]
    environment = build_environment()
    built_for = environment_accelerator()
    if built_for != accelerator:
        print(f"Building the engine for {accelerator}; this takes a few minutes, once …", flush=True)
        arguments = [*pip, ENGINE]
        if accelerator != "cpu" or built_for:
            # A cached wheel may have been built for another accelerator: pip cannot tell them apart.
            environment["CMAKE_ARGS"] = f"{environment.get('CMAKE_ARGS', '')} {ACCELERATORS[accelerator]}".strip()
            arguments = [*pip, "--no-cache-dir", "--force-reinstall", "--no-deps", ENGINE]
        subprocess.run(arguments, env=environment, check=True)
        if not computes():
            print("The engine that pip had kept does not compute on this machine; building it anew …", flush=True)
            cache = [str(environment_python()), "-m", "pip", "--disable-pip-version-check", "cache", "remove", "llama_cpp_python"]
            subprocess.run(cache, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            subprocess.run([*pip, "--force-reinstall", "--no-deps", ENGINE], env=environment, check=True)
            if not computes():
                raise EngineDoesNotCompute()
        (VENV / "yanmo-engine").write_text(accelerator, encoding="utf-8")
    print("Installing Python packages …", flush=True)
    if purpose == "dev":
        # torch by its exact version first: an open range would take a build with gigabytes of CUDA.
        subprocess.run([*pip, pinned("torch")], env=environment, check=True)
    subprocess.run([*pip, "--editable", f"{ROOT}[torch,dev]" if purpose == "dev" else str(ROOT)], env=environment, check=True)


def build_environment() -> dict[str, str]:
    """The environment in which the engine is compiled: all processors, and what two headers mend (each says what)."""
    environment = {**os.environ}
    environment.setdefault("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
    if platform.system() == "Linux" and platform.machine() == "x86_64":
        headers = f'-include "{AMX_TILES}" -include "{ALIGNED_ARRAYS}"'
        environment["CXXFLAGS"] = f"{environment.get('CXXFLAGS', '')} {headers}".strip()
    return environment


def computes() -> bool:
    """Whether the engine in ``.venv`` computes here: one that pip kept may be built for another processor or by a faulty compiler."""
    done = subprocess.run([str(environment_python()), str(TRY_ENGINE)], stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def environment_accelerator() -> str:
    """What the engine in ``.venv`` was built for; empty where there is none."""
    try:
        return (VENV / "yanmo-engine").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def pinned(name: str) -> str:
    """The line of the constraints file for a package."""
    for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        if line.split("==")[0].strip() == name:
            return line.strip()
    return name


if __name__ == "__main__":
    sys.exit(main())
