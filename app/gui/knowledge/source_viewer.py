"""Where a passage stands: the page of a PDF as a picture, or the text of any other document, with the passage marked."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer, QUrl
from PySide6.QtGui import QColor, QImage, QPixmap, QResizeEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.documents.document import Document
from app.documents.reading import PagePicture
from app.gui.knowledge.words import place_words
from app.gui.models.background import Background
from app.gui.outside import open_outside
from app.gui.theme import Tokens
from app.gui.translation import tr, translated_error
from app.gui.widgets import ElidedLabel, make_label
from app.workstation import Workstation
from models.errors import UserFacingError

_SIDE = 1_400


class SourceViewer(QDialog):
    """Opens the file as it is now; a passage that does not stand there any more is told."""

    def __init__(
        self,
        workstation: Workstation,
        tokens: Tokens,
        source: tuple[str, str, str, str],
        page: int,
        parent: QWidget | None = None,
    ) -> None:
        """``source`` is the path, the name, the place and the text of a passage, ``page`` its page or 0."""
        super().__init__(parent)
        self._workstation = workstation
        self._tokens = tokens
        self._path, self._name, self._place, self._passage = source
        self._page = max(1, page)
        self._count = 0
        self._image: QImage | None = None
        self._work = Background(workstation.jobs, "disk", self)
        self._drawing = Background(workstation.jobs, "disk", self)
        self.setWindowTitle(self._name)
        self.resize(860, 900)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 16)
        layout.setSpacing(10)
        layout.addLayout(self._make_head())
        self.state = make_label(tr("Opening…"), "faint", self)
        self.state.setWordWrap(True)
        layout.addWidget(self.state)
        self._stack = QStackedWidget(self)
        self.text = QPlainTextEdit(self)
        self.text.setProperty("role", "field")
        self.text.setReadOnly(True)
        self.text.setAccessibleName(tr("The document"))
        self._picture = QLabel(self)
        self._picture.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._picture)
        self._stack.addWidget(self.text)
        self._stack.addWidget(self._scroll)
        layout.addWidget(self._stack, 1)
        layout.addLayout(self._make_foot())
        self._work.run(lambda: workstation.documents.read(self._path), self._show, self._fail)

    def _make_head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        title = ElidedLabel("title", self)
        title.set_full_text(self._name)
        row.addWidget(title, 1)
        self._where = make_label(place_words(self._place), "soft", self)
        row.addWidget(self._where)
        return row

    def _make_foot(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self._previous = QPushButton(tr("Previous page"), self)
        self._previous.clicked.connect(lambda: self._turn(-1))
        self._next = QPushButton(tr("Next page"), self)
        self._next.clicked.connect(lambda: self._turn(1))
        for button in (self._previous, self._next):
            button.hide()
            row.addWidget(button)
        row.addStretch()
        outside = QPushButton(tr("Open with the system's program"), self)
        outside.clicked.connect(lambda: open_outside(QUrl.fromLocalFile(self._path)))
        outside.setEnabled(Path(self._path).is_file())
        close = QPushButton(tr("Close"), self)
        close.setProperty("role", "primary")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        row.addWidget(outside)
        row.addWidget(close)
        return row

    def _show(self, document: Document) -> None:
        self._count = document.count
        from app.retrieval.search import is_quoted_in

        pages = [section for section in document.sections if not document.unit or section.number == self._page]
        stands = any(is_quoted_in(self._passage, section.text) for section in pages)
        self.state.setVisible(not stands)
        if not stands:
            self.state.setText(tr("This passage does not stand there any more: the file has changed since. It was: {text}").format(
                text=" ".join(self._passage.split())[:400]
            ))  # fmt: skip
        if document.kind == "pdf":
            self._previous.show()
            self._next.show()
            self._draw()
        else:
            self._show_text(document)

    def _show_text(self, document: Document) -> None:
        self.text.setPlainText(document.text)
        self._stack.setCurrentWidget(self.text)
        text = document.text
        start = 0
        if document.unit:
            section = next((one for one in document.sections if one.number == self._page), None)
            start = max(0, text.find(f"[{document.place_of(section)}]\n")) if section else 0
        start = text.find(self._passage, start)
        if start < 0:
            return
        cursor = self.text.textCursor()
        cursor.setPosition(_utf16(text, start))
        cursor.setPosition(_utf16(text, start + len(self._passage)), QTextCursor.MoveMode.KeepAnchor)
        mark = QTextCharFormat()
        mark.setBackground(QColor(self._tokens.accent_soft))
        mark.setForeground(QColor(self._tokens.accent_soft_text))
        cursor.mergeCharFormat(mark)
        cursor.clearSelection()
        cursor.setPosition(_utf16(text, start))
        self.text.setTextCursor(cursor)
        self.text.centerCursor()

    def _turn(self, step: int) -> None:
        self._page = min(max(1, self._page + step), max(1, self._count))
        self._draw()

    def _draw(self) -> None:
        self._previous.setEnabled(self._page > 1)
        self._next.setEnabled(self._page < self._count)
        self._where.setText(tr("page {number} of {count}").format(number=self._page, count=self._count))
        page = self._page
        self._drawing.run(
            lambda: self._workstation.documents.draw(self._path, page, _SIDE, self._passage), self._show_picture, self._fail
        )

    def _show_picture(self, drawn: PagePicture) -> None:
        # A copy: the picture must not outlive the bytes that it was made of.
        self._image = QImage(drawn.pixels, drawn.width, drawn.height, drawn.width * 3, QImage.Format.Format_RGB888).copy()
        self._picture.setAccessibleName(self._where.text())
        self._stack.setCurrentWidget(self._scroll)
        QTimer.singleShot(0, self, self._fit_picture)  # once the area has its size

    def _fit_picture(self) -> None:
        """The page as wide as there is room, and no wider than it was drawn."""
        if self._image is None:
            return
        ratio = self.devicePixelRatioF()
        width = round(min(self._image.width(), (self._scroll.viewport().width() - 4) * ratio))
        pixmap = QPixmap.fromImage(self._image.scaledToWidth(max(1, width), Qt.TransformationMode.SmoothTransformation))
        pixmap.setDevicePixelRatio(ratio)
        self._picture.setPixmap(pixmap)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self._fit_picture)

    def _fail(self, error: UserFacingError) -> None:
        self.state.setText(" ".join(part for part in translated_error(error) if part))
        self.state.show()
        self.text.setPlainText(self._passage)

    def sizeHint(self) -> QSize:
        return QSize(860, 900)

    def done(self, result: int) -> None:
        """Let go of what is still being read."""
        self._work.forget()
        self._drawing.forget()
        super().done(result)


def _utf16(text: str, place: int) -> int:
    """Qt counts in UTF-16: an emoji is two."""
    return place + sum(1 for character in text[:place] if character > "\uffff")
