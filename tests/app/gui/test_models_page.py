"""The Models page: search, fit, download, library, against servers that speak as the hubs do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from app.gui.main_window import MainWindow
from app.gui.models.page import DOWNLOADS, FIND, LIBRARY, ModelsPage
from app.gui.theme import DARK, LIGHT
from app.gui.translation import Translations
from app.workstation import Workstation
from models.hubs.variants import group_files
from tests.hub_server import HubServer, serve_hub
from tests.models.gguf_bytes import STRING, write_gguf
from tests.tiny_models import make_tiny_model

NAME = "owner/Tiny-4B-GGUF"
CARD = b"---\nlicense: mit\n---\n# Tiny\n\nA model\nfor tests.<br>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"


@pytest.fixture
def hubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, HubServer]]:
    tiny = make_tiny_model(tmp_path / "made.gguf").read_bytes()
    with serve_hub("huggingface") as first, serve_hub("modelscope") as second:
        for server, variable in ((first, "HF_ENDPOINT"), (second, "MODELSCOPE_ENDPOINT")):
            server.publish(NAME, {"tiny-Q4_K_M.gguf": tiny, "tiny-Q8_0.gguf": tiny + b"\0" * 64, "README.md": CARD})
            monkeypatch.setenv(variable, server.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield {"huggingface": first, "modelscope": second}


@pytest.fixture
def page(window: MainWindow) -> ModelsPage:
    window.show_page("library")
    return window.library


def rows(view: object) -> list[str]:
    """What a screen reader would say of each row."""
    listed = view.list if hasattr(view, "list") else view.variants  # type: ignore[attr-defined]
    return [str(listed.item(number).data(11)) for number in range(listed.count())]


def find(page: ModelsPage, qtbot: QtBot, text: str) -> None:
    page.turn_to(FIND)
    page.finder.search.setText(text)
    page.finder.start_search()
    qtbot.waitUntil(lambda: page.finder._result is not None, timeout=15_000)


def test_before_a_search_good_first_models_are_shown_with_their_date(page: ModelsPage, qtbot: QtBot) -> None:
    page.turn_to(FIND)
    said = rows(page.finder)
    assert "20" in said[0] and len(said) > 5
    assert sum("Best for this machine" in row for row in said) <= 1


def test_a_model_is_found_planned_downloaded_and_in_the_library(
    hubs: dict[str, HubServer], page: ModelsPage, qtbot: QtBot, workstation: Workstation
) -> None:
    find(page, qtbot, "tiny")
    assert [row.split(",")[0] for row in rows(page.finder)] == [NAME, NAME]
    find(page, qtbot, NAME.partition("/")[0] + "/")  # everything of an author
    assert [row.split(",")[0] for row in rows(page.finder)] == [NAME, NAME]
    page.finder.list.setCurrentRow(0)
    panel = page.finder.panel
    qtbot.waitUntil(lambda: len(panel._plans) == 2 and bool(panel._card_text), timeout=15_000)
    assert [row.split(",")[:2] for row in rows(panel)] == [["Q4_K_M", " Fits"], ["Q8_0", " Fits"]]
    assert "A model for tests." in panel._browser.toPlainText() and "license" not in panel._browser.toPlainText()
    assert panel.variants.value() == 0
    panel._download.click()
    page.turn_to(DOWNLOADS)
    qtbot.waitUntil(lambda: [one.state for one in workstation.downloads.list()] == ["done"], timeout=15_000)
    qtbot.waitUntil(lambda: "whole and verified" in page.notice._label.text(), timeout=5_000)
    page.turn_to(LIBRARY)
    qtbot.waitUntil(lambda: any(row.startswith("Tiny") for row in rows(page.library)), timeout=10_000)


def test_a_hub_that_cannot_be_reached_is_said_and_the_other_still_answers(
    hubs: dict[str, HubServer], page: ModelsPage, qtbot: QtBot
) -> None:
    hubs["modelscope"].server.route = lambda request: None
    find(page, qtbot, "tiny")
    assert len(rows(page.finder)) == 1
    assert page.finder._problems.count() == 1


def test_offline_is_said_and_nothing_is_sent(
    hubs: dict[str, HubServer], page: ModelsPage, qtbot: QtBot, workstation: Workstation
) -> None:
    workstation.settings.set("hubs.offline", True)
    page.turn_to(FIND)
    page.finder.search.setText("tiny")
    page.finder.start_search()
    qtbot.waitUntil(lambda: page.finder._trouble is not None, timeout=5_000)
    assert page.finder._problems.count() == 1
    assert not hubs["huggingface"].server.requests


def test_a_download_can_be_paused_moved_and_removed(
    hubs: dict[str, HubServer], page: ModelsPage, qtbot: QtBot, workstation: Workstation
) -> None:
    for server in hubs.values():
        server.server.pace = 0.3
    repository = workstation.hubs.read_repository("huggingface", NAME)
    from models.hubs.variants import group_files

    first, second = (workstation.downloads.add(repository, variant) for variant in group_files(repository.files))
    page.turn_to(DOWNLOADS)
    view = page.downloads
    qtbot.waitUntil(lambda: len(view._rows) == 2, timeout=5_000)
    view._rows[second.id]._buttons["up"].click()
    assert [one.id for one in workstation.downloads.list()] == [second.id, first.id]
    view._rows[first.id]._buttons["toggle"].click()
    known = workstation.downloads.get(first.id)
    assert known is not None and known.state == "paused"
    for one in (first, second):
        view._rows[one.id]._buttons["remove"].click()
    qtbot.waitUntil(lambda: not view._rows, timeout=5_000)
    assert not view._empty.isHidden()


def test_the_library_is_filtered_by_words_tags_and_kind(page: ModelsPage, qtbot: QtBot, workstation: Workstation) -> None:
    folder = workstation.paths.models
    folder.mkdir(parents=True)
    write_gguf(folder / "山水-Q4_0.gguf", {"general.name": (STRING, "山水画"), "tokenizer.chat_template": (STRING, "x")})
    write_gguf(folder / "other.gguf", {"general.name": (STRING, "Other")}, data=9000)
    view = page.library
    view.refresh()
    qtbot.waitUntil(lambda: any("山水画" in row for row in rows(view)), timeout=10_000)
    view._search.setText("山水")
    assert len(rows(view)) == 1
    card = view._chosen()
    assert card is not None
    view.panel._tags.setText("work， draft")
    view.panel._tags.editingFinished.emit()
    assert workstation.details.get(card.id).tags == ("work", "draft")
    view._search.setText("#draft")
    assert len(rows(view)) == 1 and "#work" in rows(view)[0]
    view._search.setText("nothing at all")
    assert rows(view) == ["No model fits this filter"]
    assert view.panel.isHidden()


def test_the_context_chosen_for_a_model_is_what_it_is_loaded_with(
    page: ModelsPage, qtbot: QtBot, workstation: Workstation
) -> None:
    view = page.library
    view.refresh()
    qtbot.waitUntil(lambda: view._chosen() is not None and view.panel.bars._plan is not None, timeout=10_000)
    card = view._chosen()
    assert card is not None
    before = view.panel.bars._plan
    view.panel._context.setCurrentIndex(0)
    view.panel._cache.setCurrentIndex(view.panel._cache.findData("q8_0"))
    view.panel._context.activated.emit(0)
    options = workstation.engines.options_for(card.id)
    assert (options.context_length, options.kv_type) == (2048, "q8_0")
    qtbot.waitUntil(lambda: view.panel.bars._plan is not before, timeout=10_000)
    view.panel.show_card(None)
    view.panel.show_card(card)
    assert view.panel._cache.currentData() == "q8_0" and view.panel._context.currentData() == 2048


def test_a_model_is_removed_only_after_a_question_that_says_who_uses_it(
    page: ModelsPage, qtbot: QtBot, workstation: Workstation, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = workstation.paths.models
    folder.mkdir(parents=True)
    path = write_gguf(folder / "mine.gguf", {"general.name": (STRING, "Mine")})
    view = page.library
    view.refresh()
    qtbot.waitUntil(lambda: any("Mine" in row for row in rows(view)), timeout=10_000)
    view._search.setText("mine")
    card = view._chosen()
    assert card is not None
    workstation.conversations.create(model=card.id)
    asked: list[str] = []
    answers = iter([QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes])

    def answer(parent: object, title: str, question: str) -> QMessageBox.StandardButton:
        asked.append(question)
        return next(answers)

    monkeypatch.setattr(QMessageBox, "question", answer)
    view._remove()
    assert path.exists() and "1 conversations" in asked[0]
    view._remove()
    assert not path.exists()


def test_every_view_wears_both_themes_and_speaks_chinese(
    hubs: dict[str, HubServer], page: ModelsPage, qtbot: QtBot, translations: Translations
) -> None:
    find(page, qtbot, "tiny")
    for tokens in (DARK, LIGHT):
        page.retheme(tokens)
    translations.use("zh_CN")
    qtbot.waitUntil(lambda: page.finder.search.placeholderText().startswith("搜索"), timeout=5_000)
    for view in (LIBRARY, FIND, DOWNLOADS):
        page.turn_to(view)
        page.grab()


def test_newer_files_are_found_by_hash_and_downloaded_where_a_person_wants(
    hubs: dict[str, HubServer], page: ModelsPage, qtbot: QtBot, workstation: Workstation, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = workstation.hubs.read_repository("huggingface", NAME)
    workstation.downloads.wait(workstation.downloads.add(repository, group_files(repository.files)[0]).id)
    page.library._look_for_updates()
    qtbot.waitUntil(lambda: "what the hubs have" in page.notice._label.text(), timeout=10_000)
    newer = make_tiny_model(workstation.paths.data / "newer.gguf", seed=9).read_bytes()
    for server in hubs.values():
        server.publish(NAME, {"tiny-Q4_K_M.gguf": newer})
    asked: list[str] = []

    def answer(*arguments: object) -> QMessageBox.StandardButton:
        asked.append(str(arguments[2]))
        return QMessageBox.StandardButton.Yes

    monkeypatch.setattr(QMessageBox, "question", answer)
    page.library._look_for_updates()
    arrived = workstation.paths.models / "owner" / "Tiny-4B-GGUF" / "tiny-Q4_K_M.gguf"
    qtbot.waitUntil(lambda: arrived.read_bytes() == newer, timeout=15_000)
    assert "tiny-Q4_K_M.gguf" in asked[0]
    qtbot.waitUntil(lambda: all(one.state == "done" for one in workstation.downloads.list()), timeout=10_000)


def test_a_checkpoint_is_planned_from_its_configuration(hubs: dict[str, HubServer], page: ModelsPage, qtbot: QtBot) -> None:
    config = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100}
    name = "owner/Tiny-4B"
    files = {"config.json": json.dumps(config).encode(), "model.safetensors": b"\0" * 500_000, "README.md": CARD}
    hubs["huggingface"].publish(name, files, tags=["safetensors"])
    hubs["huggingface"].publish(f"{name}-odd", {**files, "config.json": b"[1]"}, tags=["safetensors"])
    panel = page.finder.panel
    page.turn_to(FIND)
    panel.open("huggingface", name)
    qtbot.waitUntil(lambda: len(panel._plans) == 1, timeout=15_000)
    plan = next(iter(panel._plans.values()))
    assert plan.verdict == "fits" and plan.needed > 300 << 20
    panel.open("huggingface", f"{name}-odd")
    qtbot.waitUntil(lambda: "cannot be read" in panel.bars.accessibleName(), timeout=15_000)


def test_every_repository_that_is_opened_is_planned_anew(hubs: dict[str, HubServer], page: ModelsPage, qtbot: QtBot) -> None:
    other = make_tiny_model(page.library._workstation.paths.data / "other.gguf", layers=4).read_bytes()
    hubs["huggingface"].publish("owner/Other-GGUF", {"other-Q4_K_M.gguf": other})
    panel = page.finder.panel
    page.turn_to(FIND)
    for name, count in ((NAME, 2), ("owner/Other-GGUF", 1), (NAME, 2)):
        panel.open("huggingface", name)
        qtbot.waitUntil(lambda count=count: len(panel._plans) == count, timeout=15_000)  # type: ignore[misc]
        assert panel.bars.accessibleName()
        assert "KB" in panel._download.text() or "MB" in panel._download.text()
