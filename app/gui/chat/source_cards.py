"""The passages that a reply was given, as cards below it: those that it cites first; a click opens the document at the place."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.gui.chat.message_model import Row
from app.gui.chat.row_widget import RowWidget
from app.gui.icons import make_icon
from app.gui.knowledge.words import place_words
from app.gui.theme import Tokens
from app.gui.translation import tr
from app.gui.widgets import make_label
from app.services.citing import sort_sources

_MOST_UNCITED = 3
_EXCERPT = 90


class SourcesRow(RowWidget):
    """One card for each passage; ``source:N`` is the action of card N."""

    def __init__(self, row: Row, tokens: Tokens, parent: QWidget) -> None:
        super().__init__(row, tokens, parent)
        message = row.model.message
        sources = sort_sources(message.text, message.run.sources if message.run else [])
        cited = [source for source, is_cited in sources if is_cited]
        shown = cited or [source for source, _ in sources[:_MOST_UNCITED]]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 4)
        layout.setSpacing(4)
        title = tr("Sources") if cited else tr("Passages it was given; it cites none of them")
        layout.addWidget(make_label(title, "caption", self))
        for source in shown:
            layout.addWidget(self._make_card(source, is_cited=bool(cited)))
        if cited and len(sources) > len(cited):
            words = tr("and {count} passages that it did not cite").format(count=len(sources) - len(cited))
            layout.addWidget(make_label(words, "faint", self))

    def _make_card(self, source: dict[str, Any], *, is_cited: bool) -> QPushButton:
        number, name, place = int(source.get("number", 0)), str(source.get("name", "")), place_words(str(source.get("place", "")))
        excerpt = " ".join(str(source.get("text", "")).split())[:_EXCERPT]
        card = QPushButton(self)
        card.setText(f"[{number}]  {name}, {place}   “{excerpt}…”".replace("&", "&&"))
        card.setIcon(make_icon("file-text", self.tokens.accent if is_cited else self.tokens.text_faint, size=16))
        card.setCursor(Qt.CursorShape.PointingHandCursor)
        weight = f"color: {self.tokens.text}" if is_cited else f"color: {self.tokens.text_faint}"
        card.setStyleSheet(
            f"text-align: left; padding: 6px 10px; border: 1px solid {self.tokens.border}; border-radius: 8px; "
            f"background: {self.tokens.code}; font-size: 12px; {weight};"
        )
        card.setMinimumWidth(10)
        card.setAccessibleName(tr("Open source {number}: {name}, {place}").format(number=number, name=name, place=place))
        card.setToolTip(str(source.get("path", "")))
        card.clicked.connect(lambda: self.act(f"source:{number}"))
        return card
