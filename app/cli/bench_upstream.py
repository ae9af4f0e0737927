"""llama.cpp's own ``llama-bench`` on the same model, where it is installed: what the engine is worth beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence

from backends.outer_environment import make_outer_environment

_TIMEOUT = 3600.0


def find_llama_bench() -> str:
    """The program's path: in ``$YANMO_UPSTREAM``, or where the shell finds programs; empty where it is not installed."""
    folder = os.environ.get("YANMO_UPSTREAM", "")
    return (folder and shutil.which("llama-bench", path=folder)) or shutil.which("llama-bench") or ""


def iter_upstream_speeds(
    program: str, model: str, *, prompt: int, output: int, depths: Sequence[int], repeat: int, threads: int
) -> Iterator[tuple[str, float]]:
    """Names of figures as ``yanmo bench`` gives them, and llama-bench's tokens per second. ``threads`` 0 leaves its own choice.

    Raises:
        RuntimeError: llama-bench cannot measure this model, with what it said.
    """
    common = [program, "-m", model, "-r", str(repeat), "-o", "json", *(("-t", str(threads)) if threads else ())]
    yield f"read {prompt}", _measure([*common, "-p", str(prompt), "-n", "0"])
    for depth in depths:
        name = f"write {output}" + (f" after {depth}" if depth else "")
        yield name, _measure([*common, "-p", "0", "-n", str(output), "-d", str(depth)])


def _measure(command: list[str]) -> float:
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_TIMEOUT, check=True, stdin=subprocess.DEVNULL, env=make_outer_environment()
        )
        return float(json.loads(done.stdout)[0]["avg_ts"])
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise RuntimeError(said[-1] if said else f"it ended with status {error.returncode}") from None
    except (OSError, subprocess.TimeoutExpired, ValueError, LookupError, TypeError) as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from None
