"""A real window on a fresh data folder, driven offscreen; leaked widgets, threads and processes fail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtWidgets import QApplication

from app.gui.application import make_application, make_window
from app.gui.main_window import MainWindow
from app.gui.theme import LIGHT, apply_theme, load_fonts
from app.gui.translation import Translations
from app.paths import make_paths
from app.workstation import Workstation, make_workstation


@pytest.fixture(scope="session")
def qapp_cls() -> type[QApplication]:
    return QApplication


@pytest.fixture(scope="session")
def themed(qapp: QApplication) -> QApplication:
    load_fonts()
    qapp.setStyle("Fusion")
    apply_theme(qapp, LIGHT)
    return qapp


@pytest.fixture
def workstation(tmp_path: Path) -> Iterator[Workstation]:
    opened = make_workstation(make_paths(tmp_path / "数据"))
    opened.settings.set("model.load_at_start", False)
    yield opened
    opened.close()


@pytest.fixture
def translations(themed: QApplication) -> Iterator[Translations]:
    chosen = Translations(themed)
    chosen.use("en")
    yield chosen
    chosen.use("en")


@pytest.fixture
def window(qtbot: object, workstation: Workstation, translations: Translations) -> Iterator[MainWindow]:
    make_application()
    opened = make_window(workstation, translations)
    opened.resize(1280, 840)
    opened.show()
    qtbot.waitExposed(opened)  # type: ignore[attr-defined]
    yield opened
    workstation.chat.stop_all()
    opened.close()
    opened.deleteLater()
    QApplication.sendPostedEvents(None, 52)  # deferred deletes
    QApplication.processEvents()
