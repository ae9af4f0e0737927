"""The Server page: switch, keys, settings to copy, self-test, and the calls as they happen."""

from __future__ import annotations

import functools
import json
import shlex
import threading
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from PySide6.QtGui import QGuiApplication

from app.api.server import run_server
from app.gui.main_window import MainWindow
from app.gui.server.clients import CLIENTS, as_curl, as_python, make_requests
from app.workstation import Workstation
from tests.tiny_models import make_tiny_model


@pytest.fixture
def served(qtbot, window: MainWindow, workstation: Workstation) -> MainWindow:
    workstation.server.start_server = functools.partial(run_server, workstation)
    workstation.settings.set("server.port", 18_441)
    window.server.port.setValue(18_441)
    window.show_page("server")
    window.server.switch.click()
    qtbot.waitUntil(lambda: bool(workstation.server.address), timeout=20_000)
    qtbot.waitUntil(window.server.switch.isEnabled, timeout=5000)
    return window


def test_the_switch_starts_and_stops_and_the_self_test_says_what_it_hears(
    qtbot, served: MainWindow, workstation: Workstation
) -> None:
    page = served.server
    assert page.switch.isChecked()
    assert workstation.server.address == "http://127.0.0.1:18441"
    assert "18441" in page._client_text.toPlainText()
    page._test.click()
    qtbot.waitUntil(lambda: page._test_result.text().startswith("It answers"), timeout=60_000)
    assert workstation.server.log.list()[-1].client == "Yanmo self-test"
    page.switch.click()
    qtbot.waitUntil(lambda: not workstation.server.address, timeout=20_000)
    qtbot.waitUntil(lambda: not page.switch.isChecked(), timeout=5000)
    page._test.click()
    assert page._test_result.text() == "The server is off."


def test_a_call_appears_with_what_the_model_read_and_can_be_copied(qtbot, served: MainWindow, workstation: Workstation) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "What is 量化?"}], "max_tokens": 8}).encode()
    request = Request(f"{workstation.server.address}/v1/chat/completions", body, {"User-Agent": "Zed/1"})
    thread = threading.Thread(target=lambda: urlopen(request, timeout=60).read())
    thread.start()
    table = served.server.inspector.table
    qtbot.waitUntil(lambda: table.rowCount() == 1 and table.item(0, 4).text() == "done", timeout=60_000)
    thread.join()
    assert [table.item(0, column).text() for column in (1, 2)] == ["Zed", "/v1/chat/completions"]
    table.selectRow(0)
    detail = served.server.inspector.detail
    qtbot.waitUntil(lambda: "<|im_start|>user\nWhat is 量化?" in detail.toPlainText(), timeout=20_000)
    served.server.inspector._curl.click()
    copied = QGuiApplication.clipboard().text()
    assert json.loads(shlex.split(copied)[-1])["messages"][0]["content"] == "What is 量化?"
    served.server.inspector._clear.click()
    assert table.rowCount() == 0


def post(workstation: Workstation, content: str, client: str = "Zed/1", **more: object) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": content}], "max_tokens": 6, "temperature": 0, **more}).encode()
    request = Request(f"{workstation.server.address}/v1/chat/completions", body, {"User-Agent": client})
    thread = threading.Thread(target=lambda: urlopen(request, timeout=60).read())
    thread.start()
    while thread.is_alive():
        thread.join(0.02)
        QGuiApplication.processEvents()


def test_a_call_is_opened_in_a_chat_and_can_be_gone_on_with(qtbot, served: MainWindow, workstation: Workstation) -> None:
    system = {"role": "system", "content": "Be brief."}
    post(workstation, "x", messages=[system, {"role": "user", "content": "What is 量化?"}])
    inspector = served.server.inspector
    qtbot.waitUntil(lambda: inspector.table.rowCount() == 1 and inspector.table.item(0, 4).text() == "done", timeout=60_000)
    assert not inspector._open.isEnabled()
    inspector.table.selectRow(0)
    answer = workstation.server.log.list()[0].text
    inspector._open.click()
    opened = workstation.conversations.list()[0]
    assert (opened.title, opened.system_prompt, opened.model) == ("What is 量化?", "Be brief.", workstation.starter_model())
    path = workstation.messages.path(opened.id)
    assert [(message.role, message.text) for message in path] == [("user", "What is 量化?"), ("assistant", answer)]
    assert served.chat.isVisible() and not served.server.isVisible()
    served.chat.writing.submit("And why?", [])
    qtbot.waitUntil(lambda: not workstation.chat.busy_conversations(), timeout=60_000)
    assert workstation.messages.path(opened.id)[-1].state in ("complete", "length")


def test_a_call_is_sent_again_to_another_model_and_shown(
    qtbot, served: MainWindow, workstation: Workstation, tmp_path: Path
) -> None:
    other = workstation.library.import_model(make_tiny_model(tmp_path / "other.gguf", name="Other Model"))
    post(workstation, "What is ink?")
    inspector = served.server.inspector
    qtbot.waitUntil(lambda: inspector.table.rowCount() == 1, timeout=60_000)
    inspector.table.selectRow(0)
    menu = inspector.replay_menu()
    action = next(action for action in menu.actions() if action.text().startswith("Other Model"))
    workstation.server.keys.create("others")  # the window reaches its own server all the same
    action.trigger()
    menu.deleteLater()
    qtbot.waitUntil(lambda: inspector.table.rowCount() == 2 and inspector.table.item(0, 4).text() == "done", timeout=60_000)
    first, second = workstation.server.log.list()
    assert (second.client, second.reference) == ("Yanmo replay", other.id)
    assert second.body == {**first.body, "model": other.id}
    assert inspector.table.currentRow() == 0


def test_the_inspector_says_why_a_prompt_was_read_anew(qtbot, served: MainWindow, workstation: Workstation) -> None:
    long = "The ink stone lies on the desk. " * 12
    inspector = served.server.inspector

    def reason_of(content: str, calls: int) -> str:
        post(workstation, content)
        qtbot.waitUntil(
            lambda: inspector.table.rowCount() == calls and inspector.table.item(0, 4).text() == "done", timeout=60_000
        )
        inspector.table.selectRow(0)
        record = workstation.server.log.list()[-1]
        qtbot.waitUntil(lambda: bool(inspector._reader.reason(record)), timeout=20_000)
        assert inspector._reader.reason(record) in inspector.detail.toPlainText()
        return inspector._reader.reason(record)

    assert reason_of(f"id 1. {long}", 1) == "Nothing that begins like this had been read by this model."
    differs = reason_of(f"id 2. {long}", 2)
    assert "it differs from what was read before. Now: “2. The ink" in differs and "Before: “1. The ink" in differs
    assert reason_of(f"id 2. {long}And more.", 3).startswith("After")


@pytest.mark.parametrize("client", CLIENTS)
def test_the_self_test_asks_as_each_program_does(qtbot, served: MainWindow, workstation: Workstation, client: str) -> None:
    workstation.server.keys.create("others")
    page = served.server
    page.client.setCurrentText(client)
    page._test.click()
    qtbot.waitUntil(lambda: page._test_result.text().startswith("It"), timeout=60_000)
    assert page._test_result.text().startswith("It answers: ") and len(page._test_result.text()) > 14
    asked = [record for record in workstation.server.log.list() if record.client == "Yanmo self-test"]
    assert asked[-1].path == make_requests(client, "m")[-1][0]


def test_keys_are_made_listed_and_taken_back(
    served: MainWindow, workstation: Workstation, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = served.server
    monkeypatch.setattr("app.gui.server.page.QInputDialog.getText", lambda *_: ("laptop", True))
    page._new_key.click()
    secret = QGuiApplication.clipboard().text()
    assert workstation.server.keys.find(secret) is not None
    assert page.keys.count() == 1
    page._new_key.click()
    assert "laptop" in page._test_result.text()
    page.keys.setCurrentRow(0)
    page._remove_key.click()
    assert workstation.server.keys.find(secret) is None


def test_a_port_that_is_taken_is_said_in_the_page(qtbot, served: MainWindow, workstation: Workstation) -> None:
    other = run_server(workstation, type(workstation.server.options())(port=0))
    try:
        served.server.switch.click()
        qtbot.waitUntil(lambda: not workstation.server.address, timeout=20_000)
        qtbot.waitUntil(served.server.switch.isEnabled, timeout=5000)
        served.server.port.setValue(other.port)
        served.server.switch.click()
        qtbot.waitUntil(lambda: "Another program" in served.server._test_result.text(), timeout=20_000)
        assert not served.server.switch.isChecked()
    finally:
        other.stop()


@pytest.mark.parametrize("name", CLIENTS)
def test_what_is_to_be_copied_names_address_and_model(name: str) -> None:
    text = CLIENTS[name]("http://127.0.0.1:8040", "my-model", "my-key")
    assert "127.0.0.1:8040" in text
    assert "my-model" in text
    assert "my-key" in text


def test_a_call_as_code_runs_as_it_is() -> None:
    body = {"prompt": "it's “quoted”\n墨"}
    words = shlex.split(as_curl("http://x", "/p", body, "k"))
    assert json.loads(words[words.index("-d") + 1]) == body
    compile(as_python("http://x", "/p", body, "k"), "call", "exec")
