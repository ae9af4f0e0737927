"""Makes of the frozen app what people install: ``python packaging/frozen/package.py APP OUT`` leaves a ``.tar.xz`` and a ``.deb`` in OUT.

Both need no Python on the machine. The Debian package puts the app under ``/opt/yanmo``, ``yanmo`` on the path, an entry into the menu
and GGUF files under “open with”. Removing it takes nothing of a user's: conversations and models lie in the home folder.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from icons import write_hicolor

ROOT = Path(__file__).resolve().parents[2]
METAINFO = "org.yanmo.Yanmo.metainfo.xml"
LINUX = ROOT / "packaging" / "linux"
_DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}
_WANTED = "libegl1, libgl1, libxkbcommon-x11-0, libxcb-cursor0, libxcb-icccm4, libxcb-keysyms1, libdbus-1-3, libreadline8 | libreadline8t64"


def read_version() -> str:
    """The version of the app."""
    sys.path.insert(0, str(ROOT))
    from app import __version__

    return __version__


def needed_glibc(app: Path) -> str:
    """The oldest glibc that every library and program of the app runs with, as ``2.31``.

    Raises:
        subprocess.CalledProcessError: binutils cannot read a file.
    """
    found = {(2, 17)}
    for path in app.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) != b"\x7fELF":
                    continue
            said = subprocess.run(["readelf", "--version-info", "--wide", str(path)], capture_output=True, text=True, check=True)
            found |= {(int(major), int(minor)) for major, minor in re.findall(r"GLIBC_(\d+)\.(\d+)", said.stdout)}
    return ".".join(str(number) for number in max(found))


def make_archive(app: Path, out: Path, version: str) -> Path:
    """The folder of the app as ``.tar.xz``, with what a desktop wants to know beside it."""
    machine = os.uname().machine
    archive = out / f"yanmo-{version}-linux-{machine}.tar.xz"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / f"yanmo-{version}"
        shutil.copytree(app, root, symlinks=True)
        _fill_share(root / "share")
        command = ["tar", "-C", folder, "--owner=0", "--group=0", "--sort=name", "--use-compress-program=xz -6 -T0"]
        subprocess.run([*command, "-cf", str(archive), root.name], check=True)
    return archive


def make_deb(app: Path, out: Path, version: str) -> Path:
    """The Debian package.

    Raises:
        subprocess.CalledProcessError: dpkg-deb failed.
    """
    architecture = _DEBIAN.get(os.uname().machine, os.uname().machine)
    package = out / f"yanmo_{version}_{architecture}.deb"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        shutil.copytree(app, root / "opt" / "yanmo", symlinks=True)
        (root / "usr" / "bin").mkdir(parents=True)
        (root / "usr" / "bin" / "yanmo").symlink_to("/opt/yanmo/yanmo")
        _fill_share(root / "usr" / "share")
        documents = root / "usr" / "share" / "doc" / "yanmo"
        documents.mkdir(parents=True)
        shutil.copy(LINUX / "copyright", documents / "copyright")
        (documents / "changelog.gz").write_bytes(gzip.compress((ROOT / "CHANGELOG.md").read_bytes(), mtime=0))
        kilobytes = sum(path.lstat().st_size for path in root.rglob("*")) // 1024
        control = root / "DEBIAN"
        control.mkdir()
        (control / "control").write_text(_control(version, architecture, kilobytes, needed_glibc(app)), encoding="utf-8")
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "-z6", "--build", str(root), str(package)], check=True)
    return package


def _fill_share(share: Path) -> None:
    write_hicolor(share / "icons" / "hicolor")
    for name, folder in (("yanmo.desktop", "applications"), ("yanmo.xml", "mime/packages"), (METAINFO, "metainfo")):
        (share / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(LINUX / name, share / folder / name)


def _control(version: str, architecture: str, kilobytes: int, glibc: str) -> str:
    return (
        f"Package: yanmo\nVersion: {version}\nArchitecture: {architecture}\nSection: science\nPriority: optional\n"
        f"Installed-Size: {kilobytes}\nDepends: libc6 (>= {glibc})\nRecommends: {_WANTED}\n"
        "Maintainer: The Yanmo authors <yanmo@localhost>\n"
        "Description: desk for local language models\n"
        " Finds and downloads models, quantizes them to GGUF and proves what that cost, chats with\n"
        " them in words and pictures, keeps every conversation, and serves other programs.\n"
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("app", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    version = read_version()
    made = [make_archive(arguments.app, arguments.out, version)]
    if shutil.which("dpkg-deb"):
        made.append(make_deb(arguments.app, arguments.out, version))
    else:
        print("dpkg-deb is not here: no Debian package was made.")
    for path in made:
        print(f"{path.stat().st_size / 1e6:8.1f} MB  {path}")


if __name__ == "__main__":
    main()
