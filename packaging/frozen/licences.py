"""The licences of the libraries that the frozen app takes from the machine it is built on: into the app's folder ``licences``.

Those of Python packages come with the packages. A library that nobody looked at, or that may not be shipped, stops the build.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STARTER = "GPL-2.0-or-later WITH Bootloader-exception"
TABLE = Path(__file__).with_name("system_licences.toml")


class UnknownLicence(Exception):
    """A library that is in the app has no licence in the table, or one that does not fit."""


def read_table() -> dict[str, str]:
    """Beginning of a library's name to its licence."""
    return {str(name): str(licence) for name, licence in tomllib.loads(TABLE.read_text(encoding="utf-8")).items()}


def find_licence(library: str, table: dict[str, str]) -> str:
    """The licence of a library: the longest beginning of its name counts.

    Raises:
        UnknownLicence: it is not in the table.
    """
    known = [name for name in table if library.startswith(name)]
    if not known:
        raise UnknownLicence(f"{library} has no licence in {TABLE.name}: look it up, and add it or leave the library out.")
    return table[max(known, key=len)]


def collect(inside: Path, environment: Path) -> int:
    """Write a file for each system library in ``inside``, the app's inner folder, and one for its starter; how many libraries there are.

    The starter is PyInstaller's, from ``environment``: its exception to the GPL lets a program that it starts have any licence.

    Raises:
        UnknownLicence: one may not be shipped, or nobody knows.
    """
    sys.path.insert(0, str(ROOT))
    from app.services.licences import LicensedPart

    table, places = read_table(), _loader_paths()
    out = inside / "licences"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    found = sorted(path.name for path in inside.glob("lib*.so*") if path.is_file() and not path.is_symlink())
    for name in found:
        licence = find_licence(name, table)
        if not LicensedPart(name, "", licence, "").is_free_to_ship:
            raise UnknownLicence(f"{name} is under {licence}, which does not fit a program under the MIT licence.")
        (out / f"{name}.txt").write_text(f"{licence}\n\n{_read_text(name, places)}\n", encoding="utf-8")
    texts = sorted(environment.glob("[Ll]ib/**/pyinstaller-*.dist-info/**/COPYING.txt"))
    (out / "PyInstaller.txt").write_text(f"{STARTER}\n\n{_read(texts[0]) if texts else ''}\n", encoding="utf-8")
    return len(found)


def _read_text(library: str, places: dict[str, str]) -> str:
    """What the system keeps about the library's copyright; empty where it keeps nothing."""
    if library.startswith("libpython"):
        return _read(Path(sysconfig.get_path("stdlib")) / "LICENSE.txt")
    place = places.get(library, "")
    if not place or not shutil.which("dpkg"):
        return ""
    for path in (place, str(Path(place).resolve()), f"/usr{place}"):
        said = subprocess.run(["dpkg", "--search", path], capture_output=True, text=True, check=False).stdout
        if package := said.partition(":")[0].strip():
            return _read(Path("/usr/share/doc") / package / "copyright")
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _loader_paths() -> dict[str, str]:
    """Where the loader finds each library."""
    tool = shutil.which("ldconfig") or "/sbin/ldconfig"
    said = subprocess.run([tool, "-p"], capture_output=True, text=True, check=False).stdout
    return dict(reversed(re.findall(r"^\s*(\S+) \(.*\) => (\S+)$", said, re.MULTILINE)))
