"""The window: a rail of pages, the palette, shortcuts, and everything that is remembered between runs."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QByteArray, Qt, QTimer, Slot
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QWidget,
)

from app.gui.actions import make_actions
from app.gui.bridge import Bridge
from app.gui.chat.page import ChatPage
from app.gui.chat.warm_up import import_drawing_libraries
from app.gui.command_palette import CommandPalette
from app.gui.icons import application_icon
from app.gui.knowledge.page import KnowledgePage
from app.gui.models.page import ModelsPage
from app.gui.quantize.page import QuantizePage
from app.gui.rail import Rail
from app.gui.server.page import ServerPage
from app.gui.settings.page import SettingsPage
from app.gui.settings.transfer import ask_and_export, ask_and_import
from app.gui.settings.trash_dialog import TrashDialog
from app.gui.theme import Tokens, apply_theme, choose_tokens
from app.gui.translation import Translations, tr, translated_error
from app.services.events import (
    DownloadEnded,
    DownloadProgress,
    DownloadsChanged,
    Event,
    KnowledgeChanged,
    KnowledgeProgress,
    LibraryChanged,
    QuantizingChanged,
    RequestChanged,
    ServerChanged,
    SettingChanged,
    SizesPredicted,
)
from app.workstation import Workstation
from models.errors import UserFacingError

PAGES = ("chat", "library", "knowledge", "quantize", "server", "settings")


class MainWindow(QMainWindow):
    """Owns the pages; hears the services through the bridge."""

    def __init__(self, workstation: Workstation, translations: Translations) -> None:
        super().__init__()
        self._workstation = workstation
        self._translations = translations
        self._tokens = choose_tokens(workstation.settings.get("theme"))
        application = QApplication.instance()
        if isinstance(application, QApplication):
            apply_theme(application, self._tokens)  # before the first widget: fonts are not handed down later
        self.setWindowIcon(application_icon())
        self.setMinimumSize(860, 560)
        self.bridge = Bridge(workstation.events, self)
        self.bridge.happened.connect(self._hear)
        self.chat = ChatPage(workstation, self._tokens, self)
        self.library = ModelsPage(workstation, self._tokens, self)
        self.knowledge = KnowledgePage(workstation, self._tokens, self)
        self.quantize = QuantizePage(workstation, self._tokens, self)
        self.server = ServerPage(workstation, self._tokens, self)
        self.settings = SettingsPage(workstation, self._tokens, self)
        self._pages = QStackedWidget(self)
        for page in self._all_pages():
            self._pages.addWidget(page)
        body = QWidget(self)
        layout = QHBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._rail = Rail(self._tokens, self)
        self._rail.page_chosen.connect(self.show_page)
        self._rail.theme_switched.connect(lambda: self.run_action("theme"))
        layout.addWidget(self._rail)
        layout.addWidget(self._pages, 1)
        self.setCentralWidget(body)
        self.palette_overlay = CommandPalette(self._tokens, self)
        self.palette_overlay.action_chosen.connect(self.run_action)
        self.palette_overlay.conversation_chosen.connect(self._open_conversation)
        self.palette_overlay.closed.connect(self.chat.composer.text.setFocus)
        self._shortcuts: list[QShortcut] = []
        self._handlers = self._make_handlers()
        self._make_shortcuts()
        self._connect_pages()
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_theme_changed)
        self.chat.title_changed.connect(self._show_title)
        self._restore()

    # ---- parts

    def _connect_pages(self) -> None:
        workstation = self._workstation
        self.library.load_requested.connect(self._load_from_library)
        self.library.import_requested.connect(self._import_from_library)
        self.library.verify_requested.connect(self.chat.models.verify)
        self.library.trouble.connect(self.chat.tell)
        self.quantize.trouble.connect(self.chat.tell)
        self.quantize.trouble.connect(lambda _error: self.show_page("chat"))
        self.server.opened.connect(self._open_conversation)
        self.quantize.load_requested.connect(self._load_from_library)
        self.settings.export_requested.connect(
            lambda: self._tell_after(ask_and_export(self, self._workstation, self._translations.language))
        )
        self.settings.import_requested.connect(lambda: self._tell_after(ask_and_import(self, workstation)))

    def _make_handlers(self) -> dict[str, Callable[[], object]]:
        chat = self.chat

        def on_conversation(action: str) -> Callable[[], object]:
            return lambda: chat.actions_on.run(action, chat.conversation_id) if chat.conversation_id else None

        return {
            "new_conversation": self._new_conversation,
            "search": self._search,
            "palette": self.open_palette,
            "choose_model": chat.models.open_menu,
            "add_model": chat.models.add_file,
            "unload": self._workstation.engines.unload,
            "stop": chat.stop,
            "regenerate": lambda: self._on_last("assistant", "regenerate"),
            "edit_last": lambda: self._on_last("user", "edit"),
            "copy_last": lambda: self._on_last("assistant", "copy"),
            "focus_composer": lambda: self.show_page("chat"),
            "toggle_sidebar": chat.toggle_sidebar,
            "toggle_inspector": chat.toggle_inspector,
            "page_chat": lambda: self.show_page("chat"),
            "page_library": lambda: self.show_page("library"),
            "page_knowledge": lambda: self.show_page("knowledge"),
            "page_quantize": lambda: self.show_page("quantize"),
            "pick_quant": self._pick_quant,
            "page_server": lambda: self.show_page("server"),
            "page_settings": lambda: self.show_page("settings"),
            "theme": self._switch_theme,
            "language": self._switch_language,
            "rename": on_conversation("rename"),
            "export_md": on_conversation("export:md"),
            "delete": on_conversation("delete"),
            "trash": lambda: TrashDialog(self._workstation, self).exec(),
            "snapshots": chat.actions_on.show_snapshots,
            "quit": self.close,
        }

    def _make_shortcuts(self) -> None:
        for action in make_actions():
            if action.shortcut:
                shortcut = QShortcut(QKeySequence(action.shortcut), self)
                shortcut.activated.connect(lambda name=action.name: self.run_action(name))
                self._shortcuts.append(shortcut)

    # ---- doing things

    def run_action(self, name: str) -> None:
        """Run an action by its name; user errors become a notice."""
        try:
            self._handlers[name]()
        except UserFacingError as error:
            self.chat.tell(error)

    def show_page(self, name: str) -> None:
        """Turn to a page."""
        self._pages.setCurrentIndex(PAGES.index(name))
        self._rail.show_page(name)
        if name == "chat":
            self.chat.composer.text.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.chat.fit_width(event.size().width())

    def open_palette(self) -> None:
        """Show the command palette."""
        self.palette_overlay.open_with(make_actions(), self._workstation.conversations.list(), self._tokens)

    def _new_conversation(self) -> None:
        self.show_page("chat")
        self.chat.new_conversation()

    def _open_conversation(self, conversation_id: str) -> None:
        self.show_page("chat")
        self.chat.open_conversation(conversation_id)

    def _search(self) -> None:
        self.show_page("chat")
        if self.chat.sidebar.isHidden():
            self.chat.toggle_sidebar()
        self.chat.sidebar.search.setFocus()
        self.chat.sidebar.search.selectAll()

    def _on_last(self, role: str, action: str) -> None:
        found = [model.message.id for model in self.chat.transcript.models() if model.message.role == role]
        if found:
            self.chat.transcript.action_requested.emit(action, found[-1])

    def _load_from_library(self, reference: str) -> None:
        self.show_page("chat")
        self.chat.models.choose(reference)

    def _import_from_library(self, path: str) -> None:
        self.show_page("chat")
        self.chat.models.import_file(path)

    def _pick_quant(self) -> None:
        self.show_page("quantize")
        self.quantize.pick()

    def _switch_theme(self) -> None:
        self._workstation.settings.set("theme", "light" if self._tokens.name == "dark" else "dark")

    def _switch_language(self) -> None:
        self._workstation.settings.set("language", "en" if self._translations.language == "zh_CN" else "zh_CN")

    def _tell_after(self, work: Callable[[], str] | None) -> None:
        """Do something and say on the chat page how it went; nothing where a person thought better of it."""
        if work is None:
            return
        self.show_page("chat")
        try:
            self.chat.notice.say(work())
        except UserFacingError as error:
            self.chat.tell(error)

    # ---- hearing

    def _hear(self, event: object) -> None:
        known: Event = event  # type: ignore[assignment]
        if isinstance(known, SettingChanged):
            self._setting_changed(known.key)
        elif isinstance(known, LibraryChanged):
            self.library.refresh()
            self.quantize.hear(known)
        elif isinstance(known, QuantizingChanged | SizesPredicted):
            self.quantize.hear(known)
        elif isinstance(known, KnowledgeChanged | KnowledgeProgress):
            self.knowledge.hear(known)
            self.chat.knowledge.hear()
        elif isinstance(known, ServerChanged | RequestChanged):
            self.server.hear(known)
        elif isinstance(known, DownloadsChanged | DownloadProgress | DownloadEnded):
            self._hear_download(known)
        else:
            self.chat.hearing.hear(known)

    def _hear_download(self, event: DownloadsChanged | DownloadProgress | DownloadEnded) -> None:
        """The page shows it; what is over is also told where the person is, and to the desktop where the window is not looked at."""
        self.library.hear(event)
        if not isinstance(event, DownloadEnded):
            return
        if event.error is not None:
            said = translated_error(event.error)[0]
        else:
            said = tr("{name} is here, whole and verified").format(name=event.title)
        if self._pages.currentWidget() is self.chat:
            self.chat.notice.say(said, tr("Show"), lambda: self.show_page("library"))
        if not self.isActiveWindow():
            QApplication.alert(self)

    def _setting_changed(self, key: str) -> None:
        if key == "theme":
            self._wear(choose_tokens(self._workstation.settings.get("theme")))
        elif key == "language":
            self._translations.use(self._workstation.settings.get("language"))
        elif key == "model.sampling":
            self.chat.inspector.flush()
            self.chat.show_settings()
        elif key == "model.load_options":
            self.chat.models.show_options()
        self.settings.show_setting(key)

    @Slot()
    def _system_theme_changed(self) -> None:
        if self._workstation.settings.get("theme") == "system":
            self._wear(choose_tokens("system"))

    def _wear(self, tokens: Tokens) -> None:
        self._tokens = tokens
        application = QApplication.instance()
        if isinstance(application, QApplication):
            apply_theme(application, tokens)
        for page in self._all_pages():
            page.retheme(tokens)
        self._rail.retheme(tokens)

    def _all_pages(self) -> tuple[ChatPage, ModelsPage, KnowledgePage, QuantizePage, ServerPage, SettingsPage]:
        """In the order of PAGES."""
        return self.chat, self.library, self.knowledge, self.quantize, self.server, self.settings

    def _show_title(self, title: str) -> None:
        self.setWindowTitle(f"{title} — Yanmo")

    # ---- remembering

    def _restore(self) -> None:
        settings = self._workstation.settings
        geometry = settings.get("window.geometry", "")
        if not (geometry and self.restoreGeometry(QByteArray.fromBase64(geometry.encode()))):
            self.resize(1440, 900)
        if settings.get("window.sidebar", True) is False:
            self.chat.toggle_sidebar()
        if settings.get("window.inspector", True) is False:
            self.chat.toggle_inspector()
        self.show_page("chat")

    def open_first(self, first_run: str | None) -> None:
        """Open the welcome conversation on the first run, else the one that was open last; then load the model."""
        last = first_run or self._workstation.settings.get("window.conversation", "")
        if not (last and self.chat.open_conversation(last)):
            self.chat.new_conversation()
        if self._workstation.settings.get("model.load_at_start"):
            QTimer.singleShot(0, self, self._load_model)

    def warm_up(self) -> None:
        """Import in the background what the first formula and the first code card need; go on with what was being downloaded."""
        self._workstation.downloads.start()
        self._workstation.knowledge.watch()
        self.server.start_if_wished()
        self._workstation.jobs.submit("disk", lambda _is_cancelled: import_drawing_libraries(), "warm up")

    def _load_model(self) -> None:
        try:
            reference = self._workstation.engines.default_model()
            if reference:
                self._workstation.engines.load(reference)
        except UserFacingError as error:
            self.chat.tell(error)

    def closeEvent(self, event: QCloseEvent) -> None:
        try:
            self.chat.close_down()
            geometry = bytes(self.saveGeometry().toBase64().data()).decode()
            self._workstation.settings.set("window.geometry", geometry)
        finally:
            # Whatever could not be saved (a full disk), the window closes and hears nothing more.
            self.bridge.close()
            event.accept()

    def keyPressEvent(self, event: object) -> None:
        key = event.key()  # type: ignore[attr-defined]
        if key == Qt.Key.Key_Escape and self._workstation.chat.is_busy(self.chat.conversation_id):
            self.chat.stop()
        else:
            super().keyPressEvent(event)  # type: ignore[arg-type]
