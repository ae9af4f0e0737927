"""What is on its way: progress, speed, order, pause, and what went wrong."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui.icons import make_icon
from app.gui.models.words import hub_words, size_words, state_words, time_words
from app.gui.theme import Tokens
from app.gui.translation import tr, translated_error
from app.gui.widgets import ElidedLabel, make_label
from app.services.download_records import Download
from app.services.events import DownloadProgress
from app.workstation import Workstation


class _DownloadRow(QFrame):
    """One download. ``asked`` carries an action and the download's id."""

    asked = Signal(str, str)

    def __init__(self, download: Download, tokens: Tokens, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._tokens = tokens
        self._id = download.id
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 10, 12)
        layout.setSpacing(6)
        row = QHBoxLayout()
        self._title = ElidedLabel("strong", self)
        row.addWidget(self._title, 1)
        self._buttons = {action: self._make_button(action) for action in ("toggle", "up", "down", "remove")}
        for button in self._buttons.values():
            row.addWidget(button)
        layout.addLayout(row)
        self._bar = QProgressBar(self)
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        layout.addWidget(self._bar)
        self._facts = make_label("", "soft", self)
        self._facts.setWordWrap(True)
        layout.addWidget(self._facts)
        self.show_download(download)

    def _make_button(self, action: str) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("role", "tiny")
        button.setIconSize(QSize(18, 18))
        button.clicked.connect(lambda: self.asked.emit(action, self._id))
        return button

    def show_download(self, download: Download) -> None:
        """Show the state of the queue's entry."""
        self._title.set_full_text(download.title)
        self._bar.setAccessibleName(download.title)
        words = [hub_words(download.hub), size_words(download.size), state_words(download)]
        if download.error is not None and download.state in ("failed", "retrying"):
            what, why, remedy = translated_error(download.error)
            words.append(" ".join(text for text in (what, why, remedy) if text))
        self._facts.setText("  ·  ".join(words))
        self._bar.setVisible(download.state != "done")
        if download.state == "done":
            self._bar.setValue(1000)
        can_pause = download.state in ("waiting", "running", "retrying")
        icons = {"toggle": "player-pause" if can_pause else "player-play", "up": "arrow-up", "down": "arrow-down", "remove": "x"}
        names = {
            "toggle": tr("Pause") if can_pause else tr("Go on"),
            "up": tr("Earlier"),
            "down": tr("Later"),
            "remove": tr("Take out of the list") if download.state == "done" else tr("Cancel and delete what arrived"),
        }
        for action, button in self._buttons.items():
            button.setIcon(make_icon(icons[action], self._tokens.text_soft, size=18))
            button.setToolTip(names[action])
            button.setAccessibleName(names[action])
            button.setVisible(download.state != "done" or action == "remove")

    def show_progress(self, download: Download, done: int, total: int, speed: float, seconds_left: float | None) -> None:
        """Show how far it is."""
        self._bar.setValue(round(1000 * done / total) if total else 0)
        words = [f"{size_words(done)} / {size_words(total)}"]
        if speed > 0:
            words.append(f"{size_words(speed)}/s")
        if left := time_words(seconds_left):
            words.append(tr("{time} left").format(time=left))
        self._facts.setText("  ·  ".join([hub_words(download.hub), *words]))


class DownloadsView(QWidget):
    """The queue, in its order."""

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workstation = workstation
        self._tokens = tokens
        self._rows: dict[str, _DownloadRow] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        head = QHBoxLayout()
        self._limit_name = make_label("", "soft", self)
        self._limit = QSpinBox(self)
        self._limit.setRange(0, 10_000_000)
        self._limit.setSingleStep(500)
        self._limit.setFixedWidth(130)
        self._limit.setSuffix(" KB/s")
        self._limit.setKeyboardTracking(False)
        self._limit.setValue(int(workstation.settings.get("downloads.kilobytes_per_second")))
        self._limit.valueChanged.connect(lambda value: workstation.settings.set("downloads.kilobytes_per_second", value))
        self._clear = QPushButton(self)
        self._clear.clicked.connect(workstation.downloads.forget_done)
        head.addWidget(self._limit_name)
        head.addWidget(self._limit)
        head.addStretch()
        head.addWidget(self._clear)
        layout.addLayout(head)
        self._empty = make_label("", "faint", self)
        layout.addWidget(self._empty)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        body = QWidget(area)
        self._list = QVBoxLayout(body)
        self._list.setContentsMargins(0, 0, 8, 0)
        self._list.setSpacing(10)
        self._list.addStretch()
        area.setWidget(body)
        layout.addWidget(area, 1)
        self.retranslate()

    def refresh(self) -> None:
        """Show the queue as it is now."""
        queue = self._workstation.downloads.list()
        self._limit.blockSignals(True)
        self._limit.setValue(int(self._workstation.settings.get("downloads.kilobytes_per_second")))
        self._limit.blockSignals(False)
        for known in set(self._rows) - {download.id for download in queue}:
            self._rows.pop(known).deleteLater()
        for place, download in enumerate(queue):
            row = self._rows.get(download.id)
            if row is None:
                row = self._rows[download.id] = _DownloadRow(download, self._tokens, self)
                row.asked.connect(self._act)
            row.show_download(download)
            self._list.insertWidget(place, row)
            if (now := self._workstation.downloads.progress(download.id)) is not None:
                row.show_progress(download, now.done, now.total, now.speed, now.seconds_left)
        self._empty.setVisible(not queue)
        self._clear.setEnabled(any(download.state == "done" for download in queue))

    def show_progress(self, event: DownloadProgress) -> None:
        """One of them went on."""
        row, download = self._rows.get(event.download_id), self._workstation.downloads.get(event.download_id)
        if row is not None and download is not None and download.state == "running":
            row.show_progress(download, event.done, event.total, event.speed, event.seconds_left)

    def _act(self, action: str, download_id: str) -> None:
        downloads = self._workstation.downloads
        queue = [download.id for download in downloads.list()]
        known = downloads.get(download_id)
        if known is None:
            return
        if action == "toggle":
            downloads.pause(download_id) if known.is_waiting else downloads.resume(download_id)
        elif action == "remove":
            downloads.remove(download_id)
        else:
            downloads.move(download_id, queue.index(download_id) + (-1 if action == "up" else 1))

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        self._tokens = tokens
        for row in self._rows.values():
            row.deleteLater()
        self._rows.clear()
        self.refresh()

    def retranslate(self) -> None:
        """Speak another language."""
        self._limit_name.setText(tr("Speed limit"))
        self._limit.setAccessibleName(tr("Speed limit"))
        self._limit.setSpecialValueText(tr("none"))
        self._clear.setText(tr("Clear what is done"))
        self._empty.setText(tr("Nothing is being downloaded. Choose a model under “Find”."))
        self.refresh()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
