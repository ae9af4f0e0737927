"""The icon in every size that a system asks for, drawn from ``resources/icons/yanmo.svg``: ``python packaging/frozen/icons.py FOLDER``.

Linux: the sizes of the hicolor theme as PNG, and the drawing itself. Windows: one ``.ico`` of several sizes. macOS: one ``.icns``.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

SOURCE = Path(__file__).resolve().parents[2] / "resources" / "icons" / "yanmo.svg"
HICOLOR_SIZES = (16, 22, 24, 32, 48, 64, 96, 128, 256, 512)
ICO_SIZES = (16, 20, 24, 32, 40, 48, 64, 128, 256)
ICNS_SIZES = (16, 32, 64, 128, 256, 512, 1024)


def draw(size: int) -> Image:
    """The icon with so many pixels a side."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PIL import Image
    from PySide6.QtGui import QGuiApplication, QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    application = QGuiApplication.instance() or QGuiApplication([])
    image = QImage(size, size, QImage.Format.Format_RGBA8888)
    image.fill(0)
    painter = QPainter(image)
    QSvgRenderer(str(SOURCE)).render(painter)
    painter.end()
    del application
    return Image.frombytes("RGBA", (size, size), bytes(image.constBits()))


def write_hicolor(folder: Path) -> None:
    """The icons of the theme that every Linux desktop falls back to."""
    for size in HICOLOR_SIZES:
        place = folder / f"{size}x{size}" / "apps"
        place.mkdir(parents=True, exist_ok=True)
        draw(size).save(place / "yanmo.png", optimize=True)
    (folder / "scalable" / "apps").mkdir(parents=True, exist_ok=True)
    shutil.copy(SOURCE, folder / "scalable" / "apps" / "yanmo.svg")


def write_ico(path: Path) -> None:
    """Windows: each size is drawn for itself, so that small ones stay sharp."""
    pictures = [draw(size) for size in ICO_SIZES]
    pictures[-1].save(path, sizes=[picture.size for picture in pictures], append_images=pictures[:-1])


def write_icns(path: Path) -> None:
    """macOS, with the sizes for dense screens."""
    pictures = [draw(size) for size in ICNS_SIZES]
    pictures[-1].save(path, append_images=pictures[:-1])


def write_all(folder: Path) -> None:
    """Every form into one folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_hicolor(folder / "hicolor")
    write_ico(folder / "yanmo.ico")
    write_icns(folder / "yanmo.icns")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    write_all(parser.parse_args().folder)


if __name__ == "__main__":
    main()
