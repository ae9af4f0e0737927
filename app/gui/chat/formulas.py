"""Formulas drawn by ziamath as sharp images, cached, and refused where drawing would take too long."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from app.gui.chat.formula_text import MOST_RUNS, PlacedText, mark_words, take_out_marks
from app.gui.theme import make_font

LONGEST = 1500
DEEPEST = 5
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
        if len(tex) > LONGEST or nesting_depth(tex) > DEEPEST:
            return None
        marked, words = mark_words(_ENVIRONMENT.sub("", tex))
        svg = make_svg(marked, is_display=is_display, size=size, colour=colour) if len(words) <= MOST_RUNS else None
        if svg is None:
            return None
        svg, placed = take_out_marks(svg, words)
        if len(placed) != len(words):
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
        painter.scale(image.width() / box.width(), image.height() / box.height())
        painter.translate(-box.x(), -box.y())
        for words_there in placed:
            draw_words(painter, words_there, colour)
        painter.end()
        image.setDevicePixelRatio(ratio)
        # ziamath puts the baseline at y = 0 of the view box.
        return Formula(image, box.width(), -box.y(), box.height() + box.y())


def draw_words(painter: QPainter, place: PlacedText, colour: str) -> None:
    """Write words where their marks stood, no wider than those."""
    font = make_font(100)
    natural = QFontMetricsF(font).horizontalAdvance(place.text) / 100
    size = min(place.em * 0.92, place.width / max(natural, 0.01))
    painter.save()
    painter.translate(place.left + (place.width - natural * size) / 2, place.baseline)
    painter.scale(size / 100, size / 100)
    painter.setFont(font)
    painter.setPen(QColor(colour))
    painter.drawText(QPointF(0, 0), place.text)
    painter.restore()


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
