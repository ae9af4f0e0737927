"""An error shown in its place: what happened, why, what to try, buttons that do it, and a fold with the log."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.gui.icons import make_icon, make_pixmap
from app.gui.theme import Tokens
from app.gui.translation import tr, translated_error
from models.errors import UserFacingError


def fix_label(fix: str) -> str:
    """The words on the button of a fix; empty for one this window does not know."""
    labels = {
        "reload_smaller_context": tr("Load with a shorter context"),
        "reload_larger_context": tr("Load with a longer context"),
        "reload_model": tr("Load again"),
        "choose_model": tr("Choose another model"),
        "verify_file": tr("Verify the file"),
        "get_projector": tr("Download the projector"),
        "new_conversation": tr("New chat"),
        "regenerate": tr("Try again"),
        "restore_snapshot": tr("Restore a snapshot"),
    }
    return labels.get(fix, "")


class ErrorCard(QFrame):
    """``fix_requested`` carries the name of a fix; ``resized`` says that the fold was opened or closed."""

    fix_requested = Signal(str)
    resized = Signal()

    def __init__(self, error: UserFacingError, tokens: Tokens, parent: QWidget | None, *, offers_fixes: bool) -> None:
        super().__init__(parent)
        self.setObjectName("errorCard")
        what, why, remedy = translated_error(error)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(6)
        head = QHBoxLayout()
        icon = QLabel(self)
        icon.setPixmap(make_pixmap("alert-triangle", tokens.error, 18))
        title = QLabel(what, self)
        title.setProperty("role", "strong")
        title.setWordWrap(True)
        title.setTextFormat(Qt.TextFormat.PlainText)
        head.addWidget(icon)
        head.addWidget(title, 1)
        layout.addLayout(head)
        for text in (why, remedy):
            if text:
                label = QLabel(text, self)
                label.setProperty("role", "soft")
                label.setWordWrap(True)
                label.setTextFormat(Qt.TextFormat.PlainText)
                layout.addWidget(label)
        self.setAccessibleName(what)
        self.setAccessibleDescription(f"{why} {remedy}")
        self._add_buttons(error, error.fixes if offers_fixes else (), tokens, layout)

    def _add_buttons(self, error: UserFacingError, fixes: Sequence[str], tokens: Tokens, layout: QVBoxLayout) -> None:
        buttons = QHBoxLayout()
        for fix in fixes:
            label = fix_label(fix)
            if label:
                button = QPushButton(label, self)
                button.clicked.connect(lambda _checked=False, name=fix: self.fix_requested.emit(name))
                buttons.addWidget(button)
        if error.details:
            fold = QPushButton(tr("Details"), self)
            fold.setProperty("role", "link")
            fold.setIcon(make_icon("chevron-down", tokens.text_soft, size=14))
            fold.clicked.connect(self._toggle)
            buttons.addWidget(fold)
        buttons.addStretch()
        if buttons.count() > 1:
            layout.addLayout(buttons)
        self._log = QPlainTextEdit(error.details, self)
        self._log.setProperty("role", "field")
        self._log.setReadOnly(True)
        self._log.setAccessibleName(tr("Details"))
        self._log.setFixedHeight(150)
        self._log.hide()
        layout.addWidget(self._log)

    def _toggle(self) -> None:
        self._log.setVisible(self._log.isHidden())
        self.resized.emit()


def make_error_card(
    error: UserFacingError, tokens: Tokens, parent: QWidget | None = None, *, offers_fixes: bool = True
) -> ErrorCard:
    """The card of an error; without its buttons where nobody would hear them."""
    return ErrorCard(error, tokens, parent, offers_fixes=offers_fixes)
