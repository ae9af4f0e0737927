"""Makes of the frozen app what people install: ``python packaging/frozen/package.py APP OUT`` leaves a ``.tar.xz`` and a ``.deb`` in OUT.

Both need no Python on the machine. The Debian package puts the app under ``/opt/yanmo``, ``yanmo`` on the path, an entry into the menu
and GGUF files under “open with”. Removing it takes nothing of a user's: conversations and models lie in the home folder.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINUX = ROOT / "packaging" / "linux"
ICON_SIZES = (16, 24, 32, 48, 64, 128, 256, 512)
_DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}
_NEEDED = "libc6 (>= 2.31)"
_WANTED = "libegl1, libgl1, libxkbcommon-x11-0, libxcb-cursor0, libxcb-icccm4, libxcb-keysyms1, libdbus-1-3"


def read_version() -> str:
    """The version of the app."""
    sys.path.insert(0, str(ROOT))
    from app import __version__

    return __version__


def make_icons(target: Path) -> None:
    """The icon in the sizes of the hicolor theme, and as it was drawn."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtGui import QGuiApplication, QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    application = QGuiApplication.instance() or QGuiApplication([])
    source = ROOT / "resources" / "icons" / "yanmo.svg"
    renderer = QSvgRenderer(str(source))
    for size in ICON_SIZES:
        image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(0)
        painter = QPainter(image)
        renderer.render(painter)
        painter.end()
        folder = target / f"{size}x{size}" / "apps"
        folder.mkdir(parents=True, exist_ok=True)
        image.save(str(folder / "yanmo.png"))
    (target / "scalable" / "apps").mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target / "scalable" / "apps" / "yanmo.svg")
    del application


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
        (control / "control").write_text(_control(version, architecture, kilobytes), encoding="utf-8")
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "-z6", "--build", str(root), str(package)], check=True)
    return package


def _fill_share(share: Path) -> None:
    make_icons(share / "icons" / "hicolor")
    for name, folder in (("yanmo.desktop", "applications"), ("yanmo.xml", "mime/packages")):
        (share / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(LINUX / name, share / folder / name)


def _control(version: str, architecture: str, kilobytes: int) -> str:
    return (
        f"Package: yanmo\nVersion: {version}\nArchitecture: {architecture}\nSection: science\nPriority: optional\n"
        f"Installed-Size: {kilobytes}\nDepends: {_NEEDED}\nRecommends: {_WANTED}\nMaintainer: The Yanmo authors <yanmo@localhost>\n"
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
