"""How full the context is, and what happens when a conversation no longer fits; and what a reply's model did not see, in words."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QProgressBar, QVBoxLayout, QWidget

from app.gui.translation import tr
from app.gui.widgets import make_label, make_separator
from backends.options import CONTEXT_POLICIES


def policy_names() -> dict[str, str]:
    """What may happen when a conversation no longer fits, by its value in the options."""
    return {
        "refuse": tr("Stop and ask me"),
        "shift": tr("Forget the middle"),
        "drop": tr("Leave out the oldest turns"),
        "summarise": tr("Summarise the oldest turns"),
    }


def describe_policy(policy: str) -> str:
    """What a choice means, in a sentence or two."""
    return {
        "refuse": tr("The question is refused, with a way out; nothing is ever left out."),
        "shift": tr("The system prompt and the newest words stay; a reply may go on without an end."),
        "drop": tr("Whole turns are left out, the oldest first; the system prompt stays."),
        "summarise": tr("The model first writes a short summary of the oldest turns and reads that in their place."),
    }[policy]


def describe_unseen(unseen: dict[str, Any]) -> str:
    """What of the conversation a reply's model did not see."""
    if unseen.get("policy") == "shift":
        text = tr("The model did not see {count} tokens any more, between “{begin}…” and “…{end}”.")
        begin, end = (" ".join(str(unseen.get(name) or "").split()) for name in ("begin", "end"))
        return text.format(count=f"{int(unseen.get('tokens') or 0):,}", begin=begin[:40], end=end[-40:])
    facts = {"count": f"{int(unseen.get('messages') or 0):,}", "first": str(unseen.get("first_seen") or "")}
    if summary := str(unseen.get("summary") or ""):
        text = tr("In the place of the first {count} messages, up to “{first}”, the model saw this summary:")
        return f"{text.format(**facts)}\n{summary}"
    return tr("The model did not see the first {count} messages; it began with “{first}”.").format(**facts)


class ContextPage(QWidget):
    """``policy_chosen`` carries one of :data:`backends.options.CONTEXT_POLICIES`."""

    policy_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 8, 0)
        layout.setSpacing(8)
        self._title = make_label("", "strong", self)
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._text = make_label("", "soft", self)
        self._question = make_label("", "strong", self)
        self._policy = QComboBox(self)
        for policy in CONTEXT_POLICIES:
            self._policy.addItem("", policy)
        self._policy.activated.connect(self._choose)
        self._meaning = make_label("", "soft", self)
        self._note = make_label("", "faint", self)
        for label in (self._text, self._meaning, self._note, self._question):
            label.setWordWrap(True)
        separator = make_separator(self)
        widgets = (self._title, self._bar, self._text, separator, self._question, self._policy, self._meaning, self._note)
        for widget in widgets:
            layout.addWidget(widget)
        layout.addStretch()
        self._usage = (0, 0)

    def show_policy(self, policy: str) -> None:
        """Show what happens when the conversation no longer fits."""
        self._policy.setCurrentIndex(max(0, self._policy.findData(policy)))
        self._meaning.setText(describe_policy(str(self._policy.currentData())))

    def show_context(self, used: int, available: int) -> None:
        """Tokens used with the draft, and what the context holds."""
        self._usage = (used, available)
        self._bar.setValue(min(1000, round(1000 * used / available)) if available else 0)
        if available:
            text = tr("{used} of {available} tokens are used by this conversation and the draft.").format(
                used=f"{used:,}", available=f"{available:,}"
            )
        else:
            text = tr("Load a model to see how much of its context this conversation takes.")
        self._text.setText(text)

    def retranslate(self) -> None:
        """Speak another language."""
        self._title.setText(tr("Context"))
        self._bar.setAccessibleName(tr("Context"))
        self._question.setText(tr("When this conversation no longer fits"))
        self._policy.setAccessibleName(tr("When this conversation no longer fits"))
        names = policy_names()
        for index, policy in enumerate(CONTEXT_POLICIES):
            self._policy.setItemText(index, names[policy])
        self._note.setText(tr("Nothing is left out silently: a reply says what its model did not see."))
        self.show_policy(str(self._policy.currentData() or "refuse"))
        self.show_context(*self._usage)

    def _choose(self, index: int) -> None:
        policy = str(self._policy.itemData(index))
        self._meaning.setText(describe_policy(policy))
        self.policy_chosen.emit(policy)
