"""Locks what the frozen app is made of: ``python packaging/frozen/lock.py`` writes ``requirements.txt`` with the hash of every file.

Run it after a change of pyproject.toml or constraints.txt. It needs ``uv``, installed into a folder that is deleted afterwards. Where
the lock is as old as the requirements, ``tests/packaging`` says so.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = Path(__file__).with_name("requirements.txt")
OLDEST_PYTHON = "3.11"


def lock() -> None:
    """Write the lock, keeping the versions that it has where they still suit.

    Raises:
        subprocess.CalledProcessError: no set of versions suits, and uv has said why.
    """
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"], check=True)
        command = [str(python.with_name("uv")), "pip", "compile", "pyproject.toml", "packaging/frozen/requirements.in"]
        options = ["--universal", "--generate-hashes", "--no-annotate", "--quiet", "--python-version", OLDEST_PYTHON]
        paths = ["--constraint", "packaging/constraints.txt", "--output-file", str(LOCK.relative_to(ROOT))]
        told = ["--custom-compile-command", "python packaging/frozen/lock.py"]
        subprocess.run([*command, *options, *paths, *told], cwd=ROOT, check=True)


if __name__ == "__main__":
    lock()
