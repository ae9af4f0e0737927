"""A bar for each device: what others use, what the model would add, and what stays free."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui.models.words import advice_words, size_words, verdict_words
from app.gui.theme import Sizes, Tokens, make_font
from app.gui.translation import tr
from models.memory_plan import DevicePlan, MemoryPlan

_BAR, _GAP, _LINE = 12, 8, 18


class PlanBars(QWidget):
    """Shows a plan; nothing where there is none."""

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tokens = tokens
        self._plan: MemoryPlan | None = None
        self._note = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_plan(self, plan: MemoryPlan | None, note: str = "") -> None:
        """Show a plan, or ``note`` in its place."""
        self._plan, self._note = plan, note
        self.setAccessibleName(" ".join(self._lines()) or note)
        self.updateGeometry()
        self.update()

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self.tokens = tokens
        self.update()

    def sizeHint(self) -> QSize:
        if self._plan is None:
            return QSize(200, _LINE + 6 if self._note else 0)
        return QSize(200, len(self._devices()) * (_LINE + _BAR + _GAP) + _LINE + len(self._lines()) * _LINE + 6)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _devices(self) -> list[DevicePlan]:
        assert self._plan is not None
        return [device for device in self._plan.devices if device.needed or device is self._plan.devices[0]]

    def _lines(self) -> list[str]:
        if self._plan is None:
            return []
        longest = f"{self._plan.longest_context:,}"
        lines = [
            tr("With {context} tokens of context; the longest that fits has {longest}.").format(
                context=f"{self._plan.context:,}", longest=longest
            )
            if self._plan.longest_context
            else tr("Not even the shortest context fits.")
        ]
        if len(self._plan.devices) > 1:
            facts = {"count": self._plan.gpu_layers, "total": self._plan.layer_count}
            lines.append(tr("{count} of {total} layers on the GPU").format(**facts))
        if advice := advice_words(self._plan):
            lines.append(advice)
        return lines

    def _parts(self, device: DevicePlan) -> list[tuple[str, int, str]]:
        return [
            (tr("used now"), device.others, self.tokens.text_faint),
            (tr("weights"), device.weights, self.tokens.accent),
            (tr("KV cache"), device.kv_cache, self.tokens.ok),
            (tr("compute"), device.compute, self.tokens.warning),
            (tr("projector"), device.projector, self.tokens.link),
            (tr("draft model"), device.draft, self.tokens.function),
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(make_font(Sizes.TEXT_SMALL))
        painter.setPen(QColor(self.tokens.text_soft))
        if self._plan is None:
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter), self._note)
            return
        top = 0.0
        for device in self._devices():
            self._paint_device(painter, device, top)
            top += _LINE + _BAR + _GAP
        top = self._paint_legend(painter, top)
        painter.setPen(QColor(self.tokens.text_soft))
        for line in self._lines():
            painter.drawText(QRectF(0, top, self.width(), _LINE), int(Qt.AlignmentFlag.AlignVCenter), line)
            top += _LINE

    def _paint_device(self, painter: QPainter, device: DevicePlan, top: float) -> None:
        painter.setPen(QColor(self.tokens.text))
        row = QRectF(0, top, self.width(), _LINE)
        name = tr("Memory") if device.name == "RAM" else device.name
        painter.drawText(row, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), name)
        used, words = device.others + device.needed, verdict_words(self._plan)[0]
        text = f"{words}  ·  {size_words(device.needed)} + {size_words(device.others)} / {size_words(device.total)}"
        colour = {"fits": self.tokens.ok, "tight": self.tokens.warning, "too_large": self.tokens.error}[device.verdict]
        painter.setPen(QColor(colour))
        painter.drawText(row, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), text)
        bar = QRectF(0, top + _LINE, self.width(), _BAR)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self.tokens.track))
        painter.drawRoundedRect(bar, 4, 4)
        painter.save()
        painter.setClipRect(bar)
        scale = self.width() / max(device.total, used, 1)
        left = 0.0
        for _, size, part in self._parts(device):
            width = size * scale
            painter.setBrush(QColor(part))
            painter.drawRect(QRectF(left, bar.top(), width, _BAR))
            left += width
        painter.restore()
        if used > device.total:  # where the memory ends
            painter.setBrush(QColor(self.tokens.error))
            painter.drawRect(QRectF(device.total * scale - 1, bar.top() - 2, 2, _BAR + 4))

    def _paint_legend(self, painter: QPainter, top: float) -> float:
        shown: dict[str, str] = {}
        for device in self._devices():
            shown |= {name: colour for name, size, colour in self._parts(device) if size}
        left = 0.0
        painter.setFont(make_font(Sizes.TEXT_CAPTION))
        for name, colour in shown.items():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colour))
            painter.drawRoundedRect(QRectF(left, top + 5, 9, 9), 2, 2)
            painter.setPen(QColor(self.tokens.text_soft))
            width = painter.fontMetrics().horizontalAdvance(name)
            painter.drawText(QRectF(left + 14, top, width + 4, _LINE), int(Qt.AlignmentFlag.AlignVCenter), name)
            left += width + 30
        painter.setFont(make_font(Sizes.TEXT_SMALL))
        return top + _LINE
