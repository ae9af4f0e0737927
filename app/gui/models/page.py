"""The Models page: the library, the hubs, and the downloads, one of the three at a time."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.gui.models.downloads_view import DownloadsView
from app.gui.models.find_view import FindView
from app.gui.models.library_view import LibraryView
from app.gui.notices import Notice
from app.gui.theme import Tokens
from app.gui.translation import tr, translated_error
from app.gui.widgets import Segments, make_label
from app.services.events import DownloadEnded, DownloadProgress, DownloadsChanged
from app.workstation import Workstation

LIBRARY, FIND, DOWNLOADS = range(3)


class ModelsPage(QWidget):
    """``load_requested`` and ``verify_requested`` carry a model's id, ``import_requested`` a path, ``trouble`` an error."""

    load_requested = Signal(str)
    import_requested = Signal(str)
    verify_requested = Signal(str)
    trouble = Signal(object)

    def __init__(self, workstation: Workstation, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._workstation = workstation
        layout = QVBoxLayout(self)
        layout.setContentsMargins(32, 24, 32, 20)
        layout.setSpacing(14)
        head = QHBoxLayout()
        self._heading = make_label("", "heading", self)
        self._segments = Segments(3, self)
        self._segments.setMinimumWidth(380)
        self._segments.chosen.connect(self.turn_to)
        head.addWidget(self._heading)
        head.addStretch()
        head.addWidget(self._segments)
        head.addStretch()
        layout.addLayout(head)
        self.library = LibraryView(workstation, tokens, self)
        self.finder = FindView(workstation, tokens, self)
        self.downloads = DownloadsView(workstation, tokens, self)
        self._stack = QStackedWidget(self)
        for view in (self.library, self.finder, self.downloads):
            self._stack.addWidget(view)
        layout.addWidget(self._stack, 1)
        self.notice = Notice(self)
        self.library.load_requested.connect(self.load_requested)
        self.library.import_requested.connect(self.import_requested)
        self.library.verify_requested.connect(self.verify_requested)
        self.library.said.connect(self.notice.say)
        self.library.updating.connect(lambda: self.turn_to(DOWNLOADS))
        for source in (self.library, self.finder):
            source.trouble.connect(self.trouble)
        self.finder.added.connect(lambda: self.notice.say(tr("It is on its way"), tr("Show"), lambda: self.turn_to(DOWNLOADS)))
        self.retranslate()

    def turn_to(self, view: int) -> None:
        """Show the library, the search or the downloads."""
        self._stack.setCurrentIndex(view)
        self._segments.choose(view)
        if view == LIBRARY:
            self.refresh()
            self.library.list.setFocus()
        elif view == FIND:
            self.finder.search.setFocus()
        elif view == DOWNLOADS:
            self.downloads.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Look at the library again."""
        if self.isVisible():
            self.library.refresh()

    def hear(self, event: DownloadsChanged | DownloadProgress | DownloadEnded) -> None:
        """A fact about downloads."""
        if isinstance(event, DownloadProgress):
            self.downloads.show_progress(event)
            return
        self.downloads.refresh()
        self._name_segments()
        if isinstance(event, DownloadEnded) and event.error is not None:
            self.notice.say(translated_error(event.error)[0], tr("Show"), lambda: self.turn_to(DOWNLOADS))
        elif isinstance(event, DownloadEnded):
            self.notice.say(tr("{name} is here, whole and verified").format(name=event.title), tr("Show"), self._show_newest)

    def _show_newest(self) -> None:
        self.turn_to(LIBRARY)

    def _name_segments(self) -> None:
        count = sum(1 for download in self._workstation.downloads.list() if download.state != "done")
        downloads = tr("Downloads ({count})").format(count=count) if count else tr("Downloads")
        self._segments.set_names([tr("On this machine"), tr("Find"), downloads])

    def retheme(self, tokens: Tokens) -> None:
        """Wear other colours."""
        for view in (self.library, self.finder, self.downloads):
            view.retheme(tokens)

    def retranslate(self) -> None:
        """Speak another language."""
        self._heading.setText(tr("Models"))
        self._name_segments()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
