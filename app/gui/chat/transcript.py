"""The transcript: a scroll area that knows the height of every row and builds widgets only near the viewport."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QFrame, QWidget

from app.gui.chat.formulas import FormulaPainter
from app.gui.chat.key_scroll_area import KeyScrollArea
from app.gui.chat.message_model import MessageModel, Row, iter_rows, iter_text_rows, model_name_of, reuse
from app.gui.chat.row_strip import RowStrip
from app.gui.chat.row_widget import RowWidget
from app.gui.chat.thumbnails import Thumbnails
from app.gui.chat.transcript_rows import TextRow, make_row_widget
from app.gui.theme import Sizes, Tokens
from app.gui.translation import tr
from app.store.records import StoredMessage

FLUSH_MILLISECONDS = 33
LiveSource = Callable[[str], tuple[str, str]]
"""Takes a message's id; gives the reasoning and the text that a growing reply has so far."""


class Transcript(KeyScrollArea):
    """Shows the active branch of one conversation.

    Heights are estimated, then measured; the row at the top of the view never moves when others are corrected. The view follows
    the end only if the reader was there. ``action_requested`` carries a name and a message id.
    """

    action_requested = Signal(str, str)
    at_end_changed = Signal(bool)

    def __init__(
        self, tokens: Tokens, source: LiveSource, parent: QWidget | None = None, *, thumbnails: Thumbnails | None = None
    ) -> None:
        super().__init__(parent)
        self._source = source
        self.setObjectName("transcript")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Always there, so that the column does not move when it is needed; it is painted only while enabled.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._tokens = tokens
        self._painter = FormulaPainter()
        self._thumbnails = thumbnails
        self._models: list[MessageModel] = []
        self._by_id: dict[str, MessageModel] = {}
        self._strip = RowStrip()
        self._widgets: dict[Row, RowWidget] = {}
        self._is_placing = False
        self._dirty: set[str] = set()
        self._fallback_name = ""
        self._timer = QTimer(self)
        self._timer.setInterval(FLUSH_MILLISECONDS)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.flush)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.verticalScrollBar().setSingleStep(48)
        self._rename()

    # ---- what is shown

    def set_fallback_name(self, name: str) -> None:
        """Who answers where a reply does not say it: the welcome was not generated."""
        self._fallback_name = name

    def show_messages(self, messages: Sequence[StoredMessage], live: Sequence[tuple[str, str, str]] = ()) -> None:
        """Show a branch from its root to its leaf. ``live`` lists ``(message id, reasoning, text)`` of replies that still grow."""
        growing = {message_id: (reasoning, text) for message_id, reasoning, text in live}
        opened = {model.message.id for model in self._models if model.shows_reasoning}
        same_start = bool(self._models and messages and self._models[0].message.id == messages[0].id)
        kept = {model.message.id: model for model in self._models} if same_start else {}
        self._models = []
        for message in messages:
            model = reuse(kept.get(message.id), message) or MessageModel.of(
                message, model_name_of(message) or self._fallback_name
            )
            if message.id in growing and not model.is_live:
                model.reasoning, model.text = growing[message.id]
                model.begin_growing()
            model.shows_reasoning = message.id in opened
            self._models.append(model)
        self._by_id = {model.message.id: model for model in self._models}
        if not same_start:
            self._strip.follows_end = True
            self._strip.anchor = (None, 0.0)
            self.at_end_changed.emit(True)
        self._build_rows()

    def grow(self, message_id: str) -> None:
        """Text arrived: it is read from the source and drawn at the next flush.

        Reading all of it, instead of adding what an event carries, cannot show a word twice when the reader comes back to a reply
        whose events are still under way.
        """
        model = self._by_id.get(message_id)
        if model is None:
            return
        if not model.is_live:
            model.begin_growing()
            self._build_rows()
        model.progress = model.loading = None
        self._mark(message_id)

    def show_progress(self, message_id: str, done: int, total: int) -> None:
        """The prompt is being read."""
        model = self._by_id.get(message_id)
        if model is not None:
            model.progress, model.loading = (done, total), None
            self._mark(message_id)

    def show_loading(self, fraction: float) -> None:
        """The model that will answer is being loaded."""
        for model in self._models[-1:]:
            if model.is_live:
                model.loading = fraction
                self._mark(model.message.id)

    def finish(self, message: StoredMessage) -> None:
        """A reply reached its final state."""
        model = self._by_id.get(message.id)
        if model is None:
            return
        model.finish(message)
        model.model_name = model_name_of(message) or model.model_name
        self._dirty.discard(message.id)
        self._build_rows()

    def _mark(self, message_id: str) -> None:
        self._dirty.add(message_id)
        if not self._timer.isActive():
            self._timer.start()

    def flush(self) -> None:
        """Draw what arrived since the last flush: only the rows at the end of the growing reply change."""
        dirty, self._dirty = self._dirty, set()
        width = self._column()
        for message_id in dirty:
            model = self._by_id.get(message_id)
            if model is None or not model.is_live:
                continue
            if model.progress is None and model.loading is None:
                model.catch_up(*self._source(message_id))
            self._refresh_growing(model, width)
        if dirty:
            self._place()

    def _refresh_growing(self, model: MessageModel, width: int) -> None:
        """Bring the rows of one growing reply up to date; text rows before the last one cannot have changed."""
        start = next((index for index, row in enumerate(self._strip.rows) if row.model is model), None)
        if start is None:
            return
        old = [row for row in self._strip.rows[start:] if row.model is model]
        settled = [row for row in old if row.kind == "text"][:-1]
        fresh = list(iter_rows(model, width, first_block=settled[-1].last if settled else 0))
        before_text = [row.kind for row in fresh if row.kind in ("head", "mark", "reasoning")][-1]
        rows: list[Row] = []
        for row in fresh:
            match = next((other for other in old if other.kind == row.kind and other.first == row.first), None)
            rows.append(row if match is None else self._updated(match, row, width))
            if row.kind == before_text:
                rows += settled
        for row in old:
            if row not in rows:
                self._drop(row)
        self._strip.rows[start : start + len(old)] = rows

    def _updated(self, row: Row, fresh: Row, width: int) -> Row:
        """The row that is there, showing what a fresh one would."""
        widget = self._widgets.get(row)
        if row.kind != "text":
            row.is_measured = False
            if widget is not None:
                widget.refresh_row(row, width)
        elif row.blocks != fresh.blocks:
            count = len(row.blocks)
            has_same_start = fresh.blocks[:count] == row.blocks
            row.blocks, row.last, row.is_measured = fresh.blocks, fresh.last, False
            if isinstance(widget, TextRow) and has_same_start:
                widget.browser.append_blocks(fresh.blocks[count:], width)
            elif widget is not None:
                widget.refresh_row(row, width)
        return row

    def _build_rows(self) -> None:
        """Cut all messages into rows anew, keeping rows of text that still begin at the same block."""
        width = self._column()
        known = {(row.model.message.id, row.first): row for row in self._strip.rows if row.kind == "text"}
        rows: list[Row] = []
        for model in self._models:
            for row in iter_rows(model, width):
                old = known.get((row.model.message.id, row.first)) if row.kind == "text" else None
                if old is not None and old.model is model and (old.last < 0) == (row.last < 0):
                    rows.append(self._updated(old, row, width))
                else:
                    rows.append(row)
        kept = set(rows)
        for row in list(self._widgets):
            if row not in kept:
                self._drop(row)
        self._strip.replace(rows)
        self._place()

    # ---- geometry

    def _column(self) -> int:
        return max(200, min(Sizes.COLUMN, self.viewport().width() - 48))

    def _place(self) -> None:
        """Give every row near the viewport a widget at its place; measure; keep the anchor where it is."""
        if self._is_placing or not self.isVisible():
            return
        self._is_placing = True
        width = self._column()
        height = self.viewport().height()
        for _ in range(24):
            total = self._strip.add_up()
            value = self._strip.wanted_value(total, height, self.verticalScrollBar().value())
            first, last = self._strip.near(value, height)
            if not self._measure(first, last, width):
                break
        bar = self.verticalScrollBar()
        bar.setPageStep(height)
        bar.setRange(0, max(0, round(total - height)))
        bar.setEnabled(total > height)
        bar.setValue(round(value))
        left = (self.viewport().width() - width) // 2
        value = bar.value()
        near = self._strip.rows[first:last]
        for index, row in enumerate(near, first):
            widget = self._widgets[row]
            widget.setGeometry(left, round(self._strip.tops[index] - value), width, round(row.height))
            widget.show()
        self._release(set(near))
        self._strip.hold(value)
        self._is_placing = False

    def _measure(self, first: int, last: int, width: int) -> bool:
        """Make and measure the widgets of rows ``first`` to ``last``; true if any height changed."""
        has_changed = False
        index = first
        while index < last and index < len(self._strip.rows):
            row = self._strip.rows[index]
            if row.kind == "text" and row.last < 0:
                # The message comes into view: cut it into blocks, and the row into rows.
                row.model.blocks  # noqa: B018
                fresh = list(iter_text_rows(row.model, width))
                if self._strip.anchor[0] is row and fresh:
                    self._strip.anchor = (fresh[0], self._strip.anchor[1])
                self._strip.rows[index : index + 1] = fresh
                return True
            widget = self._widgets.get(row)
            if widget is None:
                widget = self._make(row, width)
            if not row.is_measured:
                measured = float(widget.height_for(width))
                row.is_measured = True
                if abs(measured - row.height) > 0.5:
                    row.height = measured
                    has_changed = True
            index += 1
        return has_changed

    def _make(self, row: Row, width: int) -> RowWidget:
        widget = make_row_widget(row, self._tokens, self._painter, width, self.viewport(), self._thumbnails)
        widget.acted.connect(self._acted)
        self._widgets[row] = widget
        return widget

    def _release(self, near: set[Row]) -> None:
        """Let go of widgets far from the view, except where the reader selects or types."""
        for row in list(self._widgets):
            if row in near:
                continue
            widget = self._widgets[row]
            if isinstance(widget, TextRow) and widget.browser.textCursor().hasSelection() and widget.browser.hasFocus():
                widget.move(widget.x(), -100_000)
                continue
            self._drop(row)

    def _drop(self, row: Row) -> None:
        widget = self._widgets.pop(row, None)
        if widget is not None:
            widget.hide()
            widget.deleteLater()

    def _scrolled(self, value: int) -> None:
        if self._is_placing:
            return
        was_following = self._strip.follows_end
        self._strip.follows_end = value >= self.verticalScrollBar().maximum() - 4
        if self._strip.follows_end != was_following:
            self.at_end_changed.emit(self._strip.follows_end)
        self._strip.hold(value)
        self._place()

    def scroll_to_end(self) -> None:
        """Follow the end again."""
        self._strip.follows_end = True
        self.at_end_changed.emit(True)
        self._place()

    def scroll_to_message(self, message_id: str) -> bool:
        """Bring a message to the top of the view; false where it is not in this branch."""
        for row in self._strip.rows:
            if row.model.message.id == message_id:
                self._strip.follows_end = False
                self._strip.anchor = (row, -12.0)
                self._place()
                widget = self._widgets.get(row)
                if widget is not None:
                    widget.setFocus(Qt.FocusReason.OtherFocusReason)
                return True
        return False

    @property
    def is_growing(self) -> bool:
        """True while a reply of this branch is being written."""
        return any(model.is_live for model in self._models[-1:])

    @property
    def live_widget_count(self) -> int:
        """How many rows have widgets; stays small however long the conversation."""
        return len(self._widgets)

    @property
    def row_count(self) -> int:
        """How many rows the branch has."""
        return len(self._strip.rows)

    def models(self) -> Sequence[MessageModel]:
        """The messages shown, first to last."""
        return tuple(self._models)

    # ---- events

    def _acted(self, action: str, message_id: str) -> None:
        if action == "toggle_reasoning":
            model = self._by_id.get(message_id)
            if model is not None:
                model.shows_reasoning = not model.shows_reasoning
                self._strip.follows_end = self._strip.follows_end and model.is_live
                self._build_rows()
        elif action.startswith("copy_code:"):
            model = self._by_id.get(message_id)
            if model is not None:
                QApplication.clipboard().setText(model.code_of(int(action.partition(":")[2])).removesuffix("\n"))
                self.action_requested.emit("copied", message_id)
        else:
            self.action_requested.emit(action, message_id)

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours: every live row is made anew."""
        self._tokens = tokens
        self._remake()

    def measure_again(self) -> None:
        """A row changed its height by itself."""
        for row in self._strip.rows:
            row.is_measured = False
        self._place()

    def _remake(self) -> None:
        for row in list(self._widgets):
            self._drop(row)
        for row in self._strip.rows:
            row.is_measured = False
        self._place()

    def _rename(self) -> None:
        self.setAccessibleName(tr("Conversation"))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self._rename()
            self._remake()
        super().changeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        if event.oldSize().width() != event.size().width():
            for row in self._strip.rows:
                row.is_measured = False
            for row, widget in self._widgets.items():
                widget.refresh_row(row, self._column())
        self._place()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._place()
