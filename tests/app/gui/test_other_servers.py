"""Other servers in the window: connected in the settings, chosen in the picker, answering in a chat."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QLineEdit

from app.api.server import run_server
from app.gui.main_window import MainWindow
from app.gui.settings.remotes import RemoteSettings
from app.gui.translation import Translations
from app.paths import make_paths
from app.services.server import ServerOptions
from app.services.tokens import Tokens
from app.workstation import Workstation, make_workstation
from tests.app.services.test_downloads import NoRing


@pytest.fixture
def far(tmp_path: Path) -> Any:
    """A server of another data folder, with the starter."""
    with make_workstation(make_paths(tmp_path / "far")) as workstation:
        workstation.server.start_server = functools.partial(run_server, workstation)
        workstation.server.start(ServerOptions(port=0), extra_keys=("sk-ink",))
        yield workstation


def test_a_server_is_connected_tested_used_and_forgotten(
    qtbot: Any, window: MainWindow, workstation: Workstation, far: Workstation, tmp_path: Path, translations: Translations
) -> None:
    workstation.remotes._tokens = Tokens(tmp_path / "near", NoRing())
    window.show_page("settings")
    form = window.findChild(RemoteSettings)
    assert form.key.echoMode() is QLineEdit.EchoMode.Password
    assert not form.list.isVisible() and not form.test_button.isEnabled()
    form.name.setText("far")
    form.url.setText(far.server.address)
    form.connect_button.click()
    qtbot.waitUntil(lambda: "does not accept the key" in form.said.text(), timeout=20_000)
    form.key.setText("sk-ink")
    form.connect_button.click()
    qtbot.waitUntil(lambda: form.said.text().startswith("far is connected and offers"), timeout=20_000)
    assert form.key.text() == ""
    form.test_button.click()
    qtbot.waitUntil(lambda: "tools ✓" in form.said.text(), timeout=60_000)
    reference = f"far/{far.starter_model()}"
    menu = window.chat.picker.open_menu(workstation.library.list_models(), "")
    assert any("far" in action.text() for action in menu.actions())
    menu.deleteLater()
    window.chat.models.choose(reference)
    qtbot.waitUntil(lambda: workstation.engines.current() is not None, timeout=30_000)
    facts = workstation.engines.current()
    assert facts is not None and facts.backend == "remote"
    window.show_page("chat")
    window.chat.writing.submit("What is quantization?", [])
    qtbot.waitUntil(lambda: not workstation.chat.busy_conversations(), timeout=60_000)
    said = workstation.messages.path(workstation.conversations.list()[0].id)[-1]
    assert said.state == "complete" and len(said.text) > 20
    assert said.run is not None and said.run.backend == "remote"
    translations.use("zh_CN")
    window.show_page("settings")
    form.remove_button.click()
    assert "far" in form.said.text() and workstation.remotes.list() == ()
    assert not form.list.isVisible()
