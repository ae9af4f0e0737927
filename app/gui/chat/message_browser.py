"""A piece of a message as selectable rich text: cards, quote bars and rules painted under it, nothing ever fetched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QMimeData, QPointF, QRectF, QSize, Qt, QUrl, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QTextCursor, QTextFrame, QTextOption, QWheelEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QWidget

from app.gui.chat.document_writer import (
    CARD,
    CODE_PADDING,
    HEADER,
    HEADER_PADDING,
    INDENT,
    QUOTE_LEVEL,
    RULE,
    THIN,
    DocumentWriter,
)
from app.gui.chat.formulas import FormulaPainter
from app.gui.chat.inline_writer import SAFE_SCHEMES, SOURCE
from app.gui.outside import open_outside
from app.gui.theme import Tokens
from app.text.markdown_blocks import Block


class MessageBrowser(QTextBrowser):
    """Shows Markdown blocks; its height follows its width. ``copy_requested`` carries the index of a code block."""

    copy_requested = Signal(int)

    def __init__(self, tokens: Tokens, painter: FormulaPainter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._painter = painter
        self._blocks: tuple[Block, ...] = ()
        self._first = 0
        self.setObjectName("message")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.viewport().setAutoFillBackground(False)
        self.document().setDocumentMargin(0)
        self.anchorClicked.connect(self._open)

    def show_blocks(self, blocks: Sequence[Block], first: int, width: int) -> None:
        """Draw these blocks anew, keeping the selection where its text still stands."""
        self._blocks, self._first = tuple(blocks), first
        if self.width() != width:
            self.resize(width, self.height())
        cursor = self.textCursor()
        anchor, position = cursor.anchor(), cursor.position()
        self.document().clear()
        self._write(self._blocks, first, width)
        end = self.document().characterCount() - 1
        if anchor != position and max(anchor, position) <= end:
            cursor = self.textCursor()
            cursor.setPosition(anchor)
            cursor.setPosition(position, QTextCursor.MoveMode.KeepAnchor)
            self.setTextCursor(cursor)

    def _write(self, blocks: Sequence[Block], first: int, width: int) -> None:
        writer = DocumentWriter(self.document(), self._tokens, self._painter, ratio=self.devicePixelRatioF(), width=width)
        writer.write(blocks, first)

    def append_blocks(self, blocks: Sequence[Block], width: int) -> None:
        """Draw more blocks below those that stand."""
        first = self._first + len(self._blocks)
        self._blocks += tuple(blocks)
        self._write(blocks, first, width)

    def retheme(self, tokens: Tokens, width: int) -> None:
        """Draw the same blocks in other colours."""
        self._tokens = tokens
        self.show_blocks(self._blocks, self._first, width)

    def height_for(self, width: int) -> int:
        """Pixels that the text needs at ``width``."""
        document = self.document()
        if document.textWidth() != width:
            document.setTextWidth(width)
        return int(document.size().height()) + 1

    def sizeHint(self) -> QSize:
        return QSize(self.width(), self.height_for(self.width()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the transcript scrolls, never a piece of it

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Only pictures that the writer put into the document; never a file, never the network."""
        return None

    def _open(self, address: QUrl) -> None:
        if address.scheme() == "copy":
            self.copy_requested.emit(int(address.path()))
        elif address.scheme().lower() in SAFE_SCHEMES:
            open_outside(address)

    # ---- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for frame in self.document().rootFrame().childFrames():
            if frame.frameFormat().hasProperty(CARD):
                self._paint_card(painter, frame)
        self._paint_bars(painter)
        painter.end()
        super().paintEvent(event)

    def _paint_card(self, painter: QPainter, frame: QTextFrame) -> None:
        layout = self.document().documentLayout()
        form = frame.frameFormat()
        has_header = form.property(CARD) == 1
        # WORKAROUND Qt: a table's bounding rectangle starts at its first cell's content instead of its padding.
        padding = HEADER_PADDING if has_header else CODE_PADDING
        bounds = layout.frameBoundingRect(frame)
        box = QRectF(
            form.leftMargin() + 0.5,
            bounds.y() - padding[1] + 0.5,
            self.viewport().width() - form.leftMargin() - 1,
            bounds.height() - 1,
        )
        painter.setPen(QPen(QColor(self._tokens.border), 1))
        painter.setBrush(QColor(self._tokens.code))
        painter.drawRoundedRect(box, 10, 10)
        if has_header:
            head = layout.blockBoundingRect(frame.firstCursorPosition().block())
            line = round(head.bottom() + HEADER_PADDING[1]) + 0.5
            painter.drawLine(QPointF(box.left(), line), QPointF(box.right(), line))

    def _paint_bars(self, painter: QPainter) -> None:
        layout = self.document().documentLayout()
        block = self.document().begin()
        previous_bottom, previous_level = 0.0, 0
        while block.isValid():
            form = block.blockFormat()
            level = form.property(QUOTE_LEVEL) if form.hasProperty(QUOTE_LEVEL) else 0
            if level or form.hasProperty(RULE):
                box = layout.blockBoundingRect(block)
                if level:
                    painter.setPen(Qt.PenStyle.NoPen)
                    painter.setBrush(QColor(self._tokens.border_strong))
                    left = form.indent() * INDENT
                    for depth in range(level):
                        top = previous_bottom if depth < previous_level else box.top()
                        painter.drawRect(QRectF(left + 14 * depth, top, 3, box.bottom() - top))
                    previous_bottom = box.bottom()
                else:
                    painter.setPen(QPen(QColor(self._tokens.border), 1))
                    middle = round(box.center().y()) + 0.5
                    painter.drawLine(QPointF(0, middle), QPointF(self.viewport().width(), middle))
            previous_level = level
            block = block.next()

    # ---- copying

    def createMimeDataFromSelection(self) -> QMimeData:
        """The selected text with LaTeX in place of formula pictures, and without the headers of code cards."""
        data = QMimeData()
        data.setText(self.selected_source())
        return data

    def selected_source(self) -> str:
        """The selection as plain text."""
        cursor = self.textCursor()
        start, end = cursor.selectionStart(), cursor.selectionEnd()
        lines: list[str] = []
        block = self.document().findBlock(start)
        while block.isValid() and block.position() <= end:
            line, has_header = "", False
            iterator = block.begin()
            while not iterator.atEnd():
                fragment = iterator.fragment()
                form = fragment.charFormat()
                low, high = max(start, fragment.position()), min(end, fragment.position() + fragment.length())
                if form.hasProperty(HEADER):
                    has_header = True
                elif high > low:
                    if form.isImageFormat():
                        line += str(form.property(SOURCE) or "") * (high - low)
                    else:
                        text = fragment.text()[low - fragment.position() : high - fragment.position()]
                        line += text.replace("\u2028", "\n").replace("\u2009", "")
                iterator += 1
            if not has_header and not block.blockFormat().hasProperty(THIN):
                lines.append(line)
            block = block.next()
        return "\n".join(lines).strip("\n") if len(lines) > 1 else "".join(lines)
