"""Starts children in this Python or in another one that has torch: the packaged app has none, and takes nobody's gigabytes along.

Our own code always comes from this installation (``other_python_child.py`` is told where it lies), so both sides of a pipe speak the same
words; of the other Python only its packages are used, and llama.cpp's libraries are ours too. What it must have is written in
``resources/torch_pack/requirements.txt`` and is looked at before each start, because a newer Yanmo may want more.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import multiprocessing
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from backends.outer_environment import make_outer_environment
from models.errors import EngineUnavailable
from resources import resource_folder

REQUIREMENTS = "torch_pack/requirements.txt"
"""Below the folder of resources."""

OLDEST_PYTHON = (3, 11)
_OURS = ("backends", "models", "quantize", "resources", "llama_cpp")
_ANSWER_SECONDS = 60.0
_LOOK = """
import json, sys
found = {}
try:
    from importlib.metadata import PackageNotFoundError, version
    for name in sys.argv[1:]:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            pass
except ImportError:
    pass
print(json.dumps({"python": list(sys.version_info[:3]), "packages": found}))
"""
# The working folder is taken off the path: a torch.py that lies there is not torch. Then our packages are found, and only those of ours.
_BEGIN = """
import sys
sys.path[:] = [folder for folder in sys.path if folder]
import importlib.util, json
order = json.loads(sys.argv[1])
class Ours:
    def find_spec(name, path=None, target=None):
        folder = order["packages"].get(name)
        place = folder and folder + "/__init__.py"
        return importlib.util.spec_from_file_location(name, place, submodule_search_locations=[folder]) if folder else None
sys.meta_path.insert(0, Ours)
from backends.other_python_child import run
run(order["handle"], order["openmp"])
"""


class Child(Protocol):
    """What a parent asks of a child process."""

    @property
    def pid(self) -> int | None:
        """Its id."""

    @property
    def exitcode(self) -> int | None:
        """None while it runs, negative where a signal ended it."""

    def is_alive(self) -> bool:
        """Whether it runs."""

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""

    def kill(self) -> None:
        """End it by force."""


@dataclass(frozen=True, slots=True)
class TorchPack:
    """Another Python that has everything: versions by package."""

    python: Path
    python_version: str
    packages: dict[str, str]


class _OtherProcess:
    """A process of another Python, with the words of multiprocessing's."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def exitcode(self) -> int | None:
        return self._process.poll()

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def join(self, timeout: float | None = None) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)

    def kill(self) -> None:
        self._process.kill()


def start_child(
    target: Callable[..., None], arguments: tuple[Any, ...], *, name: str, log_path: str, python: Path | None = None
) -> tuple[Child, Connection]:
    """Call ``target`` with ``arguments`` and its end of a pipe in a fresh process; the process, and our end.

    ``target`` is a function of a module, ``log_path`` takes what the other Python prints before the target listens.

    Raises:
        EngineUnavailable: the other Python cannot be used.
        OSError: no process can be started.
    """
    if python is not None:
        look_at_pack(python)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    try:
        if python is not None:
            return _start_other(python, target, arguments, ours, theirs, log_path), ours
        process = context.Process(target=target, args=(*arguments, theirs), name=name, daemon=True)
        process.start()
        return process, ours
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()


def _start_other(
    python: Path, target: Callable[..., None], arguments: tuple[Any, ...], ours: Connection, theirs: Connection, log_path: str
) -> Child:
    handle = theirs.fileno()
    order = {"handle": handle, "packages": _find_our_packages(), "openmp": _find_openmp()}
    options: dict[str, Any] = {"pass_fds": (handle,)}
    if sys.platform == "win32":
        os.set_handle_inheritable(handle, True)
        options = {"startupinfo": subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})}
    with Path(log_path or os.devnull).open("ab") as log:
        process = subprocess.Popen(
            [str(python), "-c", _BEGIN, json.dumps(order)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=make_outer_environment(),
            **options,
        )
    with contextlib.suppress(OSError):  # it is dead already: who reads from it hears of that
        ours.send((target, arguments))
    return _OtherProcess(process)


def look_at_pack(python: Path) -> TorchPack:
    """Start another Python and see that it has what checkpoints need, in versions that suit; takes a tenth of a second.

    Raises:
        EngineUnavailable: it says what is wrong with it.
    """
    wanted = read_requirements()
    try:
        done = subprocess.run(
            [str(python), "-c", _LOOK, *wanted],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS,
            env=make_outer_environment(),
            check=True,
        )
        told = json.loads(done.stdout)
        version, found = tuple(told["python"]), dict(told["packages"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        said = getattr(error, "stderr", "") or repr(error)
        raise EngineUnavailable(
            engine="torch", reason=f"{python} is no Python that can be started.", details=str(said)
        ) from error
    if version < OLDEST_PYTHON:
        reason = f"The Python of the torch pack is {_dotted(version)}, and 3.11 or newer is needed: {python}."
        raise EngineUnavailable(engine="torch", reason=reason)
    lacking = [name for name in wanted if name not in found]
    if lacking:
        raise EngineUnavailable(engine="torch", reason=f"The torch pack {python} lacks {', '.join(lacking)}.")
    for name, limits in wanted.items():
        if not suits(found[name], limits):
            reason = f"The torch pack {python} has {name} {found[name]}, and this Yanmo needs {limits}."
            raise EngineUnavailable(engine="torch", reason=reason)
    return TorchPack(python, _dotted(version), found)


def read_requirements() -> dict[str, str]:
    """Package to limits of its version, such as ``>=5.20,<6``."""
    lines = (resource_folder() / REQUIREMENTS).read_text(encoding="utf-8").splitlines()
    found = {}
    for line in lines:
        match = re.fullmatch(r"([A-Za-z0-9._-]+)\s*([<>=!][^#;]*)?", line.partition("#")[0].strip())
        if match:
            found[match[1]] = (match[2] or "").replace(" ", "")
    return found


def suits(version: str, limits: str) -> bool:
    """Whether a version lies within limits of the kinds ``>=``, ``<`` and ``==``; only its numbers are compared."""
    for limit in filter(None, limits.split(",")):
        sign, bound = re.match(r"[<>=]+", limit), _numbers(limit)
        assert sign is not None, limits
        width = max(len(bound), len(_numbers(version)))
        found, edge = (tuple(numbers + [0] * (width - len(numbers))) for numbers in (_numbers(version), bound))
        if not {">=": found >= edge, "<": found < edge, "==": found == edge}[sign[0]]:
            return False
    return True


def _numbers(version: str) -> list[int]:
    match = re.search(r"\d+(?:\.\d+)*", version)
    return [int(number) for number in match[0].split(".")] if match else [0]


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in version)


def _find_our_packages() -> dict[str, str]:
    """Where our packages lie, and the engine's bindings, which need no compiled module of this Python's."""
    found = {}
    for name in _OURS:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            found[name] = next(iter(spec.submodule_search_locations))
    return found


def _find_openmp() -> str:
    """OpenMP's library in the packaged app, for a system that has none; empty where this is not it."""
    folder = Path(str(getattr(sys, "_MEIPASS", "")))
    found = folder / "libgomp.so.1"
    return str(found) if getattr(sys, "frozen", False) and found.exists() else ""
