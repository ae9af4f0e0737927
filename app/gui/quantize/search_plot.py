"""The frontier of a recipe search: how large a file is against the loss that its groups add up to, and what was chosen."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui.theme import Sizes, Tokens, make_font
from app.gui.translation import tr
from quantize.recipe_search import Search

_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 16, 14, 34
_SMALLEST_LOSS = 1e-6
_LINES = 4


class SearchPlot(QWidget):
    """Empty before there is something to show. The loss is drawn on a logarithmic scale."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._search: Search | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(tr("Size against KL divergence"))

    def show_search(self, search: Search) -> None:
        """Show what was found."""
        self._search = search
        kl = f"{search.quality.kl_mean:.4f}"
        size = f"{search.chosen.size_bytes / 2**20:,.1f} MB"
        self.setAccessibleName(tr("Size against KL divergence") + f": {size}, {kl}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(520, 240)

    def points(self) -> list[tuple[float, float]]:
        """Megabytes and loss of every point, the largest file first."""
        if self._search is None:
            return []
        return [(point.size_bytes / 2**20, max(_SMALLEST_LOSS, point.predicted_kl)) for point in self._search.frontier]

    def _place(self, size: float, loss: float) -> QPointF:
        points = self.points()
        sizes, losses = [size for size, _ in points], [math.log10(loss) for _, loss in points]
        area = QRectF(_LEFT, _TOP, max(1, self.width() - _LEFT - _RIGHT), max(1, self.height() - _TOP - _BOTTOM))
        across = (size - min(sizes)) / max(1e-9, max(sizes) - min(sizes))
        up = (math.log10(max(_SMALLEST_LOSS, loss)) - min(losses)) / max(1e-9, max(losses) - min(losses))
        return QPointF(area.left() + across * area.width(), area.bottom() - min(1.0, max(0.0, up)) * area.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        points = self.points()
        if self._search is None or not points:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(make_font(Sizes.TEXT_CAPTION))
        self._paint_axes(painter, points)
        painter.setPen(QPen(QColor(self._tokens.accent), 2))
        painter.drawPolyline(QPolygonF([self._place(*point) for point in points]))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._tokens.accent))
        for point in points:
            painter.drawEllipse(self._place(*point), 2.5, 2.5)
        chosen = self._place(self._search.chosen.size_bytes / 2**20, self._search.quality.kl_mean)
        painter.setBrush(QColor(self._tokens.ok))
        painter.setPen(QPen(QColor(self._tokens.background), 2))
        painter.drawEllipse(chosen, 6.5, 6.5)

    def _paint_axes(self, painter: QPainter, points: list[tuple[float, float]]) -> None:
        low, high = (pick(math.log10(loss) for _, loss in points) for pick in (min, max))
        small, large = (pick(size for size, _ in points) for pick in (min, max))
        for number in range(_LINES + 1):
            share = number / _LINES
            loss, size = 10 ** (low + share * (high - low)), small + share * (large - small)
            level, column = self._place(small, loss), self._place(size, 10**low)
            painter.setPen(QPen(QColor(self._tokens.border), 1))
            painter.drawLine(QPointF(_LEFT, level.y()), QPointF(self.width() - _RIGHT, level.y()))
            painter.setPen(QColor(self._tokens.text_faint))
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(0, level.y() - 9, _LEFT - 8, 18), int(right), f"{loss:.2g}")
            middle = QRectF(column.x() - 40, self.height() - _BOTTOM + 4, 80, 14)
            painter.drawText(middle, int(Qt.AlignmentFlag.AlignHCenter), f"{size:,.0f}")
        painter.setPen(QColor(self._tokens.text_soft))
        bottom = QRectF(_LEFT, self.height() - 16, self.width() - _LEFT - _RIGHT, 14)
        painter.drawText(
            bottom, int(Qt.AlignmentFlag.AlignHCenter), tr("MB against KL divergence (nats), added up; the dot is measured")
        )
