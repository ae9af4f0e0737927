"""How full the context is: a small ring and two numbers."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.gui.theme import Tokens
from app.gui.translation import tr


class ContextRing(QWidget):
    """How full the context is: a ring and “2.1k / 8k”."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tokens = tokens
        self.usage = (0, 0)
        self.setFixedHeight(20)
        self.show_usage(0, 0)

    def show_usage(self, used: int, available: int) -> None:
        """Tokens used by the conversation with the draft, and what the context holds; 0 available hides the ring."""
        self.usage = (used, available)
        self.setVisible(available > 0)
        self.setFixedWidth(26 + self.fontMetrics().horizontalAdvance(self.label()))
        text = tr("{used} of {available} tokens of context are used").format(used=f"{used:,}", available=f"{available:,}")
        self.setToolTip(text)
        self.setAccessibleName(text)
        self.update()

    def label(self) -> str:
        """The short form."""
        return f"{short_count(self.usage[0])} / {short_count(self.usage[1])}"

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        used, available = self.usage
        share = min(1.0, used / available) if available else 0.0
        colour = self.tokens.error if share > 0.95 else self.tokens.warning if share > 0.8 else self.tokens.accent
        box = QRectF(3, 3, 14, 14)
        painter.setPen(QPen(QColor(self.tokens.track), 2.4))
        painter.drawEllipse(box)
        painter.setPen(QPen(QColor(colour), 2.4))
        painter.drawArc(box, 90 * 16, -round(share * 360 * 16))
        painter.setPen(QColor(self.tokens.text_faint))
        painter.drawText(QRectF(24, 0, self.width() - 24, 20), Qt.AlignmentFlag.AlignVCenter, self.label())


def short_count(count: int) -> str:
    """2,100 becomes 2.1k."""
    if count < 1000:
        return str(count)
    if count < 10_000 and count % 1000 and count % 1024:
        return f"{math.floor(count / 100) / 10:.1f}k"
    return f"{count // 1024 if count % 1024 == 0 else count // 1000}k"
