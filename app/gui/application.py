"""Start-up of the window: Qt, fonts, language, the data, then the window itself.

Order matters: the input method's environment before Qt, the fonts before the first widget, the data before the window. A problem
with the data is told in a dialog with a way out, never by a traceback.
"""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import TracebackType

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.gui.icons import application_icon
from app.gui.main_window import MainWindow
from app.gui.theme import apply_theme, choose_tokens, load_fonts
from app.gui.translation import Translations, tr
from app.paths import Paths
from app.services.server import RunningServer, ServerOptions
from app.workstation import Workstation, make_workstation
from models.errors import DatabaseDamaged, DatabaseTooNew, UserFacingError

ExceptionHook = Callable[[type[BaseException], BaseException, TracebackType | None], object]
StartServerFor = Callable[[Workstation, ServerOptions], RunningServer]


def main(paths: Paths, arguments: Sequence[str] = (), start_server: StartServerFor | None = None) -> int:
    """Open the window on a data folder; the exit status. ``arguments`` may name GGUF files to open.

    ``start_server`` starts the server for other programs, of which a window knows nothing but this.
    """
    application = make_application()
    translations = Translations(application)
    translations.use("system")
    workstation = _open_data(paths)
    if workstation is None:
        return 1
    if start_server is not None:
        workstation.server.start_server = functools.partial(start_server, workstation)
    try:
        translations.use(workstation.settings.get("language"))
        window = make_window(workstation, translations)
        for path in arguments:
            window.chat.models.import_file(path)
        window.show()
        QTimer.singleShot(1000, window, window.warm_up)
        _let_ctrl_c_work(window)
        sys.excepthook = make_exception_hook(window, sys.excepthook)
        return application.exec()
    finally:
        workstation.close()


def make_exception_hook(window: MainWindow, before: ExceptionHook) -> ExceptionHook:
    """What happens to an error that a slot did not expect: a user's error is said in the window, a bug goes to the log as well."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, UserFacingError):
            window.chat.tell(error)
            return
        if not isinstance(error, Exception):
            before(kind, error, trace)
            return
        logging.getLogger(__name__).error("an unexpected error in the window", exc_info=(kind, error, trace))
        window.chat.notice.say(tr("Something went wrong inside Yanmo; the log in the data folder says what."))

    return hook


def make_application() -> QApplication:
    """The Qt application with fonts and icon; the one that exists if there is one."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        load_fonts()
        return existing
    if os.environ.get("QT_IM_MODULE", "").startswith("fcitx"):
        # The wheel has no fcitx plug-in; fcitx5 also serves the ibus protocol.
        os.environ["QT_IM_MODULE"] = "ibus"
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Yanmo")
    application.setApplicationDisplayName("Yanmo")
    application.setDesktopFileName("yanmo")
    application.setStyle("Fusion")
    application.setWindowIcon(application_icon())
    load_fonts()
    return application


def make_window(workstation: Workstation, translations: Translations) -> MainWindow:
    """The window on an open workstation, with the right conversation in it."""
    first_run = workstation.ensure_first_conversation(translations.language)
    window = MainWindow(workstation, translations)
    window.open_first(first_run)
    return window


def _open_data(paths: Paths) -> Workstation | None:
    from app.gui.error_dialog import ask_what_to_do

    while True:
        try:
            return make_workstation(paths)
        except UserFacingError as error:
            application = QApplication.instance()
            if isinstance(application, QApplication):
                apply_theme(application, choose_tokens("system"))
            can_restore = isinstance(error, DatabaseDamaged | DatabaseTooNew)
            if not ask_what_to_do(error, paths if can_restore else None):
                return None


def _let_ctrl_c_work(window: MainWindow) -> None:
    """Python sees a signal only when its code runs: a slow timer lets it."""
    signal.signal(signal.SIGINT, lambda *_: window.close())
    signal.signal(signal.SIGTERM, lambda *_: window.close())
    timer = QTimer(window)
    timer.timeout.connect(lambda: None)
    timer.start(250)
