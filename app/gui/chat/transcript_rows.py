"""The widgets of the transcript: a question's bubble, and a reply's head, reasoning, text, status, error and foot."""

from __future__ import annotations

import math
import time

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.gui.chat.attachment_view import make_attachment_views
from app.gui.chat.context_page import describe_unseen
from app.gui.chat.formulas import FormulaPainter
from app.gui.chat.message_browser import MessageBrowser
from app.gui.chat.message_model import Row
from app.gui.chat.row_widget import RowWidget
from app.gui.chat.source_cards import SourcesRow
from app.gui.chat.thumbnails import Thumbnails
from app.gui.error_card import make_error_card
from app.gui.icons import make_icon, make_pixmap
from app.gui.theme import Tokens
from app.gui.translation import tr
from app.text.markdown_blocks import cut_blocks
from backends.messages import PassagePart
from models.errors import error_from_json

PARAGRAPH_DISTANCE = 10


class TextRow(RowWidget):
    """Some blocks of a reply."""

    def __init__(self, row: Row, tokens: Tokens, painter: FormulaPainter, width: int, parent: QWidget) -> None:
        super().__init__(row, tokens, parent)
        self.browser = MessageBrowser(tokens, painter, self)
        self.browser.setAccessibleName(tr("Reply"))
        self.browser.copy_requested.connect(lambda index: self.act(f"copy_code:{index}"))
        self.refresh_row(row, width)

    def refresh_row(self, row: Row, width: int) -> None:
        self.browser.show_blocks(row.blocks, row.first, width)

    def height_for(self, width: int) -> int:
        height = self.browser.height_for(width)
        self.browser.setGeometry(0, 0, width, height)
        return height

    def resizeEvent(self, event: object) -> None:
        self.browser.setGeometry(0, 0, self.width(), self.height())


class TailRow(TextRow):
    """The last block of a growing reply, drawn again at every flush."""

    def refresh_row(self, row: Row, width: int) -> None:
        cutter = row.model.cutter
        tail = cutter.tail[-1:] if cutter is not None else []
        self.browser.show_blocks(tail, len(row.model.blocks), width)

    def height_for(self, width: int) -> int:
        cutter = self.row.model.cutter
        return super().height_for(width) if cutter is not None and cutter.tail else 1


class ReasoningRow(TextRow):
    """What the model thought, as a quotation."""

    def refresh_row(self, row: Row, width: int) -> None:
        quoted = "\n".join(f"> {line}" for line in row.model.reasoning.strip().split("\n"))
        self.browser.show_blocks(cut_blocks(quoted), 0, width)


class HeadRow(RowWidget):
    """Who answers, when, and the fold of the reasoning."""

    def __init__(self, row: Row, tokens: Tokens, parent: QWidget) -> None:
        super().__init__(row, tokens, parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.setSpacing(8)
        robot = QLabel(self)
        robot.setPixmap(make_pixmap("robot", tokens.accent, 20))
        self._name = QLabel(self)
        self._name.setProperty("role", "strong")
        self._name.setTextFormat(Qt.TextFormat.PlainText)
        moment = QLabel(time.strftime("%H:%M", time.localtime(row.model.message.created_at)), self)
        moment.setProperty("role", "faint")
        self._reasoning = QPushButton(self)
        self._reasoning.setProperty("role", "chip")
        self._reasoning.setIcon(make_icon("brain", tokens.text_soft, size=16))
        self._reasoning.clicked.connect(lambda: self.act("toggle_reasoning"))
        for widget in (robot, self._name, moment, self._reasoning):
            layout.addWidget(widget)
        layout.addStretch()
        self.refresh_row(row, 0)

    def refresh_row(self, row: Row, width: int) -> None:
        model = row.model
        self._name.setText(model.model_name or tr("Model"))
        self._reasoning.setVisible(bool(model.reasoning))
        if model.is_live and not model.text:
            label = tr("Thinking…")
        elif model.reasoning_seconds:
            label = tr("Thought for {seconds} s").format(seconds=f"{model.reasoning_seconds:.1f}")
        else:
            label = tr("Reasoning")
        self._reasoning.setText(f"{label}  {'⌄' if model.shows_reasoning else '›'}")
        self._reasoning.setAccessibleName(label)


class MarkRow(RowWidget):
    """What of the conversation the model did not see when it wrote this reply."""

    def __init__(self, row: Row, tokens: Tokens, parent: QWidget) -> None:
        super().__init__(row, tokens, parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 8)
        layout.setSpacing(10)
        line = QFrame(self)
        line.setFixedWidth(3)
        line.setStyleSheet(f"background: {tokens.border}; border: none; border-radius: 1px;")
        self._label = QLabel(self)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setProperty("role", "faint")
        self._label.setWordWrap(True)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addWidget(line)
        layout.addWidget(self._label, 1)
        self.refresh_row(row, 0)

    def refresh_row(self, row: Row, width: int) -> None:
        run = row.model.message.run
        self._label.setText(describe_unseen(run.unseen) if run is not None else "")


class StatusRow(RowWidget):
    """What the engine is doing before words come."""

    def __init__(self, row: Row, tokens: Tokens, parent: QWidget) -> None:
        super().__init__(row, tokens, parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        self._label = QLabel(self)
        self._label.setProperty("role", "faint")
        layout.addWidget(self._label)
        layout.addStretch()
        self.refresh_row(row, 0)

    def refresh_row(self, row: Row, width: int) -> None:
        model = row.model
        if model.loading is not None:
            text = tr("Loading the model… {percent} %").format(percent=math.floor(model.loading * 100))
        elif model.progress is not None and model.progress[1] > 0:
            done, total = model.progress
            text = tr("Reading the conversation… {done} of {total} tokens").format(done=f"{done:,}", total=f"{total:,}")
        elif model.text or model.reasoning:
            text = "●"
        else:
            text = tr("Starting…")
        self._label.setText(text)


class ErrorRow(RowWidget):
    """An error in its place, with buttons that mend it and a fold with the log."""

    def __init__(self, row: Row, tokens: Tokens, parent: QWidget) -> None:
        super().__init__(row, tokens, parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        self._card = make_error_card(error_from_json(row.model.message.error or {}), tokens, self)
        self._card.fix_requested.connect(lambda fix: self.act(f"fix:{fix}"))
        self._card.resized.connect(lambda: self.act("resized"))
        layout.addWidget(self._card)


class FootRow(RowWidget):
    """What can be done with a reply, and what it cost."""

    def __init__(self, row: Row, tokens: Tokens, parent: QWidget) -> None:
        super().__init__(row, tokens, parent)
        model, message = row.model, row.model.message
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 14)
        layout.setSpacing(4)
        layout.addWidget(self.make_button("copy", tr("Copy as Markdown"), "copy"))
        if message.parent_id is not None:  # the welcome answers no question
            layout.addWidget(self.make_button("refresh", tr("Regenerate"), "regenerate"))
        layout.addWidget(self.make_button("pencil", tr("Edit reply"), "edit"))
        if message.state in ("stopped", "length", "interrupted"):
            layout.addWidget(self.make_button("player-track-next", tr("Continue"), "continue"))
        self.add_sibling_buttons(layout)
        reason = {
            "stopped": tr("Stopped"),
            "length": tr("Cut at the limit"),
            "interrupted": tr("Interrupted: the program ended"),
        }.get(message.state)
        if reason:
            state = QLabel(reason, self)
            state.setProperty("role", "faint")
            layout.addWidget(state)
        if message.run is not None and message.run.output_tokens:
            facts = QPushButton(run_facts(model), self)
            facts.setProperty("role", "link")
            facts.setStyleSheet(f"color: {tokens.text_faint}; font-size: 12px;")
            facts.setToolTip(tr("How this reply was made"))
            facts.setAccessibleName(tr("How this reply was made"))
            facts.setCursor(Qt.CursorShape.PointingHandCursor)
            facts.clicked.connect(lambda: self.act("run_card"))
            layout.addWidget(facts)
        layout.addStretch()


def run_facts(model: object) -> str:
    """Speed, length and first-token time of a reply in one line, and how well its tokens were guessed ahead."""
    run = model.message.run  # type: ignore[attr-defined]
    facts = [
        f"{run.tokens_per_second:.1f} tok/s",
        tr("{count} tokens").format(count=f"{run.output_tokens:,}"),
        tr("{seconds} s to first token").format(seconds=f"{run.first_token_seconds:.2f}"),
    ]
    if run.drafted_tokens:
        facts.append(tr("{share} of guesses right").format(share=f"{run.accepted_tokens / run.drafted_tokens:.0%}"))
    return "  ·  ".join(facts)


class UserRow(RowWidget):
    """A question: its attachments and its text in a bubble at the right, with what can be done below."""

    def __init__(
        self, row: Row, tokens: Tokens, painter: FormulaPainter, width: int, parent: QWidget, thumbnails: Thumbnails | None
    ) -> None:
        super().__init__(row, tokens, parent)
        self._bubble = QFrame(self)
        self._bubble.setObjectName("bubble")
        self._browser = MessageBrowser(tokens, painter, self._bubble)
        self._browser.setAccessibleName(tr("Your message"))
        self._browser.copy_requested.connect(lambda index: self.act(f"copy_code:{index}"))
        self._files = QWidget(self)
        files = QHBoxLayout(self._files)
        files.setContentsMargins(0, 0, 0, 0)
        files.addStretch()
        for view in make_attachment_views(row.model.attachments, thumbnails, tokens, self._files):
            files.addWidget(view)
        self._files.setVisible(bool(row.model.attachments))
        self._buttons = QWidget(self)
        buttons = QHBoxLayout(self._buttons)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(2)
        buttons.addStretch()
        self.add_sibling_buttons(buttons)
        if row.model.shown_text != row.model.text:
            whole = QPushButton(tr("Show all {count} characters").format(count=f"{len(row.model.text):,}"), self._buttons)
            whole.setProperty("role", "link")
            whole.clicked.connect(lambda: self.act("show_all"))
            buttons.addWidget(whole)
        if given := sum(isinstance(part, PassagePart) for part in row.model.message.parts):
            passages = QPushButton(tr("Passages given: {count}").format(count=given), self._buttons)
            passages.setProperty("role", "link")
            passages.setToolTip(tr("What the model read with this question"))
            passages.clicked.connect(lambda: self.act("show_passages"))
            buttons.addWidget(passages)
        buttons.addWidget(self.make_button("copy", tr("Copy as Markdown"), "copy"))
        buttons.addWidget(self.make_button("pencil", tr("Edit and send again"), "edit"))
        self._bubble.setVisible(bool(row.model.text))
        self._blocks = cut_blocks(row.model.shown_text)
        self._arrange(width)

    def refresh_row(self, row: Row, width: int) -> None:
        self._arrange(width)

    def height_for(self, width: int) -> int:
        return self._arrange(width)

    def _arrange(self, width: int) -> int:
        top = 14
        if self.row.model.attachments:
            height = self._files.sizeHint().height()
            self._files.setGeometry(0, top, width, height)
            top += height + 8
        if self.row.model.text:
            widest = int(width * 0.82) - 32
            self._browser.show_blocks(self._blocks, 0, widest)
            text_width = min(widest, math.ceil(self._browser.document().idealWidth()) + 1)
            text_height = self._browser.height_for(text_width)
            self._browser.setGeometry(16, 11, text_width, text_height)
            text_height -= PARAGRAPH_DISTANCE  # of the last paragraph: cut off by the bubble, or the text would scroll
            self._bubble.setGeometry(width - text_width - 32, top, text_width + 32, text_height + 22)
            top += text_height + 22
        self._buttons.setGeometry(0, top + 2, width, 26)
        return top + 34


def make_row_widget(
    row: Row, tokens: Tokens, painter: FormulaPainter, width: int, parent: QWidget, thumbnails: Thumbnails | None = None
) -> RowWidget:
    """The live widget of a row."""
    if row.kind == "user":
        return UserRow(row, tokens, painter, width, parent, thumbnails)
    if row.kind == "head":
        return HeadRow(row, tokens, parent)
    if row.kind == "mark":
        return MarkRow(row, tokens, parent)
    if row.kind == "reasoning":
        return ReasoningRow(row, tokens, painter, width, parent)
    if row.kind == "tail":
        return TailRow(row, tokens, painter, width, parent)
    if row.kind == "status":
        return StatusRow(row, tokens, parent)
    if row.kind == "sources":
        return SourcesRow(row, tokens, parent)
    if row.kind == "error":
        return ErrorRow(row, tokens, parent)
    if row.kind == "foot":
        return FootRow(row, tokens, parent)
    return TextRow(row, tokens, painter, width, parent)
