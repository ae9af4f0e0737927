"""Formulas drawn by ziamath as sharp images, cached, and refused where drawing would take too long."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

LONGEST = 1500
DEEPEST = 5
_CJK = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef]")
_ENVIRONMENT = re.compile(r"\\(?:tag|label|notag|nonumber)\b(?:\{[^}]*\})?")


@dataclass(frozen=True, slots=True)
class Formula:
    """A drawn formula; ``ascent`` and ``descent`` in device-independent pixels from the baseline."""

    image: QImage
    width: float
    ascent: float
    descent: float


def nesting_depth(tex: str) -> int:
    """How deep braces and environments nest: ziamath's time is exponential in it."""
    depth = deepest = 0
    for match in re.finditer(r"(?<!\\)\{|(?<!\\)\}|\\begin\b|\\end\b|\\left\b|\\right\b", tex):
        step = -1 if match.group() in ("}", "\\end", "\\right") else 1
        depth += step
        deepest = max(deepest, depth)
    return deepest


class FormulaPainter:
    """Draws formulas and remembers the last few hundred."""

    def __init__(self, capacity: int = 400) -> None:
        self._cache: OrderedDict[tuple[str, bool, int, str, float], Formula | None] = OrderedDict()
        self._capacity = capacity

    def draw(self, tex: str, *, is_display: bool, size: int, colour: str, ratio: float) -> Formula | None:
        """The formula at ``size`` pixels, or None where it cannot be drawn and its source should be shown."""
        key = (tex, is_display, size, colour, ratio)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        formula = self._render(*key)
        self._cache[key] = formula
        if len(self._cache) > self._capacity:
            self._cache.popitem(last=False)
        return formula

    def _render(self, tex: str, is_display: bool, size: int, colour: str, ratio: float) -> Formula | None:
        if len(tex) > LONGEST or nesting_depth(tex) > DEEPEST or _CJK.search(tex):
            return None
        svg = make_svg(_ENVIRONMENT.sub("", tex), is_display=is_display, size=size, colour=colour)
        if svg is None:
            return None
        renderer = QSvgRenderer(QByteArray(svg.encode()))
        box = renderer.viewBoxF()
        if not renderer.isValid() or box.width() <= 0 or box.width() > 8000 or box.height() > 4000:
            return None
        image = QImage(
            max(1, round(box.width() * ratio)), max(1, round(box.height() * ratio)), QImage.Format.Format_ARGB32_Premultiplied
        )
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        renderer.render(painter, QRectF(0, 0, image.width(), image.height()))
        painter.end()
        image.setDevicePixelRatio(ratio)
        # ziamath puts the baseline at y = 0 of the view box.
        return Formula(image, box.width(), -box.y(), box.height() + box.y())


def make_svg(tex: str, *, is_display: bool, size: int, colour: str) -> str | None:
    """SVG source whose baseline lies at y = 0; None where ziamath refuses the LaTeX."""
    import ziafont
    import ziamath

    # QtSvg does not draw the <use> elements of SVG 2.
    ziamath.config.svg2 = False
    ziafont.config.svg2 = False
    try:
        return str(ziamath.Latex(tex, size=size, color=colour, inline=not is_display).svg())
    except Exception:  # noqa: BLE001 - a model may write anything; ziamath and its parser raise many unrelated kinds of errors
        return None
