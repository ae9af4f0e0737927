"""Lists of two-line rows with a badge: models, search results, variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.gui.icons import make_pixmap
from app.gui.theme import Sizes, Tokens, make_font

_ROW, _VALUE = int(Qt.ItemDataRole.UserRole), int(Qt.ItemDataRole.UserRole) + 1
_HEIGHT, _MARGIN, _ICON = 54, 12, 20


@dataclass(frozen=True, slots=True)
class Row:
    """What is drawn. ``badge_kind`` is ``ok``, ``warning``, ``error`` or nothing; a row without a value is a caption."""

    title: str
    subtitle: str = ""
    badge: str = ""
    badge_kind: str = ""
    icon: str = ""
    value: Any = None


class _RowDelegate(QStyledItemDelegate):
    """Draws rows with the colours of the theme."""

    def __init__(self, tokens: Tokens, parent: QWidget) -> None:
        super().__init__(parent)
        self.tokens = tokens

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        row: Row = index.data(_ROW)
        return QSize(100, _HEIGHT if row.value is not None else 30)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        row: Row = index.data(_ROW)
        box = QRectF(option.rect).adjusted(2, 1, -2, -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if row.value is None:
            painter.setFont(make_font(Sizes.TEXT_CAPTION, weight=QFont.Weight.DemiBold))
            painter.setPen(QColor(self.tokens.text_faint))
            painter.drawText(box.adjusted(_MARGIN, 6, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), row.title)
            painter.restore()
            return
        self._paint_ground(painter, option, box)
        left = box.left() + _MARGIN
        if row.icon:
            painter.drawPixmap(int(left), int(box.center().y() - _ICON / 2), make_pixmap(row.icon, self.tokens.accent, _ICON))
            left += _ICON + _MARGIN
        right = self._paint_badge(painter, row, box)
        painter.setFont(make_font(Sizes.TEXT_UI, weight=QFont.Weight.DemiBold))
        painter.setPen(QColor(self.tokens.text))
        self._write(painter, QRectF(left, box.top() + 7, right - left, 19), row.title)
        painter.setFont(make_font(Sizes.TEXT_SMALL))
        painter.setPen(QColor(self.tokens.text_soft))
        self._write(painter, QRectF(left, box.top() + 27, box.right() - _MARGIN - left, 18), row.subtitle)
        painter.restore()

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem, box: QRectF) -> None:
        state = option.state
        colour = ""
        if state & QStyle.StateFlag.State_Selected:
            colour = self.tokens.selected
        elif state & QStyle.StateFlag.State_MouseOver:
            colour = self.tokens.hover
        if colour:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colour))
            painter.drawRoundedRect(box, 8, 8)

    def _paint_badge(self, painter: QPainter, row: Row, box: QRectF) -> float:
        """Where the title must end."""
        right = box.right() - _MARGIN
        if not row.badge:
            return right
        colour = QColor({"ok": self.tokens.ok, "warning": self.tokens.warning, "error": self.tokens.error}.get(
            row.badge_kind, self.tokens.text_faint
        ))  # fmt: skip
        font = make_font(Sizes.TEXT_CAPTION, weight=QFont.Weight.DemiBold)
        painter.setFont(font)
        width = painter.fontMetrics().horizontalAdvance(row.badge) + 16
        pill = QRectF(right - width, box.top() + 7, width, 19)
        ground = QColor(colour)
        ground.setAlpha(34)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(pill, 9, 9)
        painter.setPen(colour)
        painter.drawText(pill, int(Qt.AlignmentFlag.AlignCenter), row.badge)
        return pill.left() - 8

    @staticmethod
    def _write(painter: QPainter, box: QRectF, text: str) -> None:
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(box.width()))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), shown)


class RowList(QListWidget):
    """Rows, of which one may be chosen; captions cannot be."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._delegate = _RowDelegate(tokens, self)
        self.setItemDelegate(self._delegate)
        self.setMouseTracking(True)
        self.setUniformItemSizes(False)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_rows(self, rows: list[Row], chosen: Any = None) -> None:
        """Replace all rows; the one whose value equals ``chosen`` is current, without telling."""
        self.blockSignals(True)
        self.clear()
        for row in rows:
            item = QListWidgetItem()
            self._fill(item, row)
            self.addItem(item)
            if chosen is not None and row.value == chosen:
                self.setCurrentItem(item)
        self.blockSignals(False)

    def replace_row(self, number: int, row: Row) -> None:
        """Draw one row anew."""
        item = self.item(number)
        if item is not None:
            self._fill(item, row)

    def value(self, item: QListWidgetItem | None = None) -> Any:
        """What a row stands for; without one, the current row's; None where there is none."""
        item = item or self.currentItem()
        return item.data(_VALUE) if item is not None else None

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._delegate.tokens = tokens
        self.viewport().update()

    @staticmethod
    def _fill(item: QListWidgetItem, row: Row) -> None:
        item.setData(_ROW, row)
        item.setData(_VALUE, row.value)
        spoken = ", ".join(text for text in (row.title, row.badge, row.subtitle) if text)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, spoken)
        if row.value is None:
            item.setFlags(Qt.ItemFlag.NoItemFlags)
        else:
            item.setToolTip("")
