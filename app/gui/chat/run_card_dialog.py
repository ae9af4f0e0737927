"""How a reply was made: the model's hash, the sampling, the seed and the speeds, ready to be copied."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.gui.chat.sampling_names import slider_names
from app.gui.translation import tr
from app.gui.widgets import make_label, make_separator
from app.store.records import RunCard, StoredMessage


class RunCardDialog(QDialog):
    """Shows one reply's run card."""

    def __init__(self, message: StoredMessage, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("How this reply was made"))
        self.setMinimumWidth(460)
        self._message = message
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(12)
        layout.addWidget(make_label(tr("How this reply was made"), "heading", self))
        form = QFormLayout()
        form.setHorizontalSpacing(20)
        form.setVerticalSpacing(6)
        for name, value in self.rows():
            label = make_label(breakable(value), "", self)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            form.addRow(make_label(name, "soft", self), label)
        layout.addLayout(form)
        layout.addWidget(make_separator(self))
        row = QHBoxLayout()
        copy = QPushButton(tr("Copy as JSON"), self)
        copy.clicked.connect(lambda: QApplication.clipboard().setText(self.as_json()))
        close = QPushButton(tr("Close"), self)
        close.setProperty("role", "primary")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        row.addWidget(copy)
        row.addStretch()
        row.addWidget(close)
        layout.addLayout(row)

    def rows(self) -> list[tuple[str, str]]:
        """Names and values as they are shown."""
        run = self._message.run
        if run is None:
            return []
        sampling = dict(run.options.get("sampling") or {})
        names = {name: label for name, (label, _) in slider_names().items()}
        chosen = ", ".join(
            f"{names.get(name, name)} {value:g}" for name, value in sampling.items() if isinstance(value, int | float)
        )
        rows = [
            (tr("Model"), run.model),
            ("SHA-256", run.model_sha256 or tr("being computed…")),
            (tr("Architecture"), run.architecture),
            (tr("Quantization"), run.quantization),
            (tr("Engine"), " ".join(part for part in (run.backend, run.engine_version, run.device) if part)),
            (tr("Context"), tr("{count} tokens").format(count=f"{run.context_length:,}")),
            (tr("Sampling"), chosen),
            (tr("Seed"), str(run.seed)),
            (
                tr("Prompt"),
                tr("{count} tokens, {cached} from the cache").format(
                    count=f"{run.prompt_tokens:,}", cached=f"{run.cached_tokens:,}"
                ),
            ),
            (tr("Reply"), tr("{count} tokens").format(count=f"{run.output_tokens:,}")),
            (tr("Speed"), f"{run.tokens_per_second:.1f} tok/s"),
            (tr("Guessed ahead"), _describe_guesses(run)),
            (tr("First token"), f"{run.first_token_seconds:.2f} s"),
            (tr("In all"), f"{run.total_seconds:.2f} s"),
            (tr("Written"), time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self._message.created_at))),
        ]
        return [(name, value) for name, value in rows if value]

    def as_json(self) -> str:
        """The whole card for another program."""
        return json.dumps(asdict(self._message.run) if self._message.run else {}, ensure_ascii=False, indent=2)


def _describe_guesses(run: RunCard) -> str:
    if not run.drafted_tokens:
        return ""
    share = f"{run.accepted_tokens / run.drafted_tokens:.0%}"
    return tr("{accepted} of {drafted} tokens right ({share})").format(
        accepted=f"{run.accepted_tokens:,}", drafted=f"{run.drafted_tokens:,}", share=share
    )


def breakable(text: str) -> str:
    """Text in which a long hash may break: a place without width after every sixteen characters."""
    if " " in text or len(text) < 32:
        return text
    return "\u200b".join(text[start : start + 16] for start in range(0, len(text), 16))
