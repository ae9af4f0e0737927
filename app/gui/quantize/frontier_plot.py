"""A drawing of all quants of one model: size against KL divergence, speed as the size of the dot, in the colours of the theme."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.gui.theme import Sizes, Tokens, make_font
from app.gui.translation import tr
from quantize.quality_card import QualityCard

_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 22, 18, 46
_REACH = 14
_SAME = 60
_SMALLEST_KL = 1e-6


class FrontierPlot(QWidget):
    """``chosen`` carries the index of a dot that was clicked or reached by the arrow keys."""

    chosen = Signal(int)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._cards: list[QualityCard] = []
        self._current = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(220)

    def sizeHint(self) -> QSize:
        return QSize(520, 300)

    def show_cards(self, cards: Sequence[QualityCard], current: int = -1) -> None:
        """Draw these; those that were not measured against a base have no place."""
        self._cards = list(cards)
        self._current = current
        self.setAccessibleDescription(", ".join(f"{card.file_type} {card.size_bytes / 2**20:.1f} MB" for card in cards))
        self.update()

    def set_current(self, index: int) -> None:
        """Ring a dot."""
        self._current = index
        self.update()

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._tokens = tokens
        self.update()

    # ---- where things are

    def _plotted(self) -> list[int]:
        return [
            index for index, card in enumerate(self._cards) if card.quality and card.quality.get("has_base") and not card.fault
        ]

    def _ranges(self) -> tuple[float, float, float, float]:
        sizes = [self._cards[index].size_bytes / 2**20 for index in self._plotted()]
        losses = [math.log10(self._kl(index)) for index in self._plotted()]
        width = max(max(sizes) - min(sizes), 0.1 * max(sizes))
        low, high = math.floor(min(losses) * 2 - 0.2) / 2, math.ceil(max(losses) * 2 + 0.2) / 2
        return min(sizes) - 0.08 * width, max(sizes) + 0.12 * width, low, max(high, low + 1)

    def _kl(self, index: int) -> float:
        return max(float((self._cards[index].quality or {})["kl_mean"]), _SMALLEST_KL)

    def _place(self, index: int) -> QPointF:
        left, right, low, high = self._ranges()
        x = (self._cards[index].size_bytes / 2**20 - left) / (right - left)
        y = (math.log10(self._kl(index)) - low) / (high - low)
        return QPointF(
            _LEFT + x * (self.width() - _LEFT - _RIGHT), self.height() - _BOTTOM - y * (self.height() - _TOP - _BOTTOM)
        )

    def _radius(self, index: int) -> float:
        """By speed, relative to the fastest."""
        speeds = [float((card.probe or {}).get("decode_tokens_per_second", 0.0)) for card in self._cards]
        fastest = max(speeds, default=0.0)
        return 4.0 + (3.5 * speeds[index] / fastest if fastest else 0.0)

    # ---- drawing

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(make_font(Sizes.TEXT_CAPTION))
        if not self._plotted():
            painter.setPen(QColor(self._tokens.text_faint))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(QRectF(self.rect()).adjusted(30, 0, -30, 0), flags, tr("Quants that were measured appear here."))
            return
        self._draw_axes(painter)
        self._draw_frontier(painter)
        for index in self._plotted():
            self._draw_dot(painter, index)
        self._draw_labels(painter)
        self._draw_legend(painter)

    def _draw_legend(self, painter: QPainter) -> None:
        """Which colour is which, where there are both."""
        with_matrix = {bool(self._cards[index].recipe.get("imatrix_sha256")) for index in self._plotted()}
        if len(with_matrix) < 2:
            return
        right = float(self.width() - _RIGHT)
        for words, colour in (
            (tr("without importance matrix"), self._tokens.text_soft),
            (tr("with importance matrix"), self._tokens.accent),
        ):
            width = painter.fontMetrics().horizontalAdvance(words)
            painter.setPen(QColor(self._tokens.text_soft))
            painter.drawText(QRectF(right - width, _TOP + 2, width, 16), Qt.AlignmentFlag.AlignCenter, words)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colour))
            painter.drawEllipse(QPointF(right - width - 9, _TOP + 10), 4, 4)
            right -= width + 30

    def _draw_axes(self, painter: QPainter) -> None:
        left, right, low, high = self._ranges()
        area = QRectF(_LEFT, _TOP, self.width() - _LEFT - _RIGHT, self.height() - _TOP - _BOTTOM)
        grid, words = QPen(QColor(self._tokens.border)), QColor(self._tokens.text_faint)
        for step in range(math.ceil(low * 1), math.floor(high) + 1):
            y = area.bottom() - (step - low) / (high - low) * area.height()
            painter.setPen(grid)
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(words)
            label = f"{10.0**step:g}"
            box = QRectF(0, y - 8, _LEFT - 8, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, label)
        spacing = _nice_step((right - left) / 5)
        value = math.ceil(left / spacing) * spacing
        while value <= right:
            x = area.left() + (value - left) / (right - left) * area.width()
            painter.setPen(grid)
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            painter.setPen(words)
            label = f"{value / 1024:g} GB" if spacing >= 512 else f"{value:g} MB"
            painter.drawText(QRectF(x - 50, area.bottom() + 4, 100, 16), Qt.AlignmentFlag.AlignCenter, label)
            value += spacing
        painter.setPen(QColor(self._tokens.text_soft))
        bottom = QRectF(area.left(), self.height() - 20, area.width(), 18)
        painter.drawText(bottom, Qt.AlignmentFlag.AlignCenter, tr("size of the file; larger dots write faster"))
        painter.save()
        painter.translate(12, area.center().y())
        painter.rotate(-90)
        painter.drawText(QRectF(-area.height() / 2, -8, area.height(), 16), Qt.AlignmentFlag.AlignCenter, tr("KL divergence"))
        painter.restore()

    def _draw_frontier(self, painter: QPainter) -> None:
        """A line through those that no other beats in both size and loss."""
        best = math.inf
        line = QPolygonF()
        for index in sorted(self._plotted(), key=lambda number: (self._cards[number].size_bytes, self._kl(number))):
            if self._kl(index) < best:
                best = self._kl(index)
                line.append(self._place(index))
        painter.setPen(QPen(QColor(self._tokens.accent_soft_text), 1.2, Qt.PenStyle.DashLine))
        painter.drawPolyline(line)

    def _draw_dot(self, painter: QPainter, index: int) -> None:
        place, radius = self._place(index), self._radius(index)
        has_matrix = bool(self._cards[index].recipe.get("imatrix_sha256"))
        colour = QColor(self._tokens.accent if has_matrix else self._tokens.text_soft)
        painter.setPen(QPen(QColor(self._tokens.background), 1.5))
        painter.setBrush(colour)
        painter.drawEllipse(place, radius, radius)
        if index == self._current:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(self._tokens.accent), 2))
            painter.drawEllipse(place, radius + 4, radius + 4)

    def _draw_labels(self, painter: QPainter) -> None:
        """Names where they hide no other name; the chosen one first."""
        taken: list[QRectF] = []
        said: list[tuple[str, QPointF]] = []
        order = sorted(self._plotted(), key=lambda index: (index != self._current, self._kl(index)))
        metrics = painter.fontMetrics()
        dots = [QRectF(self._place(index).x() - 6, self._place(index).y() - 6, 12, 12) for index in self._plotted()]
        for index in order:
            text, place = self._cards[index].file_type, self._place(index)
            near = [named for named, where in said if named == text and (where - place).manhattanLength() < _SAME]
            if near and index != self._current:
                continue  # the same type with and without a matrix, side by side: one name for both
            width = metrics.horizontalAdvance(text) + 4
            for box in (
                QRectF(place.x() + 10, place.y() - 8, width, 15),
                QRectF(place.x() - 10 - width, place.y() - 8, width, 15),
                QRectF(place.x() - width / 2, place.y() - 25, width, 15),
                QRectF(place.x() - width / 2, place.y() + 11, width, 15),
            ):
                if box.right() < self.width() and not any(box.intersects(other) for other in (*taken, *dots)):
                    taken.append(box)
                    said.append((text, place))
                    painter.setPen(QColor(self._tokens.text if index == self._current else self._tokens.text_soft))
                    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
                    break

    # ---- hands

    def _near(self, point: QPointF) -> int:
        best, found = float(_REACH**2), -1
        for index in self._plotted():
            place = self._place(index)
            distance = (place.x() - point.x()) ** 2 + (place.y() - point.y()) ** 2
            if distance < best:
                best, found = distance, index
        return found

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self._near(event.position())
        self.setCursor(Qt.CursorShape.PointingHandCursor if index >= 0 else Qt.CursorShape.ArrowCursor)
        if index >= 0:
            card = self._cards[index]
            words = f"{card.file_type}  {card.size_bytes / 2**20:,.1f} MB  KL {self._kl(index):.5f}"
            QToolTip.showText(event.globalPosition().toPoint(), words, self)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._near(event.position())
        if index >= 0:
            self.chosen.emit(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1}
        order = sorted(self._plotted(), key=lambda index: self._cards[index].size_bytes)
        if event.key() in steps and order:
            here = order.index(self._current) if self._current in order else 0
            self.chosen.emit(order[(here + steps[Qt.Key(event.key())]) % len(order)])
        else:
            super().keyPressEvent(event)


def _nice_step(rough: float) -> float:
    """1, 2 or 5 times a power of ten, about so large."""
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= rough)
