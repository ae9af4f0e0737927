"""Builds the frozen app: ``python packaging/frozen/build.py OUT`` leaves ``OUT/yanmo`` (a folder), and says what takes how much room.

It makes an environment of its own beside it, from the locked packages. Files that are equal, as the names of one library are, become links.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "set_up"))

import licences
from environment import make_environment
from set_up import install_system_packages

SPEC = Path(__file__).with_name("yanmo.spec")


def build(out: Path, python: Path) -> Path:
    """Freeze with the Python of an environment; the folder of the app.

    Raises:
        subprocess.CalledProcessError: PyInstaller failed, and has said why.
        licences.UnknownLicence: a library came in that may not be shipped, or that nobody looked at.
    """
    work = out / "work"
    command = [str(python), "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR"]
    subprocess.run([*command, "--distpath", str(out), "--workpath", str(work), str(SPEC)], check=True)
    folder = out / "yanmo"
    if sys.platform == "linux":
        leave_out_icu_data(folder)
        leave_out_unneeded(folder)
        licences.collect(folder / "_internal", python.parents[1])
        strip_libraries(folder)
    link_equal_files(folder)
    return folder


def leave_out_icu_data(folder: Path) -> None:
    """Put an empty library in the place of ICU's data, where it is of the version that the empty one is for.

    Raises:
        subprocess.CalledProcessError: there is no C compiler, or it failed.
    """
    for path in folder.rglob("libicudata.so.73"):
        if not path.is_symlink():
            path.unlink()
            command = [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-s", "-Wl,-soname,libicudata.so.73", "-o", str(path)]
            subprocess.run([*command, str(SPEC.with_name("icu_stub.c"))], check=True)


def leave_out_unneeded(folder: Path) -> None:
    """Take away system libraries that nothing asks for any more: they came with parts of Qt that are not inside.

    Raises:
        subprocess.CalledProcessError: binutils cannot read a file.
    """
    wanted: dict[str, set[str]] = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.open("rb").read(4) == b"\x7fELF":
            said = subprocess.run(["readelf", "--dynamic", str(path)], capture_output=True, text=True, check=True).stdout
            for name in re.findall(r"NEEDED.*\[(.+?)\]", said):
                wanted.setdefault(name, set()).add(path.name)
    left = [path for path in (folder / "_internal").glob("lib*.so*") if not path.name.startswith("libpython")]
    gone: set[str] = set()
    while unneeded := [path for path in left if path.name not in gone and not wanted.get(path.name, set()) - gone]:
        for path in unneeded:
            gone.add(path.name)
            path.unlink()


def strip_libraries(folder: Path) -> None:
    """Take symbols for debuggers out of libraries, but for those that auditwheel has moved about: ``strip`` breaks their pages.

    Raises:
        subprocess.CalledProcessError: a file cannot be stripped.
        FileNotFoundError: binutils are not installed.
    """
    moved = {path.name for path in folder.rglob("*.libs/*")}
    for path in folder.rglob("*.so*"):
        if path.is_file() and not path.is_symlink() and path.name not in moved and path.read_bytes()[:4] == b"\x7fELF":
            subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)


def link_equal_files(folder: Path) -> int:
    """Keep one of several equal files of 64 kB and more in one folder, and make the others relative links to it; bytes saved."""
    saved = 0
    first: dict[tuple[Path, str], Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.stat().st_size < 65_536:
            continue
        key = (path.parent, hashlib.sha256(path.read_bytes()).hexdigest())
        kept = first.setdefault(key, path)
        if kept is not path:
            saved += path.stat().st_size
            path.unlink()
            path.symlink_to(os.path.relpath(kept, path.parent))
    return saved


def measure(folder: Path) -> Counter[str]:
    """Bytes of each part: the first two names below ``_internal``, and the executable."""
    found: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            parts = path.relative_to(folder).parts
            name = parts[1] if parts[0] == "_internal" and len(parts) > 1 else parts[0]
            is_library = len(parts) == 2 and ".so" in name
            found["system libraries" if is_library else name] += path.stat().st_size
    return found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("out", type=Path)
    parser.add_argument("--python", type=Path, help="freeze from this environment as it is, instead of one of locked packages")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    if problem := install_system_packages("run"):
        sys.exit(problem)
    folder = build(out, arguments.python or make_environment(out / "environment", out / "engines"))
    sizes = measure(folder)
    for name, size in sizes.most_common(16):
        print(f"{size / 1e6:8.1f} MB  {name}")
    print(f"{sizes.total() / 1e6:8.1f} MB  in all: {folder}")


if __name__ == "__main__":
    main()
