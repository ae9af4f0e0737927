"""The composer: text, attachments, send and stop. Enter sends, Shift+Enter breaks the line, an input method's Enter never sends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from app.gui.chat.composer_text import ComposerText
from app.gui.chat.context_ring import ContextRing
from app.gui.chat.file_chip import FileChip
from app.gui.chat.picture_tiles import SIDE, PictureTile
from app.gui.chat.recorder import RecordButton
from app.gui.chat.thumbnails import Thumbnails
from app.gui.icons import make_icon
from app.gui.theme import Tokens
from app.gui.translation import tr

DRAFT_MILLISECONDS = 400
LARGE_DRAFT = 2_000
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif", ".heic", ".heif")
SOUND_SUFFIXES = (".wav", ".mp3", ".flac", ".ogg")


class Composer(QFrame):
    """Where a message is written. ``submitted`` carries the text and the attached paths."""

    submitted = Signal(str, list)
    stop_requested = Signal()
    draft_changed = Signal(str)
    edit_cancelled = Signal()
    recall_requested = Signal()
    refused = Signal(str)
    image_pasted = Signal(object)
    paths_changed = Signal()
    picture_opened = Signal(str)
    document_opened = Signal(str)
    screen_requested = Signal()

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("composer")
        self.setAcceptDrops(True)
        self._tokens = tokens
        self._paths: list[str] = []
        self._is_busy = False
        self._is_editing = False
        self._edits_question = True
        self._model = ""
        self.thumbnails: Thumbnails | None = None
        self._tiles: dict[str, PictureTile] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(6)
        layout.addWidget(self._make_edit_bar())
        self._chips = QWidget(self)
        self._chip_row = QHBoxLayout(self._chips)
        self._chip_row.setContentsMargins(0, 0, 0, 0)
        self._chip_row.setSpacing(8)
        self._chips.hide()
        layout.addWidget(self._chips)
        self._warning = QLabel(self)
        self._warning.setTextFormat(Qt.TextFormat.PlainText)
        self._warning.setWordWrap(True)
        self._warning.setProperty("role", "error")
        self._warning.hide()
        layout.addWidget(self._warning)
        self.text = ComposerText(self)
        layout.addWidget(self.text)
        layout.addLayout(self._make_buttons())
        self._draft_timer = QTimer(self)
        self._draft_timer.setSingleShot(True)
        self._draft_timer.setInterval(DRAFT_MILLISECONDS)
        self._draft_timer.timeout.connect(lambda: self.draft_changed.emit(self.text.toPlainText()))
        self._connect()
        self.retranslate()
        self.retheme(tokens)

    def _make_edit_bar(self) -> QWidget:
        self._edit_bar = QWidget(self)
        row = QHBoxLayout(self._edit_bar)
        row.setContentsMargins(4, 0, 0, 0)
        self._edit_label = QLabel(self._edit_bar)
        self._edit_label.setProperty("role", "soft")
        self._edit_cancel = QPushButton(self._edit_bar)
        self._edit_cancel.setProperty("role", "link")
        self._edit_cancel.clicked.connect(self.edit_cancelled)
        row.addWidget(self._edit_label)
        row.addStretch()
        row.addWidget(self._edit_cancel)
        self._edit_bar.hide()
        return self._edit_bar

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.attach = QToolButton(self)
        self.attach.setIconSize(QSize(20, 20))
        self.screen_button = QToolButton(self)
        self.screen_button.setIconSize(QSize(20, 20))
        self.record = RecordButton(self._tokens, self)
        self.context = ContextRing(self._tokens, self)
        self.send = QToolButton(self)
        self.send.setProperty("role", "send")
        self.send.setIconSize(QSize(20, 20))
        self.send.setFixedSize(34, 34)
        row.addWidget(self.attach)
        row.addWidget(self.screen_button)
        row.addWidget(self.record)
        row.addStretch()
        row.addWidget(self.context)
        row.addWidget(self.send)
        return row

    def _connect(self) -> None:
        self.text.sent.connect(self._submit)
        self.text.cancelled.connect(self._escape)
        self.text.recalled.connect(self.recall_requested)
        self.text.files_given.connect(self.add_paths)
        self.text.image_given.connect(self.image_pasted)
        self.text.focus_changed.connect(self._show_focus)
        self.text.textChanged.connect(self._text_changed)
        self.send.clicked.connect(self._send_or_stop)
        self.attach.clicked.connect(self._choose_files)
        self.screen_button.clicked.connect(self.screen_requested)

    # ---- state

    def set_busy(self, is_busy: bool) -> None:
        """While a reply grows the send button stops it."""
        self._is_busy = is_busy
        self._show_button()

    def set_model(self, name: str) -> None:
        """Name the model in the placeholder."""
        self._model = name
        self.retranslate()

    def set_text(self, text: str) -> None:
        """Replace the text without counting it as a new draft."""
        self.text.blockSignals(True)
        self.text.setPlainText(text)
        self.text.blockSignals(False)
        self.text.fit()
        self.text.moveCursor(self.text.textCursor().MoveOperation.End)
        self._show_button()

    def begin_edit(self, text: str, *, is_question: bool) -> None:
        """Show an earlier message, a question or a reply, for editing."""
        self._is_editing, self._edits_question = True, is_question
        self._name_edit()
        self._edit_bar.show()
        self.set_text(text)
        self.text.setFocus()

    def end_edit(self, draft: str = "") -> None:
        """Back to writing a new message."""
        self._is_editing = False
        self._edit_bar.hide()
        self.set_text(draft)

    @property
    def is_editing(self) -> bool:
        """True while an earlier message is being edited."""
        return self._is_editing

    def flush_draft(self) -> None:
        """Hand over a draft that still waits for its timer."""
        if self._draft_timer.isActive():
            self._draft_timer.stop()
            self.draft_changed.emit(self.text.toPlainText())

    def clear(self) -> None:
        """Empty the text and drop the attachments, after a message was stored."""
        self._draft_timer.stop()
        self.set_text("")
        self._paths.clear()
        self._show_chips()

    # ---- attachments

    def add_paths(self, paths: Sequence[str]) -> None:
        """Attach files; folders and missing files are refused with a word."""
        for path in paths:
            if not Path(path).is_file():
                self.refused.emit(path)
            elif path not in self._paths:
                self._paths.append(path)
        self._show_chips()

    def set_paths(self, paths: Sequence[str]) -> None:
        """Show other attachments; one that is gone from the disk is shown as missing."""
        self._paths = list(paths)
        self._show_chips()

    def paths(self) -> list[str]:
        """What is attached."""
        return list(self._paths)

    def tile_of(self, path: str) -> PictureTile | None:
        """The small picture of an attached file, where it is one."""
        return self._tiles.get(path)

    def show_warning(self, text: str) -> None:
        """Say why what is attached is of no use now; nothing with an empty text."""
        self._warning.setText(text)
        self._warning.setVisible(bool(text))

    def _remove_path(self, path: str) -> None:
        self._paths.remove(path)
        self._show_chips()

    def _move_path(self, path: str, steps: int) -> None:
        place = self._paths.index(path)
        target = min(max(place + steps, 0), len(self._paths) - 1)
        if target != place and path in self._tiles:
            self._paths.insert(target, self._paths.pop(place))
            self._show_chips()
            self._tiles[path].setFocus()

    def _show_chips(self) -> None:
        while self._chip_row.count():
            item = self._chip_row.takeAt(0)
            chip = item.widget() if item is not None else None
            if isinstance(chip, FileChip):
                chip.is_gone = True
            if chip is not None:
                chip.deleteLater()
        self._tiles.clear()
        for path in self._paths:
            is_image = Path(path).suffix.lower() in IMAGE_SUFFIXES and Path(path).is_file()
            self._chip_row.addWidget(self._make_tile(path) if is_image else self._make_chip(path))
        self._chip_row.addStretch()
        self._chips.setVisible(bool(self._paths))
        self._show_button()
        self.paths_changed.emit()

    def _make_tile(self, path: str) -> QWidget:
        tile = self._tiles[path] = PictureTile(path, self._tokens, self._chips)
        tile.removed.connect(self._remove_path)
        tile.opened.connect(self.picture_opened)
        tile.moved.connect(self._move_path)
        tile.dropped_here.connect(lambda source, target: self._move_onto(source, target))
        if self.thumbnails is not None:
            self.thumbnails.show_in(tile.picture, path, SIDE, SIDE)
        return tile

    def _move_onto(self, source: str, target: str) -> None:
        if source in self._paths and target in self._paths:
            self._move_path(source, self._paths.index(target) - self._paths.index(source))

    def chip_of(self, path: str) -> FileChip | None:
        """The chip of an attached sound or document."""
        return next((chip for chip in self._chips.findChildren(FileChip) if chip.path == path and not chip.is_gone), None)

    def _make_chip(self, path: str) -> QWidget:
        kind = {**dict.fromkeys(IMAGE_SUFFIXES, "photo"), **dict.fromkeys(SOUND_SUFFIXES, "music")}
        icon = kind.get(Path(path).suffix.lower(), "file-text")
        chip = FileChip(path, icon, describe_file(Path(path)), self._tokens, self._chips)
        chip.removed.connect(self._remove_path)
        chip.opened.connect(self.document_opened)
        return chip

    def _choose_files(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, tr("Attach files"))
        if paths:
            self.add_paths(paths)
        self.text.setFocus()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() or event.mimeData().hasImage():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.text.insertFromMimeData(event.mimeData())
        event.acceptProposedAction()

    # ---- behaviour

    def _text_changed(self) -> None:
        if not self._is_editing:
            self._draft_timer.start()
        self._show_button()

    def _submit(self) -> None:
        text = self.text.toPlainText().strip()
        if not text and not self._paths:
            return
        self.submitted.emit(text, list(self._paths))

    def _send_or_stop(self) -> None:
        if self._is_busy:
            self.stop_requested.emit()
        else:
            self._submit()

    def _escape(self) -> None:
        if self._is_editing:
            self.edit_cancelled.emit()
        elif self._is_busy:
            self.stop_requested.emit()

    def _show_button(self) -> None:
        self.send.setEnabled(self._is_busy or self._has_words() or bool(self._paths))
        self.send.setIcon(
            make_icon("player-stop" if self._is_busy else "arrow-up", "#ffffff", disabled=self._tokens.text_faint, size=20)
        )
        name = tr("Stop (Esc)") if self._is_busy else tr("Send (Enter)")
        self.send.setToolTip(name)
        self.send.setAccessibleName(name)

    def _has_words(self) -> bool:
        """Whether anything but blanks is written; a large draft is not copied at every key to find out."""
        count = self.text.document().characterCount()
        return count > LARGE_DRAFT or bool(self.text.toPlainText().strip())

    def _show_focus(self, has_focus: bool) -> None:
        self.setProperty("focused", has_focus)
        self.style().unpolish(self)
        self.style().polish(self)

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._tokens = self.context.tokens = tokens
        self.attach.setIcon(make_icon("paperclip", tokens.text_soft, size=20))
        self.record.retheme(tokens)
        self.screen_button.setIcon(make_icon("screenshot", tokens.text_soft, size=20))
        self._show_button()
        self._show_chips()
        self.context.update()

    def _name_edit(self) -> None:
        self._edit_label.setText(tr("Editing your message") if self._edits_question else tr("Editing the reply"))

    def retranslate(self) -> None:
        """Speak another language."""
        self._name_edit()
        hint = tr("Enter to send, Shift+Enter for a new line")
        whom = tr("Message {model}…").format(model=self._model) if self._model else tr("Write a message…")
        self.text.setPlaceholderText(f"{whom}   {hint}")
        self.text.setAccessibleName(tr("Message"))
        self.attach.setToolTip(tr("Attach files"))
        self.attach.setAccessibleName(tr("Attach files"))
        self.record.retranslate()
        self.screen_button.setToolTip(tr("Show a part of the screen"))
        self.screen_button.setAccessibleName(tr("Show a part of the screen"))
        self._edit_cancel.setText(tr("Cancel (Esc)"))
        self._show_button()
        self.context.show_usage(*self.context.usage)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)


def describe_file(path: Path) -> str:
    """Kind and size of a file, or that it is gone."""
    try:
        size = path.stat().st_size
    except OSError:
        return tr("missing")
    return f"{path.suffix.lstrip('.').upper()} · {size / 1024:,.0f} KB"
