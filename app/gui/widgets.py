"""Small widgets used on several pages: a switch, a slider with a number, segments, a separator, a memory bar."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.theme import Tokens


def make_separator(parent: QWidget | None = None) -> QFrame:
    """A hairline."""
    line = QFrame(parent)
    line.setObjectName("separator")
    line.setFixedHeight(1)
    return line


def make_label(text: str, role: str = "", parent: QWidget | None = None) -> QLabel:
    """A label whose look is chosen by ``role`` in the style sheet."""
    label = QLabel(text, parent)
    if role:
        label.setProperty("role", role)
    return label


class Switch(QAbstractButton):
    """An on/off switch, keyboard and screen reader included."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tokens = tokens
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def set_tokens(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self.tokens = tokens
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(34, 20)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self.tokens.accent if self.isChecked() else self.tokens.track))
        top = (self.height() - 18) / 2
        painter.drawRoundedRect(QRectF(0, top, 34, 18), 9, 9)
        painter.setBrush(QColor("#ffffff"))
        painter.drawEllipse(QRectF(17 if self.isChecked() else 2, top + 2, 14, 14))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QColor(self.tokens.accent))
            painter.drawRoundedRect(QRectF(0.5, top - 0.5, 33, 19), 9, 9)


class _QuietSlider(QSlider):
    """A slider that leaves the wheel to the page."""

    def wheelEvent(self, event: object) -> None:
        event.ignore()  # type: ignore[attr-defined]


class NumberSlider(QWidget):
    """A label, a number field and a slider that agree; ``changed`` only for what the person did."""

    changed = Signal(float)

    def __init__(self, low: float, high: float, step: float, decimals: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._step = step
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        row = QHBoxLayout()
        self.label = QLabel(self)
        self.field = QDoubleSpinBox(self)
        self.field.setDecimals(decimals)
        self.field.setRange(low, high)
        self.field.setSingleStep(step)
        self.field.setFixedWidth(72)
        self.field.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.field.setKeyboardTracking(False)
        row.addWidget(self.label)
        row.addStretch()
        row.addWidget(self.field)
        self.slider = _QuietSlider(Qt.Orientation.Horizontal, self)
        self.slider.setRange(round(low / step), round(high / step))
        layout.addLayout(row)
        layout.addWidget(self.slider)
        self.field.valueChanged.connect(self._field_changed)
        self.slider.valueChanged.connect(self._slider_changed)

    def set_name(self, name: str, tip: str = "") -> None:
        """The words of the label, also for screen readers."""
        self.label.setText(name)
        for widget in (self, self.field, self.slider):
            widget.setAccessibleName(name)
            widget.setToolTip(tip)

    def set_value(self, value: float) -> None:
        """Show a value without telling."""
        for widget in (self.field, self.slider):
            widget.blockSignals(True)
        self.field.setValue(value)
        self.slider.setValue(round(value / self._step))
        for widget in (self.field, self.slider):
            widget.blockSignals(False)

    def value(self) -> float:
        """The value shown."""
        return self.field.value()

    def _field_changed(self, value: float) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(round(value / self._step))
        self.slider.blockSignals(False)
        self.changed.emit(value)

    def _slider_changed(self, position: int) -> None:
        self.field.blockSignals(True)
        self.field.setValue(position * self._step)
        self.field.blockSignals(False)
        self.changed.emit(self.field.value())


class Segments(QFrame):
    """A row of choices of which one is on; ``chosen`` carries its index."""

    chosen = Signal(int)

    def __init__(self, count: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("segments")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(3, 3, 3, 3)
        layout.setSpacing(2)
        self._group = QButtonGroup(self)
        for index in range(count):
            button = QToolButton(self)
            button.setCheckable(True)
            button.setSizePolicy(button.sizePolicy().horizontalPolicy().Expanding, button.sizePolicy().verticalPolicy())
            self._group.addButton(button, index)
            layout.addWidget(button)
        self._group.button(0).setChecked(True)
        self._group.idClicked.connect(self.chosen)

    def set_names(self, names: Sequence[str]) -> None:
        """The words on the choices."""
        for index, name in enumerate(names):
            self._group.button(index).setText(name)
            self._group.button(index).setAccessibleName(name)

    def choose(self, index: int) -> None:
        """Turn a choice on without telling."""
        self._group.button(index).setChecked(True)


class MemoryBar(QWidget):
    """A name, “11.2 / 32 GB” and a thin bar."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        row = QHBoxLayout()
        self._name = make_label(name, "faint", self)
        self._text = make_label("", "faint", self)
        row.addWidget(self._name)
        row.addStretch()
        row.addWidget(self._text)
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._bar.setAccessibleName(name)
        layout.addLayout(row)
        layout.addWidget(self._bar)

    def show_bytes(self, used: int, total: int) -> None:
        """Show used and total bytes."""
        gigabyte = 1024**3
        self._text.setText(f"{used / gigabyte:.1f} / {total / gigabyte:.0f} GB")
        self._bar.setValue(round(1000 * used / total) if total else 0)


class ElidedLabel(QLabel):
    """One line of plain text that ends in “…” where there is no room for all of it."""

    def __init__(self, role: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._full = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setMinimumWidth(40)
        if role:
            self.setProperty("role", role)

    def set_full_text(self, text: str) -> None:
        """The text, of which as much is shown as fits."""
        self._full = text
        self.setToolTip(escape(text))
        self.setAccessibleName(text)
        self._fit()

    def _fit(self) -> None:
        self.setText(self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideRight, self.width()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self._full) + 4, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(40, super().minimumSizeHint().height())
