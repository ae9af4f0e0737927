"""Icons: the vendored Tabler outlines, drawn in any colour and sharp at any pixel ratio."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from resources import resource_folder


@lru_cache(maxsize=256)
def _outline(name: str) -> str:
    return (resource_folder() / "icons" / f"{name}.svg").read_text(encoding="utf-8")


def make_pixmap(name: str, colour: str, size: int = 18, *, width: float = 1.7) -> QPixmap:
    """The outline ``name`` in ``colour``, ``size`` device-independent pixels square, with lines ``width`` of its 24 units wide."""
    ratio = QGuiApplication.primaryScreen().devicePixelRatio() if QGuiApplication.primaryScreen() else 1.0
    return _pixmap(name, colour, size, width, ratio)


@lru_cache(maxsize=1024)
def _pixmap(name: str, colour: str, size: int, width: float, ratio: float) -> QPixmap:
    source = _outline(name).replace("currentColor", colour).replace('stroke-width="2"', f'stroke-width="{width}"')
    pixmap = QPixmap(round(size * ratio), round(size * ratio))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(source.encode())).render(painter, QRectF(0, 0, pixmap.width(), pixmap.height()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def make_icon(name: str, colour: str, *, disabled: str = "", size: int = 18) -> QIcon:
    """A button's icon, with a paler drawing for the disabled state."""
    icon = QIcon(make_pixmap(name, colour, size))
    icon.addPixmap(make_pixmap(name, colour, size), QIcon.Mode.Selected)
    if disabled:
        icon.addPixmap(make_pixmap(name, disabled, size), QIcon.Mode.Disabled)
    return icon


def application_icon() -> QIcon:
    """Yanmo's own icon in the usual sizes."""
    icon = QIcon()
    renderer = QSvgRenderer(str(resource_folder() / "icons" / "yanmo.svg"))
    for size in (16, 24, 32, 48, 64, 128, 256):
        pixmap = QPixmap(size, size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        renderer.render(painter)
        painter.end()
        icon.addPixmap(pixmap)
    return icon
